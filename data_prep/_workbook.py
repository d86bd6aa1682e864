"""Excel workbooks, through openpyxl: which sheet, its header, its cells as text.

A cell is text as Excel stores it: a whole number stays ``1``, a truth value ``TRUE``, a date is ISO, an empty cell is ''. A
formula gives the value it had when the file was saved; one that was never calculated refuses its row, and so does an
error value such as ``#N/A``.
"""

import datetime
import itertools
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from data_prep import _table
from data_prep._packed import open_bytes, unreadable
from data_prep._source import Sample, Source
from data_prep._values import unpack
from sft.errors import DataError, MissingError, SftError
from sft.i18n import _
from sft.records import Record, Reject

_BATCH = 500
_LAST_ROW = 1 << 20  # the most Excel has
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # how Excel stores a control character, and its own "_x"
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?ref="([A-Z0-9:]+)"')
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")


class Book:
    """An open workbook; `hidden` and `empty` name the sheets passed over, `merged` the joined cells of `sheet`."""

    def __init__(self, source: Source | Sample, part: str = "") -> None:
        try:
            import openpyxl
        except ImportError:
            raise MissingError(
                _("reading an Excel workbook needs the package openpyxl"),
                where=str(source.path),
                hint=_("pip install openpyxl, or save the sheet as CSV UTF-8"),
            ) from None
        self._path = source.path
        try:
            with open_bytes(source.path) as stream:
                self._bytes = stream.read()
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(source.path, error) from None
        with _guard(self):
            self._values = openpyxl.load_workbook(BytesIO(self._bytes), read_only=True, data_only=True)
            self.hidden: list[str] = []
            self.empty: list[str] = []
            self.sheet = self._choose(part)
            xml = self._xml()
        self.merged = [ref.decode() for ref in _MERGED.findall(xml)]
        self._formulas = None
        if _FORMULA.search(xml):
            with _guard(self):
                self._formulas = openpyxl.load_workbook(BytesIO(self._bytes), read_only=True)

    def damaged(self, error: Exception) -> DataError:
        """Return the error for a workbook that cannot be read on."""
        reason = str(error).split("\n")[0] or type(error).__name__
        return DataError(
            _("damaged Excel workbook: {reason}").format(reason=reason),
            where=str(self._path),
            hint=_("open it in Excel and save it again"),
        )

    def _choose(self, part: str) -> str:
        names = [sheet.title for sheet in self._values.worksheets]
        if part and part not in names:
            raise DataError(
                _("no sheet {name!r}; the workbook has {names}").format(name=part, names=", ".join(names)),
                where=str(self._path),
                hint=_("say which one: --part {path}").format(path=_quoted(names[0]) if names else ""),
            )
        filled: list[str] = []
        for sheet in self._values.worksheets:
            if sheet.title != part:
                hidden, empty = sheet.sheet_state != "visible", self._is_empty(sheet)
                (self.hidden if hidden else self.empty if empty else filled).append(sheet.title)
        if part:
            return part
        if len(filled) > 1:
            raise DataError(
                _("several sheets in one workbook: {names}").format(names=", ".join(filled)),
                where=str(self._path),
                hint=_("say which one: --part {path}").format(path=_quoted(filled[0])),
            )
        if not filled:
            raise DataError(
                _("no visible sheet has rows in it"),
                where=str(self._path),
                hint=_("a hidden sheet is read when it is named: --part {path}").format(
                    path=_quoted(self.hidden[0])
                )
                if self.hidden
                else _("name a file with rows in it"),
            )
        return filled[0]

    @staticmethod
    def _is_empty(sheet: Any) -> bool:
        sheet.reset_dimensions()
        return not any(cell.value is not None for row in sheet.iter_rows() for cell in row)

    def _xml(self) -> bytes:
        """Return the sheet as stored: openpyxl tells of joined cells and formulas only when it loads everything."""
        with zipfile.ZipFile(BytesIO(self._bytes)) as archive:
            return archive.read(self._values[self.sheet]._worksheet_path)

    def rows(self) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        """Yield ``(row number, cells)`` of every row that is not empty; a cell is its text and what is wrong with it."""
        values = self._walk(self._values)
        stored = self._walk(self._formulas) if self._formulas else itertools.repeat(())
        for number, (shown, written) in enumerate(zip(values, stored, strict=False), 1):
            cells = [_text(cell) for cell in shown]
            for at, cell in enumerate(written):
                if cell.data_type == "f" and at < len(cells) and shown[at].value is None:
                    cells[at] = "", _("a formula without a stored value")
            if any(text or fault for text, fault in cells):
                yield number, cells

    def _walk(self, book: Any) -> Iterator[tuple[Any, ...]]:
        """Walk the rows of the sheet in pieces, so that openpyxl's remarks on styles reach nobody."""
        sheet = book[self.sheet]
        # The size a sheet states about itself is wrong in the files of several programs.
        sheet.reset_dimensions()
        walk = sheet.iter_rows()
        for _piece in range(
            _LAST_ROW // _BATCH + 1
        ):  # a damaged row number must not make a billion empty rows
            with _guard(self):
                piece = list(itertools.islice(walk, _BATCH))
            if not piece:
                return
            yield from piece


@contextmanager
def _guard(book: Book) -> Iterator[None]:
    """Turn what openpyxl raises on a damaged file into one error, and keep its warnings on styles to itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except SftError:
        raise
    except Exception as error:  # noqa: BLE001 — damaged XML ends in AttributeError, KeyError, TypeError …
        raise book.damaged(error) from None


def _text(cell: Any) -> tuple[str, str]:
    """Return the text of a cell, and what is wrong with it."""
    value, fault = cell.value, ""
    if value is None:
        text = ""
    elif cell.data_type == "e":
        text, fault = "", _("the error value {value}").format(value=value)
    elif isinstance(value, bool):
        text = str(value).upper()
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))
    elif isinstance(value, datetime.datetime):
        day = value.time() == datetime.time() and not re.search("[hs]", str(cell.number_format).lower())
        text = value.date().isoformat() if day else value.isoformat(sep=" ")
    elif isinstance(value, (datetime.date, datetime.time)):
        text = value.isoformat()
    else:
        text = str(value)
    return (_ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text), fault


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def objects(source: Source | Sample, sheet: str = "") -> Iterator[tuple[str, dict[str, Any] | Reject]]:
    """Yield ``(where, row)`` for every filled row below the header; where a cell is faulty, a `Reject`."""
    book = Book(source, sheet)
    names: list[str] = []
    letters: dict[str, str] = {}

    def read() -> Iterator[Record | Reject]:
        number = 0
        for row, cells in book.rows():
            where = f"{source.path}:{row}"
            if not names:
                names.extend(_header([text for text, _fault in cells], where))
                letters.update({name: letter_of(at) for at, name in enumerate(names)})
                continue
            number += 1
            key = f"{source.path.stem}:{number}"
            faulty = [(at, fault) for at, (_text, fault) in enumerate(cells) if fault]
            if faulty:
                at, fault = faulty[0]
                detail = _("cell {cell}").format(cell=f"{letter_of(at)}{row}") + f": {fault}"
                yield Reject(key, where, "bad_cell", detail, " | ".join(text for text, _f in cells)[:80])
                continue
            beyond = [_table.unnamed(at) for at in range(len(names), len(cells))]
            texts = [text for text, _fault in cells] + [""] * (len(names) - len(cells))
            row_cells = zip([*names, *beyond], texts, strict=True)
            yield Record(key, where, {n: t for n, t in row_cells if t or n in letters})

    for item in unpack(read(), letters):
        yield item.where, dict(item.fields) if isinstance(item, Record) else item


def _header(cells: list[str], where: str) -> list[str]:
    """Return the column names; a column without one is called by its number, and told when it has text."""
    while cells and not cells[-1].strip():
        cells.pop()
    return _table.header([cell.strip() or _table.unnamed(at) for at, cell in enumerate(cells)], where)


def letter_of(at: int) -> str:
    """Return the name of the column at position `at`.

    >>> letter_of(0), letter_of(25), letter_of(26), letter_of(701), letter_of(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(65 + rest) + name
    return name
