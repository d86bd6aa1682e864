"""The marks on the written pieces add up to the score they explain."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_smatch_score import graphs

from sft.amr.graph import Graph
from sft.amr.penman import parse
from sft.smatch.explain import Explanation, Line, Mark, explain
from sft.smatch.score import score_pair
from sft.smatch.triples import MODES


def explained(a: Graph | None, b: Graph | None, mode: str = "smatch") -> Explanation:
    return explain(a, b, score_pair(a, b, mode), mode)


def matched(lines: tuple[Line, ...]) -> set[tuple[int | str, str, int | str]]:
    return {
        triple
        for line in lines
        for triple, mark in zip(line.triples, (line.link, line.label), strict=False)
        if mark is Mark.MATCHED
    }


def by_text(lines: tuple[Line, ...]) -> dict[str, tuple[str, str]]:
    return {f"{line.role} {line.text}".strip(): (line.link.name, line.label.name) for line in lines}


@settings(max_examples=150, deadline=None)
@given(graphs(6), graphs(6), st.sampled_from(MODES))
def test_the_matched_triples_are_those_of_the_score(a: Graph, b: Graph, mode: str) -> None:
    score = score_pair(a, b, mode)
    found = explain(a, b, score, mode)
    for lines, size in ((found.pred, score.pred), (found.gold, score.gold)):
        assert len({triple for line in lines for triple in line.triples}) == size
        assert len(matched(lines)) == score.matched


@settings(max_examples=60, deadline=None)
@given(graphs(6), st.sampled_from(MODES))
def test_every_written_piece_has_its_line(graph: Graph, mode: str) -> None:
    lines = explained(graph, graph, mode).pred
    nodes = list(graph.nodes())
    assert [line.text for line in lines if line.concept is not None] == [node.var for node in nodes]
    assert [line.node for line in lines if line.concept is not None] == list(range(len(nodes)))
    assert len(lines) == 1 + sum(len(node.children) for node in nodes)
    assert all(line.link is Mark.MATCHED and line.label is not Mark.UNMATCHED for line in lines)


def test_a_wrong_concept_and_a_wrong_role_are_told_apart() -> None:
    pred = parse("(n / nấu :agent (m / mẹ) :patient (c / canh))")
    gold = parse("(n / nấu :agent (m / mẹ) :theme (c / canh :mod (n2 / nóng)))")
    found = explained(pred, gold)
    assert by_text(found.pred) == {
        "n": ("MATCHED", "MATCHED"),
        ":agent m": ("MATCHED", "MATCHED"),
        ":patient c": ("UNMATCHED", "MATCHED"),
    }
    assert by_text(found.gold)[":mod n2"] == ("UNMATCHED", "UNMATCHED")
    assert found.mapping == (0, 1, 2)


def test_the_top_has_a_mark_of_its_own() -> None:
    pred, gold = parse("(m / mèo :agent-of (n / ngủ))"), parse("(n / ngủ :agent (m / mèo))")
    found = explained(pred, gold)
    # The inverted role counts as the same triple: only the top differs.
    assert by_text(found.pred) == {"m": ("UNMATCHED", "MATCHED"), ":agent-of n": ("MATCHED", "MATCHED")}
    assert by_text(found.gold) == {"n": ("UNMATCHED", "MATCHED"), ":agent m": ("MATCHED", "MATCHED")}
    assert by_text(explained(pred, gold, "none").pred)[":agent-of n"][0] == "UNMATCHED"


def test_a_frame_that_stands_for_one_relation_is_marked_by_it() -> None:
    written_out = parse("(m / mèo :ARG1-of (h / have-mod-91 :ARG2 (x / xám)))")
    short = parse("(m / mèo :mod (x / xám))")
    found = explained(written_out, short, "amr")
    assert by_text(found.pred) == {
        "m": ("MATCHED", "MATCHED"),
        ":ARG1-of h": ("MATCHED", "SILENT"),
        ":ARG2 x": ("MATCHED", "MATCHED"),
    }
    assert found.pred[1].triples == found.pred[2].triples[:1]
    assert found.mapping == (0, -1, 1)


@pytest.mark.parametrize("mode", MODES)
def test_references_and_constants_are_lines_without_a_concept(mode: str) -> None:
    graph = parse("(m / mở :agent (o / ông :polarity -) :theme o :li-of 7 :patient m)")
    lines = explained(graph, graph, mode).gold
    assert [(line.depth, line.role, line.node, line.text) for line in lines if line.concept is None] == [
        (2, ":polarity", -1, "-"),
        (1, ":theme", 1, "o"),
        (1, ":li-of", -1, "7"),
        (1, ":patient", 0, "m"),
    ]


def test_a_missing_graph_has_no_lines() -> None:
    found = explained(None, parse("(m / mở)"))
    assert (found.pred, found.mapping) == ((), ())
    assert by_text(found.gold) == {"m": ("UNMATCHED", "UNMATCHED")}
    assert explained(parse("(m / mở)"), None).mapping == (-1,)
