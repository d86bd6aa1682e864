"""Triples in text order, and the tree back from triples in any order."""

import json
import random
from typing import Any

import penman
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penman.models import noop
from test_amr_penman import DEFECTS, QUIRKS, graphs, tame_words

from sft.amr.graph import Const, Graph, Node, Ref
from sft.amr.penman import parse, read, to_penman
from sft.amr.triples import from_triples, to_triples
from sft.errors import GraphError
from sft.smatch.score import score_pair


def returned(graph: Graph) -> Graph:
    return from_triples(json.loads(json.dumps(to_triples(graph))), graph.root.var)


@given(graphs())
def test_the_tree_comes_back_as_it_was(graph: Graph) -> None:
    assert returned(graph) == Graph(graph.root)


@pytest.mark.parametrize("name", [*QUIRKS, *DEFECTS])
def test_every_case_comes_back(name: str) -> None:
    graph = read({**QUIRKS, **DEFECTS}[name].body).graph
    if graph:
        assert returned(graph).root == graph.root


@given(graphs(), st.integers(0, 9))
def test_any_order_of_triples_is_the_same_graph(graph: Graph, seed: int) -> None:
    triples = to_triples(graph)
    random.Random(seed).shuffle(triples)
    assert score_pair(from_triples(triples, graph.root.var), graph, "none").f1 == 1


@given(graphs(tame_words, st.sampled_from((":agent", ":op1", ":mod"))))
def test_triples_of_the_penman_package_are_taken(graph: Graph) -> None:
    theirs = penman.decode(to_penman(graph), model=noop.model)
    ours = from_triples([list(triple) for triple in theirs.triples], str(theirs.top))
    assert score_pair(ours, parse(to_penman(graph)), "none").f1 == 1


def test_constants_and_variables_are_told_apart() -> None:
    graph = Graph(
        Node(
            "b",
            "bố",
            ((":op1", Const('"b"')), (":op2", Const("b")), (":op3", Ref("b")), (":op4", Const("c"))),
        )
    )
    assert [target for _source, _role, target in to_triples(graph)] == [
        "bố", '"b"', {"constant": "b"}, "b", "c",
    ]  # fmt: skip
    assert returned(graph) == graph


def test_what_is_reached_against_a_relation_gets_the_inverse_role() -> None:
    triples = [["n", "instance", "ngủ"], ["b", "instance", "bé"], ["n", "agent", "b"], ["n", "quant", 2]]
    assert to_penman(from_triples(triples, "b")) == "(b / bé :agent-of (n / ngủ :quant 2))"
    triples = [
        ["n", "instance", "nhà"],
        ["b", "instance", "bàn"],
        ["b", "part-of", "n"],
        ["c", "instance", "cửa"],
    ]
    triples.append(["c", "theme-of", "n"])
    assert to_penman(from_triples(triples)) == "(n / nhà :part-of-of (b / bàn) :theme (c / cửa))"


@pytest.mark.parametrize(
    ("triples", "said"),
    [
        ([["a", "instance"]], "triple 1 is no"),
        ([["a", "instance", None]], "triple 1 is no"),
        ([["a", "instance", True]], "triple 1 is no"),
        ([["a", ":", "b"]], "triple 1 is no"),
        (["abc"], "triple 1 is no"),
        ([["a", "x", {"constant": ""}]], "triple 1 is no"),
        ([["a", "mod", "b"]], "without an :instance triple: a"),
        ([["a", "instance", "b"], ["a", "instance", "b"]], "two :instance triples: a"),
        ([["a", "instance", "b"], ["c", "instance", "d"]], "nothing connects these variables to the top: c"),
        ([], "without an :instance"),
    ],
)
def test_what_is_no_graph(triples: list[Any], said: str) -> None:
    with pytest.raises(GraphError, match=said) as caught:
        from_triples(triples)
    assert caught.value.hint or caught.value.parts


def test_all_bad_triples_are_named() -> None:
    with pytest.raises(GraphError) as caught:
        from_triples([["a"], ["a", "instance", "b"], 7])
    assert len(caught.value.parts) == 2


def test_depth_is_not_limited_by_the_stack() -> None:
    triples = [["n0", ":instance", "x"]]
    for i in range(1, 5000):
        triples += [[f"n{i - 1}", ":mod", f"n{i}"], [f"n{i}", ":instance", "x"]]
    assert [list(triple) for triple in to_triples(from_triples(triples))] == triples
