"""Generated answers, read back by the template's markers and the task."""

from pathlib import Path

import pytest
from workspace import GRAPHS

from sft import answers, templates
from sft.amr import penman, task1

ROOT = Path(__file__).parents[1]
MTUP = ["v1_formal", "v2_natural", "v3_instructional", "v4_compact", "v5_cot"]
GOLD = "(m / muốn :agent (b / bé) :theme (n / ngủ :agent b))"
STRUCTURE = "(muốn :agent (bé) :theme (ngủ :agent ~bé))"


def load(name: str) -> templates.Template:
    return templates.load(name, ROOT)


def answer(name: str, **fields: str) -> str:
    """Return the assistant's turn of a template, filled in."""
    template = load(name)
    every = dict.fromkeys(template.variables, "x") | fields
    return templates.render(template, every)[-1].content


@pytest.mark.parametrize("name", MTUP)
@pytest.mark.parametrize("number", range(len(GRAPHS)))
def test_a_perfect_answer_reads_back_whole(name: str, number: int) -> None:
    graph = penman.rename_variables(penman.parse(GRAPHS[number][1]))
    written, structure = penman.to_penman(graph), task1.to_task1(graph)
    found = answers.read(load(name), answer(name, task1=structure, task2=written))
    assert (found.readable, found.graph, found.graph_source, found.repairs) == (True, written, "task2", ())
    assert found.task1 == structure


@pytest.mark.parametrize("name", MTUP)
def test_a_broken_second_task_is_repaired_and_said(name: str) -> None:
    found = answers.read(load(name), answer(name, task1=STRUCTURE, task2=GOLD[:-1]))
    assert (found.readable, found.graph, found.repairs) == (True, GOLD, ("missing_bracket",))


@pytest.mark.parametrize("name", MTUP)
def test_without_a_second_task_the_first_one_gives_the_graph(name: str) -> None:
    found = answers.read(load(name), answer(name, task1=STRUCTURE, task2=""))
    assert (found.readable, found.graph_source) == (True, "task1")
    assert found.graph == GOLD


@pytest.mark.parametrize("name", [*MTUP, "direct_v1"])
@pytest.mark.parametrize("raw", ["", "Tôi không biết.", "<AMR_STRUCTURE>", ")))", "\n\n"])
def test_no_graph_is_unreadable_not_an_error(name: str, raw: str) -> None:
    found = answers.read(load(name), raw)
    assert (found.readable, found.graph, found.task1) == (False, None, None)
    assert found.as_dict() == {"readable": False, "problem": found.problem}
    assert found.problem and not found.repairs  # nothing was mended: it counts as unparsable, not as repaired


def test_a_single_task_reads_the_graph_alone() -> None:
    found = answers.read(load("direct_v1"), f"  {GOLD}\n")
    assert (found.graph, found.task1, found.repairs) == (GOLD, None, ())
    twice = answers.read(load("direct_v1"), "(n / ngủ :agent (n / nó))")
    assert twice.readable and twice.repairs == ("duplicate_variable",)


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ("Đúng", "TRUE"),
        ("sai.", "FALSE"),
        ("Mệnh đề trên là Sai", "FALSE"),
        ("TRUE", "TRUE"),
        ("", None),
        ("có thể", None),
    ],
)
def test_a_verdict_is_a_label_or_nothing(raw: str, label: str | None) -> None:
    found = answers.read(load("true_false_v1"), raw)
    assert (found.readable, found.label) == (label is not None, label)


def test_a_label_is_one_of_the_data() -> None:
    labels = ["chào_hỏi", "đặt_món", "đặt_món_thêm"]
    read = lambda raw: answers.read(load("labels_v1"), raw, labels).label
    assert [read("đặt_món"), read("Nhãn: đặt món thêm"), read("hủy_món"), read("chào_hỏi hay đặt_món")] == [
        "đặt_món", "đặt_món_thêm", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["answer_v1", "context_v1", "passthrough_v1"])
def test_a_free_answer_is_its_text(name: str) -> None:
    assert answers.read(load(name), " Hà Nội \n").text == "Hà Nội"
    assert answers.read(load(name), " \n").readable is False


@pytest.mark.parametrize("name", sorted(templates.find(ROOT)))
def test_what_is_trained_is_what_is_read(name: str) -> None:
    """The assistant's turn of every template, read back, is readable."""
    template = load(name)
    gold = {"task1": STRUCTURE, "task2": GOLD, "graph": GOLD, "label": "đặt_món", "answer": "Đúng"}
    turns = (
        templates.render(template, dict.fromkeys(template.variables, "x") | gold)
        if template.task != "chat"
        else ()
    )
    raw = turns[-1].content if turns else "chào"
    assert answers.read(template, raw, ["đặt_món"]).readable
