"""The marked triples add up to the score they explain."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_smatch_score import graphs

from sft.amr.graph import Graph
from sft.amr.penman import parse
from sft.smatch.explain import Marked, explain
from sft.smatch.triples import MODES


@settings(max_examples=60, deadline=None)
@given(graphs(6), graphs(6), st.sampled_from(MODES))
def test_marks_add_up(a: Graph, b: Graph, mode: str) -> None:
    found = explain(a, b, mode)
    assert (len(found.pred), len(found.gold)) == (found.score.pred, found.score.gold)
    assert sum(m.matched for m in found.pred) == sum(m.matched for m in found.gold) == found.score.matched


@pytest.mark.parametrize("mode", MODES)
def test_every_kind_of_triple_is_written_out(mode: str) -> None:
    graph = parse("(m / mở :agent (o / ông) :polarity - :li-of 7 :theme m)")
    found = explain(graph, graph, mode)
    assert all(m.matched for m in found.pred)
    assert Marked("m", "instance", "mở", True) in found.pred
    assert Marked("m", "TOP", "mở" if mode == "amr" else "top", True) in found.gold
    assert Marked("m", ":theme", "m", True) in found.gold
    assert Marked("m", ":polarity", "-", True) in found.gold
    inverted = Marked("m", ":li-of", "7", True) if mode == "none" else Marked("7", ":li", "m", True)
    assert inverted in found.gold


def test_a_missing_graph_has_no_triples() -> None:
    found = explain(None, parse("(m / mở)"))
    assert found.pred == ()
    assert [m.matched for m in found.gold] == [False, False]
