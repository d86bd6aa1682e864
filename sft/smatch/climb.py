"""Improve a mapping by the best move or swap of nodes until none helps."""

from sft.smatch.pairs import NOWHERE, Problem

Table = list[dict[int, list[int]]]


class Climber:
    """Local search on one `Problem`: neighbours per role, indexed once."""

    __slots__ = ("_edges", "_incoming", "_joined", "_outgoing", "_problem", "_rows")

    def __init__(self, problem: Problem, rows: list[list[int]]) -> None:
        self._problem = problem
        self._rows = rows
        self._edges: list[tuple[int, int, int]] = []
        self._outgoing: Table = []
        self._incoming: Table = []
        for role, (ours, theirs) in enumerate(problem.shared):
            self._edges += [(role, i, k) for i, k in ours]
            outgoing: dict[int, list[int]] = {}
            incoming: dict[int, list[int]] = {}
            for j, m in theirs:
                outgoing.setdefault(j, []).append(m)
                incoming.setdefault(m, []).append(j)
            self._outgoing.append(outgoing)
            self._incoming.append(incoming)
        self._joined: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for edge in self._edges:
            _role, i, k = edge
            self._joined.setdefault((i, k), []).append(edge)
            self._joined.setdefault((k, i), []).append(edge)

    def climb(self, mapping: list[int], score: int) -> tuple[list[int], int]:
        """Return `mapping`, which scores `score`, after its improvement, and the new score."""
        problem = self._problem
        n2, joined = problem.n2, self._joined
        mapping = mapping[:]
        while True:
            owner = {j: i for i, j in enumerate(mapping) if j >= 0}
            table = self._table(mapping)
            best, move = 0, (-1, -1)
            for i, cells in enumerate(self._rows):
                old = mapping[i]
                offset = i * n2
                mine = table[offset + old] if old >= 0 else 0
                for p in cells:
                    gain = table[p] - mine
                    j = p - offset
                    if j == old:
                        continue
                    other = owner.get(j)
                    if other is not None:
                        gain -= table[other * n2 + j]
                        if old >= 0:
                            gain += table[other * n2 + old]
                            if (i, other) in joined:
                                gain += self._joint(mapping, i, other)
                    if gain > best:
                        best, move = gain, (i, j)
            if not best:
                return mapping, score
            i, j = move
            other = owner.get(j)
            if other is not None:
                mapping[other] = mapping[i]
            mapping[i] = j
            score += best

    def _joint(self, mapping: list[int], i: int, other: int) -> int:
        """Return what the edges between two nodes add to the sum of their moves when they swap images."""
        j, m = mapping[i], mapping[other]
        extra = 0
        for role, source, _target in self._joined[i, other]:
            images = self._outgoing[role]
            if source == i:
                extra += (m in images.get(j, ())) + (j in images.get(m, ()))
            else:
                extra += (j in images.get(m, ())) + (m in images.get(j, ()))
        return extra

    def _table(self, mapping: list[int]) -> list[int]:
        """Count, per cell, the triples it would match beside the rest of `mapping`."""
        table = self._problem.gain[:]
        n2 = self._problem.n2
        nothing: list[int] = []
        for role, i, k in self._edges:
            j, m = mapping[i], mapping[k]
            if m != NOWHERE:
                for near in self._incoming[role].get(m, nothing):
                    table[i * n2 + near] += 1
            if j != NOWHERE:
                for near in self._outgoing[role].get(j, nothing):
                    table[k * n2 + near] += 1
        return table
