"""Shortcuts in labelled rows: words and phrases that decide the label without the text being understood.

A rule of thumb that scores far above the majority class is what a model will learn first, and perhaps only. All
functions are pure and linear in the text.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sft.baselines import naive_bayes
from sft.metrics import classify, wilson
from sft.splits import sample

MARGIN = 0.15  # share of rows above the majority class that makes a shortcut
PURE = 0.95  # share of one label that makes a phrase tell
FREQUENT = 50  # rows a phrase must stand in
BEGIN, END = "^", "$"
_LUCK = 3.3
_LONGEST = 8  # words of a phrase, the marks of begin and end included
_ROWS, _SEED = 20_000, 42  # a larger side is sampled

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Probe:
    """What a bag of words scores: `correct` of `n` rows, the majority class `plain` of them, and what it goes by."""

    n: int
    correct: int
    plain: int
    telling: tuple[tuple[str, str], ...]

    @property
    def fires(self) -> bool:
        """Tell whether it beats the majority class by 15 points, and by more than the luck of few rows."""
        return beats(self.correct, self.plain, self.n, MARGIN)


def beats(correct: int, plain: int, n: int, margin: float) -> bool:
    """Tell whether `correct` of `n` rows is above `plain` by a share of `margin`, and by more than luck.

    Luck is what happens once in 2,000 times (z = 3.3): several rules of thumb are tried on every set.

    >>> beats(65, 50, 100, 0.15), beats(650, 500, 1000, 0.15)
    (False, True)
    """
    return n > 0 and correct >= plain + margin * n and wilson(correct, n, z=_LUCK)[0] > plain / n


def bag_of_words(train: Sequence[Pair], valid: Sequence[Pair]) -> Probe | None:
    """Predict the labels of `valid` (text, label) rows by a bag of words of `train`; None without two labels.

    With fewer than 50 validation rows, the halves of all rows predict each other, so that a small set gives a
    figure too.
    """
    folds: list[tuple[Sequence[Pair], Sequence[Pair]]] = [(train, valid)]
    if len(valid) < FREQUENT:
        rows = [*train, *valid]
        half = set(sample((text for text, _label in rows), len(rows) // 2, _SEED))
        one = [row for row in rows if row[0] in half]
        two = [row for row in rows if row[0] not in half]
        folds = [(one, two), (two, one)]
    if not all(a and b for a, b in folds) or len({label for _text, label in (*train, *valid)}) < 2:
        return None
    golds: Counter[str] = Counter()
    correct = 0
    telling: list[tuple[str, str, float]] = []
    for known, asked in folds:
        learnt, held = _capped(known), _capped(asked)
        bayes = naive_bayes(learnt)
        gold = [label for _text, label in held]
        golds.update(gold)
        correct += classify(gold, [bayes(text) for text, _label in held]).correct
        telling = telling or bayes.telling()
    # The largest class of the held-out rows, not of the others: what a half lacks the other half has too much of.
    return Probe(
        golds.total(),
        correct,
        max(golds.values()),
        tuple((feature, label) for feature, label, _odds in telling),
    )


def _capped(rows: Sequence[Pair]) -> Sequence[Pair]:
    if len(rows) <= _ROWS:
        return rows
    kept = set(sample(map(str, range(len(rows))), _ROWS, _SEED))
    return [row for index, row in enumerate(rows) if str(index) in kept]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that stands in `rows` rows, `hits` of them with `label`; it adds `new` rows to those named before.

    ``^`` and ``$`` mark the begin and the end of a row.
    """

    text: str
    label: str
    rows: int
    hits: int
    new: int = 0


def pure_phrases(rows: Sequence[tuple[str, str]]) -> list[Phrase]:
    """Return the phrases of (key, label) rows that decide the label, the most telling first.

    A phrase of n words is counted only where both phrases of n - 1 words inside it are frequent, which keeps
    the tables small. A label that most rows carry anyway needs no phrase: the share must exceed the label's own by
    15 points as well.
    """
    shares = Counter(label for _text, label in rows)
    texts = [([BEGIN, *text.split(), END], label) for text, label in rows]
    starts = [list(range(len(tokens))) for tokens, _label in texts]
    found: dict[Phrase, list[int]] = {}
    for length in range(1, _LONGEST + 1):
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (tokens, label), begins in zip(texts, starts, strict=True):
            counts[label].update({" ".join(tokens[i : i + length]) for i in begins})
        totals = sum(counts.values(), Counter[str]())
        frequent = {phrase: n for phrase, n in totals.items() if n >= FREQUENT}
        inside: dict[str, list[int]] = {}
        for phrase, n in frequent.items():
            label = min(counts, key=lambda name: (-counts[name][phrase], name))
            hits = counts[label][phrase]
            if hits > PURE * n and hits / n >= shares[label] / len(rows) + MARGIN:
                found[Phrase(phrase, label, n, hits)] = inside[phrase] = []
        for row, (tokens, _label) in enumerate(texts):
            live = {i: g for i in starts[row] if (g := " ".join(tokens[i : i + length])) in frequent}
            for gram in inside.keys() & live.values():
                inside[gram].append(row)
            starts[row] = [i for i in live if i + 1 in live]
    return _covering([label for _text, label in rows], found)


def _covering(labels: Sequence[str], found: Mapping[Phrase, Sequence[int]]) -> list[Phrase]:
    """Choose the phrases that add 50 rows, as pure as themselves, to the rows of those chosen before.

    `found` holds the rows of each phrase. A miss weighs as much as the 19 hits that 95 % stands for; of equals the
    longer phrase goes first.
    """
    weight = PURE / (1 - PURE)
    order = sorted(found, key=lambda p: (weight * (p.rows - p.hits) - p.hits, -len(p.text.split()), p.text))
    covered = bytearray(len(labels))
    chosen = []
    for phrase in order:
        new = [row for row in found[phrase] if not covered[row]]
        hits = sum(labels[row] == phrase.label for row in new)
        if len(new) >= FREQUENT and hits > PURE * len(new):
            chosen.append(replace(phrase, new=len(new)))
            for row in new:
                covered[row] = 1
    return chosen
