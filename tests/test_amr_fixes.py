"""Repair of files: broken records are replaced, the rest stays to the byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_amr_penman import DEFECTS, QUIRKS

from sft.amr.checks import check
from sft.amr.fixes import fix
from sft.amr.graph import Graph
from sft.amr.penman import blocks, read_block, to_penman
from sft.amr.triples import to_triples
from sft.errors import DataError
from sft.smatch.score import score_pair

GOOD = "#::snt bé  ngủ .\r\n# chép tay\r\n(n / ngủ\r\n\t:agent( b / bé ))\r\n\r\n"
BAD = "#::snt mẹ nấu .\n(n / nấu\n    :agent(n / mẹ)\n# giữa chừng\n    :theme(x / xe đạp\n"


def graphs(text: str) -> list[Graph | None]:
    return [read_block(block).graph for block in blocks(text)]


def test_only_the_broken_record_changes() -> None:
    done = fix(GOOD + BAD + "\n" + GOOD)
    mended = "#::snt mẹ nấu .\n# giữa chừng\n(n / nấu\n    :agent (m / mẹ)\n    :theme (x / xe đạp))\n"
    assert done.text == GOOD + mended + "\n" + GOOD
    assert done.counts() == {"duplicate_variable": 1, "missing_bracket": 1}
    (repair,) = done.repairs
    assert (repair.graph, repair.line) == (2, 7)
    assert [(found.line, found.kind) for found in repair.mended] == [
        (8, "duplicate_variable"), (10, "missing_bracket"),
    ]  # fmt: skip


def test_line_ends_and_a_missing_last_one_stay() -> None:
    assert fix("(n / ngủ\r\n :agent (b / bé)").text == "(n / ngủ\r\n    :agent (b / bé))"
    assert fix("(n / ngủ :agent (b / bé\r\n").text == "(n / ngủ :agent (b / bé))\r\n"
    assert fix("# ::id 1\r(n / ngủ\r").text == "# ::id 1\r(n / ngủ)\r"


def test_a_record_without_a_graph_is_kept_and_named() -> None:
    text = "#::snt ơ\n(\n\n#::snt à\n\n#::snt bé ngủ .\n(n / ngủ)\n"
    done = fix(text)
    assert done.text == text and not done.repairs
    assert [(found.graph, found.kind) for found in done.without] == [(1, "no_graph"), (2, "no_graph")]


def test_quirks_are_mended_on_demand_only() -> None:
    text = "(x / xe đạp :mod ( / đỏ tươi) :time 3 giờ)\n"
    assert fix(text).text == text
    done = fix(text, quirks=True)
    assert done.text == "(x / xe_đạp :mod (đ / đỏ_tươi) :time 3_giờ)\n"
    assert done.counts() == {"space_in_concept": 2, "missing_variable": 1, "space_in_constant": 1}


def test_no_record_is_an_error() -> None:
    with pytest.raises(DataError):
        fix("")


def test_a_missing_bracket_gives_back_the_rest_of_a_split_record() -> None:
    text = "#::snt bé ngủ .\n(n / ngủ\n\n    :agent (b / bé)\n\n#::snt ơ\n(ơ / ơ)\n"
    assert fix(text).text == "#::snt bé ngủ .\n(n / ngủ\n    :agent (b / bé))\n\n#::snt ơ\n(ơ / ơ)\n"


pieces = st.sampled_from((
    "(", ")", " / ", ":agent ", ":mod", ":", '"', "~", "~e.1", "#", "\n", "\r\n", "\n\n", " ", "đ", "xe đạp", "x", "7",
    "(x / xe đạp)", "# ::id 1\n", "#::snt bé\n", "# chép\n", "(", "( / em)", "\\", "x2", " x", "\u2028", "-",
))  # fmt: skip
texts = st.lists(pieces, max_size=25).map("".join)
cases = st.lists(
    st.sampled_from([f"# ::id {n}\n{b.body}\n\n" for n, b in {**QUIRKS, **DEFECTS}.items()]) | texts,
    min_size=1, max_size=3,
).map("".join)  # fmt: skip


@given(cases)
def test_what_a_repair_promises(text: str) -> None:
    try:
        done = fix(text)
    except DataError:
        return
    again = fix(done.text)
    assert again.text == done.text and not again.repairs
    broken = {found.graph for found in check(done.text).found if found.severity == "error"}
    assert broken == {found.graph for found in done.without}
    before, after = graphs(text), graphs(done.text)
    assert len(before) == len(after) == done.graphs
    for ours, theirs in zip(after, before, strict=True):
        assert (ours is None) == (theirs is None)
        if ours and theirs and not done.joined:
            assert to_triples(ours) == to_triples(theirs)
            assert score_pair(ours, theirs).f1 == 1
    joined = fix(text, quirks=True)
    assert fix(joined.text, quirks=True).text == joined.text
    assert [g and to_penman(g) for g in graphs(joined.text)] == [g and to_penman(g) for g in before]
