"""The AMR graph as it is written: a PENMAN tree whose leaves are references and constants.

A tree keeps the text order that Task 1 and the printer need; triples are one walk away.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ref:
    """A re-entrant reference: a bare variable that some node of the same graph defines."""

    var: str


@dataclass(frozen=True, slots=True)
class Const:
    """A constant as written, quotes included: ``-``, ``7``, ``"Hà Nội"``, ``interrogative``, ``6h15``."""

    text: str


@dataclass(frozen=True, slots=True)
class Node:
    """``(var / concept :role child …)``; roles are as written, with the colon: ``:agent``, ``:part-of``."""

    var: str
    concept: str
    children: "tuple[tuple[str, Node | Ref | Const], ...]" = ()


Child = Node | Ref | Const


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph with its header lines (``snt``, ``id``, …) and the line its record starts on (1-based)."""

    root: Node
    metadata: Mapping[str, str] = field(default_factory=dict)
    line: int = 0

    def nodes(self) -> Iterator[Node]:
        """Yield every node, depth-first in text order (iterative: depth is not bounded by the stack)."""
        stack = [self.root]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(child for _, child in reversed(node.children) if isinstance(child, Node))
