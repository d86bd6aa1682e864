"""A data set of a Hugging Face hub, or a folder of the `datasets` library (saved by it, or Parquet with a data set card).

    sft prep hf:owner/name:config@train --template answer_v1

    question: "Cá sống ở đâu?"   answer: "Dưới nước."   topic: "động vật"

Of several splits one must be named. Values become text as in `jsonl`; a class number (ClassLabel) becomes its name.
"""

from collections.abc import Iterator

from data_prep import jsonl
from data_prep._hub import BINARY
from data_prep._source import Sample, Source, require
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = True


def looks_like(sample: Sample) -> bool:
    """Tell a data set that was loaded as one."""
    return sample.binary == BINARY


def describe(sample: Sample) -> str:
    """Name the split and the columns."""
    said = [_("split {name}").format(name=sample.part)] if sample.part else []
    return ", ".join([*said, jsonl.describe(sample)])


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every row as column → text."""
    require(source, "hf")
    yield from jsonl.records(source)
