"""What the model will be trained on, counted before any model is loaded.

What is counted is what the trainer gets. A row longer than `max_length` or without a supervised token is left out and
named: nothing is truncated, nothing vanishes.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sft.checks.lengths import LIMITS, percentiles
from sft.errors import DataError
from sft.i18n import _
from sft.masks import Encoded
from sft.records import Reject
from sft.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Set:
    """The rows of one side, by their places among all tokens, and what was left out; all in file order."""

    source: Tokens
    places: Sequence[int]
    rejected: tuple[Reject, ...]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int) -> Encoded:
        return self.source[self.places[number]]

    @property
    def ids(self) -> list[str]:
        """Return the ids of the rows."""
        return [self.source.ids[place] for place in self.places]

    @property
    def lengths(self) -> "array[int]":
        """Return the number of tokens of each row, padding not counted."""
        return array("i", (self.source.lengths[place] for place in self.places))

    @property
    def supervised(self) -> "array[int]":
        """Return the number of supervised tokens of each row."""
        return array("i", (self.source.supervised[place] for place in self.places))

    def dataset(self) -> Any:
        """Return the rows as the trainer takes them."""
        return self.source.dataset(self.places)


def take(source: Tokens, places: Iterable[int], max_length: int) -> Set:
    """Take the rows at `places`; those too long or without supervision are rejected with a reason."""
    kept = array("q")
    rejected: list[Reject] = []
    for place in places:
        if source.supervised[place] <= 1:  # the turn end alone: an empty answer
            reason, detail = "no_supervised_token", _("the answer is empty")
        elif source.lengths[place] > max_length:
            reason = "too_long"
            detail = _("{n} tokens, limit {limit}").format(n=source.lengths[place], limit=max_length)
        else:
            kept.append(place)
            continue
        rejected.append(Reject(source.ids[place], source.ids[place], reason, detail))
    return Set(source, kept, tuple(rejected))


def require(trained: Set) -> None:
    """Raise `DataError` when nothing is left to train on."""
    if len(trained):
        return
    reasons = sorted({reject.reason for reject in trained.rejected})
    raise DataError(
        _("no row is left to train on ({reasons})").format(
            reasons=", ".join(reasons) or _("the split is empty")
        ),
        hint=_("raise --max-length, or look at the prepared rows"),
    )


def spread(values: Sequence[int]) -> dict[str, int]:
    """Return min, p50, p95, p99, max of `values`."""
    return {"min": min(values, default=0), **percentiles(values)}


def summary(trained: Set, valid: Set) -> dict[str, Any]:
    """Return the audit as data: what ``run.json`` stores and the screen shows."""
    reasons: dict[str, list[str]] = {}
    for reject in (*trained.rejected, *valid.rejected):
        reasons.setdefault(reject.reason, []).append(reject.id)
    lengths, supervised = trained.lengths, trained.supervised
    return {
        "rows": len(trained),
        "valid_rows": len(valid),
        "tokens": sum(lengths),
        "supervised_tokens": sum(supervised),
        "length": spread(lengths),
        "supervised": spread(supervised),
        "answer_tokens_max": max((*supervised, *valid.supervised), default=0),
        "longer_than": {str(cut): sum(n > cut for n in lengths) for cut in LIMITS},
        "rejected": {reason: len(ids) for reason, ids in sorted(reasons.items())},
        "rejected_ids": {reason: ids[:5] for reason, ids in sorted(reasons.items())},
    }
