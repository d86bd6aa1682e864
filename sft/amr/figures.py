"""What a file of graphs is made of: counts, sizes, vocabulary, and how much of it is odd."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from sft.amr.graph import Const, Graph, Node, Ref
from sft.amr.penman import read_block
from sft.amr.sources import sources

_FRAME = re.compile(r"\S+-\d+")
_TOP = 10


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of one text of graphs.

    `records` = `graphs` + `unparsable`; `repaired` graphs had a defect. A node's `depth` counts from 1 at the top.
    `edges` lead to nodes, `attributes` to constants; `references` are the edges to a node written elsewhere, in
    `reentrant` graphs. A frame is a concept with a sense number. `blanks` and `underscores` count the nodes whose
    concept holds one; `kinds` the graphs with each defect or quirk; `headers` the records with each header key.
    """

    records: int
    graphs: int
    unparsable: int
    repaired: int
    sentences: int
    distinct_sentences: int
    tokens_mean: float
    nodes: int
    nodes_mean: float
    nodes_median: float
    nodes_max: int
    edges: int
    depth_mean: float
    depth_max: int
    reentrant: int
    references: int
    attributes: int
    concepts: int
    roles: int
    frames: int
    blanks: int
    underscores: int
    frequent_concepts: tuple[tuple[str, int], ...]
    frequent_roles: tuple[tuple[str, int], ...]
    kinds: dict[str, int]
    headers: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def stats(text: str) -> Stats:
    """Return the figures of a text of graphs, as the tolerant reader reads it. Raises `DataError` without a record.

    >>> done = stats("(m / muốn :agent (b / bé) :theme (n / ngủ :agent b))")
    >>> done.nodes, done.edges, done.references, done.depth_max
    (3, 3, 1, 2)
    """
    records = sources(text).records
    readings = [read_block(record.block, None) for record in records]
    graphs = [reading.graph for reading in readings if reading.graph]
    read = [reading for reading in readings if reading.graph]
    nodes = [list(graph.nodes()) for graph in graphs]
    children = [[pair for node in each for pair in node.children] for each in nodes]
    sizes, depths = [len(each) for each in nodes], [_depth(graph) for graph in graphs]
    references = [sum(isinstance(child, Ref) for _, child in pairs) for pairs in children]
    concepts = Counter(node.concept for each in nodes for node in each)
    roles = Counter(role for pairs in children for role, _ in pairs)
    attributes = sum(isinstance(child, Const) for pairs in children for _, child in pairs)
    headers = [record.block.metadata for record in records]
    said = [header["snt"] for header in headers if header.get("snt")]
    return Stats(
        records=len(records),
        graphs=len(graphs),
        unparsable=len(records) - len(graphs),
        repaired=sum(any(p.severity == "error" for p in reading.problems) for reading in read),
        sentences=len(said),
        distinct_sentences=len({" ".join(sentence.split()) for sentence in said}),
        tokens_mean=_mean([len(sentence.split()) for sentence in said]),
        nodes=sum(sizes),
        nodes_mean=_mean(sizes),
        nodes_median=float(median(sizes)) if sizes else 0.0,
        nodes_max=max(sizes, default=0),
        edges=sum(map(len, children)) - attributes,
        depth_mean=_mean(depths),
        depth_max=max(depths, default=0),
        reentrant=sum(map(bool, references)),
        references=sum(references),
        attributes=attributes,
        concepts=len(concepts),
        roles=len(roles),
        frames=sum(_FRAME.fullmatch(concept) is not None for concept in concepts),
        blanks=sum(count for concept, count in concepts.items() if _bare(concept) and " " in concept),
        underscores=sum(count for concept, count in concepts.items() if _bare(concept) and "_" in concept),
        frequent_concepts=_frequent(concepts),
        frequent_roles=_frequent(roles),
        kinds=dict(_frequent(Counter(k for r in readings for k in {p.kind for p in r.problems}), None)),
        headers=dict(_frequent(Counter(key for header in headers for key in header), None)),
    )


def _bare(concept: str) -> bool:
    return not concept.startswith('"')


def _mean(values: Sequence[int]) -> float:
    return float(mean(values)) if values else 0.0


def _frequent(counts: Counter[str], top: int | None = _TOP) -> tuple[tuple[str, int], ...]:
    """Return the most frequent, in a fixed order."""
    ordered: Iterable[tuple[str, int]] = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ordered)[:top]


def _depth(graph: Graph) -> int:
    deepest = 0
    stack = [(graph.root, 1)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        stack += [(child, depth + 1) for _, child in node.children if isinstance(child, Node)]
    return deepest
