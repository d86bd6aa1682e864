r"""A table as delimited text: CSV, TSV, Excel's ``;`` export; any of ``, ; | tab``, quoted cells over several lines.

The first row names the columns, every cell is text::

    STT;Câu hỏi;Đáp án
    1;"Nước sôi ở 100 độ C
    tại mực nước biển.";TRUE

A row with another number of cells than the header is refused as ``ragged``, one with a quote that is never closed or
closes inside a cell as ``stray_quote``; both name their line. Nested values printed by Python become JSON.
"""

from collections.abc import Iterator

from data_prep import _table
from data_prep._objects import row_id
from data_prep._source import Sample, Source, lines, split
from data_prep._values import unpack
from sft.errors import DataError
from sft.i18n import _
from sft.records import Record, Reject
from sft.text import clean

GENERIC = True


def looks_like(sample: Sample) -> bool:
    """Tell a table by a delimiter under which the rows are as wide as the header."""
    return bool(sample.delimiter)


def describe(sample: Sample) -> str:
    """Name the columns."""
    _line, cells, _raw = next(_table.records(split(sample.text), sample.delimiter or ","), (1, "", ""))
    names = _table.header(cells, f"{sample.path}:1") if isinstance(cells, list) else []
    return _("{n} columns: {names}").format(n=len(names), names=" · ".join(map(clean, names)))


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield the rows as column → cell. Raises `DataError` for a header that cannot be used."""
    yield from unpack(_rows(source), {})


def _rows(source: Source) -> Iterator[Record | Reject]:
    rows = _table.records(lines(source), source.delimiter or ",")
    names: list[str] = []
    number = 0
    for line, cells, raw in rows:
        where = f"{source.path}:{line}"
        if not names and isinstance(cells, str):
            raise DataError(
                _("a quote in the header is never closed"), where=where, hint=_("mend the first line")
            )
        if not names:
            names = _table.header(cells, where)
            continue
        number += 1
        key = row_id(source, number)
        if isinstance(cells, str):
            yield Reject(key, where, cells, excerpt=raw[:80].rstrip())
        elif len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
            detail = _("{n} cells, the header has {m}").format(n=len(cells), m=len(names))
            yield Reject(key, where, "ragged", detail, raw[:80].rstrip())
        else:
            yield Record(key, where, dict(zip(names, cells, strict=False)))
