"""What flows from a raw file to a prepared row: records, messages, rejects and findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `content` is NFC text without chat markup."""

    role: Role
    content: str

    def as_dict(self) -> dict[str, str]:
        """Return the OpenAI form, ``{"role", "content"}``."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Record:
    """One example as read: `fields` are the raw columns as text, before they are mapped to template variables.

    `id` is unique in its source file, `where` is ``file:line``. Chat records carry `messages` instead of fields.
    """

    id: str
    where: str
    fields: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """One example that could not become a row: counted by `reason`, written to ``rejected.jsonl``."""

    id: str
    where: str
    reason: str
    detail: str = ""
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One prepared row: the conversation the model sees, and what scoring needs in `meta`."""

    id: str
    messages: tuple[Message, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of a prepared file."""
        return {"id": self.id, "messages": [m.as_dict() for m in self.messages], "meta": dict(self.meta)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Row":
        """Read the JSON form back. Raises `KeyError` or `TypeError` when it is not one."""
        messages = tuple(Message(m["role"], m["content"]) for m in value["messages"])
        return cls(str(value["id"]), messages, value.get("meta") or {})


@dataclass(frozen=True, slots=True)
class Finding:
    """A content problem reported, not raised: `count` rows, a few `examples` (row ids), what to do in `hint`.

    `figures` hold what the message says in numbers, where that is worth a drawing; `rows` the rows that the first examples
    speak of, by their number in order of reading, several together where they are compared.
    """

    id: str
    severity: Severity
    count: int
    message: str
    examples: tuple[str, ...] = ()
    hint: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[tuple[int, ...], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of ``report.json``."""
        value = {
            "id": self.id,
            "severity": self.severity,
            "count": self.count,
            "message": self.message,
            "examples": list(self.examples),
            "hint": self.hint,
        }
        return value | ({"figures": dict(self.figures)} if self.figures else {})
