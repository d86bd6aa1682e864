"""Templates: finding, loading, rendering, reading answers back, and every rule of a template file."""

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft import answers, templates
from sft.amr import penman, task1
from sft.amr.graph import Const, Graph, Node, Ref
from sft.errors import SftError, TemplateError
from sft.records import Message
from sft.template_rules import Marker, problems, substitute

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted(
    f"{path.parent.name}/{path.stem}" for path in (ROOT / "templates").glob("*/*.toml")
)  # what lies in the checkout
GOOD = """
description = "Hỏi đáp"
task = "answer"
variables = ["question", "answer"]

[extract.answer]
after = "Trả lời:"

[[message]]
role = "user"
text = '''
Hỏi: ${question}
'''

[[message]]
role = "assistant"
text = '''
Trả lời: ${answer}
'''
"""


@pytest.fixture
def add(tmp_path: Path) -> Callable[..., Path]:
    """Write a template into the workspace's own folder."""

    def write(name: str = "own/hỏi", text: str = GOOD) -> Path:
        path = tmp_path / "templates" / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def said(path: Path) -> list[str]:
    """Return what is wrong with a template file."""
    with pytest.raises(TemplateError) as caught:
        templates.read(path)
    assert caught.value.where.startswith(str(path.parent.parent))
    assert caught.value.hint
    return [part.message for part in caught.value.parts] or [caught.value.message]


# Finding and loading


def test_the_shipped_templates_are_all_there() -> None:
    assert SHIPPED == [
        "amr/direct_v1", "chat/passthrough_v1", "classify/labels_v1", "mtup/v1_formal", "mtup/v2_natural",
        "mtup/v3_instructional", "mtup/v4_compact", "mtup/v5_cot", "qa/answer_v1", "qa/choice_v1", "qa/context_v1",
        "qa/true_false_v1",
    ]  # fmt: skip


def test_the_identity_is_family_name_and_the_hash_of_the_file() -> None:
    found = templates.load("v5_cot", ROOT)
    digest = hashlib.sha256((ROOT / "templates/mtup/v5_cot.toml").read_bytes()).hexdigest()
    assert found.id == f"mtup/v5_cot@{digest[:8]}"
    assert (found.family, found.name, found.sha256, found.task) == ("mtup", "v5_cot", digest, "mtup")


@pytest.mark.parametrize("form", ["{name}", "{family}/{name}", "{name}@{hash}", "{id}", "{path}"])
def test_every_form_of_a_name_loads_the_same_template(form: str) -> None:
    wanted = templates.load("mtup/v5_cot", ROOT)
    name = form.format(
        name=wanted.name, family=wanted.family, hash=wanted.sha256, id=wanted.id, path=wanted.path
    )
    assert templates.load(name, ROOT) == wanted


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("v5_cto", "v5_cot"), ("mtup/v5-cot", "mtup/v5_cot"), ("true_false", "true_false_v1"), ("v4_compct", "v4_compact")],
)  # fmt: skip
def test_an_unknown_name_gets_the_nearest_one(typed: str, meant: str) -> None:
    with pytest.raises(TemplateError) as caught:
        templates.load(typed, ROOT)
    assert repr(typed) in caught.value.message
    assert caught.value.hint == f"did you mean {meant}?"


@pytest.mark.parametrize("typed", ["", "zzzzzz", "@12345678", "mtup/"])
def test_a_name_near_to_none_gets_the_list(typed: str) -> None:
    with pytest.raises(TemplateError) as caught:
        templates.load(typed, ROOT)
    assert "sft templates list" in caught.value.hint or "did you mean" in caught.value.hint


def test_a_name_in_two_families_must_be_written_out(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("mine/answer_v1")
    with pytest.raises(TemplateError, match="ambiguous: mine/answer_v1, qa/answer_v1") as caught:
        templates.load("answer_v1", tmp_path)
    assert "family/name" in caught.value.hint
    assert templates.load("mine/answer_v1", tmp_path).family == "mine"


def test_another_hash_is_refused(tmp_path: Path, add: Callable[..., Path]) -> None:
    path = add()
    before = templates.load("own/hỏi", tmp_path)
    path.write_text(GOOD.replace("Hỏi đáp", "Hỏi và đáp"), encoding="utf-8")
    with pytest.raises(TemplateError, match=f"not @{before.sha256[:8]}") as caught:
        templates.load(before.id, tmp_path)
    assert caught.value.where == str(path)
    assert templates.load("own/hỏi", tmp_path).sha256 != before.sha256


def test_a_template_of_the_workspace_goes_before_the_shipped_one(
    tmp_path: Path, add: Callable[..., Path]
) -> None:
    path = add("qa/answer_v1")
    assert templates.load("answer_v1", tmp_path).path == path.resolve()
    assert templates.load("context_v1", tmp_path).path.is_relative_to(ROOT)


def test_a_path_needs_no_folder_of_templates(tmp_path: Path) -> None:
    path = tmp_path / "anywhere.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert templates.load(str(path), tmp_path).name == "anywhere"
    with pytest.raises(TemplateError, match="no such template file") as caught:
        templates.load(str(tmp_path / "nowhere.toml"), tmp_path)
    assert caught.value.where == str(tmp_path / "nowhere.toml")


def test_an_edited_file_is_read_again(tmp_path: Path, add: Callable[..., Path]) -> None:
    path = add()
    first = templates.read(path)
    path.write_text(GOOD.replace("Trả lời: $", "Trả lời:   $"), encoding="utf-8")
    assert templates.read(path).messages != first.messages


# Rendering


@pytest.fixture
def plain(add: Callable[..., Path]) -> templates.Template:
    return templates.read(add())


def test_rendering_fills_in_the_variables_and_drops_only_the_outer_line_ends(
    plain: templates.Template,
) -> None:
    rendered = templates.render(plain, {"question": " Ai?\n", "answer": "\nBé.  "})
    assert rendered == (Message("user", "Hỏi:  Ai?\n"), Message("assistant", "Trả lời: \nBé.  "))


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text("${}abc\\ \n", max_size=12), min_size=3))
def test_values_are_never_scanned_again(fields: dict[str, str]) -> None:
    assert substitute("${a}|${b}|${c}", fields) == f"{fields['a']}|{fields['b']}|{fields['c']}"


def test_every_missing_variable_is_named_and_what_the_data_has(plain: templates.Template) -> None:
    with pytest.raises(TemplateError) as caught:
        templates.render(plain, {"câu": "x"})
    assert "question, answer" in caught.value.message
    assert plain.id in caught.value.message
    assert caught.value.hint == "the data has: câu"
    with pytest.raises(TemplateError, match=r"needs answer$"):
        templates.render(plain, {"question": "x"})


def test_an_empty_value_is_a_value(plain: templates.Template) -> None:
    assert templates.render(plain, {"question": "", "answer": ""})[0].content == "Hỏi: "


@pytest.mark.parametrize("name", SHIPPED)
def test_the_prompt_is_the_row_without_its_answer_and_needs_no_answer(name: str) -> None:
    template = templates.load(name, ROOT)
    fields = {name: f"<{name}>" for name in template.variables}
    whole = templates.render(template, fields)
    needed = {name: fields[name] for name in template.prompt_variables}
    prompt = templates.render(template, needed, prompt_only=True)
    assert prompt == whole[: len(prompt)]
    assert [m.role for m in whole[len(prompt) :]] == ([] if template.task == "chat" else ["assistant"])
    assert not {"answer", "label", "graph", "task1", "task2"} & set(template.prompt_variables)


def test_examples_in_the_prompt_stay_in_the_prompt(add: Callable[..., Path]) -> None:
    shots = GOOD.replace(
        "[[message]]", "[[message]]\nrole='user'\ntext='Hỏi: A?'\n[[message]]\nrole='assistant'\ntext='Trả lời: B.'\n[[message]]", 1
    )  # fmt: skip
    template = templates.read(add(text=shots))
    prompt = templates.render(template, {"question": "C?"}, prompt_only=True)
    assert [m.role for m in prompt] == ["user", "assistant", "user"]


def test_decomposed_wording_is_composed(add: Callable[..., Path]) -> None:
    import unicodedata

    apart = templates.read(add("own/apart", unicodedata.normalize("NFD", GOOD)))
    joined = templates.read(add("own/joined"))
    assert apart.messages == joined.messages
    assert templates.extract(apart, "Trả lời: Bé") == {"answer": "Bé"}


# Reading answers back


@pytest.mark.parametrize(
    ("marker", "text", "part"),
    [
        (Marker("[A]", "[B]"), "[A] một [B] hai", "một"),
        (Marker("[A]", "[B]"), "nháp [A] sai [B] … [A] đúng [B]", "đúng"),  # the last one counts
        (Marker("[A]", "[B]"), "[A] chưa xong", "chưa xong"),  # cut off
        (Marker("[A]", "[B]"), "[B] trước [A] sau", "sau"),
        (Marker("[A]", "[B]"), "[A][B]", ""),
        (Marker("[A]"), "[B] hai", None),
        (Marker("", "[B]"), "một [B] hai", "một"),
        (Marker(), "  cả câu\n", "cả câu"),
    ],
)
def test_a_part_stands_behind_the_last_marker(marker: Marker, text: str, part: str | None) -> None:
    assert marker.find(text) == part


def test_a_missing_part_is_left_out_and_never_guessed() -> None:
    template = templates.load("v5_cot", ROOT)
    assert templates.extract(template, "(n / ngủ)") == {}
    assert templates.extract(template, "<AMR_STRUCTURE>(ngủ)") == {"task1": "(ngủ)"}


def test_an_answer_in_decomposed_form_is_read_too() -> None:
    import unicodedata

    template = templates.load("v1_formal", ROOT)
    answer = templates.render(template, {"sentence": "", "task1": "(ngủ)", "task2": "(n / ngủ)"})[-1].content
    assert templates.extract(template, unicodedata.normalize("NFD", answer)) == {
        "task1": "(ngủ)", "task2": "(n / ngủ)",
    }  # fmt: skip


CONCEPTS = ("đọc", "cô_giáo", "sách", "and", "người", "xe đạp", "ngủ-01", "ở", "Đà_Nẵng")
CONSTANTS = ("-", "2026", '"Hậu Lộc"', '"(B2) mới"', "3,5")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A small graph: a random tree with constants and references."""
    rng = random.Random(draw(st.integers(0, 10**6)))
    count = rng.randint(1, 6)
    children: list[list[tuple[str, Node | Ref | Const]]] = [[] for _ in range(count)]
    concepts = [rng.choice(CONCEPTS) for _ in range(count)]
    for index in range(count):
        if rng.random() < 0.4:
            children[index].append((":quant", Const(rng.choice(CONSTANTS))))
        if rng.random() < 0.4:
            children[index].append((":ARG1-of", Ref(f"x{rng.randrange(count)}")))
    for index in range(count - 1, 0, -1):
        node = Node(f"x{index}", concepts[index], tuple(children[index]))
        children[rng.randrange(index)].append((rng.choice([":agent", ":theme", ":op1"]), node))
    return Graph(Node("x0", concepts[0], tuple(children[0])))


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.startswith(("mtup", "amr"))])
@given(graph=graphs())
def test_every_graph_comes_back_from_the_answer_exactly(name: str, graph: Graph) -> None:
    template = templates.load(name, ROOT)
    named = penman.rename_variables(graph)
    fields = {
        "sentence": "Câu [B1] này <AMR_STRUCTURE> chứa dấu.",
        "task1": task1.to_task1(graph),
        "task2": penman.to_penman(named),
        "graph": penman.to_penman(named),
    }
    answer = templates.render(template, fields)[-1].content
    wanted = {name: fields[name] for name in template.variables if name != "sentence"}
    assert templates.extract(template, answer) == wanted
    read = answers.read(template, answer)
    assert read.graph == fields["task2"]
    assert read.repairs == ()
    if template.task == "mtup":
        assert read.task1 == fields["task1"]
        assert read.graph_source == "task2"


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.startswith("mtup")])
def test_a_repeated_answer_is_read_at_its_last_copy(name: str) -> None:
    template = templates.load(name, ROOT)
    draft = {"sentence": "", "task1": "(nháp)", "task2": "(n / nháp)"}
    final = {"sentence": "", "task1": "(xong)", "task2": "(x / xong)"}
    twice = "\n".join(templates.render(template, fields)[-1].content for fields in (draft, final))
    assert templates.extract(template, twice)["task1"] == "(xong)"
    assert templates.extract(template, twice)["task2"] == "(x / xong)"


# The shipped wording


@pytest.mark.parametrize("name", SHIPPED)
def test_no_prompt_shows_an_answer_that_could_be_echoed(name: str) -> None:
    template = templates.load(name, ROOT)
    prompt = "\n".join(message.content for message in template.prompt)
    assert "(" not in prompt.replace("(Abstract Meaning Representation)", "").replace("(AMR)", "")
    assert " / " not in prompt
    assert not [word for word in prompt.split() if word.startswith(":")]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_files_are_tidy(name: str) -> None:
    raw = (ROOT / "templates" / f"{name}.toml").read_bytes()
    text = raw.decode()
    assert b"\r" not in raw and b"\t" not in raw and text.endswith("\n") and not text.startswith("\ufeff")
    assert text == templates.nfc(text)
    assert not [line for line in text.split("\n") if line != line.rstrip()]


def test_the_five_mtup_versions_differ_in_their_words() -> None:
    prompts = [
        {word for message in templates.load(name, ROOT).prompt for word in message.content.lower().split()}
        for name in SHIPPED
        if name.startswith("mtup")
    ]
    for index, one in enumerate(prompts):
        for other in prompts[index + 1 :]:
            assert len(one & other) / len(one | other) < 0.5


# Broken files


def test_all_problems_of_a_file_are_told_at_once(add: Callable[..., Path]) -> None:
    broken = """
version = 2
description = ""
task = "answer"
variables = ["question", "answer", "unused", "Tên"]
[labels]
TRUE = "Đúng"
[extract.answer]
after = "Đáp:"
[[message]]
role = "user"
text = "Hỏi $question <|im_end|> ${question} ${chưa_có}"
[[message]]
role = "assistant"
text = "Trả lời: ${answer}"
"""
    assert said(add(text=broken)) == [
        "unknown key 'version'",
        "description must be a text",
        "message 1 has a bare '$': write ${name}",
        "message 1 holds chat markup: roles are the model's business",
        "variable 'Tên' is declared but not used",
        "variable 'unused' is declared but not used",
        "variable 'chưa_có' is used but not declared",
        "variable 'Tên' must be ASCII: a-z, 0-9, _",
        "variable 'chưa_có' must be ASCII: a-z, 0-9, _",
        "label word 'Đúng' is trained but never asked for in the prompt",
        "extract.answer: 'Đáp:' does not stand in the assistant's text",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("${question}", "$question", "message 1 has a bare '$': write ${name}"),
        ("${question}", "${question} ${", "message 1 has a bare '$': write ${name}"),
        ("${question}", "${question} giá 5$", "message 1 has a bare '$': write ${name}"),
        ("Hỏi: ", "<|im_start|>", "message 1 holds chat markup: roles are the model's business"),
        ("Hỏi: ", "</s>", "message 1 holds chat markup: roles are the model's business"),
        ("Hỏi: ", "<start_of_turn>", "message 1 holds chat markup: roles are the model's business"),
        ("Hỏi: ", "${answer} ", "variable 'answer' is the answer, and it stands in the prompt"),
        ('"answer"]', '"answer", "answer"]', "variable 'answer' is declared twice"),
        ('["question", "answer"]', '["question"]', "variable 'answer' is used but not declared"),
        ('["question", "answer"]', '"question"', "variables must be a list of names"),
        ('["question", "answer"]', "[1]", "variables must be a list of names"),
        ('task = "answer"', 'task = "poem"', f"task must be one of {', '.join(templates.TASKS)}"),
        ('task = "answer"', "task = []", f"task must be one of {', '.join(templates.TASKS)}"),
        ('task = "answer"\n', "", "missing key 'task'"),
        ('task = "answer"', 'task = "label"', "a template of the task label needs the variable 'label'"),
        ('task = "answer"', 'task = "amr"', "a template of the task amr needs the variable 'graph'"),
        (
            'task = "answer"',
            'task = "true_false"',
            "a template of the task true_false needs the labels TRUE and FALSE",
        ),
        ('description = "Hỏi đáp"', "description = 3", "description must be a text"),
        ('after = "Trả lời:"', "after = 1", "extract.answer takes only the texts 'after' and 'before'"),
        ('after = "Trả lời:"', 'behind = "x"', "extract.answer takes only the texts 'after' and 'before'"),
        ("[extract.answer]", "extract = 1\n[labels]", "extract must be tables: [extract.NAME]"),
        ('after = "Trả lời:"', 'before = "Trả lời:"', "extract.answer does not give ${answer} back"),
        ("[extract.answer]", "[labels]\nA = 1\n[extract.answer]", "labels must be a table of words"),
        (
            "[extract.answer]",
            '[labels]\nA = "Hỏi"\nB = "Hỏi"\n[extract.answer]',
            "two labels have the same word",
        ),
        (
            'role = "assistant"',
            'role = "tool"',
            "message 2 needs a role (system, user, assistant) and a text",
        ),
        (
            'role = "assistant"',
            'role = "assistant"\nmood = 1',
            "message 2 needs a role (system, user, assistant) and a text",
        ),
        ('role = "assistant"', 'role = "system"', "message 2: a system message can only be the first"),
        ('role = "user"', 'role = "system"', "the last messages must be the user's and the assistant's"),
        (
            'role = "assistant"',
            'role = "user"',
            "the last messages must be the user's and the assistant's",
        ),
    ],
)
def test_each_rule_is_told(add: Callable[..., Path], old: str, new: str, problem: str) -> None:
    assert old in GOOD
    assert problem in said(add(text=GOOD.replace(old, new)))


@pytest.mark.parametrize(
    "value", [{"message": "x"}, {"message": ["x"]}, {"message": [{"role": ["user"], "text": 1}]}]
)
def test_messages_of_a_wrong_type_are_told_and_nothing_breaks(value: dict[str, object]) -> None:
    assert [line for line in problems(value) if line.startswith("message")]


@given(
    st.dictionaries(
        st.sampled_from(["description", "task", "variables", "message", "extract", "labels", "x"]),
        st.recursive(
            st.sampled_from(["answer", "amr", "chat", "user", "${answer}", "", 1, True]),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["role", "text", "after", "answer"]), inner, max_size=2)
            ),
            max_leaves=5,
        ),
    )
)
def test_no_parsed_file_breaks_the_check(value: dict[str, object]) -> None:
    assert all(isinstance(line, str) for line in problems(value))


def test_a_file_that_is_no_toml_is_told(add: Callable[..., Path]) -> None:
    assert said(add(text="description = 'a\nb'"))[0].startswith("not a TOML file")
    path = add()
    path.write_bytes(b"description = '\xff'")
    assert said(path)[0].startswith("not a TOML file")


# The check of all, and LOCK


def test_the_shipped_templates_have_no_problems() -> None:
    good, errors = templates.check(ROOT)
    assert [str(error) for error in errors] == []
    assert sorted(f"{t.family}/{t.name}" for t in good) == SHIPPED


def test_published_templates_are_unchanged() -> None:
    now = {
        name: hashlib.sha256((ROOT / "templates" / f"{name}.toml").read_bytes()).hexdigest()
        for name in SHIPPED
    }
    assert templates.locked(ROOT / "templates") == now


def test_every_template_has_its_line_in_the_changelog_of_its_family() -> None:
    for name in SHIPPED:
        family, _, stem = name.partition("/")
        readme = (ROOT / "templates" / family / "README.md").read_text(encoding="utf-8")
        assert f"`{stem}`" in readme, name


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A workspace that holds copies of two locked templates."""
    folder = tmp_path / "templates" / "qa"
    folder.mkdir(parents=True)
    lines = []
    for name in ("answer_v1", "context_v1"):
        shutil.copy(ROOT / f"templates/qa/{name}.toml", folder)
        lines.append(f"{hashlib.sha256((folder / f'{name}.toml').read_bytes()).hexdigest()} qa/{name}")
    (tmp_path / "templates" / "LOCK").write_text(
        "# published\n\n" + "\n".join(lines) + "\n", encoding="utf-8"
    )
    return tmp_path


def messages_of(workspace: Path) -> list[str]:
    return [f"{error} | {error.hint}" for error in templates.check(workspace)[1]]


def test_an_unchanged_lock_is_silent(published: Path) -> None:
    assert messages_of(published) == []


def test_a_changed_published_template_is_told(published: Path) -> None:
    path = published / "templates/qa/answer_v1.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("chính xác", "ngắn gọn"), encoding="utf-8")
    (line,) = messages_of(published)
    assert str(path) in line
    assert "published template was changed" in line
    assert "new wording into a new file" in line


def test_a_published_template_that_is_gone_is_told(published: Path) -> None:
    (published / "templates/qa/context_v1.toml").unlink()
    (line,) = messages_of(published)
    assert "published template is gone" in line


def test_a_damaged_lock_is_told_with_its_line(published: Path) -> None:
    (published / "templates" / "LOCK").write_text("# x\nonlyonehash\n", encoding="utf-8")
    (line,) = messages_of(published)
    assert f"{Path('templates') / 'LOCK'}:2" in line


def test_the_problems_of_all_files_are_told_together(published: Path) -> None:
    for name in ("a", "b"):
        (published / f"templates/qa/{name}.toml").write_text(
            GOOD.replace("${question}", "$q"), encoding="utf-8"
        )
    good, errors = templates.check(published)
    assert len(good) == len(SHIPPED)
    assert len(errors) == 4
    assert all(isinstance(error, SftError) for error in errors)


def test_a_file_that_cannot_be_read_does_not_hide_the_others(published: Path) -> None:
    (published / "templates/qa/gone.toml").symlink_to(published / "nowhere.toml")
    good, errors = templates.check(published)
    assert len(good) == len(SHIPPED)
    assert [error.message for error in errors] == ["no such template file"]


def test_the_folders_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert templates.folders()[0] == ROOT / "templates"
    (tmp_path / "templates").mkdir()
    assert templates.folders()[:2] == [tmp_path.resolve() / "templates", ROOT / "templates"]
    os.chdir(ROOT)
    assert templates.folders().count(ROOT / "templates") == 1
