"""An upper bound of the match by splitting the credit of every edge pair between its two ends.

An edge of the first graph and one of the second with the same role form an edge pair; it counts when both its
end cells are chosen. Each end is credited a share of it, the shares sum to one triple, so no mapping loses value.
At one cell, the edge pairs of one role and direction can only be used as a matching between neighbours, which
bounds their sum. The best assignment on the resulting weights then bounds the match from above, and shifting
shares from ends that are chosen in vain to ends that are not lowers that bound.
"""

from collections.abc import Iterable

from sft.smatch.assign import assign
from sft.smatch.edges import EdgePairs
from sft.smatch.pairs import HALF, NOWHERE, ONE, Problem

MEMORY = 15  # solutions whose disagreement tells where to branch


class Relaxation:
    """The bound of one `Problem`, with the cells that may still be part of a better mapping.

    `rows` are the live cells per node and `weight` their worth; a group of half-edges adds its own value to the
    weight of its cell, a single half-edge its share. After `solve`, `choice`, `price` and `cost` are the assignment
    and its potentials, `total` its value in units of `ONE`.
    """

    __slots__ = (
        *("choice", "cost", "price", "problem", "rows", "total", "weight"),
        *("_groups", "_history", "_live", "_pairs", "_picked", "_share", "_value"),
    )

    def __init__(self, problem: Problem, pairs: EdgePairs, rows: list[list[int]]) -> None:
        self.problem = problem
        self.rows = rows
        self.total = 0
        self.choice: list[int] = []
        self.price: list[int] = []
        self.cost: list[int] = []
        self.weight = [ONE * count for count in problem.gain]
        self._pairs = pairs
        self._history: list[list[int]] = []
        self._live = bytearray(problem.n1 * problem.n2)
        for cells in rows:
            for p in cells:
                self._live[p] = 1
        self._share = [HALF] * len(pairs.end)
        self._groups = [halves[:] for halves in pairs.groups]
        self._value = [HALF * len(halves) for halves in pairs.groups]
        self._picked = self._groups[:]  # group -> the half-edges that made its value
        for p, halves in pairs.halves.items():
            self.weight[p] += HALF * len(halves)
        self._refresh(range(len(pairs.groups)))

    def _refresh(self, groups: Iterable[int]) -> None:
        """Value the groups anew after their shares or members changed."""
        n2, share, end = self.problem.n2, self._share, self._pairs.end
        for g in groups:
            halves = self._groups[g]
            if len(halves) == 2:
                h, other = halves
                (i, j), (k, m) = divmod(end[h ^ 1], n2), divmod(end[other ^ 1], n2)
                if i != k and j != m:
                    value, picked = share[h] + share[other], halves[:]
                elif share[h] >= share[other]:
                    value, picked = share[h], [h]
                else:
                    value, picked = share[other], [other]
            elif len(halves) < 2:
                value, picked = sum([share[h] for h in halves]), halves[:]
            else:
                value, picked = _matching([(end[h ^ 1], share[h], h) for h in halves], n2)
            self.weight[self._pairs.home[g]] += value - self._value[g]
            self._value[g] = value
            self._picked[g] = picked

    def copy(self) -> "Relaxation":
        """Return an independent copy, to be restricted further."""
        twin = Relaxation(self.problem, self._pairs, [cells[:] for cells in self.rows])
        twin.weight, twin._live, twin._share = self.weight[:], self._live[:], self._share[:]
        twin._groups = [halves[:] for halves in self._groups]
        twin._value, twin._picked = self._value[:], self._picked[:]
        return twin

    def solve(self) -> int:
        """Solve the relaxed problem and return the bound, a number of triples."""
        self.total, self.choice, self.price, self.cost = assign(self.rows, self.weight, self.problem.n2)
        self._history = [*self._history[1 - MEMORY :], self.choice]
        return self.problem.fixed + self.total // ONE

    def mapping(self) -> list[int]:
        """Return the mapping of the last solution: a node of the second graph or `NOWHERE`, per node."""
        n2 = self.problem.n2
        return [p % n2 if p >= 0 else NOWHERE for p in self.choice]

    def fix(self, lower: int) -> None:
        """Drop the cells that no mapping with more than `lower` triples can use, by their reduced costs."""
        slack = self.total - (lower + 1 - self.problem.fixed) * ONE
        n2, weight, cost = self.problem.n2, self.weight, self.cost
        dead = []
        for i, cells in enumerate(self.rows):
            limit, offset = self.price[i] - slack, i * n2
            dead += [p for p in cells if limit + cost[p - offset] > weight[p]]
        if dead:
            self.drop(dead)

    def drop(self, dead: list[int]) -> None:
        """Take `dead` cells out, and with them every edge pair that ends there."""
        n2, live, weight, share, end = self.problem.n2, self._live, self.weight, self._share, self._pairs.end
        dirty: dict[int, None] = {}
        for p in dead:
            live[p] = 0
            self.rows[p // n2].remove(p)
        for p in dead:
            for h in self._pairs.halves.get(p, ()):
                q = end[h ^ 1]
                if live[q]:
                    g = self._pairs.group[h ^ 1]
                    if g < 0:
                        weight[q] -= share[h ^ 1]
                        share[h ^ 1] = 0
                    else:
                        self._groups[g].remove(h ^ 1)
                        dirty[g] = None
        self._refresh(dirty)

    def shift(self, pace: float, lower: int) -> bool:
        """Move credit from ends chosen in vain to the other ends; tell whether there were any.

        Each move is a step along the sub-gradient or, if larger, a part of what the far cell can take before it
        could enter the assignment; `pace` scales both. False: the solution is a mapping of exactly that value.
        """
        group, live, end, share, weight = (
            self._pairs.group,
            self._live,
            self._pairs.end,
            self._share,
            self.weight,
        )
        n2 = self.problem.n2
        chosen: dict[int, None] = {}
        for p in self.choice:
            for h in self._pairs.halves.get(p, ()):
                if live[end[h ^ 1]] and (group[h] < 0 or h in self._picked[group[h]]):
                    chosen[h] = None
        vain = [h for h in chosen if h ^ 1 not in chosen]
        if not vain:
            return False
        gap = max(self.total - (lower - self.problem.fixed) * ONE, ONE // 3)
        step = max(1, min(HALF, int(pace * gap / len(vain))))
        calls: dict[int, int] = {}
        for h in vain:
            calls[end[h ^ 1]] = calls.get(end[h ^ 1], 0) + 1
        for q, count in calls.items():
            i, j = divmod(q, n2)
            slack = int(pace / 3 * (self.price[i] + self.cost[j] - weight[q]) / count)
            calls[q] = max(step, min(HALF, slack))
        dirty: dict[int, None] = {}
        for h in vain:
            move = min(calls[end[h ^ 1]], share[h])
            share[h] -= move
            share[h ^ 1] += move
            for half, change in ((h, -move), (h ^ 1, move)):
                if group[half] < 0:
                    weight[end[half]] += change
                else:
                    dirty[group[half]] = None
        self._refresh(dirty)
        return True

    def doubt(self) -> int:
        """Return the cell with rivals in its row or column that the last solutions agree least on.

        -1 when no cell has a rival: then all the cells that are left are the best mapping among them.
        """
        n2, live, end = self.problem.n2, self._live, self._pairs.end
        votes: dict[int, int] = {}
        for choice in self._history:
            for p in choice:
                votes[p] = votes.get(p, 0) + 1
        crowd = [0] * n2
        for cells in self.rows:
            for p in cells:
                crowd[p % n2] += 1
        best, most = -1, (-1, -1)
        for cells in self.rows:
            for p in cells:
                if len(cells) > 1 or crowd[p % n2] > 1:
                    count = votes.get(p, 0)
                    edges = sum(live[end[h ^ 1]] for h in self._pairs.halves.get(p, ()))
                    split = (min(count, len(self._history) - count), edges)
                    if split > most:
                        best, most = p, split
        return best

    def rest(self) -> list[int]:
        """Return the mapping that takes the first cell left in every row."""
        n2 = self.problem.n2
        return [cells[0] % n2 if cells else NOWHERE for cells in self.rows]


def _matching(halves: list[tuple[int, int, int]], n2: int) -> tuple[int, list[int]]:
    """Bound the best matching among (far cell, share, half-edge): the value and the half-edges that made it.

    The best half-edge per row and the best per column both bound it; the lower of the two sums counts.
    """
    by_row: dict[int, tuple[int, int]] = {}
    by_column: dict[int, tuple[int, int]] = {}
    for cell, share, h in halves:
        i = cell // n2
        j = cell - i * n2
        if i not in by_row or share > by_row[i][0]:
            by_row[i] = (share, h)
        if j not in by_column or share > by_column[j][0]:
            by_column[j] = (share, h)
    value = sum([share for share, _ in by_row.values()])
    other = sum([share for share, _ in by_column.values()])
    if other < value:
        return other, [h for _, h in by_column.values()]
    return value, [h for _, h in by_row.values()]
