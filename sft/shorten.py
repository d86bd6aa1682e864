"""Rows that are longer than the model will take: refused, or shortened in their context and nowhere else.

A context is cut at the end of a sentence, as late as the row then fits; a question or an answer is never touched.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from sft.chat import layout
from sft.choices import Options
from sft.i18n import _
from sft.records import Row
from sft.rows import Draft
from sft.tokenizer import Loaded

_END = re.compile(r"(?<=[.!?…。])[\"”’)\]]*\s+|\n+")
_BATCH = 512
TOO_LONG = "too_long"

Cut = tuple[int, int]  # characters of the context that stay and that go


def too_long(
    drafts: Iterable[tuple[int, Draft]], options: Options, label_set: str
) -> Iterator[tuple[int, Cut | None, int]]:
    """Yield each row with more tokens than the limit, its cut (None: it is refused) and its tokens."""
    loaded, limit = options.loaded, options.max_tokens
    if loaded is None or limit is None:
        return
    remaining = iter(drafts)
    while batch := list(islice(remaining, _BATCH)):
        rows = [draft.row(options.template, label_set) for _number, draft in batch]
        for (number, draft), count in zip(batch, lengths(rows, loaded), strict=True):
            if count > limit:
                shorten = options.too_long == "shorten-context"
                yield number, _fit(draft, options, label_set) if shorten else None, count


def lengths(rows: Iterable[Row], loaded: Loaded) -> list[int]:
    """Return the tokens of each row as training sees it: with chat markup, without padding."""
    texts = [layout(row.messages, loaded.format)[0] for row in rows]
    return [len(one.ids) for one in loaded.tokenizer.encode_batch(texts, add_special_tokens=False)]


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
    return lengths([draft.row(options.template, label_set)], options.loaded)[0] <= options.max_tokens


def shortened(draft: Draft, characters: int) -> Draft:
    """Return the draft with the first `characters` of its context."""
    kept = draft.fields["context"][:characters].rstrip()
    return replace(draft, fields={**draft.fields, "context": kept})


def detail(count: int, limit: int) -> str:
    """Return what the reject of such a row says."""
    return _("{n} tokens, limit {limit}").format(n=count, limit=limit)
