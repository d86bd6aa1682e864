"""The scores that a run keeps in ``scores/*.json``, each as one figure with its interval, and tests between two runs."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Any

from sft import heldout, metrics, report
from sft.errors import DataError, SftError
from sft.evaluation import LABEL_TASKS
from sft.i18n import _
from sft.runs import Run
from sft.smatch.score import PairScore

# What a score file is known by, the interval of that figure, and what it is called.
_FIGURES = (
    ("f1", "interval95", "Smatch F1"),
    ("accuracy", "interval", "accuracy"),
    ("token_f1", "token_f1_interval", "token F1"),
)
_EVALUATION = re.compile(r"eval_(valid|test)(?:_(\d+))?\Z")


@dataclass(frozen=True, slots=True)
class Score:
    """One score of a run: the figure, its 95 % interval and the line that says how it was made.

    `pairs` are the rows of a Smatch score, [] for others.
    """

    name: str
    metric: str
    value: float
    interval: tuple[float, float]
    n: int
    signature: str
    pairs: Sequence[Mapping[str, Any]] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "metric": self.metric,
            "value": self.value,
            "interval95": list(self.interval),
            "n": self.n,
            "signature": self.signature,
        }


def of(run: Run) -> list[Score]:
    """Return the scores of a run by name. Raises `DataError` for a file that is none."""
    return [_read(path) for path in sorted((run.folder / "scores").glob("*.json"))]


def _read(path: Path) -> Score:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        key, interval, metric = next(figure for figure in _FIGURES if figure[0] in value)
        low, high = map(float, value[interval])
        pairs = _pairs(value.get("pairs", ()))
        return Score(
            path.stem, metric, float(value[key]), (low, high), int(value["n"]), str(value["signature"]), pairs
        )
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        raise DataError(
            _("is no score file"),
            where=str(path),
            hint=_("remove it, and score again: sft smatch or sft eval"),
        ) from None


def _pairs(pairs: Any) -> Sequence[Mapping[str, Any]]:
    """Return the pairs of a score file when each has what a test needs; else it raises like a table without it."""
    for pair in pairs:
        if min(index(pair[name]) for name in ("matched", "pred", "gold", "upper")) < 0:
            raise ValueError(pair)
        _needed = pair["id"], pair["proven"]
    return tuple(pairs)


def paired(workspace: Path, runs: tuple[Run, Run], scores: tuple[Score, Score]) -> dict[str, Any]:
    """Return how two runs differ on the same held-out rows, with a paired test.

    Raises `DataError` when they were not scored on the same rows, or when a score has no test here.
    """
    if scores[0].pairs:
        return _paired_graphs(*scores)
    split, limit = _split(scores[0].name)
    helds = [heldout.open_run(workspace, str(run.folder), split, limit=limit) for run in runs]
    if any(held.template.task not in LABEL_TASKS for held in helds):
        raise DataError(_("there is no paired test for free answers"))
    gold = [[(row.id, str(row.meta["label"])) for row in held.rows] for held in helds]
    if gold[0] != gold[1]:
        raise _other_rows()
    right = [_right(held) for held in helds]
    better = sum(a and not b for a, b in zip(*right, strict=True))
    worse = sum(b and not a for a, b in zip(*right, strict=True))
    n = len(gold[0])
    return {
        "difference": (better - worse) / n,
        "p": metrics.mcnemar(*right),
        "better": better,
        "worse": worse,
        "equal": n - better - worse,
        "test": "McNemar, exact",
    }


def _split(name: str) -> tuple[str, int | None]:
    """Return the split of an evaluation and how many of its rows were taken; other files are somebody's own.

    >>> _split("eval_valid"), _split("eval_test_60")
    (('valid', None), ('test', 60))
    """
    found = _EVALUATION.match(name)
    if found is None:
        raise DataError(_("its name does not say which rows it is of"))
    return found[1], int(found[2]) if found[2] else None


def _right(held: heldout.HeldOut) -> list[bool]:
    lines = heldout.read(held.predictions(), held.rows, held.template.id)
    if lines is None:
        raise DataError(_("its predictions are gone"), where=held.run.name)
    return [line.get("label") == row.meta["label"] for row, line in zip(held.rows, lines, strict=True)]


def _paired_graphs(a: Score, b: Score) -> dict[str, Any]:
    gold = [[(pair["id"], pair["gold"]) for pair in score.pairs] for score in (a, b)]
    if gold[0] != gold[1]:
        raise _other_rows()
    found = report.paired(*(_scored(score) for score in (a, b)))
    return {"difference": found.pop("f1"), **found}


def _scored(score: Score) -> report.Scored:
    """Return what a score file keeps of the matches: all that a test needs."""
    matches = tuple(
        PairScore(
            pair["matched"], pair["pred"], pair["gold"], pair["matched"], pair["upper"], pair["proven"], ""
        )
        for pair in score.pairs
    )
    return report.Scored({}, (), matches)


def _other_rows() -> SftError:
    return DataError(_("they were not scored on the same rows"))
