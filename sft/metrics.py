"""Scores of classification and of free-text answers, with the intervals they must be read with.

Sources: Wilson interval, E. B. Wilson 1927; McNemar's test in its exact (binomial) form, Q. McNemar 1947;
token F1 and exact match as in SQuAD, on comparison keys (`sft.keys`) in place of English normalisation.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, sqrt
from typing import Any

from sft.errors import DataError
from sft.i18n import _
from sft.keys import key, words

UNPARSED = "unparsed"
Z95 = 1.959964


def wilson(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a share; (0, 1) when there is nothing to go by.

    >>> low, high = wilson(640, 1246)
    >>> f"[{low:.3f}, {high:.3f}]"
    '[0.486, 0.541]'
    """
    if n == 0:
        return 0.0, 1.0
    p = successes / n
    spread = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / spread
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / spread
    # Exact at the edges, where rounding would put the share itself outside its interval.
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == n else centre + half)


def bootstrap_mean(
    values: Sequence[float], samples: int = 1000, seed: int = 42, level: float = 0.95
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of `values`, shares in [0, 1]; (0, 1) for no values."""
    if not values:
        return 0.0, 1.0
    rng = random.Random(seed)
    n = len(values)
    means = sorted(sum(rng.choices(values, k=n)) / n for _round in range(samples))
    tail = (1 - level) / 2
    return means[int(tail * (samples - 1))], means[round((1 - tail) * (samples - 1))]


def mcnemar(a_correct: Sequence[bool], b_correct: Sequence[bool]) -> float:
    """Return the exact two-sided p-value that two classifiers err alike on the same rows.

    Only rows where exactly one of them is right count. Raises `DataError` when the rows do not pair up.

    >>> mcnemar([True] * 8 + [False], [False] * 8 + [True])
    0.0390625
    """
    if len(a_correct) != len(b_correct):
        raise _unpaired(len(a_correct), len(b_correct))
    only_a = sum(a and not b for a, b in zip(a_correct, b_correct, strict=True))
    only_b = sum(b and not a for a, b in zip(a_correct, b_correct, strict=True))
    n, less = only_a + only_b, min(only_a, only_b)
    return min(1.0, 2 * sum(comb(n, k) for k in range(less + 1)) / (1 << n))


def _unpaired(gold: int, pred: int) -> DataError:
    return DataError(
        _("{gold} gold rows against {pred} predictions").format(gold=gold, pred=pred),
        hint=_("every gold row needs exactly one prediction, an unreadable one counts as unparsed"),
    )


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Precision, recall and F1 of one label; `support` gold rows, `predicted` predicted rows."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, slots=True)
class Classification:
    """The score of a classifier on `n` rows.

    `confusion[gold][predicted]` counts rows; its columns are `columns`: the labels, then "unparsed". Macro-F1 is
    the mean over the labels that occur in the gold; an unparsed row is a miss of its label.
    """

    n: int
    correct: int
    unparsed: int
    labels: tuple[str, ...]
    classes: tuple[ClassScore, ...]
    confusion: Mapping[str, Mapping[str, int]]

    @property
    def accuracy(self) -> float:
        """Return the share of rows predicted right; unparsed rows count as wrong."""
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Return the Wilson 95 % interval of the accuracy."""
        return wilson(self.correct, self.n)

    @property
    def macro_f1(self) -> float:
        """Return the mean F1 over the labels that occur in the gold."""
        scores = [c.f1 for c in self.classes if c.support]
        return sum(scores) / len(scores)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of the confusion matrix."""
        return (*self.labels, UNPARSED)

    @property
    def confusion_percent(self) -> dict[str, dict[str, float]]:
        """Return the confusion matrix in per cent of each gold row; rows without gold are zero."""
        return {
            gold: {name: 100 * count / max(1, sum(row.values())) for name, count in row.items()}
            for gold, row in self.confusion.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of a score file."""
        low, high = self.interval
        return {
            "accuracy": self.accuracy,
            "interval": [low, high],
            "macro_f1": self.macro_f1,
            "n": self.n,
            "correct": self.correct,
            "unparsed": self.unparsed,
            "labels": list(self.labels),
            "classes": [
                {
                    "label": c.label,
                    "precision": c.precision,
                    "recall": c.recall,
                    "f1": c.f1,
                    "support": c.support,
                    "predicted": c.predicted,
                }
                for c in self.classes
            ],
            "confusion": {gold: dict(row) for gold, row in self.confusion.items()},
            "confusion_percent": self.confusion_percent,
        }


def classify(gold: Sequence[str], pred: Sequence[str | None], labels: Sequence[str] = ()) -> Classification:
    """Score predictions against gold; None is an answer no label could be read from.

    `labels` fixes the order of the table; labels of the data it does not name follow, sorted. Raises `DataError`
    for nothing to score, for unequal counts and for a label that is called "unparsed".
    """
    if len(gold) != len(pred):
        raise _unpaired(len(gold), len(pred))
    if not gold:
        raise DataError(_("there is nothing to score: no gold row"), hint=_("check the split's name"))
    seen = sorted({*gold, *(p for p in pred if p is not None)})
    names = tuple(dict.fromkeys([*labels, *seen]))
    if UNPARSED in names:
        raise DataError(
            _("a label is called {name!r}, which is the name of unreadable answers").format(name=UNPARSED),
            hint=_("rename that label"),
        )
    counts = Counter(zip(gold, pred, strict=True))
    confusion = {g: {**{p: counts[g, p] for p in names}, UNPARSED: counts[g, None]} for g in names}
    score = Classification(
        n=len(gold),
        correct=sum(counts[name, name] for name in names),
        unparsed=sum(counts[name, None] for name in names),
        labels=names,
        classes=tuple(_class_score(name, confusion) for name in names),
        confusion=confusion,
    )
    _check_sums(score)
    return score


def _class_score(name: str, confusion: Mapping[str, Mapping[str, int]]) -> ClassScore:
    hits = confusion[name][name]
    support = sum(confusion[name].values())
    predicted = sum(row[name] for row in confusion.values())
    return ClassScore(
        label=name,
        precision=hits / predicted if predicted else 0.0,
        recall=hits / support if support else 0.0,
        f1=2 * hits / (support + predicted) if support + predicted else 0.0,
        support=support,
        predicted=predicted,
    )


def _check_sums(score: Classification) -> None:
    """Re-add the matrix: published tables have been seen that do not add up."""
    cells = sum(sum(row.values()) for row in score.confusion.values())
    assert cells == score.n == sum(c.support for c in score.classes)
    assert score.n - score.unparsed == sum(c.predicted for c in score.classes)
    assert score.correct == sum(score.confusion[name][name] for name in score.labels)


def exact_match(gold: str, pred: str) -> bool:
    """Tell whether two answers have the same comparison key.

    >>> exact_match("Sức khoẻ tốt.", "sức khỏe  tốt")
    True
    """
    return key(gold) == key(pred)


def token_f1(gold: str, pred: str) -> float:
    """Return the F1 of the words two answers share, counted with repetition; two empty answers agree.

    >>> token_f1("uống nhiều nước", "nước")
    0.5
    """
    wanted, given = Counter(words(gold)), Counter(words(pred))
    if not wanted or not given:
        return float(wanted == given)
    shared = (wanted & given).total()
    return 2 * shared / (wanted.total() + given.total())


@dataclass(frozen=True, slots=True)
class TextScores:
    """The score of free-text answers: exact match and token F1 on comparison keys, each with its 95 % interval."""

    n: int
    exact: int
    f1: float
    f1_interval: tuple[float, float]
    unparsed: int

    @property
    def exact_match(self) -> float:
        """Return the share of answers with the gold's key."""
        return self.exact / self.n

    @property
    def exact_interval(self) -> tuple[float, float]:
        """Return the Wilson 95 % interval of the exact match."""
        return wilson(self.exact, self.n)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of a score file."""
        return {
            "exact_match": self.exact_match,
            "exact_interval": list(self.exact_interval),
            "token_f1": self.f1,
            "token_f1_interval": list(self.f1_interval),
            "n": self.n,
            "unparsed": self.unparsed,
        }


def text_scores(gold: Sequence[str], pred: Sequence[str | None]) -> TextScores:
    """Score free-text answers; None counts as unparsed and as wrong. Raises `DataError` as `classify` does."""
    if len(gold) != len(pred):
        raise _unpaired(len(gold), len(pred))
    if not gold:
        raise DataError(_("there is nothing to score: no gold row"), hint=_("check the split's name"))
    pairs = list(zip(gold, pred, strict=True))
    shares = [0.0 if p is None else token_f1(g, p) for g, p in pairs]
    return TextScores(
        n=len(pairs),
        exact=sum(p is not None and exact_match(g, p) for g, p in pairs),
        f1=sum(shares) / len(shares),
        f1_interval=bootstrap_mean(shares),
        unparsed=sum(p is None for p in pred),
    )
