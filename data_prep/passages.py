"""Questions with a list of passages to look in, and no answer: the test set of a reading task (Zalo's wiki QA).

    {"__id__": "t1", "question": "Sông Hương ở đâu?", "title": "Sông Hương",
     "paragraphs": [{"id": "p1", "text": "Sông Hương chảy qua Huế."}, {"id": "p2", "text": "Sông dài 80 km."}]}

One record a question; ``context`` is its passages, a blank line between two. Without a column for the answer there is
nothing to train on: such a file is input for `sft predict`.
"""

from collections.abc import Iterator
from typing import Any

from data_prep._objects import objects, row_id
from data_prep._source import Sample, Source
from data_prep._values import as_text
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = False
_IDS = ("__id__", "id", "qid")


def looks_like(sample: Sample) -> bool:
    """Tell rows with a question and passages of text in which no questions stand."""
    return sum(bool(_passages(row)) for row in sample.rows) * 2 > len(sample.rows)


def describe(sample: Sample) -> str:
    """Say what the file is good for."""
    names = dict.fromkeys(name for row in sample.rows if isinstance(row, dict) for name in _own(row))
    further = [name for name in names if name not in {"title", "question"}]
    if further:
        return _("questions with passages, further columns: {names}").format(names=" · ".join(further))
    return _("questions with passages, no answers: for sft predict")


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a question."""
    seen: set[str] = set()
    for number, where, row in objects(source):
        if isinstance(row, Reject):
            yield row
            continue
        key = next((as_text(row[name]) for name in _IDS if row.get(name)), "")
        key = row_id(source, number) if not key or key in seen else key
        seen.add(key)
        passages = _passages(row)
        if passages:
            yield Record(key, where, _own(row) | {"context": "\n\n".join(passages)})
        else:
            yield Reject(key, where, "no_passages", excerpt=as_text(row.get("question"))[:80])


def _own(row: dict[str, Any]) -> dict[str, str]:
    """Return the columns of a row besides its id and passages."""
    return {name: as_text(value) for name, value in row.items() if name not in {*_IDS, "paragraphs"}}


def _passages(row: Any) -> list[str]:
    """Return the passages of a row, none when it is of another kind."""
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or "context" in row:
        return []
    given = row.get("paragraphs")
    if not isinstance(given, list) or not all(isinstance(each, dict) and "qas" not in each for each in given):
        return []
    return [text for each in given if (text := as_text(each.get("text")).strip())]
