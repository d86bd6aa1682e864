"""`sft runs`: what was trained and what goes on; watch it, stop it, compare it."""

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sft.cli import dashboard, live, run_tables, screen
from sft.cli.flags import Json
from sft.errors import DataError, MissingError, SettingsError, SftError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.runs.diff import Look

runs_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help=_("Look at trainings: past ones and those that go on.")
)
_LOOK = 0.2  # seconds between two looks at a training that was told to stop

Name = Annotated[str, typer.Argument(metavar="NAME", help=_("name of a run"))]
Watched = Annotated[str, typer.Argument(metavar="[NAME]", help=_("run; default: the newest that goes on"))]


@runs_app.command("list")
def list_runs(as_json: Json = False) -> None:
    """List every run with its state, how far it is and its scores, the newest last.

    Example: sft runs list
    """
    from sft import runs
    from sft.runs import diff as run_diff

    looks: list[Look] = []
    wrong: list[SftError] = []
    for path in (Path.cwd() / "runs").glob(f"*/{runs.LOCK_FILE}"):
        try:
            looks.append(run_diff.look(path.parent))
        except SftError as error:
            wrong.append(error)
    looks.sort(key=lambda look: (str(look.run.data["started"]), look.run.name))
    unreadable = sorted(map(str, wrong))
    for said in unreadable:
        screen.note(f"! {said}")
    value = {"runs": [look.as_dict() for look in looks], "unreadable": unreadable}
    screen.result(value, run_tables.listed(looks), as_json=as_json)
    if wrong:
        raise typer.Exit(1)


@runs_app.command("show")
def show_run(name: Name, as_json: Json = False) -> None:
    """Show one run: settings with their origins, plan, versions, data, last metrics, checkpoints, scores.

    Example: sft runs show qwen2.5-3b_v5_cot_full_training
    """
    from sft import checkpoints, runs
    from sft.runs import diff as run_diff

    look = run_diff.look(runs.find(Path.cwd(), name).folder)
    long = {"train_ids", "valid_ids"}
    entries = {key: value for key, value in look.run.data.items() if key not in long}
    counts = {key.replace("_ids", "_rows"): len(look.run.data.get(key, ())) for key in sorted(long)}
    saved = [path.name for path in checkpoints.complete(look.run.folder)]
    value = look.as_dict() | {"record": entries | counts, "checkpoints": saved}
    screen.result(value, run_tables.shown(look, counts, saved), as_json=as_json)


@runs_app.command("watch")
def watch_run(name: Watched = "", as_json: Json = False) -> None:
    """Watch a training from any terminal until it ends; Ctrl-C leaves, the training goes on. --json: one look.

    Example: sft runs watch
    """
    from sft.runs import diff as run_diff

    folder = _chosen(name)
    if as_json:
        screen.result(run_diff.look(folder).as_dict(), (), as_json=True)
        return
    try:
        look = live.follow(folder)
    except KeyboardInterrupt:
        screen.note(
            _("left; the training goes on: sft runs watch {name}").format(name=shlex.quote(folder.name))
        )
        raise typer.Exit(130) from None
    screen.result({}, dashboard.outcome(look), as_json=False)
    if look.state != "finished":
        raise typer.Exit(1)


@runs_app.command("attach")
def attach_run(name: Watched = "", as_json: Json = False) -> None:
    """Show the tmux session of a run that was started with --detach; Ctrl-b d leaves it, the training goes on.

    Example: sft runs attach
    """
    from sft.runs import detach

    detach.require()
    folder = _chosen(name)
    session = detach.session(folder)
    if not session:
        raise DataError(
            _("this run has no tmux session"),
            where=folder.name,
            hint=_("look at it: sft runs watch {name}").format(name=shlex.quote(folder.name)),
        )
    command = detach.attaching(session)
    if as_json:
        screen.result({"session": session, "command": command}, (), as_json=True)
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise MissingError(
            _("a session can be shown on a terminal only"),
            hint=_("look at it: sft runs watch {name}").format(name=shlex.quote(folder.name)),
        )
    os.execvp(command[0], command)


@runs_app.command("stop")
def stop_run(name: Name, as_json: Json = False) -> None:
    """Stop a training after the step it is at: it saves a checkpoint, and the same command goes on from there.

    Example: sft runs stop qwen2.5-3b_v5_cot_full_training
    """
    from sft import runs
    from sft.runs import detach, states
    from sft.runs import diff as run_diff

    folder = runs.find(Path.cwd(), name).folder
    session = detach.session(folder)
    if states.look(folder)[1] == runs.STARTING and session:
        detach.end(session)
        runs.update(folder, status="interrupted")
    else:
        found = states.stop(folder)
        screen.note(_("process {pid} was told to stop; it finishes its step and saves").format(pid=found.pid))
    try:
        while states.holder(folder) is not None:
            time.sleep(_LOOK)
    except KeyboardInterrupt:
        screen.note(_("not waiting for it; it stops all the same"))
        raise typer.Exit(130) from None
    look = run_diff.look(folder)
    screen.result(look.as_dict(), dashboard.outcome(look), as_json=as_json)
    if look.state not in ("interrupted", "finished"):
        raise typer.Exit(1)


@runs_app.command("compare")
def compare_runs(
    names: Annotated[list[str], typer.Argument(metavar="A B [C…]", help=_("names of runs"))],
    as_json: Json = False,
) -> None:
    """Set runs side by side: settings that differ, losses, scores with intervals, and a paired test on the same rows.

    Example: sft runs compare qwen2.5-3b_v5_cot_demo qwen2.5-3b_v4_compact_demo
    """
    from sft import runs
    from sft.runs import diff as run_diff

    folders = dict.fromkeys(runs.find(Path.cwd(), name).folder.resolve() for name in names)
    if len(folders) < 2:
        raise SettingsError(_("two runs or more are needed"), hint=_("see: sft runs list"))
    looks = [run_diff.look(folder) for folder in folders]
    settings, tests = run_diff.settings(looks), run_diff.paired(Path.cwd(), looks)
    value = {
        "runs": [look.as_dict() for look in looks],
        "settings": settings,
        "tests": tests,
    }
    screen.result(value, run_tables.compared(looks, settings, tests), as_json=as_json)


def _chosen(name: str) -> Path:
    """Return the folder of a run; without a name that of the newest which goes on."""
    from sft import runs
    from sft.runs import states

    workspace = Path.cwd()
    if name:
        return runs.find(workspace, name).folder
    found = [run for run in runs.every(workspace) if states.look(run.folder)[1] in states.GOING_ON]
    if not found:
        raise DataError(
            _("no training goes on in {folder}").format(folder=workspace / "runs"),
            hint=_("see: sft runs list; a finished one by its name: sft runs watch NAME"),
        )
    return found[-1].folder
