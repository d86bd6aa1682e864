"""Excel workbooks (.xlsx), through openpyxl (``pip install 'sft[excel]'``): one sheet is a table, its first row the header.

    STT | Câu hỏi             | Đáp án | (no name)
    1   | Lá cây có màu gì?   | Xanh   | hỏi lại thầy

Of several sheets with rows one must be named: ``--part SHEET``. Every cell is text; nested answers printed by Python become
JSON. A row with a broken cell, an error value or a formula without a stored value is refused as ``bad_cell``.
"""

from collections.abc import Iterator

from data_prep import _workbook, jsonl
from data_prep._source import Sample, Source, require
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = True


def looks_like(sample: Sample) -> bool:
    """Tell a workbook by its bytes."""
    return sample.binary == "xlsx"


def describe(sample: Sample) -> str:
    """Name the sheet and its columns, and what was passed over."""
    book = _workbook.Book(sample, sample.part)
    said = [_("sheet {name}").format(name=sample.part), jsonl.describe(sample)]
    if book.hidden:
        said.append(_("hidden sheets not read: {names}").format(names=", ".join(book.hidden)))
    if book.empty:
        said.append(_("empty sheets: {names}").format(names=", ".join(book.empty)))
    if book.merged:
        refs = ", ".join(book.merged[:3]) + (" …" if len(book.merged) > 3 else "")
        said.append(_("joined cells, whose text stands in the first only: {refs}").format(refs=refs))
    return ", ".join(said)


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every filled row as column → text."""
    require(source, "xlsx")
    yield from jsonl.records(source)
