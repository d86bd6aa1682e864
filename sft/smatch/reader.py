"""Read files of graphs for scoring: a fast path for well-formed text, the tolerant reader for the rest.

The fast path takes a record only when it understands every character of it; whatever it takes, the tolerant
reader would read the same way.
"""

import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from sft.smatch.triples import Plain

_WORD = r"""[^\s()":/~#\\]+"""
_ROLE_NEXT = r"\s+:|:[^\W\d_]"  # a colon glued to a word begins a role before a letter only
_TOKEN = re.compile(
    rf"""(:{_WORD})?\s*\(\s*(\w+)\s*/\s*({_WORD}(?:[ ]{_WORD})*)(?=\s*[()]|{_ROLE_NEXT})"""  # role ( variable / concept
    rf"""|(:{_WORD})\s+("[^"\\\n]*"|{_WORD})(?=\s*\)|{_ROLE_NEXT})"""  # role value
    r"""|\)|(\S)"""
)


class Record(NamedTuple):
    """One record: the line it starts on, its header lines, and the text of its graph with the line that starts on."""

    line: int
    header: str
    body: str
    body_line: int


def records(text: str) -> Iterator[Record]:
    r"""Yield every record of a file, as `sft.amr.penman.blocks` splits it.

    >>> list(records("# ::id 1\n(a / b)\n\n\n(c / d\n  :mod 7)"))
    [Record(line=1, header='# ::id 1', body='(a / b)', body_line=2), Record(line=5, header='', body='(c / d\n:mod 7)', body_line=5)]
    """
    found = _plain_records(text)
    if found is not None:
        return iter(found)
    return _blocks(text)


def _plain_records(text: str) -> list[Record] | None:
    """Split a file in which every header has its graph; None for any other."""
    if "\r" in text and "\n" not in text:
        return None
    found = []
    header: list[str] = []
    body: list[str] = []
    start = ids = sentences = 0
    lines = text.split("\n")
    lines.append("")
    for number, line in enumerate(lines, start=1):
        line = line.strip()
        if not line:
            if body:
                found.append(Record(start, "\n".join(header), "\n".join(body), number - len(body)))
                body = []
            elif ids or sentences:
                return None  # a header without a graph
            ids = sentences = start = 0
            header = []
            continue
        start = start or number
        if line[0] != "#":
            if not body and line[0] != "(":
                return None
            body.append(line)
        else:
            header.append(line)
            sentences += "::snt" in line
            ids += "::id" in line
            if body or ids > 1 or sentences > 1:
                return None
    return found


def _blocks(text: str) -> Iterator[Record]:
    from sft.amr.penman import blocks

    for block in blocks(text):
        header = "\n".join(f"# ::{key} {value}" for key, value in block.metadata.items())
        yield Record(block.line, header, block.body, block.body_line)


def scan(body: str) -> Plain | None:
    """Return variables, (node, concept) pairs and edges of one well-formed graph; None for anything else.

    >>> scan("(m / mở :agent (ô / ông) :patient ô)")
    (['m', 'ô'], [(0, 'mở'), (1, 'ông')], [(0, ':agent', 1), (0, ':patient', 1)])
    >>> scan("(m / mở") is None
    True
    """
    index: dict[str, int] = {}
    concepts: list[tuple[int, str]] = []
    edges: list[tuple[int, str, int | str]] = []
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


def text_of(path: str) -> str:
    """Return the text of a file in UTF-8, or UTF-16 with its mark. Raises `DataError` for any other."""
    try:
        with pathlib.Path(path).open("rb") as file:
            raw = file.read()
    except OSError:
        from sft.text import read_bytes

        raw = read_bytes(pathlib.Path(path))  # which says what is wrong
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _other_encoding(raw, path)


def _other_encoding(raw: bytes, path: str) -> str:
    from sft.errors import DataError
    from sft.text import decode

    try:
        return decode(raw, path)
    except DataError as error:  # here is no flag that names an encoding
        error.hint = f"sft amr convert {path} --encoding cp1258 --to penman -o utf8.txt"
        raise
