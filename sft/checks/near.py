"""Near-duplicates: texts that say the same in almost the same words. Pure Python, linear in the text, compact.

A text of up to 28 content words is compared by its set of content words (function words and order left out): two
texts are near when the sets are equal, or when one word is added or replaced and at least 80 % of the words stay
(Jaccard). Each set is filed under its sum of word hashes and under that sum less each word, so that such pairs meet
without being searched for. Words that stand for one another in several frames, or that are both common in the set, are the
fillers of a slot, and "A is a sign of B" with another A is another statement: those are no near-duplicates.

A longer text is compared by its pairs of neighbouring words, of which the 64 smallest hashes are kept: Jaccard is exact
up to 64 pairs and an estimate (± 0.05) beyond; again 0.8 is near.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby, pairwise

from sft.checks.language import DECIDING_WORDS, FUNCTION_WORDS

NEAR = 0.8
_SHORT = 28  # content words; a longer text is compared by its word pairs
_SKETCH, _RUN, _RUNS = (
    64,
    4,
    24,
)  # hashes kept; neighbours in the sketch filed together; how many hashes make runs
_LEAST = 4  # content words below which a text has no near-duplicates, only duplicates
_SLOT = 3  # frames in which a word must be exchanged to be the filler of a slot
_COMMON = (
    5  # texts that hold a word the set is at home with: one for another is another statement, not a slip
)
_ORDER = 0.5  # share of word pairs that must survive when the words are the same: "A gây B" is not "B gây A"
_COMPARED = 12  # long texts that one is compared with at most
_PART = 3_000_000  # keys sorted at a time: about 300 MB
_MASK = 2**64 - 1
_MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5)


class _Vocabulary(dict[str, int]):
    """Word → number; function words come first. Hashes are the same in every process, and so are the results."""

    def __init__(self) -> None:
        super().__init__()
        self.hashes = array("Q", [0])
        self.deciding = bytearray(1)
        self.function = max(self[word] for word in sorted(FUNCTION_WORDS - DECIDING_WORDS))

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self.hashes)
        self.hashes.append(
            int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big")
        )
        self.deciding.append(word in DECIDING_WORDS or not word.isalpha())
        return number


class Shingles:
    """What is kept of each text: its content words in order when it is short, else its sketch; 4 bytes each."""

    __slots__ = ("_kept", "_long", "_salts", "_starts", "_words")

    def __init__(self) -> None:
        self._words = _Vocabulary()
        self._kept = array("I")
        self._starts = array("Q", [0])
        self._long = bytearray()
        self._salts = array("Q")

    def __len__(self) -> int:
        return len(self._long)

    def add(self, key: str, salt: int = 0) -> None:
        """Add the text with comparison key `key`; only texts with one `salt` (their context) can be near."""
        words = key.split()
        least = self._words.function
        content = [number for number in dict.fromkeys(map(self._words.__getitem__, words)) if number > least]
        long = len(content) > _SHORT
        self._kept.extend(self._sketch(words) if long else content)
        self._starts.append(len(self._kept))
        self._long.append(long)
        self._salts.append(salt & _MASK)

    def _sketch(self, words: Sequence[str]) -> list[int]:
        codes = [self._words.hashes[self._words[word]] & 0xFFFFFFFF for word in words]
        pairs = {((a * 0x9E3779B1 + b) * 0x85EBCA6B >> 16) & 0xFFFFFFFF for a, b in pairwise(codes)}
        return sorted(pairs)[:_SKETCH]

    def of(self, text: int) -> "array[int]":
        """Return what is kept of one text."""
        return self._kept[self._starts[text] : self._starts[text + 1]]

    def long(self, text: int) -> bool:
        """Tell whether a text is compared by its sketch."""
        return bool(self._long[text])

    def deciding(self, word: int) -> bool:
        """Tell whether a word makes another statement: a negation, a number, a sign."""
        return bool(self._words.deciding[word])

    def keys(self, text: int) -> Iterator[tuple[int, int]]:
        """Yield the keys under which a text is filed, each with the word left out (0: none)."""
        kept, salt = self.of(text), self._salts[text]
        if self._long[text]:
            for run in zip(*(kept[i : _RUNS - _RUN + 1 + i] for i in range(_RUN)), strict=False):
                yield (sum(a * b for a, b in zip(run, _MIX, strict=True)) + salt) & _MASK, 0
        elif len(kept) >= _LEAST:
            hashes = self._words.hashes
            whole = sum(map(hashes.__getitem__, kept)) + salt
            yield whole & _MASK, 0
            for word in kept:
                yield (whole - hashes[word]) & _MASK, word


@dataclass(frozen=True, slots=True)
class Near:
    """Pairs of near texts, side by side; `deciding` marks those whose difference makes another statement."""

    left: "array[int]" = field(default_factory=lambda: array("I"))
    right: "array[int]" = field(default_factory=lambda: array("I"))
    deciding: bytearray = field(default_factory=bytearray)

    def add(self, one: int, other: int, *, deciding: bool = False) -> None:
        """Add a pair, the earlier text first."""
        self.left.append(min(one, other))
        self.right.append(max(one, other))
        self.deciding.append(deciding)

    def __iter__(self) -> Iterator[tuple[int, int, bool]]:
        return ((a, b, bool(d)) for a, b, d in zip(self.left, self.right, self.deciding, strict=True))

    def __len__(self) -> int:
        return len(self.left)


def find(shingles: Shingles, texts: Iterable[int]) -> Near:
    """Return the near pairs among `texts` (numbers in order of adding). Give each of equal texts once."""
    chosen = array("I", texts)
    near = Near()
    search = _Search(shingles, near)
    for bucket in _buckets(shingles, chosen):
        if shingles.long(bucket[0][0]):
            search.long(bucket)
        else:
            search.short(bucket)
    search.settle(chosen)
    return near


def _buckets(shingles: Shingles, texts: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
    """Yield the (text, word left out) that share a key; the keys are sorted part by part to bound the memory."""
    total = sum(_RUNS if shingles.long(text) else len(shingles.of(text)) + 1 for text in texts)
    parts = 1 + total // _PART
    for part in range(parts):
        keys, owners = array("Q"), array("Q")
        for text in texts:
            for key, word in shingles.keys(text):
                if parts == 1 or key % parts == part:
                    keys.append(key)
                    owners.append(text << 32 | word)
        order = sorted(range(len(keys)), key=keys.__getitem__)
        for _key, group in groupby(order, keys.__getitem__):
            members = list(group)
            if len(members) > 1:
                yield [(owners[at] >> 32, owners[at] & 0xFFFFFFFF) for at in members]


class _Search:
    """The pairs of all buckets; a pair with an exchanged word waits until all frames of the word are known."""

    def __init__(self, shingles: Shingles, near: Near) -> None:
        self._shingles, self._near = shingles, near
        self._waiting = array("Q")  # text << 32 | text, word << 32 | word (0: added, not replaced)
        self._added: Counter[int] = Counter()
        self._replaced: Counter[int] = Counter()
        self._compared: Counter[int] = Counter()
        self._joined: dict[int, int] = {}

    def short(self, bucket: Sequence[tuple[int, int]]) -> None:
        """Take texts that have the same content words but for one each."""
        whole = [text for text, word in bucket if not word]
        for text in whole[1:]:
            if self._same_order(whole[0], text):
                self._near.add(whole[0], text)
        first: dict[int, int] = {}
        for text, word in bucket:
            if word:
                first.setdefault(word, text)
        if len(first) > _SLOT:
            self._replaced.update(dict.fromkeys(first, _SLOT))
            self._added.update(dict.fromkeys(first, _SLOT))
            return
        fillers = list(first.items())
        for at, (word, text) in enumerate(fillers):
            if whole and len(self._shingles.of(whole[0])) >= NEAR * len(self._shingles.of(text)):
                self._added[word] += 1
                self._wait(whole[0], text, 0, word)
            for other, second in fillers[:at]:
                size = len(self._shingles.of(text))
                self._replaced.update((word, other))
                if size - 1 >= NEAR * (size + 1):
                    self._wait(second, text, other, word)

    def _wait(self, one: int, other: int, old: int, new: int) -> None:
        self._waiting.extend((one << 32 | other, old << 32 | new))

    def _same_order(self, one: int, other: int) -> bool:
        first, second = (set(pairwise(self._shingles.of(text))) for text in (one, other))
        return len(first & second) >= _ORDER * len(first | second)

    def long(self, bucket: Sequence[tuple[int, int]]) -> None:
        """Compare each text with the three before it in the bucket, as long as its turn lasts."""
        texts = sorted({text for text, _word in bucket})
        for at, text in enumerate(texts):
            for other in texts[max(0, at - 3) : at]:
                if self._joined.get(text) == self._joined.get(other, other):
                    continue
                if self._compared[text] < _COMPARED:
                    self._compared[text] += 1
                    if similarity(self._shingles.of(text), self._shingles.of(other)) >= NEAR:
                        self._joined[text] = self._joined.setdefault(other, other)
                        self._near.add(other, text)

    def settle(self, texts: Iterable[int]) -> None:
        """Keep the pairs whose exchanged words are no fillers of a slot; `texts` tell which words are common."""
        exchanged = {half for words in self._waiting[1::2] for half in (words >> 32, words & 0xFFFFFFFF)}
        short = (text for text in texts if not self._shingles.long(text))
        rows = Counter(word for text in short for word in self._shingles.of(text) if word in exchanged)
        waiting = iter(self._waiting)
        for pair, words in zip(waiting, waiting, strict=True):
            old, new = words >> 32, words & 0xFFFFFFFF
            if old:
                slot = (
                    min(self._replaced[old], self._replaced[new]) >= _SLOT
                    or min(rows[old], rows[new]) >= _COMMON
                )
            else:
                slot = self._added[new] >= _SLOT
            if not slot:
                deciding = self._shingles.deciding(new) or (old != 0 and self._shingles.deciding(old))
                self._near.add(pair >> 32, pair & 0xFFFFFFFF, deciding=deciding)


def similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the Jaccard similarity of two sets by their sketches: exact when both fit, else an estimate.

    >>> similarity([1, 2, 3, 4], [2, 3, 4, 5])
    0.6
    """
    first, second = set(one), set(other)
    union = sorted(first | second)[:_SKETCH]
    both = first & second
    return sum(value in both for value in union) / max(1, len(union))
