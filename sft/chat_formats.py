"""The chat formats: how the turns of a conversation become text; the formats themselves are ``chat_formats.toml``."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sft.errors import SettingsError
from sft.i18n import _


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """One chat format; see ``chat_formats.toml`` for the meaning of each field."""

    name: str
    header: str
    turn_end: str
    bos: str = ""
    after: str = ""
    answer_prefix: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    system: str = "turn"

    def head(self, role: str) -> str:
        """Return the text that opens a turn of `role`, the answer prefix included."""
        name = self.header.format(role=self.roles.get(role, role))
        return name + (self.answer_prefix if role == "assistant" else "")


@functools.cache
def formats() -> Mapping[str, ChatFormat]:
    """Return every chat format by name."""
    raw = tomllib.loads(Path(__file__).with_name("chat_formats.toml").read_text(encoding="utf-8"))
    return {name: ChatFormat(name=name, **value) for name, value in raw.items()}


def chat_format(name: str) -> ChatFormat:
    """Return one chat format. Raises `SettingsError` for an unknown name."""
    known = formats()
    if name not in known:
        raise SettingsError(
            _("unknown chat format {name!r}").format(name=name),
            hint=_("one of: {names}").format(names=", ".join(known)),
        )
    return known[name]
