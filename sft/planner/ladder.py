"""What may be given up so that a training fits, tried in order; the first that fits wins. Pure.

Each step costs more time than the one before: 16 bit without checkpointing, 16 bit with it (it computes the blocks
once more), 4 bit without and with it. Within a step the widest micro-batch comes first; one that gives a card too few
tokens a pass is taken only when no step has better. batch_size × grad_accum, the effective batch, never changes.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sft.planner.memory import CPU_PASS, Memory, Precision

if TYPE_CHECKING:
    from sft.presets import TrainSettings

_ENOUGH = 2048  # tokens a pass below which the matrix units of a card wait for work (inferred, not measured)


@dataclass(frozen=True, slots=True)
class Profile:
    """How close to the limit a plan may go.

    `margin` is the part of the free memory that stays free: for what the forecast misses, the allocator's gaps and
    neighbours on a shared card. `sixteen_bit` is the largest part that 16-bit weights may take. `recompute` forbids
    checkpointing to be off. A micro-batch is widened until a pass has `tokens`, where the effective batch has them.
    """

    margin: float
    sixteen_bit: float
    recompute: bool
    tokens: int


PROFILES = {
    "safe": Profile(0.20, 0.35, recompute=True, tokens=0),
    "balanced": Profile(0.10, 1.0, recompute=False, tokens=4096),
    "aggressive": Profile(0.04, 1.0, recompute=False, tokens=16384),
}


@dataclass(frozen=True, slots=True)
class Task:
    """One question: `at` forecasts a precision, checkpointing, micro-batch; `per_row` are the tokens of a usual row.

    `settings` hold what one process takes of a step.
    """

    settings: "TrainSettings"
    profile: Profile
    free: float
    per_row: float
    gpu: bool
    fixed: bool
    sixteen: Precision
    at: Callable[[Precision, bool, int], Memory]

    @property
    def effective(self) -> int:
        """Return the effective batch."""
        return self.settings.batch_size * self.settings.grad_accum

    def fits(self, found: Memory) -> bool:
        """Say whether a forecast leaves the margin of the profile."""
        return found.fits(self.free, self.profile.margin)

    def widest(self) -> int:
        """Return the micro-batch to begin with: as set, or widened until a pass has enough tokens."""
        wanted = self.settings.batch_size
        if self.fixed:
            return wanted
        enough = self.profile.tokens if self.gpu else CPU_PASS
        wider = [n for n in divisors(self.effective) if n >= wanted]
        return next((n for n in wider if n * self.per_row >= enough), wider[-1])

    def batches(self) -> list[int]:
        """Return the micro-batches to try, widest first."""
        start = self.widest()
        return [start] if self.fixed else [n for n in reversed(divisors(self.effective)) if n <= start]

    def steps(self) -> Iterator[tuple[Precision, bool]]:
        """Yield what to try, the fastest first."""
        four, recompute = self.settings.load_in_4bit, self.settings.gradient_checkpointing
        precisions: list[Precision] = ["nf4"] if four is True else [self.sixteen]
        if four == "auto":
            heavy = self.at(self.sixteen, True, 1).weights > self.profile.sixteen_bit * self.free
            precisions = ["nf4"] if heavy else [self.sixteen, "nf4"]
        for precision in precisions:
            if recompute is False or (recompute == "auto" and not self.profile.recompute):
                yield precision, False
            if recompute is not False:
                yield precision, True

    def best(self) -> Memory | None:
        """Return the first step that fits with enough tokens a pass, else the widest micro-batch of any step."""
        enough = min(_ENOUGH, self.widest() * self.per_row) if self.gpu else 0
        narrow: Memory | None = None
        for precision, recompute in self.steps():
            for batch in self.batches():
                found = self.at(precision, recompute, batch)
                if not self.fits(found):
                    continue
                if batch * self.per_row >= enough:
                    return found
                narrow = found if narrow is None or batch > narrow.batch_size else narrow
                break
        return narrow


def divisors(n: int) -> list[int]:
    """Return what divides `n`, smallest first: the micro-batches that keep an effective batch of `n`.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [d for d in range(1, math.isqrt(n) + 1) if n % d == 0]
    return small + [n // d for d in reversed(small) if d * d != n]
