"""Task 1: the graph without variables, and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_amr_penman import DEFECTS, QUIRKS, graphs

from sft.amr.graph import Graph
from sft.amr.penman import parse, read, rename_variables, to_penman
from sft.amr.task1 import from_task1, to_task1


def assert_returns(graph: Graph) -> None:
    text = to_task1(graph)
    assert "\n" not in text
    reading = from_task1(text)
    assert reading.graph is not None
    assert to_penman(reading.graph) == to_penman(rename_variables(graph)), text
    assert not [p for p in reading.problems if p.severity == "error"], text


@pytest.mark.parametrize(
    ("penman", "task1"),
    [
        (
            "(a / and :op1 (m / mở :agent (ô / ông_lão) :patient (c / cửa)) :op2 (g / gọi :agent ô :patient (c1 / cháu :poss ô)))",
            "(and :op1 (mở :agent (ông_lão) :patient (cửa)) :op2 (gọi :agent ~ông_lão :patient (cháu :poss ~ông_lão)))",
        ),
        (
            "(a / and :op1 (h / hỏi :agent (n / người)) :op2 (đ / đáp :agent (n2 / người)) :op3 (c / cười :agent n))",
            "(and :op1 (hỏi :agent (người#1)) :op2 (đáp :agent (người#2)) :op3 (cười :agent ~người#1))",
        ),
        ("(a / and :op1 (n / nó) :op2 (n2 / nó))", "(and :op1 (nó) :op2 (nó))"),
        ("(b / bố :poss bố :op1 b)", "(bố :poss bố :op1 ~bố)"),
        ("(k / khen :agent t :patient (t / tôi))", "(khen :agent ~tôi :patient (tôi))"),
        ("(x / xe đạp :mod (x2 / xe_đạp) :poss x2)", "(xe_đạp#1 :mod (xe_đạp#2) :poss ~xe_đạp#2)"),
        ("(x / người#2 :op1 ~bố :op2 a\\b :op3 x)", "(người\\#2 :op1 \\~bố :op2 a\\\\b :op3 ~người\\#2)"),
        ('(x / "a b" :op1 "x" :op2 x :op3 (y / "a b"))', '("a b"#1 :op1 "x" :op2 ~"a b"#1 :op3 ("a b"#2))'),
        (
            "(x / 10:32 :op1 (y / a/b :op1 y) :op2 http://vidu.vn/x)",
            "(10:32 :op1 (a/b :op1 ~a/b) :op2 http://vidu.vn/x)",
        ),
        ("(x / ~3 :op1 x)", "(\\~3 :op1 ~\\~3)"),
    ],
)
def test_the_form(penman: str, task1: str) -> None:
    assert to_task1(parse(penman)) == task1
    assert_returns(parse(penman))


@pytest.mark.parametrize("name", [*QUIRKS, *DEFECTS])
def test_every_case_returns(name: str) -> None:
    graph = read({**QUIRKS, **DEFECTS}[name].body).graph
    if graph is not None:
        assert_returns(graph)


@settings(max_examples=150)
@given(graphs())
def test_task1_is_lossless(graph: Graph) -> None:
    assert_returns(graph)


@settings(max_examples=150)
@given(st.text('()/:~#"\\ab1 -_\nđ', max_size=60))
def test_any_text_reads_and_what_it_gives_is_sound(text: str) -> None:
    reading = from_task1(text)
    for problem in reading.problems:
        assert problem.message and problem.line >= 1
    if reading.graph is not None:
        assert parse(to_penman(reading.graph)) is not None
        assert_returns(reading.graph)


@pytest.mark.parametrize(
    ("text", "penman", "kinds"),
    [
        ("(đi :agent (nó :mod (kia", "(đ / đi :agent (n / nó :mod (k / kia)))", ["missing_bracket"]),
        ("(đi :agent (nó))) ", "(đ / đi :agent (n / nó))", ["extra_bracket"]),
        ("(đi :agent ~nó :theme ~nó)", "(đ / đi :agent (n / nó) :theme n)", ["unknown_reference"]),
        (
            "(và :op1 (nó) :op2 (gọi :theme ~nó) :op3 (nó) :op4 ~nó)",
            "(v / và :op1 (n / nó) :op2 (g / gọi :theme n) :op3 (n2 / nó) :op4 n2)",
            ["ambiguous_reference", "ambiguous_reference"],
        ),
        (
            "(gọi :agent ~nó :op1 (nó) :op2 (nó))",
            "(g / gọi :agent n :op1 (n / nó) :op2 (n2 / nó))",
            ["ambiguous_reference"],
        ),
        (
            "(và :op1 (nó#1) :op2 (nó#1) :op3 ~nó#7)",
            "(v / và :op1 (n / nó) :op2 n :op3 n)",
            ["repeated_definition"],
        ),
        ("(và :op1 (nó) :op2 (~nó))", "(v / và :op1 (n / nó) :op2 n)", ["stray_token"]),
        ("(~và :op1 (nó))", "(v / và :op1 (n / nó))", ["stray_token"]),
        (
            "(đ / đi :agent (n / nó) :theme n :op1 (n /nó))",
            "(đ / đi :agent (n / nó) :theme n :op1 n)",
            ["variable_in_task1", "variable_in_task1", "variable_in_task1", "repeated_definition"],
        ),
        (
            "(xe đạp :mod (màu đỏ) :time hôm qua)",
            "(x / xe_đạp :mod (m / màu_đỏ) :time hôm_qua)",
            ["space_in_constant"],
        ),
        ('(name :op1 "Hà Nội)', '(n / name :op1 "Hà Nội")', ["unclosed_quote"]),
        ("(and (xanh) (đỏ))", "(a / and :op1 (x / xanh) :op2 (đ / đỏ))", ["missing_role", "missing_role"]),
        ("không có gì", "", ["no_graph"]),
    ],
)
def test_damaged_text(text: str, penman: str, kinds: list[str]) -> None:
    reading = from_task1(text, 5)
    assert (to_penman(reading.graph) if reading.graph else "") == penman
    assert sorted(p.kind for p in reading.problems) == sorted(kinds)
    assert {p.line for p in reading.problems} == {5}


def test_depth_is_not_limited_by_the_stack() -> None:
    text = "(b :x " * 50_000 + "(c)" + ")" * 50_000
    graph = from_task1(text).graph
    assert graph is not None and to_task1(graph) == text


def test_many_ambiguous_references_take_linear_time() -> None:
    text = "(a" + " :x (b)" * 20_000 + " :x ~b" * 20_000 + ")"
    assert from_task1(text).graph is not None
