"""Which row is read when: every step of a training, as places among its rows. Pure, and the same on every machine.

A pass reads one pool of rows after the other; most trainings have one pool, all rows. Within a pool the order is drawn
anew for every pass, and steps gather rows of like length, so that little is padded. What a step reads depends neither
on the micro-batch nor on the number of devices: 8 × 1, 4 × 2 and 2 devices × 4 learn from the same rows.
"""

import hashlib
import math
import random
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from sft.i18n import _
from sft.masks import IGNORE

WINDOW = (
    32  # steps whose rows are put in order of length; more of them pad less, and make steps more alike inside
)

_NAMED = 8


class Order:
    """The order of `pools` of places for an effective batch of `batch` rows; `lengths` are in tokens, by place.

    Every pool but the last holds whole steps, so that no step reads from two.
    """

    def __init__(
        self,
        pools: Sequence[Sequence[int]],
        lengths: Sequence[int],
        batch: int,
        seed: int,
        *,
        by_length: bool,
    ) -> None:
        """Keep what decides the order. Raises `ValueError` for a pool that would end within a step."""
        if any(len(pool) % batch for pool in pools[:-1]):
            raise ValueError("a pool before the last ends within a step")
        self.pools, self.lengths, self.batch, self.seed, self.by_length = (
            pools,
            lengths,
            batch,
            seed,
            by_length,
        )
        self._last: tuple[int, array[int]] | None = None

    def __len__(self) -> int:
        """Return the rows of one pass."""
        return sum(map(len, self.pools))

    @property
    def steps(self) -> int:
        """Return the optimizer steps of one pass; the last may have fewer rows."""
        return math.ceil(len(self) / self.batch)

    @property
    def ends(self) -> list[int]:
        """Return for every pool the step of a pass after which it was read."""
        return [math.ceil(rows / self.batch) for rows in accumulate(map(len, self.pools))]

    def rows(self, epoch: int) -> "array[int]":
        """Return the places of pass `epoch` (from 0) in the order they are read."""
        if self._last is None or self._last[0] != epoch:
            read = array("q")
            for number, pool in enumerate(self.pools):
                read.extend(self._drawn(pool, random.Random(f"{self.seed}:{epoch}:{number}")))
            self._last = epoch, read
        return self._last[1]

    def _drawn(self, pool: Sequence[int], draw: random.Random) -> "array[int]":
        rows = array("q", pool)
        draw.shuffle(rows)
        if not self.by_length:
            return rows
        # The rows that fill no whole step are any rows: they come last, as drawn.
        whole = len(rows) - len(rows) % self.batch
        window = self.batch * WINDOW
        steps: list[list[int]] = []
        for start in range(0, whole, window):
            alike = sorted(rows[start : min(start + window, whole)], key=lambda place: -self.lengths[place])
            steps += [alike[n : n + self.batch] for n in range(0, len(alike), self.batch)]
        draw.shuffle(steps)
        rest = sorted(rows[whole:], key=lambda place: -self.lengths[place])
        return array("q", [place for step in [*steps, rest] for place in step])

    def step(self, number: int) -> "array[int]":
        """Return the places that optimizer step `number` of the training (from 0) learns from."""
        epoch, within = divmod(number, self.steps)
        return self.rows(epoch)[within * self.batch : (within + 1) * self.batch]

    def dealt(self, epoch: int, micro: int, devices: int) -> list[int]:
        """Return the places of a pass as they are dealt to devices, a micro-batch to each in turn.

        The last step of a pass may not fill the last micro-batch of every device; blanks do: ``-1 - place`` stands for
        the row at `place` with no token to learn. So every device takes as many micro-batches, and no row is read twice.
        """
        return _filled(self.rows(epoch).tolist(), micro, devices)

    def share(self, number: int, micro: int, devices: int, rank: int) -> list[int]:
        """Return what device `rank` reads for optimizer step `number`, blanks and all."""
        rows = _filled(self.step(number).tolist(), micro, devices)
        parts = [rows[n : n + micro] for n in range(0, len(rows), micro)]
        return [place for part in parts[rank::devices] for place in part]

    def tokens(self, number: int) -> int:
        """Return the tokens of step `number`, padding not counted."""
        return sum(self.lengths[place] for place in self.step(number))

    def padding(self, micro: int, tokens: int = 0) -> float:
        """Return the part of the first pass that is padding: every piece of a micro-batch is as long as its longest row."""
        rows = self.rows(0)
        filled = 0
        for step in range(0, len(rows), self.batch):
            for start in range(step, min(step + self.batch, len(rows)), micro):
                part = [self.lengths[place] for place in rows[start : min(start + micro, step + self.batch)]]
                filled += sum(max(part[a:b]) * (b - a) for a, b in cuts(part, micro, tokens))
        return 1 - sum(self.lengths[place] for place in rows) / filled if filled else 0.0

    def digest(self) -> str:
        """Return a hash of the first pass."""
        return hashlib.sha256(self.rows(0).tobytes()).hexdigest()[:16]


def _filled(rows: list[int], micro: int, devices: int) -> list[int]:
    blanks = -len(rows) % (micro * devices) if devices > 1 else 0
    return rows + [-1 - rows[-1]] * blanks


class Rows:
    """The rows of a trainer, which knows what was taken from it: `dataset` by place, blanks by negative numbers."""

    def __init__(self, dataset: Any, lengths: Sequence[int]) -> None:
        """Wrap a sequence of ``{"input_ids", "labels"}``; `lengths` are their tokens."""
        self.dataset, self.lengths = dataset, lengths
        self.taken = array("q")

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: int) -> dict[str, list[int]]:
        """Return a row, and note that it was taken."""
        self.taken.append(place)
        return self.look(place)

    def look(self, place: int) -> dict[str, list[int]]:
        """Return a row."""
        row = self.dataset[place if place >= 0 else -1 - place]
        labels = row["labels"] if place >= 0 else [IGNORE] * len(row["labels"])
        return {"input_ids": row["input_ids"], "labels": labels}

    def took(self, expected: Sequence[int]) -> bool:
        """Tell whether the rows taken first are those expected, and forget them."""
        count = len(expected)
        same = self.taken[:count].tolist() == list(expected)
        del self.taken[:count]
        return same


def cuts(lengths: Sequence[int], size: int, tokens: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of the pieces in which the rows of a micro-batch go through the model.

    A piece has `size` rows at most, and with `tokens` no more of them, padding and all, unless one row alone has.

    >>> list(cuts([9, 8, 3, 3], 4, 10)), list(cuts([9, 8, 3, 3], 3, 0))
    ([(0, 1), (1, 2), (2, 4)], [(0, 3), (3, 4)])
    """
    start = 0
    while start < len(lengths):
        longest, end = lengths[start], start + 1
        while end < min(len(lengths), start + size):
            wider = max(longest, lengths[end])
            if tokens and wider * (end + 1 - start) > tokens:
                break
            longest, end = wider, end + 1
        yield start, end
        start = end


def pieces(inputs: dict[str, Any], size: int, tokens: int) -> Iterator[dict[str, Any]]:
    """Yield a batch in pieces, see `cuts`, each as long as its longest row (padding stands on the right)."""
    mask = inputs["attention_mask"]
    if size >= len(mask) and (not tokens or mask.numel() <= tokens):
        yield dict(inputs)
        return
    lengths: list[int] = mask.sum(1).tolist()
    for start, end in cuts(lengths, size, tokens):
        longest = max(lengths[start:end])
        yield {name: value[start:end, :longest] for name, value in inputs.items()}


def named(ids: Sequence[str]) -> str:
    """Return the ids of a step's rows as text, not more of them than anybody reads.

    >>> named([f"a:{n}" for n in range(20)])
    'a:0, a:1, a:2, a:3, a:4, a:5, a:6, a:7 and 12 more'
    """
    more = _(" and {n} more").format(n=len(ids) - _NAMED) if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more
