"""A training as it goes: live on a terminal, a line per logged step elsewhere; its own, or one seen from outside."""

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sft.cli import dashboard, screen
from sft.i18n import _

if TYPE_CHECKING:
    from sft.runs.diff import Look
    from sft.training.job import Job

_EVERY = 1.0  # seconds between two looks at a run
_REDRAW = 0.2  # seconds at least between two drawings of a training's own
_SHARE = 20  # drawing takes one part in so many of the time at most: a long log is long to draw


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
            if "alarm" in line:
                for text in screen.alarm(line):
                    typer.echo(f"  {text}")
                continue
            going_on = number == len(new) and look.state == "running"
            left = look.course.left if going_on else None
            total = look.course.total or "?"
            text = screen.state(dict(line) | {"left": left}, last=False)
            typer.echo(f"  {line['step']}/{total}  {text}")
        sys.stdout.flush()
    return look


def _live(looks: "Iterator[Look]") -> "Look":
    from rich.console import Console
    from rich.live import Live

    console = Console(file=sys.stdout)
    with Live(console=console, auto_refresh=False) as live:
        for look in looks:
            live.update(_drawn(dashboard.view(look), console.width), refresh=True)
    return look


def _drawn(view: dashboard.View, width: int) -> Any:
    from rich.text import Text

    return Text("\n".join(dashboard.lines(view, width)), no_wrap=True, overflow="ellipsis")


def watch(job: "Job", folder: Path) -> "Board | screen.Progress":
    """Return who shows the training of a job: a dashboard on a terminal, lines elsewhere."""
    return Board(job, folder) if sys.stderr.isatty() else screen.Progress()


class Board(screen.Screen):
    """The dashboard of a training in its own terminal; what is said scrolls above it."""

    def __init__(self, job: "Job", folder: Path) -> None:
        super().__init__()
        self._job = job
        self._folder = folder
        self._lines: list[Mapping[str, Any]] = []
        self._done = 0
        self._next = 0.0  # when it may be drawn again

    def __reduce__(self) -> Any:
        """Let a process that trains for this one draw on the same terminal."""
        return Board, (self._job, self._folder)

    def begin(self, done: int, total: int) -> None:
        """Begin at step `done`; what the log says of the steps before belongs to it."""
        from rich.console import Console
        from rich.live import Live

        from sft.training import course

        self._lines, self._done = list(course.read(self._folder / "log.jsonl")), done
        self.bar = Live(
            console=Console(file=self.stream),
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.draw(self.bar.start)
        self._redraw()

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Take in a line of the log, and draw, though not more often than an eye can see."""
        self._done = done
        if metrics:
            self._lines.append(metrics)
        if time.monotonic() >= self._next or done >= self._job.plan.total_steps:
            self._redraw()

    def alarm(self, line: Mapping[str, Any]) -> None:
        """Say what is wrong, and keep it in sight until it is over."""
        self._lines.append(line)
        super().alarm(line)

    def end(self) -> None:
        """Leave the dashboard as it was last."""
        self._redraw()
        super().end()

    def _redraw(self) -> None:
        if self.bar is not None:
            began = time.monotonic()
            self.draw(lambda: self.bar.update(_drawn(self._view(), self.bar.console.width), refresh=True))
            ended = time.monotonic()
            self._next = ended + max(_REDRAW, _SHARE * (ended - began))

    def _view(self) -> dashboard.View:
        from dataclasses import replace

        from sft.training import best, course

        settings = self._job.settings
        rule = best.rule(settings.best, settings.patience)
        found = best.standing(self._lines, rule) if rule else None
        now = course.course(self._lines, self._job.plan.total_steps)
        now = replace(now, step=max(now.step, self._done))
        memory = self._job.device.total
        return dashboard.View(self._folder.name, _("running"), True, now, 0.0, memory, rule, found)
