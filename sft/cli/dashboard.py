"""A training as it goes, seen from another terminal: live on a terminal, a line per logged step elsewhere."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sft.cli import screen
from sft.i18n import _

if TYPE_CHECKING:
    from sft.runs.diff import Look

_EVERY = 1.0  # seconds between two looks
_BAR, _CURVE = 30, 60  # signs at most
_QUIET = 30  # seconds without a new line that are worth a word
_SAID = 6  # last lines of a console that are shown


def follow(folder: Path) -> "Look":
    """Show a run until it goes on no longer; return it as it was then."""
    from sft.runs import diff as run_diff
    from sft.runs import states

    show = _live if sys.stdout.isatty() else _plain

    def looks() -> Iterator["Look"]:
        while True:
            found = run_diff.look(folder, scores=False)
            yield found
            if found.state not in states.GOING_ON:
                return
            time.sleep(_EVERY)

    return show(looks())


def _plain(looks: "Iterator[Look]") -> "Look":
    """Print every line of the log once, as a line for people; what the run is doing is said on stderr."""
    shown, state = 0, ""
    for look in looks:
        if look.state != state:
            state = look.state
            screen.note(f"{look.run.name}: {_(look.state)}")
        new = look.lines[
            min(shown, len(look.lines)) :
        ]  # it is cut where a training goes on from a checkpoint
        shown = len(look.lines)
        for number, line in enumerate(new, 1):
            left = look.course.left if number == len(new) else None
            total = look.course.total or "?"
            text = screen.state(dict(line) | {"left": left}, last=False)
            typer.echo(f"  {line['step']}/{total}  {text}")
        sys.stdout.flush()
    return look


def _live(looks: "Iterator[Look]") -> "Look":
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=sys.stdout)
    with Live(console=console, auto_refresh=False) as live:
        for look in looks:
            drawn = Text("\n".join(lines(look, console.width)), no_wrap=True, overflow="ellipsis")
            live.update(drawn, refresh=True)
    return look


def lines(look: "Look", width: int = 80) -> list[str]:
    """Return the dashboard of a run: how far, losses as curves, rates, memory."""
    from sft.training import course

    now = look.course
    room = max(min(width - _BAR, _CURVE), 10)
    out = [f"{look.run.name}  {_(look.state)}", _progress(look)]
    if now.losses:
        curve = course.sparkline(now.losses, room)
        out.append(
            _("  loss        {first:.3f} → {last:.3f}  {curve}").format(
                first=now.losses[0], last=now.losses[-1], curve=curve
            )
        )
    if now.evals:
        values = [loss for _step, loss in now.evals]
        curve = course.sparkline(values, room // 2)
        out.append(
            _("  validation  {first:.3f} → {last:.3f}, best {best:.3f}  {curve}").format(
                first=values[0], last=values[-1], best=now.best_eval, curve=curve
            )
        )
    return [*out, *_rates(look), *_memory(look)]


def _rates(look: "Look") -> list[str]:
    latest = look.course.latest
    rates = [
        form.format(latest[name])
        for name, form in (
            ("lr", "lr {:.1e}"),
            ("tokens_per_s", _("{:.0f} tokens/s")),
            ("grad_norm", _("gradient norm {:.2f}")),
            ("epoch", _("epoch {:.2f}")),
        )
        if name in latest
    ]
    return [f"  {',  '.join(rates)}"] if rates else []


def _progress(look: "Look") -> str:
    now, going_on = look.course, look.state == "running"
    done = now.step / now.total if now.total else 0.0
    filled = round(min(done, 1.0) * _BAR)
    parts = [f"  {'━' * filled}{'─' * (_BAR - filled)}  {now.step}/{now.total or '?'}"]
    if now.total:
        parts.append(f"{100 * done:.0f} %")
    if now.latest.get("seconds") is not None:
        parts.append(_("{time} passed").format(time=screen.duration(now.latest["seconds"])))
    if going_on and now.left is not None:
        parts.append(_("{time} left").format(time=screen.duration(max(now.left - look.age, 0.0))))
    if going_on and look.age >= _QUIET:
        parts.append(_("last line {time} ago").format(time=screen.duration(look.age)))
    return "  ".join(parts)


def _memory(look: "Look") -> list[str]:
    peak = look.course.latest.get("memory")
    total = look.run.data.get("device", {}).get("total")
    if peak is None:
        return []
    if total:
        return [_("  memory      {gb:.1f} of {all:.1f} GB at most").format(gb=peak / 1e9, all=total / 1e9)]
    return [_("  memory      {gb:.1f} GB at most").format(gb=peak / 1e9)]


def outcome(look: "Look") -> list[str]:
    """Return how a run ended, and what to do next."""
    from sft import runs
    from sft.runs import states

    out = [f"{look.run.name}: {_(look.state)}"]
    error, console = look.run.data.get("error"), look.run.folder / states.CONSOLE
    if look.state == "failed":
        out += [f"  {error}"] if error else []
        out += [f"  │ {line}" for line in _said(console)]
    if look.state == states.STALE:
        out.append(_("  it was killed; nothing that a checkpoint holds is lost"))
    if look.state != "finished":
        saved = runs.checkpoints(look.run.folder)
        step = saved[-1].name.rpartition("-")[2] if saved else "0"
        out.append(_("  the command it was started with goes on from step {step}").format(step=step))
    return out


def _said(console: Path) -> list[str]:
    """Return the last lines of what a detached training said, whatever its libraries wrote: bytes of any kind, bars."""
    if not console.is_file():
        return []
    text = console.read_bytes().decode("utf-8", "replace").rstrip()
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")[-_SAID:]]
