"""A JSON document with a list of objects in it: at the root, under ``data``, or deeper.

    {"metadata": {"version": "1"}, "data": [{"question": "Cá sống ở đâu?", "answer": "Dưới nước."}]}

The list nearest to the root is taken; several at one depth are an error that names their paths. Cells become text as
in `jsonl`.
"""

from collections.abc import Iterator

from data_prep import jsonl
from data_prep._source import Sample, Source
from sft.errors import DataError
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = True


def looks_like(sample: Sample) -> bool:
    """Tell a document whose rows were found at a path."""
    return sample.part.startswith("$")


def describe(sample: Sample) -> str:
    """Name the path of the list and its keys."""
    return _("rows at {path}, {columns}").format(path=sample.part, columns=jsonl.describe(sample))


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every object of the list as key → text. Raises `DataError` when there is no list."""
    if not source.part.startswith("$"):
        raise DataError(
            _("no JSON list of objects found"),
            where=str(source.path),
            hint=_("one object a line is --format jsonl"),
        )
    yield from jsonl.records(source)
