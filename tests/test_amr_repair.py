"""Getting a graph out of a model's answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft.amr.penman import to_penman
from sft.amr.repair import extract_graph

T1 = "(đi :agent (nó))"
T2 = "(đ / đi :agent (n / nó))"


@pytest.mark.parametrize(
    ("raw", "parts", "source", "graph", "repaired"),
    [
        ("bất kỳ", {"task2": T2, "task1": "(khác)"}, "task2", T2, False),
        ("bất kỳ", {"graph": f"Đây: {T2}"}, "graph", T2, False),
        ("bất kỳ", {"task2": T2[:-1]}, "task2", T2, True),
        ("bất kỳ", {"task2": f"(ví dụ) {T2}"}, "task2", T2, False),
        ("bất kỳ", {"task2": f"{T2} :time (t / tối))"}, "task2", T2, True),
        (f"Task 1: {T1}\nTask 2: {T2}\nHết.", {}, "balanced", T2, False),
        (f"{T2} {T2}", {"task2": ""}, "balanced", T2, False),
        (f"{T2} :time (t / tối))", {}, "balanced", T2, True),
        (f"Task 1: {T1[:-1]}\nTask 2: {T2} xong", {}, "repaired", T2, True),
        (f"Kết quả: {T2[:-2]}", {}, "repaired", T2, True),
        (
            f'(n / name :op1 "a) (b" :op2 {T2})',
            {},
            "balanced",
            '(n / name :op1 "a) (b" :op2 (đ / đi :agent (n2 / nó)))',
            True,
        ),
        ("bất kỳ", {"task1": T1, "task2": "không rõ"}, "task1", T2, False),
        ("bất kỳ", {"task2": T1}, "task1_raw", T2, False),
        (f"(Nhiệm vụ) Trả lời: {T1} (hết)", {}, "task1_raw", T2, False),
        (T1[:-2], {}, "task1_raw", T2, True),
        ("(mưa)", {}, "task1_raw", "(m / mưa)", False),
        ("Xin lỗi (tôi không biết): không có.", {}, "", "", False),
        ("", {}, "", "", False),
    ],
)
def test_the_first_step_that_yields_a_graph(
    raw: str, parts: dict[str, str], source: str, graph: str, repaired: bool
) -> None:
    found = extract_graph(raw, parts)
    assert found.source == source
    assert (to_penman(found.graph) if found.graph else "") == graph
    assert found.repaired == repaired


def test_positions_are_those_of_the_text_the_graph_was_found_in() -> None:
    found = extract_graph("Task 2:\n(đ / đi\n  :agent (n / nó", {})
    assert [(p.kind, p.line) for p in found.problems] == [("missing_bracket", 3)]


def test_numbers_written_as_nodes_become_constants_where_gold_has_constants() -> None:
    raw = "(t / tờ :quant (x / 25)\n :value (y / 3,5) :quant (z / 2 :mod (h / hơn)) :name (n / name :op1 (w / 68)))"
    found = extract_graph(raw, {})
    assert found.graph is not None
    assert to_penman(found.graph) == (
        "(t / tờ :quant 25 :value 3,5 :quant (z / 2 :mod (h / hơn)) :name (n / name :op1 (w / 68)))"
    )
    assert [(p.kind, p.column) for p in found.problems if p.repaired] == [("number_as_node", 9)]
    assert "2 time(s)" in found.problems[-1].message
    referred = extract_graph("(t / tờ :quant (x / 25) :value x)", {})
    assert referred.graph is not None and to_penman(referred.graph) == "(t / tờ :quant (x / 25) :value x)"
    assert not referred.repaired


@given(
    st.text('()/:~#"\\ab1 -_\nđ', max_size=60),
    st.dictionaries(st.sampled_from(("task1", "task2", "graph")), st.text("(/:a )~", max_size=20)),
)
def test_any_answer_is_taken(raw: str, parts: dict[str, str]) -> None:
    found = extract_graph(raw, parts)
    assert (found.graph is None) == (found.source == "")
