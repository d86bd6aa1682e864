"""The simplest rule that may decide a two-label set: "contains one of these few words → this label".

Exam sheets are full of it: wrong statements say "không", "chỉ", "hoàn toàn". The rule is found on one half of the rows and
scored on the other, so that a set without such words scores what the majority class does.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sft.checks.shortcuts import beats
from sft.splits import sample

MARGIN = 0.10  # share of rows above the majority class that makes the rule a finding
_ROWS, _SEED = 10_000, 42
_FEWEST = 60  # rows below which a rule is luck
_CUES = 8
_GAIN = 0.008  # share of rows that one more word must get right

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """``any of words → label``, and what it scores: `correct` of `n` rows held out, the majority class `plain`.

    `found` says for each word in how many rows it stands and how many of them have the label.
    """

    words: tuple[str, ...]
    label: str
    other: str
    found: tuple[tuple[int, int], ...] = ()
    n: int = 0
    correct: int = 0
    plain: int = 0

    def __call__(self, text: str) -> str:
        """Return the label that the rule gives a key."""
        spaced = f" {text} "
        return self.label if any(f" {word} " in spaced for word in self.words) else self.other

    @property
    def fires(self) -> bool:
        """Tell whether it beats the majority class by 10 points, and by more than the luck of few rows."""
        return beats(self.correct, self.plain, self.n, MARGIN)


def cue_rule(rows: Sequence[Pair]) -> Rule | None:
    """Return the best rule of (key, label) rows, None unless there are two labels and 60 rows."""
    if len(rows) > _ROWS:
        kept = set(sample(map(str, range(len(rows))), _ROWS, _SEED))
        rows = [row for index, row in enumerate(rows) if str(index) in kept]
    counts = Counter(label for _text, label in rows)
    if len(counts) != 2 or len(rows) < _FEWEST:
        return None
    half = set(sample(dict.fromkeys(text for text, _label in rows), len(rows) // 2, _SEED))
    folds = [[row for row in rows if row[0] in half], [row for row in rows if row[0] not in half]]
    correct = 0
    for known, asked in (folds, folds[::-1]):
        rule = _learn(known, sorted(counts))
        correct += sum(rule(text) == label for text, label in asked)
    best = _learn(rows, sorted(counts))
    held = [[label for text, label in rows if f" {word} " in f" {text} "] for word in best.words]
    found = tuple((len(labels), labels.count(best.label)) for labels in held)
    return replace(best, found=found, n=len(rows), correct=correct, plain=max(counts.values()))


def _learn(rows: Sequence[Pair], labels: Sequence[str]) -> Rule:
    """Return the better of the rules for either label; one without a useful word always says the larger class."""
    masks = _masks(rows)
    everything = (1 << len(rows)) - 1
    best, most = Rule((), labels[0], labels[1]), -1
    for label, other in (labels, labels[::-1]):
        wanted = sum(1 << at for at, (_text, given) in enumerate(rows) if given == label)
        words, right = _greedy(masks, wanted, everything, max(3, round(_GAIN * len(rows))))
        if right > most:
            best, most = Rule(words, label, other), right
    return best


def _greedy(
    masks: Iterable[tuple[str, int]], wanted: int, everything: int, least: int
) -> tuple[tuple[str, ...], int]:
    """Add the word that gets most rows right until none gets `least` more; return the words and the rows right."""
    open_rows, words = everything, []
    right = (everything & ~wanted).bit_count()
    candidates = list(masks)
    for _round in range(_CUES):
        gains = [
            (
                2 * (mask & open_rows & wanted).bit_count() - (mask & open_rows).bit_count(),
                len(word),
                word,
                mask,
            )
            for word, mask in candidates
        ]
        gain, _length, word, mask = max(gains, default=(0, 0, "", 0))
        if gain < least:
            break
        words.append(word)
        right += gain
        open_rows &= ~mask
        candidates = [(w, m) for (g, _l, w, m) in gains if g > 0 and w != word]
    return tuple(words), right


def _masks(rows: Sequence[Pair]) -> list[tuple[str, int]]:
    """Return the words and word pairs of half a hundredth of the rows or more, each with its rows as the bits of a number."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for at, (text, _label) in enumerate(rows):
        words = text.split()
        for word in dict.fromkeys((*words, *map(" ".join, pairwise(words)))):
            found[word].append(at)
    least = max(5, len(rows) // 200)
    out = []
    for word, places in found.items():
        if len(places) >= least:
            bits = bytearray(len(rows) // 8 + 1)
            for at in places:
                bits[at >> 3] |= 1 << (at & 7)
            out.append((word, int.from_bytes(bits, "little")))
    return out
