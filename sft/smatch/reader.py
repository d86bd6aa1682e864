"""Read files of graphs for scoring: a fast path for well-formed text, the tolerant reader for the rest.

The fast path takes a record only when it understands every character of it; whatever it takes, the tolerant
reader would read the same way.
"""

import pathlib
import re
from typing import NamedTuple

from sft.errors import DataError
from sft.i18n import _
from sft.smatch.parallel import match_all
from sft.smatch.score import CorpusScore, summarise
from sft.smatch.triples import Convention, Edge, Triples, flatten

_WORD = r"""[^\s()":/~#\\]+"""
_TOKEN = re.compile(
    rf"""(:{_WORD})?\s*\(\s*(\w+)\s*/\s*({_WORD}(?:[ ]{_WORD})*)(?=\s*[():])"""  # role ( variable / concept
    rf"""|(:{_WORD})\s+("[^"\\\n]*"|{_WORD})(?=\s*[:)])"""  # role value
    r"""|\)|(\S)"""
)


class Item(NamedTuple):
    """One record: its triples (None when nothing could be read) and whether the reader had to repair it."""

    triples: Triples | None
    repaired: bool


def records(text: str) -> list[tuple[int, str]]:
    r"""Return (line of the graph, its text) of every record, as `sft.amr.penman.blocks` splits them.

    >>> records("# ::id 1\n(a / b)\n\n\n# ::id 2\n(c / d\n  :mod 7)")
    [(2, '(a / b)'), (6, '(c / d\n:mod 7)')]
    """
    found = []
    body: list[str] = []
    ids = sentences = 0
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not line:
            if body:
                found.append((number - len(body), "\n".join(body)))
                body = []
            elif ids or sentences:
                return _blocks(text)  # a header without a graph
            ids = sentences = 0
        elif line[0] != "#":
            if not body and line[0] != "(":
                return _blocks(text)
            body.append(line)
        else:
            sentences += "::snt" in line
            ids += "::id" in line
            if body or ids > 1 or sentences > 1:
                return _blocks(text)
    if body:
        found.append((number - len(body) + 1, "\n".join(body)))
    return _blocks(text) if "\r" in text and "\n" not in text or (ids or sentences) and not body else found


def _blocks(text: str) -> list[tuple[int, str]]:
    from sft.amr.penman import blocks

    return [(block.body_line, block.body) for block in blocks(text)]


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
    return (
        list(index),
        concepts,
        [(s, role, index.get(t, t) if isinstance(t, str) else t) for s, role, t in edges],
    )


def score_files(
    pred: str, gold: str, mode: str, time_limit: float | None = None, jobs: int = 1
) -> tuple[CorpusScore, int]:
    """Score two files of graphs in the same order; return the score and the number of repaired predictions.

    Raises `DataError` when a file cannot be read or the numbers of records differ.
    """
    convention = Convention(mode)
    ours = read(_text(pred), convention)
    theirs = read(_text(gold), convention)
    if len(ours) != len(theirs):
        raise DataError(
            _("{pred} has {n} graphs, {gold} has {m}").format(
                pred=pred, n=len(ours), gold=gold, m=len(theirs)
            ),
            hint=_("score files with one record per sentence, in the same order"),
        )
    sides = [(a.triples, b.triples) for a, b in zip(ours, theirs, strict=True)]
    return summarise(match_all(sides, time_limit, jobs=jobs), mode), sum(item.repaired for item in ours)


def _text(path: str) -> str:
    """Return the text of a UTF-8 file; anything else is left to `sft.text.read_text` and its errors."""
    try:
        with pathlib.Path(path).open("rb") as file:
            return file.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        from pathlib import Path

        from sft.text import read_text

        return read_text(Path(path))


def _tolerant(body: str, line: int, convention: Convention) -> Item:
    from sft.amr.penman import read as read_graph

    reading = read_graph(body, line)
    if reading.graph is None:
        return Item(None, False)
    return Item(
        convention.triples(*flatten(reading.graph)), any(problem.repaired for problem in reading.problems)
    )
