"""The command line: one file per command or noun, parse → call → print.

Results go to stdout, progress and logs to stderr. `SftGroup` is the one place that prints errors and chooses the exit
code. Nothing heavy is imported here: `sft --help` must work, at once, without the training packages.
"""

import inspect
import os
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sft import __version__, disk
from sft.cli import wording
from sft.errors import MissingError, SftError
from sft.i18n import LANGUAGES, _

# What a mistyped command line raises; typer brings click along under another name from one release to the next.
_UsageError: Any = typer.BadParameter.__mro__[1]


class SftGroup(TyperGroup):
    """A command group that prints every error as ``error:`` and ``hint:`` lines and exits with its code."""

    def __init__(self, *args: Any, **extra: Any) -> None:
        super().__init__(*args, **extra)
        wording.adopt(self)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the options before the command."""
        try:
            return super().make_context(*args, **extra)
        except _UsageError as error:
            _show_usage(error)
            raise typer.Exit(2) from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            _show_usage(error)
            raise typer.Exit(2) from None
        except SftError as error:
            if ctx.params.get("debug"):
                raise
            show_error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            typer.echo(_("interrupted"), err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:  # `sft … | head`: the reader has gone, that is no failure
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            if ctx.params.get("debug") or not disk.refused(error):
                raise
            hint = _("free some space, or check who may write there")
            show_error(MissingError(error.strerror or "", where=str(error.filename or ""), hint=hint))
            raise typer.Exit(MissingError.exit_code) from None


def _show_usage(error: Any) -> None:
    """Print what is wrong with the command line; without any argument typer raises the help text itself."""
    if error.ctx is not None and error.message == error.ctx.get_help():
        typer.echo(error.message, err=True)
        return
    command = error.ctx.command_path if error.ctx else "sft"
    typer.echo(_("error: {text}").format(text=wording.refusal(error.format_message())), err=True)
    typer.echo(_("hint: {text}").format(text=f"{command} --help"), err=True)


def show_error(error: SftError) -> None:
    """Print an error, its parts and one hint to stderr."""
    typer.echo(_("error: {text}").format(text=error), err=True)
    for part in error.parts:
        typer.echo(f"  - {part}" + (f"  ({part.hint})" if part.hint else ""), err=True)
    if error.hint:
        typer.echo(_("hint: {text}").format(text=error.hint), err=True)


app = typer.Typer(
    name="sft",
    cls=SftGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=_("Raw Vietnamese QA or AMR data to a fine-tuned adapter and a score one can defend."),
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"sft {__version__}")
        raise typer.Exit


def _language(value: str | None) -> str | None:
    if value is not None and value not in LANGUAGES:
        raise typer.BadParameter(_("one of: {names}").format(names=", ".join(LANGUAGES)))
    return value


@app.callback()
def root(
    lang: Annotated[
        str | None, typer.Option(metavar="en|vi", callback=_language, help=_("language of messages"))
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help=_("show the traceback of an error"))] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help=_("show the version"))
    ] = False,
) -> None:
    """Set the options that every command shares."""


def _register() -> None:
    from sft.cli.amr import amr_app
    from sft.cli.data import data_app
    from sft.cli.doctor import doctor
    from sft.cli.evaluate import evaluate
    from sft.cli.init import init
    from sft.cli.looking import models_app, presets_app, templates_app
    from sft.cli.plan import plan
    from sft.cli.predict import predict
    from sft.cli.prep import prep
    from sft.cli.runs import runs_app
    from sft.cli.smatch import smatch
    from sft.cli.train import train

    app.command("init")(init)
    app.command("prep")(prep)
    app.command("train")(train)
    app.command("predict")(predict)
    app.command("smatch")(smatch)
    app.command("eval")(evaluate)
    app.command("plan")(plan)
    app.command("doctor")(doctor)
    app.add_typer(data_app, name="data")
    app.add_typer(templates_app, name="templates")
    app.add_typer(models_app, name="models")
    app.add_typer(presets_app, name="presets")
    app.add_typer(runs_app, name="runs")
    app.add_typer(amr_app, name="amr")
    for command in commands():
        command.help = _(inspect.getdoc(command.callback) or "")


def commands() -> Iterator[Any]:
    """Yield what typer knows of each command, also of those below a noun; its docstring is its help."""
    groups = (app, *(group.typer_instance for group in app.registered_groups))
    yield from (command for group in groups if group for command in group.registered_commands)


_register()
