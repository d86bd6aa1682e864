"""The text of a cell: values of JSON, Python and Arrow become text as they are written where they come from.

``1.10`` stays ``1.10``, ``true`` stays ``true``, ``null`` is an empty cell, a nested list or object becomes its JSON. An
object with the same key twice is refused: a reader that keeps the last one loses the first in silence.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from sft.columns import fold
from sft.i18n import _
from sft.records import Record, Reject

_LOOK = 50  # rows looked at to tell a column of Python values
_NESTED = frozenset({
    "answers", "cacdapan", "caccautraloi", "options", "choices", "luachon", "cacluachon", "phuongan", "cacphuongan",
    "messages", "conversation", "conversations", "previousconversation", "paragraphs",
})  # fmt: skip
_ARRAY = re.compile(r"\barray\((\[[^\[\]]*\])(?:,\s*dtype=\w+)?\)")  # how pandas writes a nested column


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


class Nested(str):
    """A list or object as JSON: a cell that holds one, not a text that looks like one."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(_("the key {name!r} stands twice").format(name=twice))
    return found


DECODER = json.JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_object
)


def as_text(value: Any) -> str:
    """Return a value of a row as the text of a cell.

    >>> [as_text(v) for v in (True, None, Number("1.10"), "a", ["b", Number("2")])]
    ['true', '', '1.10', 'a', '["b", 2]']
    """
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool):
        return str(value).lower()
    return Nested(_written(value)) if isinstance(value, (dict, list, tuple)) else str(value)


def _written(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_written(str(k))}: {_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(as_text(value) if isinstance(value, bytes) else value, ensure_ascii=False, default=str)


def decode(text: str) -> Any:
    """Return the JSON value of `text`, numbers as written. Raises `ValueError` with the reason, nothing else."""
    try:
        return DECODER.decode(text)
    except RecursionError:
        raise ValueError(_("nested too deeply")) from None


def literal(text: str) -> list[Any] | dict[str, Any]:
    """Return the list or object that a cell holds as JSON, or as Python or pandas print it.

    Raises `ValueError` with the reason.

    >>> literal("{'text': array(['Huế'], dtype=object), 'answer_start': array([4])}")
    {'text': ['Huế'], 'answer_start': [4]}
    """
    try:
        value = decode(text)
    except ValueError:
        try:
            value = ast.literal_eval(_ARRAY.sub(r"\1", text.strip()))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else _("no plain value of Python")
            raise ValueError(reason) from None
    if isinstance(value, (list, dict)):
        return value
    raise ValueError(_("no list or object"))


def _nested(text: str) -> bool:
    return text.lstrip()[:1] in {"[", "{"}


def _printed(text: str) -> bool:
    """Tell a cell that holds a list or object as Python prints it, and not as JSON."""
    if not _nested(text):
        return False
    try:
        decode(text)
    except ValueError:
        try:
            return bool(literal(text))
        except ValueError:
            return False
    return False


def unpack(items: Iterable[Record | Reject], letters: Mapping[str, str]) -> Iterator[Record | Reject]:
    """Turn the cells of columns that hold Python values into JSON; a broken one refuses its row.

    Spreadsheets and exports of pandas hold answers, options and turns that way. A column of such a name is one when at
    least half of its first filled cells open a bracket and one can be read as Python only; any other stays as written.
    `letters` names the cells of a workbook.
    """
    rows = iter(items)
    head = list(islice(rows, _LOOK))
    cells: dict[str, list[str]] = {}
    for item in head:
        for column, text in item.fields.items() if isinstance(item, Record) else ():
            if text.strip() and fold(column).replace(" ", "") in _NESTED:
                cells.setdefault(column, []).append(text)
    columns = [
        column
        for column, texts in cells.items()
        if sum(map(_nested, texts)) * 2 >= len(texts) and any(map(_printed, texts))
    ]
    for item in chain(head, rows):
        yield _unpacked(item, columns, letters) if columns and isinstance(item, Record) else item


def _unpacked(record: Record, columns: Iterable[str], letters: Mapping[str, str]) -> Record | Reject:
    fields = dict(record.fields)
    for column in columns:
        text = fields.get(column, "")
        if not _nested(text):
            continue
        try:
            fields[column] = as_text(literal(text))
        except ValueError as error:
            row = record.where.rpartition(":")[2]
            place = _("cell {cell}").format(cell=f"{letters[column]}{row}") if column in letters else ""
            name = _("column {name}").format(name=column)
            detail = f"{place or name}: {error}"
            return Reject(record.id, record.where, "bad_cell", detail, text.strip()[:80])
    return replace(record, fields=fields)
