"""Apache Parquet with flat columns, through pyarrow.

    question: "Lá cây có màu gì?"   answer: "Màu xanh."   topic: 2

Cells become text as in `jsonl`, class numbers their names where the file tells them; the row number stands where other
formats have a line.
"""

from collections.abc import Iterator

from data_prep import jsonl
from data_prep._source import Sample, Source, require
from sft.records import Record, Reject

GENERIC = True


def looks_like(sample: Sample) -> bool:
    """Tell Parquet by its first four bytes."""
    return sample.binary == "parquet"


def describe(sample: Sample) -> str:
    """Name the columns."""
    return jsonl.describe(sample)


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every row as column → text."""
    require(source, "parquet")
    yield from jsonl.records(source)
