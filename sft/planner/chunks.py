"""A training in chunks of rows: where each begins, in optimizer steps of one schedule. Pure.

Chunks are places to stop and go on, not a cure for memory: that follows micro-batch and length, never the number of rows.
"""

import math
from dataclasses import dataclass
from typing import Any

_SHORT = 0.5  # a last chunk below this part of the others is merged into the one before


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of one epoch: `rows` and `steps` of each; `merged` rows of a short last one went to the one before."""

    rows: tuple[int, ...]
    steps: tuple[int, ...]
    merged: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "n": len(self.rows),
            "rows": list(self.rows),
            "steps": list(self.steps),
            "merged": self.merged,
        }


def cut(rows: int, size: int, effective_batch: int) -> Chunks:
    """Cut `rows` into chunks of `size`, rounded up to whole optimizer steps, so that no step is smaller for it.

    >>> cut(154_477, 30_000, 16).rows, cut(154_477, 30_000, 16).merged
    ((30000, 30000, 30000, 30000, 34477), 4477)
    >>> cut(7000, 1000, 16).rows[0]
    1008
    """
    size = math.ceil(size / effective_batch) * effective_batch
    whole, rest = divmod(rows, size)
    parts = [size] * whole + ([rest] if rest else [])
    merged = 0
    if len(parts) > 1 and rest and rest < _SHORT * size:
        merged = parts.pop()
        parts[-1] += merged
    return Chunks(tuple(parts), tuple(math.ceil(part / effective_batch) for part in parts), merged)
