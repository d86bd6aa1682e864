"""Rows whose columns belong together: several answers to one question, options of a choice, turns in a row.

Works on rows as written, before they are cleaned: the offsets of SQuAD count the characters of the file. Nothing is
decided here that the user did not decide (`_rules`), and each such decision is counted.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from data_prep import _options
from data_prep._rules import Rules
from data_prep._tidy import Notes
from data_prep._values import Nested, as_text, literal
from sft.columns import fold
from sft.i18n import _
from sft.records import Message, Record, Reject

REFUSAL = "Đoạn văn không có thông tin để trả lời câu hỏi này."
_NUMBERED = re.compile(r"(?:answer|dap an|tra loi|cau tra loi|response|output)s? (\d+)\Z")
_PLURAL = ("answers", "cacdapan", "caccautraloi")
_SINGULAR = (
    "answer",
    "dapan",
    "traloi",
    "cautraloi",
)  # a text in such a column that looks like a list is the answer
_CONTEXTS = frozenset({"context", "ngucanh", "passage", "paragraph", "doanvan"})


def shape(items: Iterable[Record | Reject], rules: Rules, notes: Notes) -> Iterator[Record | Reject]:
    """Yield each item with ``options``, ``label`` and ``answer`` made of the columns that hold them, turns merged."""
    for item in items:
        if isinstance(item, Reject):
            yield item
        elif item.messages:
            yield _turns(item, rules, notes)
        else:
            yield from _fields(item, rules, notes)


def _fields(record: Record, rules: Rules, notes: Notes) -> Iterator[Record | Reject]:
    plan = _plan(tuple(record.fields))
    found: Record | Reject = record
    if plan.options:
        found = _options.choice(record, plan.options, plan.choices, rules)
        if isinstance(found, Record) and found is not record:
            notes.add("options", record.where)
            yield found  # the answer of a choice is one of its options
            return
    if isinstance(found, Reject) or not plan.answers:
        yield found
    else:
        yield from _answers(record, plan, rules, notes)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which columns of a header belong together; `numbered` when each answer has a column of its own."""

    options: tuple[str, ...]
    choices: tuple[str, ...]
    answers: tuple[str, ...]
    numbered: bool
    impossible: str
    context: str


@functools.lru_cache(maxsize=256)
def _plan(names: tuple[str, ...]) -> _Plan:
    folded = {name: fold(name) for name in names}
    bare = {flat.replace(" ", ""): name for name, flat in folded.items()}
    options = _options.columns_of(names)
    numbered = tuple(name for name, flat in folded.items() if _NUMBERED.match(flat))
    listed = tuple(name for flat, name in bare.items() if flat in (*_PLURAL, *_SINGULAR))
    return _Plan(
        options,
        _options.answer_columns([name for name in names if name not in options]),
        numbered if len(numbered) > 1 and not listed else listed[:1],
        len(numbered) > 1 and not listed,
        bare.get("isimpossible", ""),
        next((name for flat, name in bare.items() if flat in _CONTEXTS), ""),
    )


def _answers(record: Record, plan: _Plan, rules: Rules, notes: Notes) -> Iterator[Record | Reject]:
    """Yield a record for each answer that is wanted, with the answer in the field ``answer``."""
    fields = record.fields
    impossible = fields.get(plan.impossible, "").strip().lower() in {"true", "1"}
    if plan.numbered:
        texts: list[str] | None = [fields[name] for name in plan.answers if fields[name].strip()] or [""]
    else:
        cell = fields[plan.answers[0]]
        plural = fold(plan.answers[0]).replace(" ", "") in _PLURAL
        value = _nested(cell) if plural or isinstance(cell, Nested) else None
        wrong = _misplaced(value, fields.get(plan.context, "")) if value and not impossible else ""
        if wrong:
            yield Reject(record.id, record.where, "offset_mismatch", *wrong)
            return
        texts = None if value is None else [text for text, _start in value if text.strip()]
    if impossible or (texts == [] and plan.context):
        yield _impossible(record, rules, notes)
    elif texts is None:
        yield record
    else:
        yield from _each(record, texts or [""], rules, notes)


def _nested(cell: str) -> list[tuple[str, str]] | None:
    """Return the ``(text, offset)`` pairs of a cell that lists answers; None when it is plain text.

    >>> _nested('["Huế"]'), _nested('{"text": ["ở Huế"], "answer_start": [4]}'), _nested("[1] Theo tác giả")
    ([('Huế', '')], [('ở Huế', '4')], None)
    """
    if cell.lstrip()[:1] not in {"[", "{"}:
        return None
    try:
        value: Any = literal(cell)
    except ValueError:
        return None
    if isinstance(value, dict):
        texts, starts = value.get("text"), value.get("answer_start")
        if not isinstance(texts, list):
            return None
        starts = starts if isinstance(starts, list) and len(starts) == len(texts) else [""] * len(texts)
        return [(as_text(text), as_text(start)) for text, start in zip(texts, starts, strict=True)]
    if all(isinstance(each, dict) and "text" in each for each in value):
        return [(as_text(each["text"]), as_text(each.get("answer_start"))) for each in value]
    return [(as_text(each), "") for each in value] if all(isinstance(each, str) for each in value) else None


def _misplaced(answers: Sequence[tuple[str, str]], context: str) -> tuple[str, str] | None:
    """Return what is wrong with the first answer that does not stand where it says, with its text."""
    for text, start in answers:
        if (
            start
            and context
            and not (start.isdecimal() and len(start) < 10 and context.startswith(text, int(start)))
        ):
            return _("answer_start {at}").format(at=start), text[:80]
    return None


def _impossible(record: Record, rules: Rules, notes: Notes) -> Record | Reject:
    if rules.impossible == "reject":
        return Reject(record.id, record.where, "impossible", _("the passage does not answer it"))
    if rules.impossible == "refusal":
        notes.add("refusal", record.where)
    text = REFUSAL if rules.impossible == "refusal" else ""
    return replace(record, fields={**record.fields, "answer": text})


def _each(record: Record, texts: Sequence[str], rules: Rules, notes: Notes) -> Iterator[Record]:
    different = list(dict.fromkeys(texts))
    if len(different) < len(texts):
        notes.add("same_answer", record.where)
    if len(different) > 1:
        notes.add("further_answers" if rules.answers == "first" else "each_answer", record.where)
    for number, text in enumerate(different[:1] if rules.answers == "first" else different, 1):
        name = record.id if number == 1 else f"{record.id}#{number}"
        yield replace(record, id=name, fields={**record.fields, "answer": text})


def _turns(record: Record, rules: Rules, notes: Notes) -> Record | Reject:
    """Settle assistant turns that follow each other, as a model that thinks aloud writes them."""
    messages: list[Message] = []
    for number, message in enumerate(record.messages, 1):
        if not messages or messages[-1].role != message.role or message.role != "assistant":
            messages.append(message)
        elif rules.turns == "refuse":
            detail = _("turns {n} and {m}").format(n=number - 1, m=number)
            return Reject(record.id, record.where, "consecutive_assistant", detail, message.content[:80])
        elif rules.turns == "merge":
            messages[-1] = Message(
                "assistant", f"{messages[-1].content.rstrip()}\n\n{message.content.lstrip()}"
            )
        else:
            messages[-1] = message
    if len(messages) == len(record.messages):
        return record
    notes.add("turns_merged" if rules.turns == "merge" else "turns_left_out", record.where)
    return replace(record, messages=tuple(messages))
