"""How far a training is and how it goes, from the lines of its ``log.jsonl``. Pure, but for `read`."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sft.errors import DataError
from sft.i18n import _
from sft.training.alarms import Alarm, told

Line = Mapping[str, Any]
_BARS = "▁▂▃▄▅▆▇█"
_BROKEN = "×"  # a loss that is no number
_LATEST = (
    "lr", "grad_norm", "epoch", "tokens_per_s", "tflops", "mfu", "hfu", "gpu_util", "memory", "seconds",
)  # fmt: skip

_FIGURES = ("loss", "eval_loss", "task_metric")


@dataclass(frozen=True, slots=True)
class Course:
    """The training so far. `left` are the seconds to its end at the rate of this start, None before there is one.

    `latest` holds the last value of every other metric of the log: lr, tokens_per_s, memory (bytes) and so on.
    `tasks` are the values of the task metric named `figure`; `alarms` say with each whether it still holds.
    """

    step: int
    total: int | None
    losses: tuple[float, ...]
    evals: tuple[tuple[int, float], ...]
    left: float | None
    latest: Mapping[str, float]
    tasks: tuple[tuple[int, float], ...] = ()
    figure: str = ""
    alarms: tuple[tuple[Alarm, bool], ...] = ()

    @property
    def loss(self) -> float | None:
        """Return the last training loss."""
        return self.losses[-1] if self.losses else None

    @property
    def best_eval(self) -> float | None:
        """Return the lowest validation loss."""
        return min((loss for _step, loss in self.evals), default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of ``sft runs watch --json``."""
        return {
            "step": self.step,
            "total_steps": self.total,
            "first_loss": self.losses[0] if self.losses else None,
            "loss": self.loss,
            "eval_loss": self.evals[-1][1] if self.evals else None,
            "best_eval_loss": self.best_eval,
            "figure": self.figure or None,
            "task_metric": self.tasks[-1][1] if self.tasks else None,
            "best_task_metric": max((value for _step, value in self.tasks), default=None),
            **{name: self.latest.get(name) for name in _LATEST},
            "left": self.left,
            "alarms": [alarm.as_dict() | {"over": not holds} for alarm, holds in self.alarms],
        }


def read(path: Path) -> list[Line]:
    """Return the lines of a log, [] when there is none yet; a line that is being written is left for the next look.

    Raises `DataError` for a whole line that does not read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    lines: list[Line] = []
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        try:
            value = json.loads(line.decode("utf-8"))
        except ValueError:
            value = None
        if not _is_line(value):
            raise _unreadable(path, number)
        lines.append(value)
    return lines


def _is_line(value: object) -> bool:
    if not isinstance(value, dict) or not _is_number(value.get("step"), int):
        return False
    if value.get("over") or "alarm" in value:
        said = (value.get("alarm"), "" if value.get("over") else value.get("text"))
        return all(isinstance(one, str) for one in said)
    told = all(_is_number(value[name]) for name in _FIGURES if name in value)
    return told and all(_is_number(value[name]) for name in _LATEST if value.get(name) is not None)


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds or (int, float)) and not isinstance(value, bool)


def _unreadable(path: Path, number: int) -> DataError:
    return DataError(
        _("is no line of a training log"),
        where=f"{path}:{number}",
        hint=_("remove that line; the training itself does not need it"),
    )


def course(lines: Sequence[Line], total: int | None) -> Course:
    """Return how far a training of `total` steps is."""
    latest: dict[str, float] = {}
    for line in lines:
        latest |= {name: line[name] for name in _LATEST if line.get(name) is not None}
    step = int(lines[-1]["step"]) if lines else 0
    return Course(
        step=step,
        total=total,
        losses=tuple(line["loss"] for line in lines if "loss" in line),
        evals=tuple((int(line["step"]), line["eval_loss"]) for line in lines if "eval_loss" in line),
        left=_left(lines, total),
        latest=latest,
        tasks=tuple((int(line["step"]), line["task_metric"]) for line in lines if "task_metric" in line),
        figure=next((line["figure"] for line in reversed(lines) if "figure" in line), ""),
        alarms=tuple(told(lines)),
    )


def _left(lines: Sequence[Line], total: int | None) -> float | None:
    """Return the seconds to the end; ``seconds`` begins anew with every start, so only the lines of the last one count.

    >>> _left([{"step": 8, "seconds": 90.0}, {"step": 10, "seconds": 4.0}, {"step": 12, "seconds": 8.0}], 20)
    16.0
    """
    lines = [line for line in lines if "seconds" in line]
    if total is None or not lines:
        return None
    seconds = [line["seconds"] for line in lines]
    begin = max((n for n in range(1, len(lines)) if seconds[n] < seconds[n - 1]), default=0)
    first, passed = lines[begin]["step"], seconds[-1] - seconds[begin]
    last = lines[-1]["step"]
    if begin == 0 and first == last:  # nothing but the first lines of all: counted from step 0
        first, passed = 0, seconds[-1]
    steps = last - first
    return round(max(total - last, 0) * passed / steps, 1) if steps > 0 else None


def sparkline(values: Sequence[float], width: int) -> str:
    """Return a curve in one line, at most `width` signs: each the mean of its share of the values.

    A share with a value that is no number shows as ``×``.

    >>> sparkline([8, 6, 4, 4, 2, 1], 3), sparkline([1, float("nan"), 3], 9), sparkline([2, 2], 9)
    ('█▄▁', '▁×█', '▁▁')
    """
    count = min(width, len(values))
    cuts = [len(values) * n // count for n in range(count + 1)] if count else [0]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(cuts)]
    finite = [mean for mean in means if math.isfinite(mean)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((mean - low) * scale)] if math.isfinite(mean) else _BROKEN for mean in means)
