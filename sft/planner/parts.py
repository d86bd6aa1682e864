"""What a pass over the rows is made of: all rows, chunks of them, or stages from easy to hard. Counts only. Pure.

Chunks are places to stop and go on, not a cure for memory: that follows micro-batch and length, never the number of
rows. Every part but the last is rounded up to whole optimizer steps, so that no step is smaller for it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sft.errors import SettingsError
from sft.i18n import _

_SHORT = 0.5  # a last chunk below this part of the others is merged into the one before
_MOST = 1000  # chunks: a checkpoint stays of each
ALL, CHUNKS, STAGES = "all", "chunks", "stages"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one pass: `rows` and `steps` of each; `merged` rows of a short last chunk went to the one before."""

    kind: str
    rows: tuple[int, ...]
    steps: tuple[int, ...]
    merged: int = 0

    @property
    def total(self) -> int:
        """Return the rows that a pass reads; a row of several stages counts in each."""
        return sum(self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "n": len(self.rows),
            "rows": list(self.rows),
            "steps": list(self.steps),
            "merged": self.merged,
        }


def whole(rows: int, batch: int) -> Parts:
    """Return the pass that reads all rows as one part."""
    return _of(ALL, [rows], batch)


def chunks(rows: int, size: int, batch: int) -> Parts:
    """Cut `rows` into chunks of `size` for an effective batch of `batch`. Raises `SettingsError` for very many.

    >>> chunks(154_477, 30_000, 16).rows, chunks(154_477, 30_000, 16).merged
    ((30000, 30000, 30000, 30000, 34477), 4477)
    >>> chunks(7000, 1000, 16).rows[0]
    1008
    """
    if rows > _MOST * size:
        raise SettingsError(
            _("{n} chunks are too many").format(n=-(-rows // size)),
            where="--chunk-size",
            hint=_("e.g. {size}").format(size=-(-rows // _MOST)),
        )
    size = _up(size, batch)
    count, rest = divmod(rows, size)
    parts = [size] * count + ([rest] if rest else [])
    merged = 0
    if len(parts) > 1 and rest and rest < _SHORT * size:
        merged = parts.pop()
        parts[-1] += merged
    return _of(CHUNKS, parts, batch, merged)


def stages(rows: int, wanted: Sequence[float], batch: int, *, cumulative: bool) -> Parts:
    """Return the stages that end at the easiest `wanted` rows: up to 1 a part of all, above a number of rows.

    Cumulative stages read all the rows up to there, those before again; else each reads only the new ones. Raises
    `SettingsError` unless they grow and the last holds all rows.

    >>> stages(154_477, [20_000, 50_000, 100_000, 1], 16, cumulative=True).rows
    (20000, 50000, 100000, 154477)
    >>> stages(154_477, [20_000, 50_000, 100_000, 1], 16, cumulative=False).rows
    (20000, 30000, 50000, 54477)
    >>> stages(100, [0.1, 0.5, 1], 8, cumulative=False).rows
    (16, 40, 44)
    """
    ends = [min(_up(math.ceil(rows * end) if end <= 1 else int(end), batch), rows) for end in wanted]
    if not ends or ends[-1] < rows or any(end <= 0 for end in ends) or ends != sorted(ends):
        raise SettingsError(
            _("the stages {stages} do not grow up to all {n} rows").format(stages=list(wanted), n=rows),
            hint=_("give the share of the rows that each stage reads, 1 at the end: stages = [0.25, 0.5, 1]"),
        )
    ends = sorted(set(ends))  # few rows may leave nothing between two stages
    new = [ends[0], *(after - before for before, after in pairwise(ends))]
    return _of(STAGES, ends if cumulative else new, batch)


def _up(rows: int, batch: int) -> int:
    return math.ceil(rows / batch) * batch


def _of(kind: str, rows: Sequence[int], batch: int, merged: int = 0) -> Parts:
    return Parts(kind, tuple(rows), tuple(math.ceil(part / batch) for part in rows), merged)


def ends(made: Parts, total: int) -> list[int]:
    """Return the step of a training of `total` steps after which each part of each pass is done; the last may end early."""
    found: list[int] = []
    step = 0
    while step < total:
        for steps in made.steps:
            step += steps
            found.append(min(step, total))
            if step >= total:
                break
    return found


def times(every: int, total: int, made: Parts | None) -> int:
    """Return how often something happens every so many steps, at the end of each part, and at the end."""
    last = ends(made, total) if made else [total]
    return total // every + sum(1 for end in last if end % every) if every else len(last)
