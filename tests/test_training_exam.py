"""The task metric: answers of a fixed slice, scored as the commands score them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from workspace import GRAPHS, amr, put, sft, statements

from sft import prepared
from sft.training import exam


def encode(text: str, add_special_tokens: bool) -> Any:
    """Return a token for every word."""
    return SimpleNamespace(ids=text.split())


LOADED: Any = SimpleNamespace(tokenizer=SimpleNamespace(encode=encode), format=None)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        exam.chat, "prompt_ids", lambda messages, tokenizer, fmt: [7] * len(messages[-1].content.split())
    )
    monkeypatch.setattr(exam.base, "generation_limit", lambda base: 1000)
    return tmp_path


def job(folder: str, rows: int, seed: int = 3) -> Any:
    """Return what an exam needs of a job on a prepared set, all of whose rows are held out."""
    data = prepared.load(Path(folder))
    return SimpleNamespace(
        data=data,
        template=prepared.template_of(data, Path()),
        held_out=tuple(row.id for side in data.rows.values() for row in side),
        settings=SimpleNamespace(task_rows=rows, seed=seed, best="task"),
        loaded=LOADED,
        base=None,
        backend="hf",
    )


def test_the_slice_is_fixed_by_the_seed() -> None:
    put("data/raw/a.txt", amr())
    sft("prep", "--template", "v4_compact", "--out", "set")
    chosen = [[row.id for row in exam.of(job("set", 3, seed), print).rows] for seed in (3, 3, 4)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(exam.of(job("set", 99), print).rows) == len(GRAPHS)
    made = exam.of(job("set", 99), print)
    longest = max(len(row.messages[-1].content.split()) for row in made.rows)
    assert made.limit == int(1.25 * (longest + 1)) + 16


def test_graphs_are_scored_by_smatch_and_what_is_no_graph_counts_as_zero() -> None:
    put("data/raw/a.txt", amr())
    sft("prep", "--template", "v4_compact", "--out", "set")
    made = exam.of(job("set", 4), print)
    gold = [row.messages[-1].content for row in made.rows]
    assert made.figure == "smatch_f1"
    assert made.mark(gold) == 1.0
    assert made.mark(["không biết"] * 4) == 0.0
    assert 0 < made.mark([*gold[:2], "", "("]) < 1


def test_labels_by_accuracy_and_answers_by_their_words() -> None:
    put("data/raw/a.csv", "Mệnh đề,Đáp án\n" + "".join(f"{text},{label}\n" for text, label in statements(40)))
    sft("prep", "--template", "qa/true_false_v1", "--out", "set")
    made = exam.of(job("set", 10), print)
    gold = [row.messages[-1].content for row in made.rows]
    assert (made.figure, made.mark(gold), made.mark(["?"] * 10)) == ("accuracy", 1.0, 0.0)
    assert made.mark([*gold[:5], *["?"] * 5]) == 0.5


def test_nothing_is_measured_where_it_decides_nothing() -> None:
    asked = SimpleNamespace(settings=SimpleNamespace(best="loss"))
    assert exam.measure(asked, print) is None  # type: ignore[arg-type]


def test_rows_that_the_model_has_no_room_for_are_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    put("data/raw/a.txt", amr())
    sft("prep", "--template", "v4_compact", "--out", "set")
    whole = exam.of(job("set", 99), print)
    lengths = sorted(len(prompt) for prompt in whole.prompts)
    assert lengths[0] < lengths[-1]
    said: list[str] = []
    monkeypatch.setattr(exam.base, "generation_limit", lambda base: lengths[-1] + whole.limit - 1)
    made = exam.of(job("set", 99), said.append)
    assert len(made.rows) == len(made.prompts) < len(GRAPHS) and made.limit == whole.limit
    assert len(said) == 1 and f"of the {len(GRAPHS)} rows to answer are too long" in said[0]
    monkeypatch.setattr(exam.base, "generation_limit", lambda base: lengths[-1] + 5)
    short = exam.of(job("set", 99), said.append)  # none has room for the limit: all get what there is
    assert (len(short.rows), short.limit) == (len(GRAPHS), 5)
