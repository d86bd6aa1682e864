"""JSON lines: one object a line, in any dialect of flat keys (alpaca, prompt/response, input/output).

    {"instruction": "Trả lời Đúng hoặc Sai.", "input": "Mặt trời mọc ở hướng tây.", "output": "Sai"}

Rows may have different keys; each record holds its own. Text is as written: ``true`` → "true", ``null`` → "", a nested
value → its JSON. A line that is not JSON is refused as ``bad_json``, one that is no object as ``not_object``.
"""

from collections.abc import Iterator

from data_prep._objects import LINES, objects, row_id
from data_prep._source import Sample, Source
from data_prep._values import as_text
from sft.i18n import _
from sft.records import Record, Reject
from sft.text import clean

GENERIC = True


def looks_like(sample: Sample) -> bool:
    """Tell JSON lines: most of the first lines are objects."""
    return sample.part == LINES


def describe(sample: Sample) -> str:
    """Name the keys of the first rows."""
    names = list(dict.fromkeys(key for row in sample.rows if isinstance(row, dict) for key in row))
    return _("{n} columns: {names}").format(n=len(names), names=" · ".join(map(clean, names)))


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every object as key → text."""
    for number, where, row in objects(source):
        if isinstance(row, Reject):
            yield row
        else:
            yield Record(row_id(source, number), where, {key: as_text(value) for key, value in row.items()})
