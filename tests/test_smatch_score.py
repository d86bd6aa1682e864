"""The exact scorer against brute force, and the properties any score must have."""

import itertools
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.amr.graph import Const, Graph, Node, Ref
from sft.errors import SettingsError
from sft.smatch import parallel
from sft.smatch.score import (
    MODES,
    PairScore,
    match,
    score_corpus,
    score_pair,
    signature,
    summarise,
)
from sft.smatch.triples import Triples, triples

CONCEPTS = ("xe", "chó", "mở-01", "have-mod-91", "Ông")
ROLES = (":agent", ":agent-of", ":mod", ":domain", ":ARG1", ":ARG2", ":arg1-of", ":polarity")
CONSTANTS = ("-", "7", "9", '"Hà Nội"', '"v0"', "interrogative")


@st.composite
def graphs(draw: st.DrawFn, most: int = 5) -> Graph:
    """Draw a connected graph of up to `most` nodes, with re-entrancies, constants, inverted roles, duplicates."""
    n = draw(st.integers(1, most))
    parents = [draw(st.integers(0, max(0, k - 1))) for k in range(n)]
    roles = [draw(st.sampled_from(ROLES)) for _ in range(n)]
    concepts = [draw(st.sampled_from(CONCEPTS)) for _ in range(n)]
    extra = draw(
        st.lists(
            st.tuples(
                st.integers(0, n - 1),
                st.sampled_from(ROLES),
                st.one_of(
                    st.sampled_from(CONSTANTS).map(Const), st.integers(0, n - 1).map(lambda k: Ref(f"v{k}"))
                ),
            ),
            max_size=5,
        )
    )

    def build(k: int) -> Node:
        children: list[tuple[str, Node | Ref | Const]] = [
            (roles[c], build(c)) for c in range(1, n) if parents[c] == k
        ]
        children += [(role, target) for source, role, target in extra if source == k]
        return Node(f"v{k}", concepts[k], tuple(children))

    return Graph(build(0))


def brute(a: Triples, b: Triples) -> int:
    """Try every injective map of the smaller node set."""
    if len(a.names) > len(b.names):
        a, b = b, a
    mine = [(key, i) for key, nodes in a.unary.items() for i in nodes]
    mine_2 = [(role, i, k) for role, pairs in a.relations.items() for i, k in pairs]
    unary = {(key, j) for key, nodes in b.unary.items() for j in nodes}
    binary = {(role, j, m) for role, pairs in b.relations.items() for j, m in pairs}
    best = 0
    for image in itertools.permutations(range(len(b.names)), len(a.names)):
        score = sum((key, image[i]) in unary for key, i in mine)
        score += sum((role, image[i], image[k]) in binary for role, i, k in mine_2)
        best = max(best, score)
    return best + len(a.fixed & b.fixed)


@settings(max_examples=150, deadline=None)
@given(graphs(), graphs(), st.sampled_from(MODES))
def test_equals_brute_force(a: Graph, b: Graph, mode: str) -> None:
    found = score_pair(a, b, mode)
    assert found.proven
    assert brute(triples(a, mode), triples(b, mode)) == found.matched == found.lower == found.upper


@settings(max_examples=25, deadline=None)
@given(graphs(7), graphs(7))
def test_equals_brute_force_on_seven_nodes(a: Graph, b: Graph) -> None:
    assert brute(triples(a), triples(b)) == score_pair(a, b).matched


@settings(max_examples=60, deadline=None)
@given(graphs(7), graphs(7), st.sampled_from(MODES))
def test_range_symmetry_and_self_score(a: Graph, b: Graph, mode: str) -> None:
    found, back = score_pair(a, b, mode), score_pair(b, a, mode)
    assert 0 <= found.matched <= min(found.pred, found.gold)
    assert (found.matched, found.pred, found.gold) == (back.matched, back.gold, back.pred)
    assert score_pair(a, a, mode).f1 == 1.0


def renamed(graph: Graph, shuffle: random.Random) -> Graph:
    """Rename every variable and shuffle every node's children."""
    names = [node.var for node in graph.nodes()]
    fresh = dict(zip(names, shuffle.sample([f"x{k}" for k in range(999)], len(names)), strict=True))

    def turn(node: Node) -> Node:
        children = [
            (role, turn(c) if isinstance(c, Node) else Ref(fresh[c.var]) if isinstance(c, Ref) else c)
            for role, c in node.children
        ]
        shuffle.shuffle(children)
        return Node(fresh[node.var], node.concept, tuple(children))

    return Graph(turn(graph.root))


@settings(max_examples=60, deadline=None)
@given(graphs(7), graphs(7), st.sampled_from(MODES), st.integers(0, 999))
def test_names_and_order_do_not_matter(a: Graph, b: Graph, mode: str, seed: int) -> None:
    other = renamed(a, random.Random(seed))
    assert score_pair(a, b, mode).matched == score_pair(other, b, mode).matched
    assert score_pair(a, other, mode).f1 == 1.0


@settings(max_examples=40, deadline=None)
@given(graphs(6), graphs(6))
def test_mapping_reaches_the_score(a: Graph, b: Graph) -> None:
    found = score_pair(a, b)
    mapping = dict(found.mapping)
    assert len(set(mapping.values())) == len(mapping)
    one, two = triples(a), triples(b)
    image = {one.names.index(x): two.names.index(y) for x, y in mapping.items()}
    score = sum(image.get(i) in two.unary.get(key, ()) for key, nodes in one.unary.items() for i in nodes)
    score += sum(
        (image.get(i), image.get(k)) in two.relations.get(role, ())
        for role, pairs in one.relations.items()
        for i, k in pairs
    )
    assert found.matched == score


@settings(max_examples=40, deadline=None)
@given(graphs(6), graphs(6), st.data())
def test_removing_a_triple_costs_at_most_one(a: Graph, b: Graph, data: st.DataObject) -> None:
    full, gold = triples(a), triples(b)
    entries = [(key, k) for key, nodes in full.unary.items() for k in range(len(nodes))]
    key, k = data.draw(st.sampled_from(entries))
    unary = {name: list(nodes) for name, nodes in full.unary.items()}
    del unary[key][k]
    less = Triples(list(full.names), unary, {role: list(pairs) for role, pairs in full.relations.items()})
    assert match(full, gold).matched - match(less, gold).matched in {0, 1}


def node(concept: str, *children: tuple[str, Node | Ref | Const], var: str = "x") -> Graph:
    return Graph(Node(var, concept, children))


def test_root_alone_matches_in_smatch_mode_only() -> None:
    a, b = node("car", var="c"), node("dog", var="d")
    assert [score_pair(a, b, mode).f1 for mode in ("smatch", "amr", "none")] == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("mode", MODES)
def test_constants_under_inverted_roles_count(mode: str) -> None:
    seven, nine = node("tầng", (":mod", Const("7"))), node("tầng", (":mod", Const("9")))
    assert score_pair(seven, seven, mode).matched == 3
    assert score_pair(seven, nine, mode).matched == 2


@pytest.mark.parametrize("mode", MODES)
def test_quoted_constants_are_whole_and_never_variables(mode: str) -> None:
    hanoi, hagiang = node("name", (":op1", Const('"Hà Nội"'))), node("name", (":op1", Const('"Hà Giang"')))
    assert score_pair(hanoi, hagiang, mode).matched == 2
    quoted = node("p", (":li", Const('"p"')), (":agent", Node("p", "người")))
    assert triples(quoted, mode).size == 5


def test_duplicates_count_once() -> None:
    twice = node("xe", (":mod", Const("7")), (":mod", Const("7")), (":agent", Ref("x")), (":agent", Ref("x")))
    assert triples(twice).size == 4
    assert score_pair(twice, twice).f1 == 1.0


def test_alignment_marks_and_text_form_do_not_matter() -> None:
    import unicodedata

    a = node("mở~e.3", (":agent~e.1", Const("Nga~e.4,5")))
    b = node(unicodedata.normalize("NFD", "mở"), (":agent", Const("Nga")))
    assert score_pair(a, b, "none").f1 == 1.0


def test_inversion_is_undone() -> None:
    plain = node("mở", (":agent", Node("o", "ông")))
    turned = Graph(Node("m", "mở", ((":agent-of-of", Node("o", "ông")),)))
    assert score_pair(plain, turned, "amr").f1 == 1.0
    assert triples(node("a", (":part-of", Node("b", "b")))).relations == {":part": [(1, 0)]}
    assert triples(node("a", (":consist-of", Node("b", "b")))).relations == {":consist-of": [(0, 1)]}
    assert triples(node("a", (":mod", Node("b", "b")))).relations == {":domain": [(1, 0)]}
    assert triples(node("a", (":domain", Node("b", "b"))), "amr").relations == {":mod": [(1, 0)]}


def test_frames_become_relations_in_amr_mode() -> None:
    long = node("ở", (":ARG1-of", Node("l", "be-located-at-91", ((":ARG2", Node("n", "nhà")),))))
    short = node("ở", (":location", Node("n", "nhà")))
    assert score_pair(long, short, "amr").f1 == 1.0
    assert score_pair(long, short, "smatch").f1 < 1.0
    busy = node(
        "ở",
        (":ARG1-of", Node("l", "be-located-at-91", ((":ARG2", Node("n", "nhà")), (":polarity", Const("-"))))),
    )
    assert triples(busy, "amr").size == 7


def test_unparsable_counts_its_gold() -> None:
    gold = node("xe", (":mod", Const("7")))
    corpus = score_corpus([(gold, gold), (None, gold), (gold, None)], "smatch")
    assert (corpus.matched, corpus.pred_triples, 9) == (3, 6, 9)
    assert corpus.gold_triples == 6
    assert corpus.unparsable == 1
    assert corpus.proven == corpus.n == 3
    assert corpus.pairs[1] == PairScore(0, 0, 3, 0, 0, True, "unparsable")


def big(seed: int, n: int = 40) -> Graph:
    draw = random.Random(seed)
    parents = [0] + [draw.randrange(k) for k in range(1, n)]

    def build(k: int) -> Node:
        children = tuple(
            (draw.choice((":agent", ":mod", ":op1")), build(c)) for c in range(1, n) if parents[c] == k
        )
        return Node(f"v{k}", draw.choice(CONCEPTS), children)

    return Graph(build(0))


def test_time_limit_gives_an_interval() -> None:
    hurried = score_pair(big(1), big(2), time_limit=0.0)
    assert not hurried.proven
    assert hurried.stage == "open"
    assert hurried.matched == hurried.lower < hurried.upper
    corpus = summarise([hurried], "smatch")
    assert corpus.proven == 0
    assert corpus.interval[0] == corpus.f1 < corpus.interval[1]


def test_large_graph_scores_one_against_itself() -> None:
    graph = big(3, 120)
    assert score_pair(graph, renamed(graph, random.Random(1))).f1 == 1.0


def test_same_result_in_every_process() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from test_smatch_score import big, score_pair\n"
        "print([score_pair(big(k, 12), big(k + 9, 14)) for k in range(4)])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].startswith("[PairScore(")


def test_corpus_is_the_sum_of_its_pairs() -> None:
    pairs = [(big(k, 6), big(k + 5, 7)) for k in range(6)]
    seen: list[int] = []
    corpus = score_corpus(pairs, "amr", progress=seen.append)
    assert seen == [1, 2, 3, 4, 5, 6]
    assert corpus.matched == sum(score_pair(a, b, "amr").matched for a, b in reversed(pairs))
    assert corpus.f1 == pytest.approx(2 * corpus.matched / (corpus.pred_triples + corpus.gold_triples))
    assert corpus.macro_f1 == pytest.approx(sum(p.f1 for p in corpus.pairs) / 6)
    assert corpus.interval == (corpus.f1, corpus.f1)


def test_processes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs: list[tuple[Graph | None, Graph | None]] = [(big(k, 6 + k), big(k + 5, 7)) for k in range(8)]
    pairs.insert(3, (None, pairs[0][1]))
    alone = score_corpus(pairs, "none")
    monkeypatch.setattr(parallel, "PATIENCE", 0)
    monkeypatch.setattr(parallel, "WORTH", 0)
    seen: list[int] = []
    assert score_corpus(pairs, "none", progress=seen.append, jobs=2) == alone
    assert seen[-1] == 9
    assert len(seen) > 2


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(SettingsError, match="unknown triple convention"):
        score_pair(node("a"), node("a"), "smatch2")


def test_signature_says_how_it_was_made() -> None:
    assert signature("none", 3, proven=False).startswith("smatch|mode:none|n:3|exact:interval|sft:")
