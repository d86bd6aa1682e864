"""A file of graphs as it is written: every record with its own comment lines, and where its graph stands.

`sft.amr.penman.blocks` says what a record is; here each keeps the lines it came from, so that whatever rewrites a
file can leave the rest of it as it was.
"""

from dataclasses import dataclass, field

from sft.amr.penman import Block, blocks
from sft.errors import DataError
from sft.i18n import _
from sft.text import decode


@dataclass(frozen=True, slots=True)
class Source:
    """One record: its block, its comment lines as written, and the comment lines that stand alone before it.

    A blank line between two of these is kept as '': joined they could become the header of what follows.
    """

    block: Block
    header: tuple[str, ...] = ()
    before: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return the ``::id`` of the record, '' without one."""
        return self.block.metadata.get("id", "")

    @property
    def words(self) -> str:
        """Return the text of the graph without blank lines."""
        return "\n".join(line.rstrip() for line in self.block.body.split("\n") if line.strip())

    @property
    def body(self) -> tuple[int, int]:
        """Return the first line of the graph's text and the one behind its last, from 0."""
        start = self.block.body_line - 1
        return start, start + (self.block.body.count("\n") + 1 if self.block.body else 0)


@dataclass(frozen=True, slots=True)
class Sources:
    """The records of a text, its lines (joined by `newline` they are the text), the comments behind the last record."""

    records: tuple[Source, ...]
    lines: tuple[str, ...] = field(repr=False)
    newline: str = "\n"
    after: tuple[str, ...] = ()

    def shown(self, number: int) -> str:
        """Return a line, counted from 1, as it is shown: without a byte order mark and blanks at its end."""
        return self.lines[number - 1].removeprefix("\ufeff").rstrip()


def sources(text: str) -> Sources:
    r"""Return the records of `text`. Raises `DataError` when it holds none, or nothing that looks like a graph.

    >>> found = sources("# release 1\n\n#::snt nó ngủ .\n(n / ngủ)\n")
    >>> [(record.before, record.header, record.body) for record in found.records]
    [(('# release 1',), ('#::snt nó ngủ .',), (3, 4))]
    """
    newline = "\r" if "\n" not in text and "\r" in text else "\n"
    lines = text.split(newline)
    found = list(blocks(text))
    _refuse(text, found)
    records = []
    ends = [*(block.line - 1 for block in found[1:]), len(lines)]
    before = _loose(lines[: found[0].line - 1])
    for block, limit in zip(found, ends, strict=True):
        start = block.line - 1
        end = max(start, Source(block).body[1])
        while end < limit and _bare(lines[end]):
            end += 1
        records.append(Source(block, _comments(lines[start:end]), before))
        before = _loose(lines[end:limit])
    return Sources(tuple(records), tuple(lines), newline, before)


def decoded(raw: bytes, where: str, encoding: str = "") -> str:
    """Return the bytes of the file of graphs `where` as text. Raises `DataError` when they are none."""
    text = decode(raw, where, encoding)
    if "\x00" in text:
        raise DataError(
            _("holds NUL characters: a binary file, or UTF-16 without its mark"),
            where=f"{where}:{text[: text.index(chr(0))].count(chr(10)) + 1}",
            hint=_("save the file as UTF-8, or name its encoding: --encoding utf-16-le"),
        )
    return text


def _refuse(text: str, found: list[Block]) -> None:
    """Refuse a text without a record, and a table or prose: no header, and no line that begins a graph."""
    if not text.strip("\ufeff \t\r\n"):
        raise DataError(_("the file is empty"), hint=_("a record is a graph, with or without header lines"))
    named = any(block.metadata for block in found)
    if not named and not any(block.body.lstrip().startswith("(") for block in found):
        raise DataError(
            _("no graph in this file"),
            hint=_("a graph begins with a bracket, like (n / ngủ); records are separated by blank lines"),
        )


def _bare(line: str) -> str:
    return line.strip().removeprefix("\ufeff")


def _comments(lines: list[str]) -> tuple[str, ...]:
    return tuple(bare for bare in map(_bare, lines) if bare.startswith("#"))


def _loose(lines: list[str]) -> tuple[str, ...]:
    bare = list(map(_bare, lines))
    kept = [line for n, line in enumerate(bare) if line or (n and bare[n - 1])]
    while kept and not kept[0]:
        del kept[0]
    while kept and not kept[-1]:
        del kept[-1]
    return tuple(kept)
