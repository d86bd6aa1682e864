"""Lengths in tokens of the real tokenizer: what a limit would cut, how long the label words are. Pure, over arrays."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sft.i18n import _
from sft.records import Finding

LIMITS = (256, 512, 1024, 2048)
_BINS = 40
_STEPS = tuple(n * 10**k for k in range(9) for n in (1, 2, 5))
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def table(prompts: Sequence[int], answers: Sequence[int]) -> dict[str, Any]:
    """Return percentiles of prompt, answer and total, and the share of rows whose answer each limit would cut.

    >>> found = table([10, 20, 500], [5, 5, 100])
    >>> found["total"]["p50"], found["cut"]["512"]
    (25, 0.3333333333333333)
    """
    totals = array("I", map(int.__add__, prompts, answers))
    out: dict[str, Any] = {
        name: percentiles(values)
        for name, values in (("prompt", prompts), ("answer", answers), ("total", totals))
    }
    out["answer"]["min"] = min(answers, default=0)
    out["rows"] = len(totals)
    out["cut"] = {str(limit): sum(n > limit for n in totals) / max(1, len(totals)) for limit in LIMITS}
    return out


def percentiles(values: Sequence[int]) -> dict[str, int]:
    """Return p50, p95, p99 and max, each a value that occurs (nearest rank).

    >>> percentiles(range(1, 101))
    {'p50': 50, 'p95': 95, 'p99': 99, 'max': 100}
    """
    ordered = sorted(values)
    # -(-a // b) rounds up; whole numbers, so that 0.95 × 100 is not 95.00000000000001.
    ranks = {name: -(-round(share * 100) * len(ordered) // 100) for name, share in _SHARES.items()}
    return {name: ordered[max(1, rank) - 1] if ordered else 0 for name, rank in ranks.items()}


def histogram(values: Sequence[int]) -> dict[str, Any]:
    """Return how often each length occurs: `counts` of bins of `step` from `start` on, and how many lie `over` them.

    Where a few are far longer than the others, the bins end at the 99th percentile.

    >>> histogram([3, 3, 4, 9])
    {'start': 3, 'step': 1, 'counts': [2, 1, 0, 0, 0, 0, 1], 'over': 0}
    """
    if not values:
        return {"start": 0, "step": 1, "counts": [], "over": 0}
    low, found = min(values), percentiles(values)
    high = found["max"] if found["max"] - low < 2 * (found["p99"] - low + 1) else found["p99"]
    step = next(n for n in _STEPS if high // n - low // n < _BINS)
    start = low - low % step
    counts = [0] * (high // step - low // step + 1)
    for value in values:
        if value < start + step * len(counts):
            counts[(value - start) // step] += 1
    return {"start": start, "step": step, "counts": counts, "over": len(values) - sum(counts)}


def too_long(
    prompts: Sequence[int],
    answers: Sequence[int],
    limit: int,
    name: Callable[[int], str] = str,
    examples: int = 5,
) -> Finding | None:
    """Find rows longer than `limit` tokens; `name` gives the id of a row."""
    over = [row for row, (p, a) in enumerate(zip(prompts, answers, strict=True)) if p + a > limit]
    if not over:
        return None
    alone = sum(answers[row] > limit for row in over)
    message = _("{n} rows ({share:.1%}) are longer than {limit} tokens; the answer alone in {alone}")
    return Finding(
        "too_long",
        "warning",
        len(over),
        message.format(n=len(over), share=len(over) / len(prompts), limit=limit, alone=alone),
        tuple(map(name, over[:examples])),
        _("raise --max-length, shorten the context, or leave the rows out: an answer is never cut"),
        rows=tuple((row,) for row in over[:examples]),
    )


def verbalisers(
    words: Mapping[str, str], count: Callable[[str], int]
) -> tuple[dict[str, int], Finding | None]:
    """Return the tokens of each label's word, and a finding when they differ; `count` is that of the real tokenizer."""
    sizes = {label: count(word) for label, word in words.items()}
    if len(set(sizes.values())) < 2:
        return sizes, None
    named = ", ".join(f"{words[label]} {size}" for label, size in sizes.items())
    message = _("the label words have different numbers of tokens: {named}").format(named=named)
    hint = _("scores by likelihood favour the shorter word; generated answers are not concerned")
    return sizes, Finding("verbaliser_length", "info", len(sizes), message, (), hint)
