"""Rows that are longer than the model will take: refused, or shortened in their context and nowhere else.

A context is cut at the end of a sentence, as late as the row then fits; a question or an answer is never touched.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from sft.chat import layout
from sft.i18n import _
from sft.prep.choices import Options
from sft.prep.rows import Draft
from sft.records import Row
from sft.tokenizer import Loaded

_END = re.compile(r"(?<=[.!?…。])[\"”’)\]]*\s+|\n+")
_BATCH = 512
TOO_LONG = "too_long"

Cut = tuple[int, int]  # characters of the context that stay and that go


class Lengths:
    """The tokens of every row, those of its prompt and those of its answer; 0 where none were counted."""

    def __init__(self, rows: int = 0) -> None:
        self.prompt = array("I", bytes(4 * rows))
        self.answer = array("I", bytes(4 * rows))

    def __bool__(self) -> bool:
        return bool(self.prompt)

    def of(self, row: int) -> tuple[int, int]:
        """Return prompt and answer of a row."""
        return self.prompt[row], self.answer[row]

    def measure(
        self, drafts: Iterable[tuple[int, Draft]], options: Options, label_set: str
    ) -> Iterator[tuple[int, Draft]]:
        """Count the tokens of each row and pass it on."""
        assert options.loaded is not None
        remaining = iter(drafts)
        while batch := list(islice(remaining, _BATCH)):
            rows = [draft.row(options.template, label_set) for _number, draft in batch]
            for (number, draft), (prompt, answer) in zip(batch, lengths(rows, options.loaded), strict=True):
                self.prompt[number], self.answer[number] = prompt, answer
                yield number, draft


def cuts(
    drafts: Iterable[tuple[int, Draft]], counted: Lengths, options: Options, label_set: str
) -> Iterator[tuple[int, Cut | None]]:
    """Yield each row with more tokens than the limit, and its cut (None: it is refused)."""
    for number, draft in drafts:
        if options.max_tokens is not None and sum(counted.of(number)) > options.max_tokens:
            shorten = options.too_long == "shorten-context"
            yield number, _fit(draft, options, label_set) if shorten else None


def lengths(rows: Iterable[Row], loaded: Loaded) -> list[tuple[int, int]]:
    """Return the tokens of prompt and answer of each row as training sees them: with chat markup, without padding."""
    laid = [layout(row.messages, loaded.format) for row in rows]
    encoded = loaded.tokenizer.encode_batch([text for text, _spans in laid], add_special_tokens=False)
    found = []
    for one, (_text, spans) in zip(encoded, laid, strict=True):
        begins = [begin for begin, _end in one.offsets]
        prompt = bisect_left(begins, spans[-1][0]) if spans else len(begins)
        found.append((prompt, len(begins) - prompt))
    return found


def _fit(draft: Draft, options: Options, label_set: str) -> Cut | None:
    """Return the latest cut with which the row fits, None when not even the first sentence can stay."""
    context = draft.fields["context"]
    ends = [found.start() for found in _END.finditer(context)]
    low, high = 0, len(ends)  # the first `low` ends fit for sure
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(shortened(draft, ends[middle - 1]), options, label_set):
            low = middle
        else:
            high = middle - 1
    if not low:
        return None
    stay = len(context[: ends[low - 1]].rstrip())
    return stay, len(context) - stay


def _fits(draft: Draft, options: Options, label_set: str) -> bool:
    assert options.loaded is not None and options.max_tokens is not None
    return sum(lengths([draft.row(options.template, label_set)], options.loaded)[0]) <= options.max_tokens


def shortened(draft: Draft, characters: int) -> Draft:
    """Return the draft with the first `characters` of its context."""
    kept = draft.fields["context"][:characters].rstrip()
    return replace(draft, fields={**draft.fields, "context": kept})


def detail(count: int, limit: int) -> str:
    """Return what the reject of such a row says."""
    return _("{n} tokens, limit {limit}").format(n=count, limit=limit)
