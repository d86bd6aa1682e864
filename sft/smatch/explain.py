"""Show what a score is made of: every triple of both graphs, marked as matched or not."""

from dataclasses import dataclass

from sft.amr.graph import Graph
from sft.smatch.score import PairScore, match
from sft.smatch.triples import Convention, Triples, flatten


@dataclass(frozen=True, slots=True)
class Marked:
    """One triple as counted: `source` and `target` are variables or constants; matched by the best mapping or not."""

    source: str
    role: str
    target: str
    matched: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """A pair score with the triples it counts."""

    score: PairScore
    pred: tuple[Marked, ...]
    gold: tuple[Marked, ...]


def explain(
    pred: Graph | None, gold: Graph | None, mode: str = "smatch", time_limit: float | None = None
) -> Explanation:
    """Score `pred` against `gold` and mark their triples; concepts come as ``instance``, the top as ``TOP``.

    >>> from sft.amr.graph import Graph, Node
    >>> [m for m in explain(Graph(Node("c", "xe")), Graph(Node("d", "chó"))).pred if not m.matched]
    [Marked(source='c', role='instance', target='xe', matched=False)]
    """
    convention = Convention(mode)
    ours, theirs = [None if g is None else convention.triples(*flatten(g)) for g in (pred, gold)]
    score = match(ours, theirs, time_limit)
    there = dict(score.mapping)
    back = {gold_name: name for name, gold_name in score.mapping}
    return Explanation(score, _mark(ours, theirs, there), _mark(theirs, ours, back))


def _mark(side: Triples | None, other: Triples | None, mapping: dict[str, str]) -> tuple[Marked, ...]:
    """List the triples of `side`; `mapping` takes its variables to those of `other`."""
    if side is None:
        return ()
    names = side.names
    numbers = {name: number for number, name in enumerate(other.names)} if other else {}
    image = [numbers.get(mapping.get(name, ""), -1) for name in names]
    unary = {key: set(nodes) for key, nodes in other.unary.items()} if other else {}
    relations = {role: set(pairs) for role, pairs in other.relations.items()} if other else {}
    marked = [
        Marked(*_written(key, names[node]), image[node] in unary.get(key, ()))
        for key, nodes in side.unary.items()
        for node in nodes
    ]
    marked += [
        Marked(names[i], role, names[k], (image[i], image[k]) in relations.get(role, ()))
        for role, pairs in side.relations.items()
        for i, k in pairs
    ]
    for text in sorted(side.fixed):
        source, role, target = text.split(" ", 2)
        marked.append(Marked(source, role, target, other is not None and text in other.fixed))
    return tuple(marked)


def _written(key: str, name: str) -> tuple[str, str, str]:
    """Return (source, role, target) of the unary `key` of node `name`."""
    kind, rest = key[0], key[1:]
    if kind == "/":
        return name, "instance", rest
    if kind == "^":
        return name, "TOP", rest or "top"
    if kind == "@":
        return name, rest, name
    if kind == "<":
        role, _, constant = rest.partition(" ")
        return constant, role, name
    role, _, constant = key.partition(" ")
    return name, role, constant
