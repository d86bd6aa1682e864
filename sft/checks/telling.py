"""The raw columns beside the label: which of them give it away, which never change, which are mostly empty.

Rows pass one by one. Counts are kept of all of them, values (as hashes) of a sample drawn by the hash of the ids.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sft.checks.ties import hash64

PURE = 0.95  # share of the labels that a column must predict to tell
MARGIN = 0.15  # and by how much it must beat the majority class
SPARSE = 0.5  # share of empty values that makes a variable worth a word
SAMPLE = 20_000
FEWEST = 20  # rows below which nothing is said: all may be equal by chance
TOGETHER = "*"  # stands for the set of columns that a row fills

_Row = tuple[int, str, tuple[tuple[str, int], ...]]


@dataclass(slots=True)
class Filled:
    """How often a column has a value, and whether it is always the same one."""

    rows: int = 0
    first: int = 0
    constant: bool = True


class Columns:
    """What is known of the columns of all rows added."""

    def __init__(self) -> None:
        self.rows = 0
        self.filled: dict[str, Filled] = {}
        self._labels: Counter[str] = Counter()
        self._sample: list[_Row] = []

    def add(self, row: str, fields: Mapping[str, str], label: str = "") -> None:
        """Take note of one row; `fields` are its raw columns, or its variables, without what holds the label."""
        self.rows += 1
        self._labels[label] += 1
        values = []
        for name, value in fields.items():
            filled = self.filled.get(name)
            if filled is None:
                filled = self.filled[name] = Filled()
            if value and not value.isspace():
                code = hash64(value)
                values.append((name, code))
                filled.rows += 1
                filled.first = filled.first or code
                filled.constant = filled.constant and code == filled.first
        if label:
            self._keep((-hash64(row), label, tuple(values)))

    def _keep(self, row: _Row) -> None:
        if len(self._sample) < SAMPLE:
            heapq.heappush(self._sample, row)
        elif row > self._sample[0]:
            heapq.heapreplace(self._sample, row)

    def telling(self) -> dict[str, float]:
        """Return the columns whose presence or value predicts the label, each with the share of rows it gets right.

        Two halves of the rows predict each other from the column alone, so that a column of unique values (an id, the
        text itself) predicts nothing. Where no single column tells, the set of filled columns is tried.
        """
        if self.rows < FEWEST:
            return {}
        sides = [bool(rank & 1) for rank, _label, _values in self._sample]
        labels = [label for _rank, label, _values in self._sample]
        rows = [dict(values) for _rank, _label, values in self._sample]
        plain = max(Counter(labels).values(), default=0) / max(1, len(labels))

        def share(values: Sequence[object]) -> float:
            return predicted(labels, values, sides)

        shares = {
            name: max(share([row.get(name, 0) for row in rows]), share([name in row for row in rows]))
            for name in self.filled
        }
        told = {name: value for name, value in shares.items() if value > PURE and value >= plain + MARGIN}
        if not told and rows:
            together = share([frozenset(row) for row in rows])
            told = {TOGETHER: together} if together > PURE and together >= plain + MARGIN else {}
        return told

    def constant(self, names: Iterable[str]) -> list[str]:
        """Return those of `names` that have one value in every row."""
        return [n for n in self._known(names) if self.filled[n].constant and self.filled[n].rows == self.rows]

    def sparse(self, names: Iterable[str]) -> dict[str, int]:
        """Return those of `names` that are empty in more than half of the rows, with the number of these rows."""
        empty = {name: self.rows - self.filled[name].rows for name in self._known(names)}
        return {name: n for name, n in empty.items() if n > SPARSE * self.rows}

    def _known(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self.filled] if self.rows >= FEWEST else []


def predicted(labels: Sequence[str], values: Sequence[object], side: Sequence[bool]) -> float:
    """Return the share of labels that equal values of the other side predict."""
    seen: defaultdict[tuple[bool, object], Counter[str]] = defaultdict(Counter)
    for value, label, here in zip(values, labels, side, strict=True):
        seen[not here, value][label] += 1
    best = {place: counts.most_common(1)[0][0] for place, counts in seen.items()}
    rows = zip(side, values, labels, strict=True)
    return sum(best.get((here, value)) == label for here, value, label in rows) / max(1, len(labels))
