"""``sft doctor``."""

import json
from typing import Annotated

import typer

from sft.i18n import _


def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help=_("also use torch, bitsandbytes and unsloth for real"))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("print one JSON object"))] = False,
) -> None:
    """Say what is missing or does not fit, and the command that mends it. Example: sft doctor --deep"""
    from sft import doctor as checks

    found = checks.run(deep=deep)
    if as_json:
        typer.echo(json.dumps({"checks": [check.as_dict() for check in found]}, ensure_ascii=False))
    else:
        typer.echo("\n".join(checks.lines(found)))
    if not all(check.ok for check in found):
        raise typer.Exit(1)
