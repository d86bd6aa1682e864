"""How far a score may be chance: bootstrap intervals of one system, a paired test and interval of two.

Resampling is over sentences (Koehn, 2004; Noreen, 1989 for approximate randomisation); every draw comes from a fixed
seed, so the figures are the same on every run and machine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from random import Random

from sft.errors import DataError
from sft.i18n import _
from sft.smatch.score import PairScore

SAMPLES = 1000
_SHIFT = 32
_DRAWN = 14  # bits that count the draws beside a packed number
_FEW = (1 << _DRAWN) - 1
_MASK = (1 << _SHIFT) - 1
_COINS = bytes.maketrans(b"01", b"\0\1")


@dataclass(frozen=True, slots=True)
class Difference:
    """Micro F1 of system A minus that of B, its 95 % interval, and the p-value of there being none."""

    f1: float
    interval: tuple[float, float]
    p: float


def bootstrap(pairs: Sequence[PairScore], samples: int = SAMPLES, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of micro F1 over `samples` corpora drawn from `pairs` with replacement."""
    if not pairs:
        return 0.0, 0.0
    counts = [_packed(2 * p.matched, p.pred + p.gold) for p in pairs]
    draw = _table_draw if len(counts) <= _FEW else _plain_draw
    return _middle(list(map(_share, draw(counts, samples, Random(seed)))))


def _plain_draw(counts: list[int], samples: int, source: Random) -> Iterator[int]:
    """Yield the sum of as many counts as there are, drawn with replacement, for every sample."""
    n, chance = len(counts), source.random
    for _sample in range(samples):
        yield sum([counts[int(chance() * n)] for _draw in range(n)])


def _table_draw(counts: list[int], samples: int, source: Random) -> Iterator[int]:
    """Do the same by looking 16 random bits up in a table: three times as fast.

    Every count stands in the table equally often; the entries left over are marked, and drawn again.
    """
    n = len(counts)
    copies = (1 << 16) // n
    table = [count << _DRAWN | 1 for count in counts] * copies
    table += [0] * ((1 << 16) - len(table))
    for _sample in range(samples):
        words = memoryview(source.randbytes(2 * n)).cast("H")
        total = sum(map(table.__getitem__, words))
        again = n - (total & ((1 << _DRAWN) - 1))
        yield (total >> _DRAWN) + sum([counts[int(source.random() * n)] for _draw in range(again)])


def compare(
    a: Sequence[PairScore], b: Sequence[PairScore], samples: int = SAMPLES, seed: int = 0
) -> Difference:
    """Return how two systems differ on the same gold graphs.

    The p-value is of equal micro F1, by approximate randomisation: each sample swaps the two systems' scores of every
    sentence with chance ½; it counts the samples whose difference is at least the one observed (two-sided, with the
    usual +1). The interval is the paired bootstrap's. Raises `DataError` on unequal n.
    """
    if len(a) != len(b):
        raise DataError(
            _("the two systems have {a} and {b} scores").format(a=len(a), b=len(b)),
            hint=_("score both against the same gold file"),
        )
    rows = [
        (2 * x.matched, x.pred + x.gold, 2 * y.matched, y.pred + y.gold) for x, y in zip(a, b, strict=True)
    ]
    chance = Random(seed)
    drawn = [_gap(chance.choices(rows, k=len(rows))) for _sample in range(samples)] if rows else [0.0]
    return Difference(_gap(rows), _middle(drawn), _p_value(rows, samples, chance))


def _middle(values: list[float]) -> tuple[float, float]:
    """Return the 2.5th and the 97.5th percentile."""
    values = sorted(values)
    last = len(values) - 1
    return values[round(0.025 * last)], values[round(0.975 * last)]


def _gap(rows: Sequence[tuple[int, int, int, int]]) -> float:
    match_a, size_a, match_b, size_b = map(sum, zip(*rows, strict=True)) if rows else (0, 0, 0, 0)
    return (match_a / size_a if size_a else 0.0) - (match_b / size_b if size_b else 0.0)


def _p_value(rows: Sequence[tuple[int, int, int, int]], samples: int, chance: Random) -> float:
    ours = sum([_packed(row[0], row[1]) for row in rows])
    theirs = sum([_packed(row[2], row[3]) for row in rows])
    moves = [_packed(row[2] - row[0], row[3] - row[1]) for row in rows if row[:2] != row[2:]]
    observed = abs(_share(ours) - _share(theirs))
    extreme = 0
    for _sample in range(samples):
        coins = (
            f"{chance.getrandbits(len(moves)):0{len(moves)}b}".encode().translate(_COINS) if moves else b""
        )
        moved = sum(compress(moves, coins))
        extreme += abs(_share(ours + moved) - _share(theirs - moved)) >= observed - 1e-12
    return (extreme + 1) / (samples + 1)


def _packed(match: int, size: int) -> int:
    """Return two counts as one number, so that one sum adds up both."""
    return (match << _SHIFT) + size


def _share(packed: int) -> float:
    size = packed & _MASK
    return (packed >> _SHIFT) / size if size else 0.0
