"""Rows that are objects: JSON lines, the list inside a JSON document, Parquet, a sheet, a data set of a hub.

One place finds and walks them, so that a reader of a special shape (a chat, SQuAD) works in every container.
"""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from data_prep import _arrow, _hub, _workbook
from data_prep._source import Sample, Source, lines, read_all
from data_prep._values import DECODER, as_text, decode
from sft.errors import DataError
from sft.i18n import _
from sft.records import Reject

LINES = "lines"
_LOOK = 20  # rows looked at to tell a shape


def peek(sample: Sample, part: str = "") -> tuple[tuple[Any, ...], str, str]:
    """Return ``(first rows, part, problem)`` of a file whose rows are objects; all empty when it is none.

    `part` names the list, sheet or split to take when there are several. Raises `DataError` for a choice only the
    user can make.
    """
    if sample.binary == "parquet":
        return tuple(itertools.islice(_arrow.parquet_rows(sample, _LOOK), _LOOK)), "", ""
    if sample.binary == "xlsx":
        sheet = _workbook.Book(sample, part).sheet
        read = (row for _where, row in _workbook.objects(sample, sheet) if isinstance(row, dict))
        return tuple(itertools.islice(read, _LOOK)), sheet, ""
    start = sample.text.lstrip()[:1]
    if start not in {"{", "["}:
        return (), "", ""
    rows, seen = _peek_lines(sample)
    as_lines = rows, LINES, ""
    # A single line may be a whole document; a file that calls itself JSON lines is taken at its word.
    one = seen == 1 and not {".jsonl", ".ndjson"} & {suffix.lower() for suffix in sample.path.suffixes}
    if not part.startswith("$") and len(rows) * 2 >= seen and not (one and _is_document(rows[0])):
        return as_lines
    try:
        root = decode(read_all(sample))
    except ValueError as error:
        return as_lines if rows and not part else ((), "", _("not JSON: {reason}").format(reason=error))
    return _peek_document(root, sample, part)


def _peek_lines(sample: Sample) -> tuple[tuple[Any, ...], int]:
    """Return the objects among the first lines and how many lines were looked at."""
    rows: list[Any] = []
    filled = (line for _number, line in lines(sample) if line.strip())
    seen = 0
    for line in itertools.islice(filled, _LOOK):
        seen += 1
        with suppress(ValueError):
            rows += [value] if isinstance(value := decode(line), dict) else []
    return tuple(rows), seen


def _is_document(root: Mapping[str, Any]) -> bool:
    """Tell a one-line document such as ``{"data": [{…}]}`` from JSON lines of one row, whose list holds turns."""
    inner = [item for items in _lists(root).values() for item in items if isinstance(item, dict)]
    return bool(inner) and not any(
        {"role", "content"} <= item.keys() or {"from", "value"} <= item.keys() for item in inner
    )


def _lists(root: Any) -> dict[str, list[Any]]:
    """Return the lists of objects nearest to the root, by path; lists inside lists are not looked at."""
    level: list[tuple[str, Any]] = [("$", root)]
    while level:
        found = {
            path: value
            for path, value in level
            if isinstance(value, list)
            and value
            and sum(isinstance(item, dict) for item in value) * 2 > len(value)
        }
        if found:
            return found
        level = [
            (f"{path}.{key}", inner)
            for path, value in level
            if isinstance(value, dict)
            for key, inner in value.items()
        ]
    return {}


def _peek_document(root: Any, sample: Sample, part: str) -> tuple[tuple[Any, ...], str, str]:
    if root == []:
        return (), "$", ""
    found = _lists(root)
    if part.startswith("$"):
        found = {path: value for path, value in found.items() if path == part}
    if not found:
        return (), "", _("JSON, but no list of objects in it")
    if len(found) > 1:
        raise DataError(
            _("several lists of rows in one file: {paths}").format(paths=", ".join(found)),
            where=str(sample.path),
            hint=_("say which one: --part {path}").format(path=next(iter(found))),
        )
    path, rows = next(iter(found.items()))
    return tuple(rows[:_LOOK]), path, ""


def objects(source: Source) -> Iterator[tuple[int, str, dict[str, Any] | Reject]]:
    """Yield ``(number, where, object)`` for every row of `source`, a `Reject` in place of one that is no object."""
    walk: Iterator[tuple[str, Any]]
    if source.binary == "xlsx":
        walk = _workbook.objects(source, source.part)
    elif source.binary:
        rows = _hub.rows(source) if source.binary == _hub.BINARY else _arrow.parquet_rows(source)
        walk = ((f"{source.path}:{number}", row) for number, row in enumerate(rows, 1))
    else:
        walk = _document_objects(source) if source.part.startswith("$") else _line_objects(source)
    for number, (where, value) in enumerate(walk, 1):
        if isinstance(value, (dict, Reject)):
            yield number, where, value
        else:
            kind = type(value).__name__.replace("NoneType", "null").replace("Number", "number")
            detail = _("{kind} where an object was expected").format(kind=kind)
            yield (
                number,
                where,
                Reject(row_id(source, number), where, "not_object", detail, as_text(value)[:80]),
            )


def row_id(source: Source, number: int) -> str:
    """Return the id of a row that has none of its own: ``stem:number``."""
    return f"{source.path.stem}:{number}"


def _line_objects(source: Source) -> Iterator[tuple[str, Any]]:
    number = 0
    for line_number, line in lines(source):
        if not line.strip():
            continue
        number += 1
        where = f"{source.path}:{line_number}"
        try:
            yield where, decode(line)
        except ValueError as error:
            yield where, Reject(row_id(source, number), where, "bad_json", str(error), line.strip()[:80])


def _document_objects(source: Source) -> Iterator[tuple[str, Any]]:
    """Walk the list at ``source.part`` value by value, so that each row knows its line."""
    text = read_all(source)
    try:
        at = _list_start(text, source.part.removeprefix("$"))
        line, counted = 1, 0
        while (at := _skip(text, at, ",")) < len(text) and text[at] != "]":
            line, counted = line + text.count("\n", counted, at), at
            value, at = DECODER.raw_decode(text, at)
            yield f"{source.path}:{line}", value
    except (ValueError, RecursionError, IndexError) as error:
        raise DataError(
            _("not JSON: {reason}").format(reason=error),
            where=str(source.path),
            hint=_("repair or export it again"),
        ) from None


def _skip(text: str, at: int, also: str = "") -> int:
    while at < len(text) and text[at] in " \t\r\n" + also:
        at += 1
    return at


def _list_start(text: str, path: str) -> int:
    """Return the position behind the ``[`` that `path` (``.data.rows``) leads to."""
    at = _skip(text, 0)
    while path:
        at = _skip(text, at + 1)  # behind the brace
        name, at = DECODER.raw_decode(text, at)
        while not f"{path}.".startswith(f".{name}."):
            _value, at = DECODER.raw_decode(text, _colon(text, at))
            name, at = DECODER.raw_decode(text, _skip(text, at, ","))
        path = path[len(name) + 1 :]
        at = _colon(text, at)
    return at + 1


def _colon(text: str, at: int) -> int:
    return _skip(text, _skip(text, at) + 1)
