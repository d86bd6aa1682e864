"""Clean the cells of what a reader yields, count what was mended, refuse what cannot be.

The text that enters is NFC without invisible characters (`sft.text.clean`). Mojibake is never repaired in silence:
the row is refused with the column and the piece that shows it, unless the user asked for the repair and nothing is lost.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from data_prep._table import is_unnamed
from sft.i18n import _
from sft.records import Message, Record, Reject
from sft.text import clean, invisible, mojibake, nfc, repaired

_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_AROUND = 30
_LONG = 50
_MISPLACED = 0.1  # share of wrong answer offsets from which a file was changed after they were counted
_FEW = 20  # rows below which a share says little


@dataclass(slots=True)
class Notes:
    """What was mended or noticed while reading, in rows: how many of each kind, and where the first one is.

    Mended: ``nfd``, ``invisible``, ``control``, ``nbsp``, ``carriage_return``, ``mojibake_repaired``. Only told:
    ``look_alike`` (Ð for Đ), ``unnamed_column``. What a rule decided: see `_shape`. Refused, by source: ``mojibake``, ``offset_mismatch``, ``offset_mismatch_many``.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, where: str) -> None:
        """Count one row of `kind`."""
        self.counts[kind] += 1
        self.examples.setdefault(kind, where)

    def add_refused(self, source: str, rows: int, reasons: Mapping[str, int]) -> None:
        """Count what the rows refused in one source say about the whole of it."""
        misplaced = reasons.get("offset_mismatch", 0)
        many = rows >= _FEW and misplaced > _MISPLACED * rows
        for kind, count in (
            ("offset_mismatch_many" if many else "offset_mismatch", misplaced),
            ("mojibake", reasons.get("mojibake", 0)),
        ):
            if count:
                self.counts[kind] += count
                self.examples.setdefault(kind, source)


@dataclass(slots=True)
class _Seen:
    """What was noticed in one row, and the cleaned names of columns."""

    names: dict[str, str]
    kinds: dict[str, str] = field(default_factory=dict)


def tidy(
    items: Iterable[Record | Reject], notes: Notes, *, repair: bool = False
) -> Iterator[Record | Reject]:
    """Yield each item cleaned; a record with mojibake, half a character or nothing in it becomes a `Reject`.

    With `repair`, mojibake that lost nothing is turned back and counted; the rest is refused all the same.
    """
    names: dict[str, str] = {}
    for item in items:
        if isinstance(item, Reject):
            yield item
            continue
        seen = _Seen(names)
        result = _tidy(item, seen, repair=repair)
        if not (isinstance(result, Reject) and result.reason in {"mojibake", "broken_character"}):
            for kind, example in sorted(seen.kinds.items()):
                notes.add(kind, f"{item.where}{example}")
        yield result


def _tidy(record: Record, seen: _Seen, *, repair: bool) -> Record | Reject:
    cells = dict(record.fields) or {f"{n} {m.role}": m.content for n, m in enumerate(record.messages, 1)}
    for column, text in cells.items():
        if text.isascii() and text.isprintable():
            cells[column] = text.strip()
        else:
            mended = _mended(record, column, text, seen, repair=repair)
            if isinstance(mended, Reject):
                return mended
            cells[column] = mended
    if not any(cells.values()):
        return Reject(record.id, record.where, "empty_row")
    if record.messages:
        turns = zip(record.messages, cells.values(), strict=True)
        return replace(record, messages=tuple(Message(turn.role, text) for turn, text in turns))
    fields = {_name(column, seen, repair=repair): text for column, text in cells.items()}
    if len(fields) < len(cells):
        return Reject(record.id, record.where, "column_twice", ", ".join(cells))
    if any(text and is_unnamed(column) for column, text in cells.items()):
        seen.kinds["unnamed_column"] = ""
    return replace(record, fields=fields)


def _name(column: str, seen: _Seen, *, repair: bool) -> str:
    """Return the name of a column as it enters: header and cells of a damaged file are damaged alike."""
    if column not in seen.names:
        seen.names[column] = clean((repaired(column) if repair and mojibake(column) else "") or column)
    return seen.names[column]


def _mended(record: Record, column: str, text: str, seen: _Seen, *, repair: bool) -> str | Reject:
    piece = mojibake(text)
    half = _SURROGATE.search(text)
    if piece and repair and not half:
        better = repaired(text)
        if better is not None:
            seen.kinds["mojibake_repaired"] = f": {_short(text)} → {_short(better)}"
            text, piece = better, ""
    if piece or half:
        at = half.start() if half else text.index(piece)
        excerpt = _SURROGATE.sub("?", text[max(at - _AROUND, 0) : at + _AROUND])
        detail = _("column {name}").format(name=column)
        if piece and repair and not half:
            detail += ": " + _("some of it is lost, so it cannot be repaired")
        reason = "broken_character" if half else "mojibake"
        return Reject(record.id, record.where, reason, detail, excerpt)
    cleaned = clean(text)
    seen.kinds |= dict.fromkeys(_kinds(text, cleaned), "")
    return cleaned


def _short(text: str) -> str:
    flat = " ".join(_CONTROL.sub("", text).split())
    return flat if len(flat) <= _LONG else f"{flat[:_LONG]}…"


def _kinds(text: str, cleaned: str) -> Iterator[str]:
    if cleaned != text:
        yield from _mendings(text)
    if "\u00d0" in text:
        yield "look_alike"


def _mendings(text: str) -> Iterator[str]:
    if nfc(text) is not text:
        yield "nfd"
    if invisible(text):
        controls = _CONTROL.findall(text)
        if controls:
            yield "control"
        if invisible(text) > len(controls):
            yield "invisible"
    if "\u00a0" in text:
        yield "nbsp"
    if "\r" in text.replace("\r\n", "\n"):
        yield "carriage_return"
