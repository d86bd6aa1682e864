"""Edge pairs: an edge of either graph, of one role, between candidate cells; the structure the bound works on."""

from sft.smatch.pairs import Neighbours, Problem


class EdgePairs:
    """The edge pairs between the cells of `rows`.

    Half-edges 2e and 2e + 1 are the ends of edge pair e: `end[h]` is the cell of half-edge h, ``end[h ^ 1]`` the cell
    at the other end, `halves[cell]` lists the half-edges of a cell. The half-edges of one cell, role and direction
    form a group when there are several: `groups` lists them, `home` is the cell of each group and `group[h]` the
    group of a half-edge, -1 when it is alone.
    """

    __slots__ = ("end", "group", "groups", "halves", "home")

    def __init__(self, problem: Problem, near: Neighbours, rows: list[list[int]]) -> None:
        self.end: list[int] = []
        self.halves: dict[int, list[int]] = {}
        self.groups: list[list[int]] = []
        arriving = self._leaving(problem, near, rows)
        roles = len(near.targets)
        for key, halves in arriving.items():
            self._add(key // roles, halves)
        self.home = [self.end[halves[0]] for halves in self.groups]
        self.group = [-1] * len(self.end)
        for g, halves in enumerate(self.groups):
            for h in halves:
                self.group[h] = g

    def _leaving(self, problem: Problem, near: Neighbours, rows: list[list[int]]) -> dict[int, list[int]]:
        """Pair the edges by their sources; return the half-edges at the targets by cell and role."""
        n2, end, roles = problem.n2, self.end, len(near.targets)
        live = bytearray(problem.n1 * n2)
        for cells in rows:
            for p in cells:
                live[p] = 1
        arriving: dict[int, list[int]] = {}
        for i, cells in enumerate(rows):
            for p in cells:
                for role, targets in near.outgoing[i]:
                    images = near.targets[role].get(p - i * n2)
                    if images is None:
                        continue
                    first = h = len(end)
                    for k in targets:
                        for m in images:
                            q = k * n2 + m
                            if live[q]:
                                end += (p, q)
                                arriving.setdefault(q * roles + role, []).append(h + 1)
                                h += 2
                    if h > first:
                        self._add(p, list(range(first, h, 2)))
        return arriving

    def _add(self, p: int, halves: list[int]) -> None:
        self.halves.setdefault(p, []).extend(halves)
        if len(halves) > 1:
            self.groups.append(halves)
