"""What the model will be trained on, counted before any model is loaded.

Rows are encoded once, here; what comes out is what the trainer gets. A row longer than `max_length` or without a
supervised token is left out and named: nothing is truncated, nothing vanishes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sft import chat
from sft.errors import DataError
from sft.i18n import _
from sft.records import Reject, Row
from sft.tokenizer import Loaded

CUTS = (256, 512, 1024, 2048)


@dataclass(frozen=True, slots=True)
class Set:
    """Encoded rows of one split, with the rows they come from and what was left out; all in file order."""

    rows: tuple[Row, ...]
    encoded: tuple[chat.Encoded, ...]
    rejected: tuple[Reject, ...]

    @property
    def tokens(self) -> int:
        """Return the number of tokens, padding not counted."""
        return sum(len(item.ids) for item in self.encoded)


def encode(rows: Sequence[Row], loaded: Loaded, max_length: int) -> Set:
    """Encode `rows`; those too long or without supervision are rejected with a reason."""
    kept: list[Row] = []
    encoded: list[chat.Encoded] = []
    rejected: list[Reject] = []
    pairs = ((row.id, row.messages) for row in rows)
    for row, item in zip(rows, chat.encode_all(pairs, loaded.tokenizer, loaded.format), strict=True):
        if item.supervised <= 1:  # the turn end alone: an empty answer
            rejected.append(Reject(row.id, row.id, "no_supervised_token", _("the answer is empty")))
        elif len(item.ids) > max_length:
            detail = _("{n} tokens, limit {limit}").format(n=len(item.ids), limit=max_length)
            rejected.append(Reject(row.id, row.id, "too_long", detail))
        else:
            kept.append(row)
            encoded.append(item)
    return Set(tuple(kept), tuple(encoded), tuple(rejected))


def require(trained: Set) -> None:
    """Raise `DataError` when nothing is left to train on, or when a row's supervision does not end in a turn end."""
    if trained.encoded:
        return
    reasons = sorted({reject.reason for reject in trained.rejected})
    raise DataError(
        _("no row is left to train on ({reasons})").format(
            reasons=", ".join(reasons) or _("the split is empty")
        ),
        hint=_("raise --max-length, or look at the prepared rows"),
    )


def percentile(ordered: Sequence[int], share: float) -> int:
    """Return the nearest-rank percentile of an ascending sequence, 0 when it is empty.

    >>> [percentile([1, 2, 3, 4], share) for share in (0.0, 0.5, 1.0)]
    [1, 2, 4]
    """
    if not ordered:
        return 0
    return ordered[max(0, min(len(ordered) - 1, -(-len(ordered) * int(share * 1000) // 1000) - 1))]


def spread(values: Sequence[int]) -> dict[str, int]:
    """Return min, p50, p95, p99, max of `values`."""
    ordered = sorted(values)
    return {
        "min": percentile(ordered, 0.0),
        "p50": percentile(ordered, 0.5),
        "p95": percentile(ordered, 0.95),
        "p99": percentile(ordered, 0.99),
        "max": percentile(ordered, 1.0),
    }


def summary(trained: Set, valid: Set) -> dict[str, Any]:
    """Return the audit as data: what ``run.json`` stores and the screen shows."""
    reasons: dict[str, list[str]] = {}
    for reject in (*trained.rejected, *valid.rejected):
        reasons.setdefault(reject.reason, []).append(reject.id)
    lengths = [len(item.ids) for item in trained.encoded]
    total = len(lengths)
    return {
        "rows": total,
        "valid_rows": len(valid.encoded),
        "tokens": trained.tokens,
        "supervised_tokens": sum(item.supervised for item in trained.encoded),
        "length": spread(lengths),
        "supervised": spread([item.supervised for item in trained.encoded]),
        "answer_tokens_max": max((item.supervised for item in (*trained.encoded, *valid.encoded)), default=0),
        "longer_than": {str(cut): sum(n > cut for n in lengths) for cut in CUTS},
        "rejected": {reason: len(ids) for reason, ids in sorted(reasons.items())},
        "rejected_ids": {reason: ids[:5] for reason, ids in sorted(reasons.items())},
    }
