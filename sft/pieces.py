r"""The ids of many texts at once, put together from those of pieces that were met before.

Rows share their words: a word goes through the tokenizer once, then its ids are looked up. That is exact only where
every step of the tokenizer may be taken piece by piece; `pieces` reads the steps and returns None for any other:

* A text is cut at the turn end, and before every blank behind something else than white space. Added tokens, the turn
  end is one, take nothing from what is beside them; none holds a blank or reaches into a turn end, so none is torn.
* NFC joins nothing to a blank, so it does to the pieces what it does to the text.
* The expression of a pre-tokenizer in `_CUTTERS` has a border at every such blank, wherever it starts to read: its
  alternatives match a blank at their beginning or among white space only, and only ``\s+(?!\S)`` looks ahead. Before
  it, digits may have been parted from the rest; what comes after it sees one word at a time, as the model does.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Ids = Callable[[list[str]], list[list[int]]]

_REMEMBERED = 1 << 26  # bytes at most, and one batch: some 150,000 words; then the memory is emptied
_TOGETHER = 128  # pieces
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
_WORDS = (  # Qwen 2 and 3 take digits one by one, Llama 3 up to three together
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CUTTERS = (
    {**_BYTES, "use_regex": True},  # the expression of GPT-2, which SmolLM2 has too
    {"type": "Split", "pattern": {"Regex": _WORDS % ""}, "behavior": "Isolated", "invert": False},
    {"type": "Split", "pattern": {"Regex": _WORDS % "{1,3}"}, "behavior": "Isolated", "invert": False},
)
_BORDER = re.compile(r" (?<=\S )")  # `\S` is no wider here than in the tokenizers


def whole(tokenizer: Any) -> Ids:
    """Return the plain way: each text goes through the tokenizer as it is."""
    return lambda texts: [
        encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ]


def pieces(tokenizer: Any, end: str) -> Ids | None:
    """Return the way over pieces for texts whose turns end with the token `end`; None where it might not be exact."""
    if not _cuts(_steps(getattr(tokenizer, "pre_tokenizer", None), "pretokenizers")):
        return None
    if any(step != {"type": "NFC"} for step in _steps(tokenizer.normalizer, "normalizers")):
        return None
    if tokenizer.padding or tokenizer.truncation or getattr(tokenizer.model, "dropout", None):
        return None
    added = {token.content: token for token in tokenizer.get_added_tokens_decoder().values()}
    if end not in added or not all(map(cutting, added.values())):
        return None
    if any(" " in text or _meets(text, end) for text in added.keys() - {end}):
        return None
    return _Pieces(whole(tokenizer), end, tokenizer.token_to_id(end)).ids


def cutting(token: Any) -> bool:
    """Return whether an added token stands for its own letters alone, wherever they are in the text."""
    return not (token.normalized or token.single_word or token.lstrip or token.rstrip)


def _meets(token: str, end: str) -> bool:
    """Return whether `token` could begin in front of a turn end and reach into it."""
    return end in token or any(token.endswith(end[:n]) for n in range(1, len(end)))


def _steps(part: Any, name: str) -> list[dict[str, Any]]:
    """Return the steps of a normalizer or pre-tokenizer, but for what only moves offsets."""
    if part is None:
        return []
    state = json.loads(part.__getstate__())
    steps = state[name] if state["type"] == "Sequence" else [state]
    return [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps]


def _cuts(steps: list[dict[str, Any]]) -> bool:
    while steps and steps[0]["type"] == "Digits":
        steps = steps[1:]
    return bool(steps) and steps[0] in _CUTTERS and all(step == _BYTES for step in steps[1:])


class _Pieces:
    """The ids of the pieces met so far: of those a turn begins with, and of those behind a blank, which they lack."""

    def __init__(self, encode: Ids, end: str, end_id: int) -> None:
        self._encode, self._end, self._end_id = encode, end, end_id
        self._first: dict[str, list[int]] = {}
        self._later: dict[str, list[int]] = {}
        self._size = 0

    def ids(self, texts: list[str]) -> list[list[int]]:
        """Return the ids of each text."""
        if self._size > _REMEMBERED:
            self._first, self._later, self._size = {}, {}, 0
        cut, end = _BORDER.split, self._end
        rows = [[cut(turn) for turn in text.split(end)] for text in texts]
        self._learn(self._first, "", {turn[0] for row in rows for turn in row})
        self._learn(self._later, " ", {piece for row in rows for turn in row for piece in turn[1:]})
        return [self._joined(row) for row in rows]

    def _learn(self, known: dict[str, list[int]], before: str, met: set[str]) -> None:
        new = list(met.difference(known))
        for piece, ids in zip(new, self._apart([before + piece for piece in new]), strict=True):
            known[piece] = ids
            self._size += 250 + 4 * len(piece) + 40 * len(ids)  # what Python takes for them

    def _apart(self, new: list[str]) -> Iterator[list[int]]:
        """Yield the ids of each piece; many make one text, because a text of its own takes as long as three words."""
        texts = [self._end.join(new[n : n + _TOGETHER]) for n in range(0, len(new), _TOGETHER)]
        for ids in self._encode(texts):
            ids.append(self._end_id)
            start = 0
            while start < len(ids):
                stop = ids.index(self._end_id, start)
                yield ids[start:stop]
                start = stop + 1

    def _joined(self, row: list[list[str]]) -> list[int]:
        first, later, end = self._first, self._later, self._end_id
        ids: list[int] = []
        for opening, *others in row:
            ids += first[opening]
            for piece in others:
                ids += later[piece]
            ids.append(end)
        ids.pop()  # no turn end stands behind the last part
        return ids
