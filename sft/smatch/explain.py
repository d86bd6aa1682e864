"""Show what a score is made of: every written piece of both graphs, marked as matched or not.

A piece is what a person sees: the top, a concept, a role with what follows it. Which triple it counts as depends on
the convention (see `sft.smatch.triples`): ``:agent-of`` may count turned round, two pieces may count as one triple.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from sft.amr.graph import Child, Graph, Node, Ref
from sft.smatch.score import PairScore
from sft.smatch.triples import Convention, Target, Triple, dereified, flatten

TOP, INSTANCE = "^", "/"  # in the place of a role; no role is written so


class Mark(IntEnum):
    """What became of a piece; `SILENT`: it counts only through others, as a frame that stands for one relation."""

    UNMATCHED = 0
    MATCHED = 1
    SILENT = 2


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a written graph, `depth` levels down: the link to its parent and what stands at its end.

    `role` is empty for the top. `node` is the number of the node written or referred to, -1 for a constant; `text` is
    its variable, or the constant; `concept` is None unless the node itself stands here. `link` and `label` mark the
    link (or being the top) and the concept; `triples` are what they count as.
    """

    depth: int
    role: str
    node: int
    text: str
    concept: str | None
    link: Mark
    label: Mark
    triples: tuple[Triple, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Both graphs as marked lines, empty where there is none; `mapping[i]` is the gold node of predicted node i, or -1."""

    pred: tuple[Line, ...]
    gold: tuple[Line, ...]
    mapping: tuple[int, ...]


def explain(pred: Graph | None, gold: Graph | None, score: PairScore, mode: str) -> Explanation:
    """Mark what `score`, made of these graphs under `mode`, found matched.

    >>> from sft.amr.penman import parse
    >>> from sft.smatch.score import score_pair
    >>> a, b = parse("(n / ngủ :agent (m / mèo))"), parse("(n / ngủ :agent (c / chó))")
    >>> [(line.text, line.link.name, line.label.name) for line in explain(a, b, score_pair(a, b), "smatch").pred]
    [('n', 'MATCHED', 'MATCHED'), ('m', 'MATCHED', 'UNMATCHED')]
    """
    convention = Convention(mode)
    ours, theirs = [None if graph is None else _Counted(graph, convention) for graph in (pred, gold)]
    images = dict(score.mapping)
    numbers = theirs.index if theirs else {}
    mapping = tuple(numbers.get(images.get(name, ""), -1) for name in ours.index) if ours else ()
    there = {i: j for i, j in enumerate(mapping) if j >= 0}
    back = {j: i for i, j in there.items()}
    return Explanation(
        tuple(_lines(pred, ours, theirs, there)) if pred and ours else (),
        tuple(_lines(gold, theirs, ours, back)) if gold and theirs else (),
        mapping,
    )


class _Counted:
    """What each written piece of a graph counts as: one triple per node and per edge, in text order, and the top."""

    __slots__ = ("concepts", "edges", "index", "links", "top")

    def __init__(self, graph: Graph, convention: Convention) -> None:
        names, concepts, edges = flatten(graph)
        labelled = [(node, convention.concept(text)) for node, text in concepts]
        oriented = list(convention.orient(edges))
        amr = convention.mode == "amr"
        self.index = {name: number for number, name in enumerate(names)}
        self.links = dereified(labelled, oriented) if amr else {}
        self.top: Triple = (0, TOP, labelled[0][1][1:] if amr else "")
        self.concepts: list[Triple] = [(node, INSTANCE, key[1:]) for node, key in labelled]
        self.edges: list[Triple] = [
            self.links.get(edge[0], edge) if isinstance(edge[0], int) else edge for edge in oriented
        ]

    def triples(self) -> set[Triple]:
        """Return everything that counts, once each."""
        concepts = {triple for triple in self.concepts if triple[0] not in self.links}
        return {self.top, *concepts, *self.edges}


def _lines(graph: Graph, side: _Counted, other: _Counted | None, images: Mapping[int, int]) -> Iterator[Line]:
    """Yield the lines of `graph`; `images` takes its nodes to those of `other`."""
    counted = other.triples() if other else set()

    def mark(triple: Triple) -> Mark:
        source, role, target = triple
        image = (_image(source, images), role, _image(target, images))
        return Mark.MATCHED if image in counted else Mark.UNMATCHED

    # `flatten` lists nodes, and the edges node by node, depth-first; so each node knows where its edges begin.
    starts, edges = [], 0
    for node in graph.nodes():
        starts.append(edges)
        edges += len(node.children)
    concepts = iter(zip(starts, side.concepts, strict=True))
    stack: list[tuple[int, str, Child, Triple]] = [(0, "", graph.root, side.top)]
    while stack:
        depth, role, child, link = stack.pop()
        if isinstance(child, Node):
            first, concept = next(concepts)
            silent = concept[0] in side.links
            yield Line(
                depth, role, side.index[child.var], child.var, child.concept, mark(link),
                Mark.SILENT if silent else mark(concept), (link,) if silent else (link, concept),
            )  # fmt: skip
            below = [(depth + 1, r, c, side.edges[first + k]) for k, (r, c) in enumerate(child.children)]
            stack.extend(reversed(below))
        else:
            number = side.index.get(child.var, -1) if isinstance(child, Ref) else -1
            text = child.var if isinstance(child, Ref) else child.text
            yield Line(depth, role, number, text, None, mark(link), Mark.SILENT, (link,))


def _image(end: Target, images: Mapping[int, int]) -> Target:
    return images.get(end, -1) if isinstance(end, int) else end
