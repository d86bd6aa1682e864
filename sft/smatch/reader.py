"""Read files of graphs for scoring: a fast path for well-formed text, the tolerant reader for the rest.

The fast path takes a record only when it understands every character of it; whatever it takes, the tolerant
reader would read the same way.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sft.smatch.triples import Convention, Edge, Triples, flatten

_TOKEN = re.compile(
    r"""(:[^\s()":/~]*)?\s*\(\s*(\w+)\s*/\s*([^\s()":/~]+)(?=[\s()])"""  # role ( variable / concept
    r"""|(:[^\s()":/~]+)\s+("[^"\\\n]*"|[^\s()":/~]+)(?=[\s)])"""  # role value
    r"""|\)|(\S)"""
)


class Item(NamedTuple):
    """One record: its triples (None when nothing could be read) and whether the reader had to repair it."""

    triples: Triples | None
    repaired: bool


def records(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, graph text) of every record: blank lines separate, lines starting with ``#`` are metadata.

    A record of metadata alone counts, with an empty graph: a system gave no answer there.

    >>> list(records("# ::id 1\\n(a / b)\\n\\n\\n# ::id 2\\n"))
    [(1, '(a / b)'), (5, '')]
    """
    start = 0
    body: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not line:
            if start:
                yield start, "\n".join(body)
                start = 0
                body = []
        else:
            start = start or number
            if line[0] != "#":
                body.append(line)
    if start:
        yield start, "\n".join(body)


def read(text: str, convention: Convention) -> list[Item]:
    """Return the triples of every record of `text` under `convention`."""
    items = []
    for line, body in records(text):
        plain = scan(body)
        items.append(
            _tolerant(body, line, convention) if plain is None else Item(convention.triples(*plain), False)
        )
    return items


def scan(body: str) -> tuple[list[str], list[tuple[int, str]], list[Edge]] | None:
    """Return variables, (node, concept) pairs and edges of one well-formed graph; None for anything else.

    >>> scan("(m / mở :agent (ô / ông) :patient ô)")
    (['m', 'ô'], [(0, 'mở'), (1, 'ông')], [(0, ':agent', 1), (0, ':patient', 1)])
    >>> scan("(m / mở") is None
    True
    """
    index: dict[str, int] = {}
    concepts: list[tuple[int, str]] = []
    edges: list[Edge] = []
    stack: list[int] = []
    for role, var, concept, value_role, value, other in _TOKEN.findall(body):
        if var:
            node = len(index)
            if var in index:
                return None
            if stack:
                if len(role) < 2:
                    return None
                edges.append((stack[-1], role, node))
            elif node or role:
                return None
            index[var] = node
            concepts.append((node, concept))
            stack.append(node)
        elif value:
            if not stack:
                return None
            edges.append((stack[-1], value_role, value))
        elif other or not stack:
            return None
        else:
            stack.pop()
    if stack or not index:
        return None
    edges = [(source, role, index.get(target, target)) for source, role, target in edges]  # type: ignore[arg-type]
    return list(index), concepts, edges


def _tolerant(body: str, line: int, convention: Convention) -> Item:
    from sft.amr.penman import read as read_graph

    reading = read_graph(body, line)
    if reading.graph is None:
        return Item(None, False)
    return Item(convention.triples(*flatten(reading.graph)), bool(reading.problems))
