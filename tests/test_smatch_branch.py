"""Every stage of the solver, forced alone, finds the same optimum; bounds hold at every step."""

import random

import pytest

from sft.smatch import branch
from sft.smatch.assign import assign
from sft.smatch.bound import Relaxation
from sft.smatch.climb import climb
from sft.smatch.edges import EdgePairs
from sft.smatch.pairs import NOWHERE, Neighbours, Problem
from sft.smatch.triples import Triples


def side(draw: random.Random, n: int, roles: int = 2) -> Triples:
    """Return a random graph of `n` nodes with few concepts and roles: many nodes look alike."""
    unary: dict[str, list[int]] = {"^": [0]}
    relations: dict[str, list[tuple[int, int]]] = {}
    for node in range(n):
        unary.setdefault(f"/c{draw.randrange(3)}", []).append(node)
        for _ in range(draw.randrange(1, 3)):
            other = draw.randrange(n)
            if other != node:
                relations.setdefault(f":r{draw.randrange(roles)}", []).append((node, other))
    return Triples([f"v{k}" for k in range(n)], unary, relations)


def problems(count: int, n: int) -> list[Problem]:
    draw = random.Random(count * 100 + n)
    return [Problem(side(draw, n), side(draw, n + draw.randrange(3))) for _ in range(count)]


def test_branching_alone_finds_the_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [branch.solve(problem).lower for problem in problems(25, 7)]
    monkeypatch.setattr(branch, "MOST_ROUNDS", 1)
    monkeypatch.setattr(branch, "CLIMBS", ())
    monkeypatch.setattr(branch, "climb", lambda problem, near, rows, mapping, score: (mapping, score))
    found = [branch.solve(problem) for problem in problems(25, 7)]
    assert [f.lower for f in found] == expected == [f.upper for f in found]
    assert sum(f.stage == "branch" for f in found) > 10


def test_stages_are_all_reached() -> None:
    stages = {branch.solve(problem).stage for n in (3, 5, 9, 12) for problem in problems(12, n)}
    assert stages == {"assignment", "climb", "bound", "branch"}


def test_bounds_hold_at_every_round() -> None:
    for problem in problems(15, 8):
        best = branch.solve(problem).lower
        rows = problem.rows()
        node = Relaxation(problem, EdgePairs(problem, Neighbours(problem), rows), rows)
        for _round in range(12):
            assert node.solve() >= best
            assert problem.score(node.mapping()) <= best
            node.fix(best - 1)  # keeps every optimal mapping
            node.shift(1.5, best - 1)
        assert problem.score(node.rest()) <= best


def test_climbing_counts_its_gains_right() -> None:
    draw = random.Random(5)
    for problem in problems(30, 8):
        images = draw.sample(range(problem.n2), problem.n1)
        start = [j if draw.random() < 0.7 else NOWHERE for j in images]
        score = problem.score(start)
        mapping, better = climb(problem, Neighbours(problem), problem.rows(), start, score)
        assert better == problem.score(mapping) >= score
        used = [j for j in mapping if j >= 0]
        assert len(used) == len(set(used))


def test_assignment_is_optimal_and_dual_feasible() -> None:
    draw = random.Random(9)
    for _ in range(60):
        n1, n2 = draw.randrange(1, 6), draw.randrange(1, 6)
        weight = [draw.choice((0, 0, 1, 2, 3, 5)) for _ in range(n1 * n2)]
        rows = [[p for p in range(i * n2, (i + 1) * n2) if weight[p]] for i in range(n1)]
        total, choice, price, cost = assign(rows, weight, n2)
        assert total == sum(weight[p] for p in choice if p >= 0) == sum(price) + sum(cost)
        assert min(price + cost) >= 0
        assert all(price[p // n2] + cost[p % n2] >= weight[p] for cells in rows for p in cells)
        taken = [p % n2 for p in choice if p >= 0]
        assert len(taken) == len(set(taken))


def test_no_common_role_is_one_assignment() -> None:
    a = Triples(["x", "y"], {"^": [0], "/c": [0, 1]}, {":r": [(0, 1)]})
    b = Triples(["u"], {"^": [0], "/c": [0]}, {":s": []})
    found = branch.solve(Problem(b, a))
    assert (found.lower, found.upper, found.stage) == (2, 2, "assignment")
