"""Two graphs as one matching problem: which node may map to which, and what each choice is worth.

Cell ``i * n2 + j`` stands for "node i of the first graph maps to node j of the second". All values are integers;
`ONE` is one triple, so that half an edge and the multipliers of the bound stay exact.
"""

from sft.smatch.triples import Triples

ONE = 1 << 20
HALF = ONE >> 1
NOWHERE = -(1 << 60)  # the image of an unmapped node: no arithmetic on it meets a real cell

Images = dict[int, list[int]]


class Problem:
    """The matching problem of two graphs with `n1` and `n2` nodes.

    `gain[cell]` counts the unary triples two nodes share, `shared` lists the roles both graphs have with their
    (source, target) pairs on either side, `fixed` counts triples that match whatever the mapping, `weight[cell]` is
    an upper bound of what the cell can add to the score in units of `ONE`, each edge counting half at both ends.
    """

    __slots__ = ("_edges", "_links", "fixed", "gain", "n1", "n2", "shared", "weight")

    def __init__(self, first: Triples, second: Triples) -> None:
        self.n1 = len(first.names)
        self.n2 = n2 = len(second.names)
        self.fixed = len(first.fixed & second.fixed) if first.fixed else 0
        self.gain = gain = _unary_gains(first, second)
        self.weight = weight = [ONE * count for count in gain]
        self.shared: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]] = []
        others = second.relations
        for role, ours in first.relations.items():
            theirs = others.get(role)
            if theirs is None:
                continue
            self.shared.append((ours, theirs))
            if len(ours) == 1 and len(theirs) == 1:
                (i, k), (j, m) = ours[0], theirs[0]
                weight[i * n2 + j] += HALF
                weight[k * n2 + m] += HALF
            else:
                _add_degrees(weight, n2, [i for i, _ in ours], [j for j, _ in theirs])
                _add_degrees(weight, n2, [k for _, k in ours], [m for _, m in theirs])
        cells = n2 * n2
        self._edges = [(r * cells, i, k) for r, (ours, _) in enumerate(self.shared) for i, k in ours]
        self._links = {r * cells + j * n2 + m for r, (_, theirs) in enumerate(self.shared) for j, m in theirs}

    def rows(self) -> list[list[int]]:
        """Return the candidate cells of every node of the first graph."""
        weight, n2 = self.weight, self.n2
        return [[p for p in range(start, start + n2) if weight[p]] for start in range(0, self.n1 * n2, n2)]

    def score(self, mapping: list[int]) -> int:
        """Count the triples that `mapping` (a node of the second graph or `NOWHERE`, per node) matches."""
        gain, n2, links = self.gain, self.n2, self._links
        total = self.fixed
        for i, j in enumerate(mapping):
            if j >= 0:
                total += gain[i * n2 + j]
        for offset, i, k in self._edges:
            if offset + mapping[i] * n2 + mapping[k] in links:
                total += 1
        return total


class Neighbours:
    """The relations of a `Problem` by node: what the solver walks along.

    `outgoing[i]` lists (role number, targets) of node i of the first graph, `incoming[i]` (role number, sources);
    `targets[role]` and `sources[role]` give the neighbours of a node of the second graph.
    """

    __slots__ = ("incoming", "outgoing", "sources", "targets")

    def __init__(self, problem: Problem) -> None:
        self.outgoing: list[list[tuple[int, list[int]]]] = [[] for _ in range(problem.n1)]
        self.incoming: list[list[tuple[int, list[int]]]] = [[] for _ in range(problem.n1)]
        self.targets: list[Images] = []
        self.sources: list[Images] = []
        for role, (ours, theirs) in enumerate(problem.shared):
            for i, targets in _images(ours).items():
                self.outgoing[i].append((role, targets))
            for k, sources in _images([(k, i) for i, k in ours]).items():
                self.incoming[k].append((role, sources))
            self.targets.append(_images(theirs))
            self.sources.append(_images([(m, j) for j, m in theirs]))


def _images(pairs: list[tuple[int, int]]) -> Images:
    images: Images = {}
    for source, target in pairs:
        if source in images:
            images[source].append(target)
        else:
            images[source] = [target]
    return images


def _unary_gains(first: Triples, second: Triples) -> list[int]:
    n2 = len(second.names)
    gain = [0] * (len(first.names) * n2)
    others = second.unary
    for key, nodes in first.unary.items():
        images = others.get(key)
        if images is not None:
            for i in nodes:
                for j in images:
                    gain[i * n2 + j] += 1
    return gain


def _add_degrees(weight: list[int], n2: int, ours: list[int], theirs: list[int]) -> None:
    """Add half an edge per pair of edges that two nodes can match under one role and direction."""
    left, right = _counts(ours), _counts(theirs)
    for i, many in left.items():
        start = i * n2
        for j, count in right.items():
            weight[start + j] += HALF if many == 1 or count == 1 else HALF * min(many, count)


def _counts(nodes: list[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for node in nodes:
        counts[node] = counts.get(node, 0) + 1
    return counts
