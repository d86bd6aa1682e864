"""What sets runs apart: the settings that differ, how each went, and their scores side by side."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from sft.errors import SftError
from sft.runs import Run, states
from sft.runs import scores as run_scores
from sft.runs.scores import Score
from sft.training import course


@dataclass(frozen=True, slots=True)
class Look:
    """A run as it is now: what it is, what it does, how far it is, and what it scored.

    `lines` are those of its log, `age` the seconds since the last of them was written.
    """

    run: Run
    state: str
    lines: Sequence[course.Line]
    age: float
    course: course.Course
    scores: Sequence[Score]

    @property
    def ended(self) -> str | None:
        """Return when the run ended, None while it goes on: what stands there then is how an earlier start ended."""
        return None if self.state in states.GOING_ON else self.run.data.get("ended")

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of a line of ``sft runs list``."""
        data = self.run.data
        return {
            "name": self.run.name,
            "status": self.state,
            "model": model_of(self.run),
            "template": data.get("template"),
            "use_case": data.get("use_case"),
            "started": data.get("started"),
            "ended": self.ended,
            "folder": str(self.run.folder),
            **self.course.as_dict(),
            "scores": [score.as_dict() for score in self.scores],
        }


def look(folder: Path, *, scores: bool = True) -> Look:
    """Look at a run."""
    run, state = states.look(folder)
    log = folder / "log.jsonl"
    lines = course.read(log)
    age = max(time.time() - log.stat().st_mtime, 0.0) if lines else 0.0
    so_far = course.course(lines, run.data.get("plan", {}).get("total_steps"))
    return Look(run, state, lines, age, so_far, run_scores.of(run) if scores else ())


def model_of(run: Run) -> str | None:
    """Return the name of a run's base model."""
    name = run.data.get("model", {}).get("name")
    return None if name is None else str(name)


def settings(looks: Sequence[Look]) -> dict[str, list[Any]]:
    """Return the entries of the locks, and the package versions, in which runs differ; None where one has no such entry."""
    tables = [_flat(look.run.data.get("lock", {})) | _about(look.run) for look in looks]
    keys = dict.fromkeys(key for table in tables for key in table)
    rows = {key: [table.get(key) for table in tables] for key in keys}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}


def _about(run: Run) -> dict[str, Any]:
    """Return what may shape a result without being part of the lock."""
    data = run.data
    return {
        "use_case": data.get("use_case"),
        "device": data.get("device", {}).get("name"),
        "optimizer": data.get("optimizer"),
        **{f"packages.{name}": version for name, version in data.get("packages", {}).items()},
    }


def _flat(table: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Return a table of tables as one.

    >>> _flat({"a": 1, "settings": {"lr": 0.1, "seed": 5}})
    {'a': 1, 'lr': 0.1, 'seed': 5}
    """
    out: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{head}{key}"
        if isinstance(value, Mapping):
            out |= _flat(value, "" if name == "settings" else f"{name}.")
        else:
            out[name] = value
    return out


def scores(looks: Sequence[Look]) -> dict[str, list[Score | None]]:
    """Return every score that a run has, beside that of the others."""
    names = dict.fromkeys(score.name for look in looks for score in look.scores)
    tables = [{score.name: score for score in look.scores} for look in looks]
    return {name: [table.get(name) for table in tables] for name in names}


def paired(workspace: Path, looks: Sequence[Look]) -> list[dict[str, Any]]:
    """Return a paired test of every two runs on every score both have; where there is none, ``reason`` says why."""
    out = []
    for name, row in scores(looks).items():
        for (a, first), (b, second) in combinations(zip(looks, row, strict=True), 2):
            if first is None or second is None:
                continue
            told: dict[str, Any] = {"score": name, "a": a.run.name, "b": b.run.name}
            try:
                told |= run_scores.paired(workspace, (a.run, b.run), (first, second))
            except SftError as error:
                told["reason"] = str(error)
            out.append(told)
    return out
