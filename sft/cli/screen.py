"""What a person sees: lines and progress on stderr, results on stdout. The only module that draws."""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import typer

from sft.i18n import _
from sft.records import Finding

_MARKS = {"error": "✗", "warning": "!", "info": "·"}


def note(text: str) -> None:
    """Say one line on stderr."""
    typer.echo(text, err=True)


def result(value: Mapping[str, Any], text: Iterable[str], *, as_json: bool) -> None:
    """Print the result on stdout: one JSON object and nothing else, or the lines for people."""
    typer.echo(json.dumps(value, ensure_ascii=False) if as_json else "\n".join(text))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], indent: str = "  ") -> list[str]:
    """Return an aligned table as lines; numbers stand to the right, a last column is never padded.

    >>> table(["tên", "n"], [["a", 10], ["bb", 7]])
    ['  tên   n', '  a    10', '  bb    7']
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    right = [all(_is_number(row[i]) for row in cells) and bool(cells) for i in range(len(head))]
    lines = []
    for row in [list(head), *cells]:
        parts = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)]
        lines.append((indent + "  ".join(parts)).rstrip())
    return lines


def _is_number(text: str) -> bool:
    return text.replace(".", "").replace(",", "").replace("%", "").replace("-", "").strip().isdigit()


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


class Progress:
    """A live line on a terminal, plain lines elsewhere; used by training, prediction and scoring.

    The stream is taken when the object is made, because the training libraries' own output is redirected later.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._stream: TextIO | None = sys.stderr
        self._live = sys.stderr.isatty() and not quiet
        self._quiet = quiet
        self._total = 0
        self._shown = 0.0
        self._open = False

    def note(self, text: str) -> None:
        """Say one line; a live line is ended first."""
        self.end()
        self._print(text)

    def begin(self, done: int, total: int) -> None:
        """Begin at step `done` of `total`."""
        self._total, self._shown = total, 0.0

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Show the state: every step on a terminal, at most every ten seconds and at the end elsewhere."""
        now = time.monotonic()
        last = done >= self._total
        if self._quiet or (not self._live and not last and now - self._shown < 10):
            return
        self._shown = now
        text = self._line(done, metrics)
        if self._live:
            width = _columns()
            self._print(f"\r{text[:width]:<{width}}", end="")
            self._open = True
        else:
            self._print(text)

    def _print(self, text: str = "", end: str = "\n") -> None:
        """Print, and fall silent when the terminal is gone: a closed window must not end a training."""
        if self._stream is None:
            return
        try:
            print(text, end=end, file=self._stream, flush=True)
        except OSError:
            self._stream = None

    def _line(self, done: int, metrics: Mapping[str, Any]) -> str:
        share = done / self._total if self._total else 1.0
        bar = "█" * round(16 * share) + "░" * (16 - round(16 * share))
        parts = [f"  {bar} {done}/{self._total}"]
        for name, form in (("loss", "loss {:.3f}"), ("eval_loss", "eval {:.3f}"), ("lr", "lr {:.1e}")):
            if metrics.get(name) is not None:
                parts.append(form.format(metrics[name]))
        if metrics.get("tokens_per_s"):
            parts.append(_("{rate:.0f} tokens/s").format(rate=metrics["tokens_per_s"]))
        if metrics.get("left") is not None and done < self._total:
            parts.append(_("{time} left").format(time=duration(metrics["left"])))
        return "  ".join(parts)

    def end(self) -> None:
        """End a live line."""
        if self._open:
            self._print()
            self._open = False


def _columns() -> int:
    import shutil

    return max(40, shutil.get_terminal_size().columns - 1)
