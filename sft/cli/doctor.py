"""`sft doctor`: what this machine lacks for training."""

from typing import Annotated

import typer

from sft.cli import screen
from sft.cli.flags import Json
from sft.i18n import _


def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help=_("also use torch, bitsandbytes and unsloth for real"))
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what is missing or does not fit together, and the command that mends it.

    Example: sft doctor --deep
    """
    from sft import doctor as core

    found = core.run(deep=deep)
    screen.result({"checks": [check.as_dict() for check in found]}, core.lines(found), as_json=as_json)
    if not all(check.ok for check in found):
        raise typer.Exit(1)
