"""What a person sees: lines and progress on stderr, results on stdout. The only module that draws."""

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO, TypeVar

import typer

from sft.i18n import _
from sft.records import Finding

T = TypeVar("T")
_PLAIN_EVERY = 10  # seconds between lines where there is no terminal
_SIGNS = str.maketrans("", "", " .,%-–+/")
_MARKS = {"error": "✗", "warning": "!", "info": "·"}


def note(text: str) -> None:
    """Say one line on stderr."""
    typer.echo(text, err=True)


def paced(rows: Iterable[T]) -> Iterator[T]:
    """Pass rows through, and say how far it is every ten seconds: their number is only known at the end."""
    began = shown = time.monotonic()
    for number, row in enumerate(rows, 1):
        yield row
        if number % 1000 == 0 and (now := time.monotonic()) - shown >= _PLAIN_EVERY:
            shown = now
            note(_("  {n} rows, {rate:.0f} rows/s").format(n=number, rate=number / (now - began)))


def result(value: Mapping[str, Any], text: Iterable[str], *, as_json: bool) -> None:
    """Print the result on stdout: one JSON object and nothing else, or the lines for people."""
    typer.echo(_json(value) if as_json else "\n".join(text))


def _json(value: Any) -> str:
    """Return JSON, which has no word for a number that is none, such as the last loss of a run that diverged: null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], indent: str = "  ") -> list[str]:
    """Return an aligned table as lines; numbers stand to the right, a last column is never padded.

    >>> table(["tên", "n"], [["a", 10], ["bb", 7]])
    ['  tên   n', '  a    10', '  bb    7']
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    right = [
        all(_is_number(row[i]) for row in cells) and any(row[i] for row in cells) for i in range(len(head))
    ]
    lines = []
    for row in [list(head), *cells]:
        parts = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)]
        lines.append((indent + "  ".join(parts)).rstrip())
    return lines


def _is_number(text: str) -> bool:
    bare = text.translate(_SIGNS)
    return bare.isdigit() or not bare


def findings(found: Iterable[Finding]) -> list[str]:
    """Return one line per finding, with its hint."""
    lines = []
    for finding in found:
        mark = _MARKS[finding.severity]
        where = f" ({', '.join(finding.examples[:3])})" if finding.examples else ""
        lines.append(f"  {mark} {finding.id} × {finding.count}: {finding.message}{where}")
        if finding.hint and finding.severity != "info":
            lines.append(f"      {_('hint: {text}').format(text=finding.hint)}")
    return lines


def duration(seconds: float | None) -> str:
    """Return seconds as ``1:02:03`` or ``2:03``.

    >>> duration(3723), duration(123)
    ('1:02:03', '2:03')
    """
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Screen:
    """The terminal that a long job says its lines on, with or without something drawn live below them.

    The stream is taken when the object is made, because the training libraries' own output is redirected later.
    """

    def __init__(self) -> None:
        self.stream: TextIO | None = sys.stderr
        self.bar: Any = None  # what is drawn, of rich; None while nothing is

    def note(self, text: str) -> None:
        """Say one line; it stands above a live one."""
        if self.bar is not None:
            self.draw(lambda: self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True))
        else:
            self.print(text)

    def alarm(self, line: Mapping[str, Any]) -> None:
        """Say what is wrong with a training."""
        for text in alarm(line):
            self.note(text)

    def end(self) -> None:
        """End what is drawn."""
        if self.bar is not None:
            self.draw(self.bar.stop)
            self.bar = None

    def draw(self, action: Callable[[], object]) -> None:
        """Draw, and fall silent when the terminal is gone: a closed window must not end a training."""
        try:
            action()
        except OSError:
            self.bar = self.stream = None

    def print(self, text: str) -> None:
        """Print a plain line, as long as the stream is there."""
        if self.stream is not None:
            try:
                print(text, file=self.stream, flush=True)
            except OSError:
                self.stream = None


_EVALUATED = {"eval_loss", "task_metric"}


class Progress(Screen):
    """A live line on a terminal (rich), plain lines elsewhere; used by preparation, training, prediction and scoring."""

    def __init__(self) -> None:
        super().__init__()
        self._live = sys.stderr.isatty()
        self._task: Any = None
        self._total = 0
        self._shown = 0.0
        self._metrics: dict[str, Any] = {}

    def __reduce__(self) -> Any:
        """Let a process that trains for this one draw on the same terminal, from its own beginning."""
        return Progress, ()

    def begin(self, done: int, total: int) -> None:
        """Begin at step `done` of `total`."""
        self._total, self._shown, self._metrics = total, 0.0, {}
        if self._live:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (BarColumn(24), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
            console = Console(file=self.stream)
            self.bar = Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False)
            self._task = self.bar.add_task("", total=total, completed=done)
            self.bar.start()

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Show the state, which `metrics` adds to.

        Every step on a terminal; elsewhere every ten seconds, at each evaluation and at the end.
        """
        self._metrics |= metrics
        now, last, evaluated = time.monotonic(), done >= self._total, bool(_EVALUATED & metrics.keys())
        if self.bar is not None:
            text = state(self._metrics, last=last)
            self.draw(lambda: self.bar.update(self._task, completed=done, description=text))
        elif (last and metrics) or evaluated or now - self._shown >= _PLAIN_EVERY:
            # A line stands there for good: an evaluation of an earlier step must not look like one of this.
            hidden = set() if evaluated else _EVALUATED
            text = state({name: self._metrics[name] for name in self._metrics.keys() - hidden}, last=last)
            if text:
                self._shown = now
                self.print(f"  {done}/{self._total}  {text}")


def state(metrics: Mapping[str, Any], *, last: bool) -> str:
    """Return one line on a job: losses, rates and, before its `last` step, the time left."""
    task = f"{figure(metrics.get('figure', ''))} {{:.3f}}"
    forms = {"loss": "loss {:.3f}", "eval_loss": "eval {:.3f}", "task_metric": task, "lr": "lr {:.1e}"}
    parts = [form.format(metrics[name]) for name, form in forms.items() if metrics.get(name) is not None]
    if metrics.get("tokens_per_s"):
        parts.append(_("{rate:.0f} tokens/s").format(rate=metrics["tokens_per_s"]))
    if metrics.get("mfu"):
        parts.append(_("MFU {mfu:.1%}").format(mfu=metrics["mfu"]))
    if metrics.get("rows_per_s"):
        parts.append(_("{rate:.2f} rows/s").format(rate=metrics["rows_per_s"]))
    if metrics.get("left") is not None and not last:
        parts.append(_("{time} left").format(time=duration(metrics["left"])))
    return "  ".join(parts)


def figure(name: str) -> str:
    """Return what a figure of an evaluation is called."""
    names = {
        "eval_loss": _("validation loss"),
        "accuracy": _("accuracy"),
        "smatch_f1": "Smatch F1",
        "task_metric": _("task metric"),
    }
    return names.get(name, "token F1")


def alarm(line: Mapping[str, Any]) -> list[str]:
    """Return a line of a log that says what is wrong, as lines for people; nothing when it says that it is over."""
    if line.get("over"):
        return []
    return [
        _("! step {step}: {text}").format(step=line["step"], text=line["text"]),
        _("  hint: {text}").format(text=line["hint"]),
    ]
