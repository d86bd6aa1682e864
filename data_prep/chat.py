"""Conversations: ShareGPT (``conversations``), OpenAI (``messages``), in JSON lines, a JSON list or Parquet.

    {"conversations": [{"from": "human", "value": "Chào bạn"}, {"from": "gpt", "value": "Chào bạn, tôi nghe đây."}]}
    {"messages": [{"role": "user", "content": "Chào bạn"}, {"role": "assistant", "content": "Tôi nghe đây."}]}

Each turn is looked at for itself: ``role``/``content`` under ``conversations`` is read as well. Nothing is guessed or left
out: a conversation with two user turns in a row, an empty turn or an unknown role, or that does not end with the assistant
is refused with that reason. Assistant turns in a row (analysis, then the final answer) are refused, merged or the last is
kept, as the caller says. A ``system`` text beside the turns becomes the first message. The turns before a reply may stand
in ``previous_conversation``, also as the JSON text that a spreadsheet holds.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from data_prep._objects import objects, row_id
from data_prep._source import Sample, Source
from data_prep._values import as_text, literal
from sft.i18n import _
from sft.records import Message, Record, Reject, Role

GENERIC = False
_KEYS = ("messages", "conversations", "conversation", "previous_conversation")
_REPLIES = ("assistant_fast_response", "assistant_response", "response", "reply", "answer", "output")
_ROLES: dict[str, Role] = {
    "system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant",
    "bot": "assistant", "model": "assistant", "ai": "assistant", "chatgpt": "assistant",
}  # fmt: skip


class _TurnError(Exception):
    """Why a conversation is refused."""

    def __init__(self, reason: str, detail: str = "", excerpt: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail, self.excerpt = reason, detail, excerpt


def looks_like(sample: Sample) -> bool:
    """Tell a chat file: most of the first rows have a list of turns under a known key."""
    return sum(bool(_key(row)) for row in sample.rows) * 2 > len(sample.rows)


def describe(sample: Sample) -> str:
    """Name the key and the form of the turns."""
    key = next(filter(None, map(_key, sample.rows)), _("no turns"))
    row: Mapping[str, Any] = next((row for row in sample.rows if _key(row)), {})
    names = " · ".join(
        dict.fromkeys(name for turn in _turns(row.get(key)) if isinstance(turn, dict) for name in turn)
    )
    return _("turns under {key}: {names}").format(key=key, names=names)


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every conversation as messages."""
    for number, where, row in objects(source):
        if isinstance(row, Reject):
            yield row
            continue
        key = row_id(source, number)
        try:
            yield Record(key, where, messages=_messages(row))
        except _TurnError as fault:
            yield Reject(key, where, fault.reason, fault.detail, fault.excerpt)


def _key(row: Any) -> str:
    """Return the key of `row` that holds the turns, '' when there is none."""
    if not isinstance(row, dict):
        return ""
    return next((key for key in _KEYS if any(isinstance(turn, dict) for turn in _turns(row.get(key)))), "")


def _turns(value: Any) -> list[Any]:
    """Return the list of turns; one exported as a JSON string (from a spreadsheet) is unpacked."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = literal(value)
        except ValueError:
            return []
    return value if isinstance(value, list) else []


def _messages(row: Mapping[str, Any]) -> tuple[Message, ...]:
    key = _key(row)
    if not key:
        raise _TurnError("no_turns", _("columns: {names}").format(names=", ".join(row)))
    messages = [_message(turn, number) for number, turn in enumerate(_turns(row[key]), 1)]
    if as_text(row.get("system")).strip():
        messages.insert(0, Message("system", as_text(row["system"])))
    if key == "previous_conversation":
        reply = next((name for name in _REPLIES if name in row), "")
        if not as_text(row.get(reply)).strip():
            raise _TurnError("empty_turn", _("no reply to previous_conversation"))
        messages.append(Message("assistant", as_text(row[reply])))
    _check(messages)
    return tuple(messages)


def _message(turn: Any, number: int) -> Message:
    if not isinstance(turn, dict):
        raise _TurnError("bad_turn", _("turn {n} is no object").format(n=number), as_text(turn)[:80])
    names = next(
        ((r, c) for r, c in (("role", "content"), ("from", "value")) if r in turn and c in turn), None
    )
    if names is None:
        detail = _("turn {n} has neither role/content nor from/value: {names}")
        raise _TurnError("bad_turn", detail.format(n=number, names=", ".join(turn)))
    said, content = as_text(turn[names[0]]), _content(turn[names[1]], number)
    role = _ROLES.get(said.strip().lower())
    if role is None:
        raise _TurnError("unknown_role", _("turn {n}: {role!r}").format(n=number, role=said), content[:80])
    if not content.strip():
        raise _TurnError("empty_turn", _("turn {n} ({role})").format(n=number, role=role))
    return Message(role, content)


def _content(value: Any, number: int) -> str:
    """Return the text of a turn; OpenAI's list of parts is joined when every part is text."""
    if isinstance(value, list):
        parts = [
            part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
            for part in value
        ]
        if not all(isinstance(part, str) for part in parts):
            raise _TurnError("not_text", _("turn {n} holds something else than text").format(n=number))
        return "\n".join(as_text(part) for part in parts)
    return as_text(value)


def _check(messages: list[Message]) -> None:
    """Raise for an order that cannot be trained on as it stands."""
    roles = [message.role for message in messages]
    for number, (before, after) in enumerate(itertools.pairwise(roles), 1):
        if after == "system":
            raise _TurnError("late_system", _("turn {n}").format(n=number + 1))
        if before == after == "user":  # of assistant turns in a row the user decides (`_shape`)
            raise _TurnError(f"consecutive_{after}", _("turns {n} and {m}").format(n=number, m=number + 1))
    if roles[-1] != "assistant":
        raise _TurnError("no_final_answer", _("ends with {role}").format(role=roles[-1]))
    if "user" not in roles:
        raise _TurnError("no_user_turn")
