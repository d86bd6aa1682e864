"""Clean the cells of what a reader yields, count what was mended, refuse what cannot be.

The text that enters is NFC without invisible characters (`sft.text.clean`). Mojibake is never repaired in silence:
the row is refused with the column and the piece that shows it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from sft.i18n import _
from sft.records import Message, Record, Reject
from sft.text import clean, invisible, mojibake, nfc

_SURROGATE = re.compile("[\ud800-\udfff]")
_AROUND = 30


@dataclass(slots=True)
class Notes:
    """What was mended while reading, in rows: how many of each kind, and where the first one is.

    Kinds: ``nfd``, ``invisible``, ``nbsp``, ``carriage_return``, and ``look_alike`` (Ð for Đ: told, not mended).
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, where: str) -> None:
        """Count one row of `kind`."""
        self.counts[kind] += 1
        self.examples.setdefault(kind, where)


def tidy(items: Iterable[Record | Reject], notes: Notes) -> Iterator[Record | Reject]:
    """Yield each item cleaned; a record with mojibake, half a character or nothing in it becomes a `Reject`."""
    names: dict[str, str] = {}
    for item in items:
        yield item if isinstance(item, Reject) else _tidy(item, notes, names)


def _tidy(record: Record, notes: Notes, names: dict[str, str]) -> Record | Reject:
    cells = dict(record.fields) or {f"{n} {m.role}": m.content for n, m in enumerate(record.messages, 1)}
    kinds: set[str] = set()
    for column, text in cells.items():
        if text.isascii() and text.isprintable():
            cells[column] = text.strip()
            continue
        refused = _refuse(record, column, text)
        if refused:
            return refused
        kinds.update(_kinds(text))
        cells[column] = clean(text)
    for kind in sorted(kinds):
        notes.add(kind, record.where)
    if not any(cells.values()):
        return Reject(record.id, record.where, "empty_row")
    if record.messages:
        turns = zip(record.messages, cells.values(), strict=True)
        return replace(record, messages=tuple(Message(turn.role, text) for turn, text in turns))
    fields = {names.setdefault(column, clean(column)): text for column, text in cells.items()}
    if len(fields) < len(cells):
        return Reject(record.id, record.where, "column_twice", ", ".join(cells))
    return replace(record, fields=fields)


def _refuse(record: Record, column: str, text: str) -> Reject | None:
    piece = mojibake(text)
    half = _SURROGATE.search(text)
    if not piece and not half:
        return None
    at = half.start() if half else text.index(piece)
    excerpt = _SURROGATE.sub("?", text[max(at - _AROUND, 0) : at + _AROUND])
    reason = "broken_character" if half else "mojibake"
    return Reject(record.id, record.where, reason, _("column {name}").format(name=column), excerpt)


def _kinds(text: str) -> Iterator[str]:
    if nfc(text) is not text:
        yield "nfd"
    if invisible(text):
        yield "invisible"
    if "\u00a0" in text:
        yield "nbsp"
    if "\r" in text.replace("\r\n", "\n"):
        yield "carriage_return"
    if "\u00d0" in text:
        yield "look_alike"
