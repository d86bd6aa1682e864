"""Improve a mapping by the best move or swap of nodes until none helps."""

from sft.smatch.pairs import Neighbours, Problem


def climb(
    problem: Problem, near: Neighbours, rows: list[list[int]], mapping: list[int], score: int
) -> tuple[list[int], int]:
    """Return `mapping`, which scores `score`, after its improvement, and the new score.

    Only the cells in `rows` are tried. A move takes a node to a free image; a swap exchanges two nodes' images, or
    takes the image of a node that goes unmapped when the first had none. Ties go to the first found.
    """
    n2 = problem.n2
    mapping = mapping[:]
    owner = {j: i for i, j in enumerate(mapping) if j >= 0}
    table = problem.gain[:]  # per cell, the triples it would match beside the rest of `mapping`
    for i, j in enumerate(mapping):
        if j >= 0:
            _count(table, n2, near, i, j, 1)
    while True:
        best, move = 0, (-1, -1)
        for i, cells in enumerate(rows):
            old = mapping[i]
            offset = i * n2
            floor = best + table[offset + old] if old >= 0 else best
            for p in cells:
                if not table[p]:
                    continue
                j = p - offset
                other = owner.get(j)
                if other is None:
                    gain = table[p]
                elif other == i:
                    continue
                else:
                    gain = table[p] - table[other * n2 + j]
                    if old >= 0:
                        gain += table[other * n2 + old] + _joint(near, i, other, old, j)
                if gain > floor:
                    best += gain - floor
                    floor = gain
                    move = (i, j)
        if not best:
            return mapping, score
        score += best
        i, j = move
        old, other = mapping[i], owner.pop(j, None)
        if other is not None:
            _count(table, n2, near, other, j, -1)
            mapping[other] = old
        if old >= 0:
            _count(table, n2, near, i, old, -1)
            del owner[old]
            if other is not None:
                _count(table, n2, near, other, old, 1)
                owner[old] = other
        _count(table, n2, near, i, j, 1)
        mapping[i] = j
        owner[j] = i


def _count(table: list[int], n2: int, near: Neighbours, i: int, j: int, sign: int) -> None:
    """Add (or take away) what mapping node `i` to `j` gives to the cells of its neighbours."""
    for role, targets in near.outgoing[i]:
        images = near.targets[role].get(j)
        if images:
            for k in targets:
                for m in images:
                    table[k * n2 + m] += sign
    for role, sources in near.incoming[i]:
        images = near.sources[role].get(j)
        if images:
            for k in sources:
                for m in images:
                    table[k * n2 + m] += sign


def _joint(near: Neighbours, i: int, other: int, old: int, j: int) -> int:
    """Return what the edges between nodes `i` and `other` add to the gains of both when they swap images.

    Such an edge is matched before the swap (and then counted as lost twice) or after it (and not counted).
    """
    extra = 0
    for role, targets in near.outgoing[i]:
        if other in targets:
            images = near.targets[role]
            extra += (j in images.get(old, ())) + (old in images.get(j, ()))
    for role, sources in near.incoming[i]:
        if other in sources:
            images = near.targets[role]
            extra += (j in images.get(old, ())) + (old in images.get(j, ()))
    return extra
