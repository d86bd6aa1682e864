"""An upper bound of the match by splitting the credit of every edge pair between its two ends.

An edge of the first graph and one of the second with the same role form an edge pair; it counts when both its
end cells are chosen. Each end is credited a share of it, the shares sum to one triple, so no mapping loses value.
At one cell, the edge pairs of one role and direction can only be used as a matching between neighbours, which
bounds their sum. The best assignment on the resulting weights then bounds the match from above, and shifting
shares from ends that are chosen in vain to ends that are not lowers that bound.
"""

from sft.smatch.assign import assign
from sft.smatch.pairs import HALF, NOWHERE, ONE, Problem


class Relaxation:
    """The bound of one `Problem`, with the cells that may still be part of a better mapping."""

    __slots__ = (
        "_cell",
        "_end",
        "_far",
        "_group",
        "_groups",
        "_halves",
        "_picked",
        "_share",
        "_value",
        "choice",
        "cost",
        "live",
        "price",
        "problem",
        "rows",
        "total",
        "weight",
    )

    def __init__(self, problem: Problem, rows: list[list[int]]) -> None:
        self.problem = problem
        self.rows = rows
        self.total = 0
        self.choice: list[int] = []
        self.price: list[int] = []
        self.cost: list[int] = []
        self.live = live = bytearray(problem.n1 * problem.n2)
        for cells in rows:
            for p in cells:
                live[p] = 1
        self.weight = [ONE * count for count in problem.gain]
        self._end: list[int] = []  # half-edge -> its cell; half-edges 2e and 2e + 1 make edge pair e
        self._far: list[int] = []  # half-edge -> the cell at the other end
        self._share: list[int] = []  # half-edge -> its credit
        self._group: list[int] = []  # half-edge -> its group, -1 when it is alone in it
        self._groups: list[list[int]] = []
        self._value: list[int] = []  # group -> what it adds to the weight of its cell
        self._picked: list[list[int]] = []  # group -> the half-edges that made its value
        self._halves: dict[int, list[int]] = {}
        self._build()

    def _build(self) -> None:
        n2, live, end, far = self.problem.n2, self.live, self._end, self._far
        for ours, theirs in self.problem.shared:
            first = len(end)
            for i, k in ours:
                p0, q0 = i * n2, k * n2
                for j, m in theirs:
                    if live[p0 + j] and live[q0 + m]:
                        end += (p0 + j, q0 + m)
            for side in (0, 1):
                near: dict[int, list[int]] = {}
                for h in range(first + side, len(end), 2):
                    near.setdefault(end[h], []).append(h)
                for p, halves in near.items():
                    self._halves.setdefault(p, []).extend(halves)
                    if len(halves) > 1:
                        self._groups.append(halves)
        for h in range(0, len(end), 2):
            far += (end[h + 1], end[h])
        self._share = [HALF] * len(end)
        self._group = [-1] * len(end)
        self._cell = [end[halves[0]] for halves in self._groups]
        weight = self.weight
        for p, halves in self._halves.items():
            weight[p] += HALF * len(halves)
        for g, halves in enumerate(self._groups):
            weight[self._cell[g]] -= HALF * len(halves)
            for h in halves:
                self._group[h] = g
        self._value = [0] * len(self._groups)
        self._picked = [[] for _ in self._groups]
        self._refresh(range(len(self._groups)))

    def _refresh(self, groups: "range | dict[int, None]") -> None:
        """Value the groups anew after their shares or members changed."""
        n2, share, far = self.problem.n2, self._share, self._far
        for g in groups:
            halves = self._groups[g]
            if not halves:
                value, picked = 0, []
            elif len(halves) == 1:
                value, picked = share[halves[0]], halves[:]
            else:
                by_row: dict[int, int] = {}
                by_column: dict[int, int] = {}
                for h in halves:
                    i, j = divmod(far[h], n2)
                    s = share[h]
                    if i not in by_row or s > share[by_row[i]]:
                        by_row[i] = h
                    if j not in by_column or s > share[by_column[j]]:
                        by_column[j] = h
                value = sum(share[h] for h in by_row.values())
                other = sum(share[h] for h in by_column.values())
                picked = list(by_row.values())
                if other < value:
                    value = other
                    picked = list(by_column.values())
            self.weight[self._cell[g]] += value - self._value[g]
            self._value[g] = value
            self._picked[g] = picked

    def copy(self) -> "Relaxation":
        """Return an independent copy, to be restricted further."""
        twin = object.__new__(Relaxation)
        twin.problem, twin.total, twin._end, twin._far = self.problem, self.total, self._end, self._far
        twin._group, twin._cell = self._group, self._cell
        twin.rows = [cells[:] for cells in self.rows]
        twin.live, twin.weight, twin.choice = self.live[:], self.weight[:], self.choice[:]
        twin.price, twin.cost = self.price, self.cost
        twin._share, twin._value = self._share[:], self._value[:]
        twin._groups = [halves[:] for halves in self._groups]
        twin._picked = [halves[:] for halves in self._picked]
        twin._halves = self._halves
        return twin

    def solve(self) -> int:
        """Solve the relaxed problem and return the bound, a number of triples."""
        self.total, self.choice, self.price, self.cost = assign(self.rows, self.weight, self.problem.n2)
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
        n2, live, weight, share = self.problem.n2, self.live, self.weight, self._share
        dirty: dict[int, None] = {}
        for p in dead:
            live[p] = 0
            self.rows[p // n2].remove(p)
        for p in dead:
            for h in self._halves.get(p, ()):
                q = self._far[h]
                if live[q]:
                    g = self._group[h ^ 1]
                    if g < 0:
                        weight[q] -= share[h ^ 1]
                        share[h ^ 1] = 0
                    else:
                        self._groups[g].remove(h ^ 1)
                        dirty[g] = None
        self._refresh(dirty)

    def shift(self, pace: float, lower: int) -> bool:
        """Move credit from ends chosen in vain to the other ends; tell whether there were any.

        `pace` scales the step of the sub-gradient. False means that the solution is a mapping of that value.
        """
        chosen: dict[int, None] = {}
        group, live, far, share, weight = self._group, self.live, self._far, self._share, self.weight
        for p in self.choice:
            if p < 0:
                continue
            for h in self._halves.get(p, ()):
                if live[far[h]] and (group[h] < 0 or h in self._picked[group[h]]):
                    chosen[h] = None
        vain = [h for h in chosen if h ^ 1 not in chosen]
        if not vain:
            return False
        gap = max(self.total - (lower - self.problem.fixed) * ONE, ONE // 3)
        step = max(1, min(HALF, int(pace * gap / len(vain))))
        dirty: dict[int, None] = {}
        for h in vain:
            move = min(step, share[h])
            share[h] -= move
            share[h ^ 1] += move
            for half, change in ((h, -move), (h ^ 1, move)):
                if group[half] < 0:
                    weight[self._end[half]] += change
                else:
                    dirty[group[half]] = None
        self._refresh(dirty)
        return True

    def doubt(self) -> int:
        """Return the chosen cell with most edge pairs that its choice does not settle."""
        chosen = {p for p in self.choice if p >= 0}
        best, most = -1, -1
        for p in self.choice:
            if p >= 0:
                count = sum(
                    1
                    for h in self._halves.get(p, ())
                    if self._far[h] not in chosen and self.live[self._far[h]]
                )
                if count > most and len(self.rows[p // self.problem.n2]) > 1:
                    best, most = p, count
        return best
