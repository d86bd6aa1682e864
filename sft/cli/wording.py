"""What typer itself says, in the language in force: it has these words in English only."""

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from sft.i18n import _

HELP = ("Arguments", "Commands", "Options", "Show this message and exit.")
REFUSALS = (
    "Missing argument {name}.",
    "Missing command.",
    "No such command {name}.",
    "No such option: {name}",
    "Option {name} requires an argument.",
    "Got unexpected extra argument(s) ({names})",
    "Invalid value for {name}: {reason}",
    "Did you mean {names}?",
    "(Possible options: {names})",
)
REASONS = (
    "Input should be a valid integer, unable to parse string as an integer",
    "Input should be a valid number, unable to parse string as a number",
)
# Typer brings click along under another name from one release to the next.
_Context: Any = TyperGroup.context_class
_Formatter: Any = _Context.formatter_class


class Formatter(_Formatter):  # type: ignore[misc]
    """Write a help page."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        super().write_usage(prog, args, prefix or _("Usage: "))

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section."""
        super().write_heading(_(heading))

    def write_dl(self, rows: Sequence[tuple[str, str]], *args: Any, **extra: Any) -> None:
        """Write the lines of a section."""
        super().write_dl([(name, _own(text)) for name, text in rows], *args, **extra)


class Context(_Context):  # type: ignore[misc]
    """A command at work."""

    formatter_class = Formatter


def adopt(command: Any) -> None:
    """Have `command`, and every command below it, write its help here."""
    command.context_class = Context
    for below in getattr(command, "commands", {}).values():
        adopt(below)


def refusal(message: str) -> str:
    """Return what typer says of a command line it does not understand.

    >>> refusal("No such command 'prp'. Did you mean 'prep'?")
    "No such command 'prp'. Did you mean 'prep'?"
    """
    return " ".join(map(_said, re.split(r" (?=Did you mean |\(Possible options: )", message)))


def _said(text: str) -> str:
    for form in REFUSALS:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(form))
        if found := re.fullmatch(pattern, text, re.DOTALL):
            return _(form).format(**{name: _(value) for name, value in found.groupdict().items()})
    return text


def _own(text: str) -> str:
    return _(text).replace("[default: ", _("[default: ")).replace("[required]", _("[required]"))
