"""What a score must be compared with: the majority class, a bag of words, the most similar training sentence.

All three see the training side only. They are deterministic, need no packages and take a second or two.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt

from sft.errors import DataError
from sft.i18n import _
from sft.keys import words
from sft.metrics import Classification, classify
from sft.text import nfc

_WORD = re.compile(r"\w+")
_ROUNDING = 1e-9


def _most_common(labels: Mapping[str, int]) -> str:
    """Return the label with the most rows, the first by name among equals."""
    return min(labels, key=lambda label: (-labels[label], label))


def majority(train_labels: Sequence[str], gold: Sequence[str]) -> Classification:
    """Score the answer that is always the most frequent training label. Raises `DataError` without training rows."""
    if not train_labels:
        raise _no_rows()
    label = _most_common(Counter(train_labels))
    return classify(gold, [label] * len(gold))


def _no_rows() -> DataError:
    return DataError(_("a baseline needs training rows, there is none"), hint=_("prepare the data again"))


def features(text: str) -> list[str]:
    r"""Return the distinct lower-case ``\w+`` unigrams and bigrams of `text`, in order.

    >>> features("Ho, ho khan")
    ['ho', 'khan', 'ho ho', 'ho khan']
    """
    found = _WORD.findall(nfc(text).lower())
    pairs = [f"{a} {b}" for a, b in pairwise(found)]
    return list(dict.fromkeys([*found, *pairs]))


@dataclass(frozen=True, slots=True)
class NaiveBayes:
    """A presence-only naive Bayes classifier; call it with a text to get a label.

    ``log n(class) + Σ log((rows of the class with the feature + 2·b) / (n(class) + 2))`` over the features of the
    text that training knows. b is 1/2 for two classes. With more, b is the feature's share of all rows: 1/2 would
    hand every text to the smallest class (13.7 % in place of 77 % on a set of 37 intents).
    """

    rows: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]]

    def __call__(self, text: str) -> str:
        """Return the most probable label of `text`, the first by name among equals."""
        known = [self.counts[f] for f in features(text) if f in self.counts]
        total = sum(self.rows.values())
        prior = [1.0 if len(self.rows) <= 2 else 2 * sum(c.values()) / total for c in known]
        scores = {
            label: log(n)
            + sum(log((c.get(label, 0) + b) / (n + 2)) for c, b in zip(known, prior, strict=True))
            for label, n in self.rows.items()
        }
        return min(scores, key=lambda label: (-scores[label], label))

    def telling(self, limit: int = 5) -> list[tuple[str, str, float]]:
        """Return the features that give most away as (feature, label, log-odds against the other labels).

        Ranked by log-odds times rows: a word of thousand rows tells more than a rare one that never errs.
        """
        total = sum(self.rows.values())
        ranked = []
        for feature, by_label in self.counts.items():
            label = _most_common(by_label)
            inside = (by_label[label] + 1) / (self.rows[label] + 2)
            outside = (sum(by_label.values()) - by_label[label] + 1) / (total - self.rows[label] + 2)
            odds = log(inside / outside)
            ranked.append((-odds * by_label[label], feature, label, odds))
        return [(feature, label, odds) for _rank, feature, label, odds in sorted(ranked)[:limit]]


def naive_bayes(train: Sequence[tuple[str, str]]) -> NaiveBayes:
    """Train a bag of words on (text, label) rows. Raises `DataError` without rows."""
    if not train:
        raise _no_rows()
    rows: Counter[str] = Counter()
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for text, label in train:
        rows[label] += 1
        for feature in features(text):
            by_label = counts[feature]
            by_label[label] = by_label.get(label, 0) + 1
    return NaiveBayes(dict(rows), dict(counts))


class Nearest:
    """Find the most similar training text: cosine of IDF-weighted words and character trigrams of the keys.

    An inverted index holds the rows of each rare feature. Features of more than a tenth of the rows are looked up
    only for rows that may still win: the product of the norms bounds what they can add (Cauchy-Schwarz).
    """

    __slots__ = ("_common", "_idf", "_norms", "_postings", "_size")

    def __init__(self, texts: Sequence[str]) -> None:
        """Index `texts`. Raises `DataError` when there is none."""
        if not texts:
            raise _no_rows()
        bags = [_bag(text) for text in texts]
        spread = Counter(feature for bag in bags for feature in bag)
        self._size = len(texts)
        self._idf = {feature: log((1 + len(bags)) / (1 + n)) + 1 for feature, n in spread.items()}
        self._postings: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        self._common: list[dict[str, float]] = []
        for index, bag in enumerate(bags):
            weights = {feature: n * self._idf[feature] for feature, n in bag.items()}
            norm = _norm(weights.values()) or 1.0
            shares = {feature: weight / norm for feature, weight in weights.items()}
            self._common.append({f: share for f, share in shares.items() if 10 * spread[f] > len(bags)})
            for feature in shares.keys() - self._common[-1].keys():
                self._postings[feature].append((index, shares[feature]))
        self._norms = [_norm(shares.values()) for shares in self._common]

    def best(self, text: str) -> tuple[int, float]:
        """Return the index of the most similar text and the similarity in [0, 1]; the first of equals wins."""
        unknown = log(1 + self._size) + 1
        weights = {f: n * self._idf.get(f, unknown) for f, n in _bag(text).items()}
        scores = [0.0] * self._size
        common: dict[str, float] = {}
        for feature, weight in weights.items():
            rows = self._postings.get(feature)
            if rows is None:
                common[feature] = weight
            else:
                for index, share in rows:
                    scores[index] += weight * share
        reach = _norm(w for f, w in common.items() if f in self._idf)
        bounds = [score + reach * norm for score, norm in zip(scores, self._norms, strict=True)]
        winner, most = 0, -1.0
        for index in sorted(range(self._size), key=bounds.__getitem__, reverse=True):
            if bounds[index] < most - _ROUNDING:
                break
            shares = self._common[index]
            score = scores[index] + sum(w * shares[f] for f, w in common.items() if f in shares)
            if score > most or (score == most and index < winner):
                winner, most = index, score
        return winner, min(1.0, most / (_norm(weights.values()) or 1.0))

    def __call__(self, text: str) -> int:
        """Return the index of the most similar text."""
        return self.best(text)[0]


def _norm(weights: Iterable[float]) -> float:
    return sqrt(sum(w * w for w in weights))


def _bag(text: str) -> Counter[str]:
    """Count the words and, per word, the character trigrams of the key; trigrams carry a ``#``."""
    bag: Counter[str] = Counter()
    for word in words(text):
        bag[word] += 1
        padded = f"#{word}#"
        bag.update("#" + padded[i : i + 3] for i in range(len(padded) - 2) if len(padded) > 3)
    return bag
