r"""Multiple choice: the options of a row, wherever they stand, as one text, and the answer as the letter of its option.

``option_1 … option_6``, ``A B C D`` or a list under ``choices`` become ``options``, a line each::

    A. Ba ngày
    B. Một tuần

and ``label`` is the letter, whether the file says ``B``, ``b)``, ``2`` or ``Một tuần``. Empty options at the end are no
options. What does not fit — a hole between options, an answer that is none of them — refuses the row.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from data_prep._rules import Rules
from data_prep._values import as_text, literal
from sft.columns import fold
from sft.errors import DataError
from sft.i18n import _
from sft.keys import key
from sft.records import Record, Reject
from sft.text import clean

LETTERS = "ABCDEFGHIJ"
_COLUMN = re.compile(r"(?:(?:option|choice|lua chon|phuong an|cau tra loi|dap an|opt)\s?([a-j])|"
                     r"(?:option|choice|lua chon|phuong an|opt)\s?(\d)|([a-j]))\Z")  # fmt: skip
_LISTS = frozenset({
    "options",
    "choices",
    "option",
    "choice",
    "luachon",
    "cacluachon",
    "phuongan",
    "cacphuongan",
})
_ANSWERS = (
    "answer", "dapan", "dapandung", "correctanswer", "correct", "correctoption", "answerkey", "key", "label", "nhan",
    "traloi", "cautraloi", "target", "output",
)  # fmt: skip
_LED = re.compile(r"\(?([A-Ja-j])\s*[.):/]\s*(?=\S)")
_LETTER = re.compile(r"\W*(?:(?:đáp án|phương án|answer)\W+)?([A-Ja-j])\W*\Z", re.IGNORECASE)


class _OptionError(Exception):
    """Why a row is no multiple choice."""

    def __init__(self, reason: str, detail: str = "", excerpt: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail, self.excerpt = reason, detail, excerpt


def columns_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that hold one option each, in order, or the one that lists them; none when there are none.

    >>> columns_of(["question", "option_1", "option_2", "answer"]), columns_of(["A", "B", "C", "D", "key"])
    (('option_1', 'option_2'), ('A', 'B', 'C', 'D'))
    """
    found = {name: match for name in names if (match := _COLUMN.match(fold(name)))}
    lettered = {ord(m[1] or m[3]) - ord("a"): name for name, m in found.items() if not m[2]}
    numbered = {int(m[2]): name for name, m in found.items() if m[2]}
    # Two columns "a" and "b" are anything; a third makes them options.
    if all(match[3] for match in found.values()) and len(lettered) < 3:
        lettered = {}
    for places, first in ((lettered, 0), (numbered, min(numbered, default=0))):
        if len(places) > 1 and first < 2 and sorted(places) == list(range(first, first + len(places))):
            return tuple(places[at] for at in sorted(places))
    return tuple(name for name in names if fold(name).replace(" ", "") in _LISTS)[:1]


def answer_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that may say which option is right, the likeliest first."""
    folded = {fold(name).replace(" ", ""): name for name in reversed(names)}
    return tuple(folded[known] for known in _ANSWERS if known in folded)


def choice(record: Record, columns: Sequence[str], answers: Sequence[str], rules: Rules) -> Record | Reject:
    """Return the record with ``options`` and ``label``, the record itself when it holds no options after all.

    Raises `DataError` when answers are numbers from 0 and the user has not said so: the others would be wrong by one.
    """
    try:
        texts = _texts(record.fields, columns)
        if texts is None:
            return record
        shown = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, texts, strict=False))
        fields = {**record.fields, "options": shown}
        said = {name: record.fields[name] for name in answers if clean(record.fields.get(name, ""))}
        if said:
            letter = _letter(said, texts, rules, record.where)
            # The answer as it was written would stand beside the letter as a column that gives it away.
            fields = {name: text for name, text in fields.items() if name not in said} | {"label": letter}
        return replace(record, fields=fields)
    except _OptionError as refused:
        return Reject(record.id, record.where, refused.reason, refused.detail, refused.excerpt)


def _texts(fields: Mapping[str, str], columns: Sequence[str]) -> list[str] | None:
    """Return the options without their own letters; None when the column of a list holds something else."""
    if len(columns) > 1:
        texts = [fields.get(name, "") for name in columns]
    else:
        found = _listed(fields.get(columns[0], ""))
        if found is None:
            return None
        texts = found
    texts = [" ".join(clean(text).split()) for text in texts]
    while texts and not texts[-1]:
        texts.pop()
    if len(texts) < 2 or len(texts) > len(LETTERS):
        raise _OptionError("few_options", _("{n} options").format(n=len(texts)), " | ".join(texts)[:80])
    if "" in texts:
        detail = _("option {letter} is empty").format(letter=LETTERS[texts.index("")])
        raise _OptionError("empty_option", detail, " | ".join(texts)[:80])
    led = [_LED.match(text) for text in texts]
    if all(led):
        own = "".join(found[1].upper() for found in led if found)
        if own != LETTERS[: len(texts)]:
            raise _OptionError("option_order", _("the options are lettered {letters}").format(letters=own))
        texts = [text[found.end() :] for text, found in zip(texts, led, strict=True) if found]
    return texts


def _listed(cell: str) -> list[str] | None:
    """Return the options of one cell: a list, an object of letters, ``text`` beside ``label``, or lettered lines."""
    if cell.lstrip()[:1] in {"[", "{"}:
        try:
            value = literal(cell)
        except ValueError:
            return None
        if isinstance(value, dict):
            value = value["text"] if isinstance(value.get("text"), list) else list(value.values())
        return [as_text(each.get("text") if isinstance(each, dict) else each) for each in value]
    lines = [line for line in cell.splitlines() if line.strip()]
    return lines if len(lines) > 1 and all(_LED.match(line.strip()) for line in lines) else None


def _letter(said: Mapping[str, str], texts: Sequence[str], rules: Rules, where: str) -> str:
    """Return the letter that all answer columns agree on."""
    found: set[int] = set()
    for text in said.values():
        found |= _meant(clean(text), texts, rules, where)
    if len(found) == 1:
        return LETTERS[found.pop()]
    reason = "ambiguous_choice" if found else "unknown_choice"
    detail = _("options: {names}").format(names=" | ".join(texts))
    raise _OptionError(reason, detail[:200], next(iter(said.values()))[:80])


def _meant(answer: str, texts: Sequence[str], rules: Rules, where: str) -> set[int]:
    """Return the places an answer may mean: by its text, its number, its letter."""
    wanted = key(answer)
    by_text = {at for at, text in enumerate(texts) if key(text) == wanted}
    by_place: set[int] = set()
    if answer.removesuffix(".0").isdecimal():
        at = int(answer.removesuffix(".0")) - rules.numbered_from
        if at < 0 and not by_text:
            raise DataError(
                _("an answer is number {n}: do the options of this file count from 0?").format(n=answer),
                where=where,
                hint=_("say so in sft.toml: [[prep.source]] files = …, numbered_from = 0"),
            )
        by_place = {at} if 0 <= at < len(texts) else set()
    elif letter := _LETTER.match(answer):
        at = LETTERS.index(letter[1].upper())
        by_place = {at} if at < len(texts) else set()
    elif led := _LED.match(answer):
        at = LETTERS.index(led[1].upper())
        rest = key(answer[led.end() :])
        by_place = {at} if at < len(texts) and key(texts[at]) == rest else set()
    return by_text | by_place
