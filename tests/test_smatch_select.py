"""Minimum Bayes risk: the candidate that agrees most with the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_smatch_score import graphs

from sft.amr.graph import Graph, Node
from sft.amr.penman import parse, rename_variables
from sft.errors import DataError, SettingsError
from sft.smatch import select as module
from sft.smatch.parallel import match_all
from sft.smatch.score import MODES, score_pair
from sft.smatch.select import select

A = parse("(n / ngủ :agent (b / bé))")
B = parse("(n / ngủ :theme (b / bé))")
C = parse("(n / ngủ :agent (b / bé) :time (đ / đêm))")


def test_the_one_in_the_middle_wins() -> None:
    (choice,) = select([[B], [C], [A]])
    assert choice.index == 2 and choice.parsable == 3
    assert choice.agreement == choice.means[2] == (score_pair(A, B).f1 + score_pair(A, C).f1) / 2


def test_what_cannot_be_read_never_wins() -> None:
    assert [c.index for c in select([[None, None, A], [None, A, None], [C, None, None]])] == [2, 1, 0]
    (none,) = select([[None], [None]])
    assert (none.index, none.agreement, none.parsable) == (0, 0, 0)
    (alone,) = select([[None], [None], [A]])
    assert (alone.index, alone.agreement, alone.means) == (2, 0, (0, 0, 0))


def test_two_candidates_tie_and_the_first_wins() -> None:
    first, second = select([[A, B], [C, C]])
    assert first.index == second.index == 0
    assert first.means[0] == first.means[1] == score_pair(A, C).f1


def test_equal_candidates_are_scored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(sides: list[object], **extra: int) -> object:
        asked.append(len(sides))
        return match_all(sides, **extra)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "match_all", counted)
    renamed = parse("(x / ngủ :agent (x2 / bé))")
    chosen = select([[A, A], [renamed, C], [C, renamed], [A, A]])
    assert asked == [1]
    assert [choice.index for choice in chosen] == [0, 0]
    assert select([[A], [renamed]])[0].agreement == 1


def test_what_is_refused() -> None:
    for lists in ([[A]], [], [[A], [A, B]]):
        with pytest.raises(DataError):
            select(lists)
    with pytest.raises(SettingsError):
        select([[A], [B]], "other")
    assert select([[], []]) == []


@given(st.lists(st.none() | graphs(3), min_size=2, max_size=4), st.sampled_from(MODES))
def test_the_choice_is_the_best_mean(candidates: list[Graph | None], mode: str) -> None:
    (choice,) = select([[graph] for graph in candidates], mode)
    others = len(candidates) - 1
    means = [
        sum(score_pair(a, b, mode).f1 for j, b in enumerate(candidates) if j != i and a and b) / others
        for i, a in enumerate(candidates)
    ]
    assert choice.means == pytest.approx(means)
    if choice.parsable:
        assert candidates[choice.index] is not None
    assert choice.agreement == pytest.approx(max(means))
    renamed = [[graph and rename_variables(graph)] for graph in candidates]
    assert select(renamed, mode)[0].means == pytest.approx(means)


def test_deep_graphs_need_no_deep_stack() -> None:
    node = Node("x", "xe")
    for i in range(3000):
        node = Node(f"x{i}", "xe", ((f":op{i}", node),))
    deep = Graph(node)
    assert select([[deep], [deep]])[0].agreement == 1
