"""Which step of a training is the best so far, and whether it is time to stop. Pure: the log alone decides.

An evaluation improves on the best one when it is strictly better; a tie is none, and neither is what is no number.
So of equals the earliest is kept. `patience` evaluations in a row without an improvement stop the training. A task
metric of 0 is no result yet: a model that has still to learn the form of an answer is given the time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from sft.errors import SettingsError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.planner.plan import Plan
    from sft.presets import TrainSettings

LAST, LOSS, TASK = "last", "loss", "task"
_FIGURES = {LOSS: "eval_loss", TASK: "task_metric"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What is compared: `figure` of the log's lines, the lower or the higher the better; `keeps` the adapter of the best."""

    figure: str
    patience: int = 0
    keeps: bool = True

    @property
    def higher(self) -> bool:
        """Tell whether more is better."""
        return self.figure == _FIGURES[TASK]

    @property
    def nothing(self) -> float:
        """Return what any result is better than."""
        return 0.0 if self.higher else inf

    def better(self, now: float, then: float) -> bool:
        """Tell whether `now` improves on `then`."""
        return now > then if self.higher else now < then


@dataclass(frozen=True, slots=True)
class Standing:
    """The best evaluation, the last one, and how many came after the best without improving on it."""

    step: int
    value: float
    last_step: int
    last_value: float
    since: int

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of ``run.json``."""
        return {
            "step": self.step,
            "value": self.value,
            "last_step": self.last_step,
            "last_value": self.last_value,
            "since": self.since,
        }


def rule(best: str, patience: int) -> Rule | None:
    """Return what the two settings compare; None when the last step is kept and nothing stops early.

    With `best` ``last`` patience is about the validation loss.
    """
    if best == LAST and not patience:
        return None
    return Rule(_FIGURES[TASK if best == TASK else LOSS], patience, best != LAST)


def standing(lines: Iterable[Mapping[str, Any]], rule: Rule) -> Standing | None:
    """Return how a training stands after the lines of its log; None before the first evaluation that is a result.

    >>> losses = ({"step": n, "eval_loss": loss} for n, loss in ((10, 0.9), (20, 0.7), (30, 0.7), (40, 0.8)))
    >>> standing(losses, Rule("eval_loss", patience=2))
    Standing(step=20, value=0.7, last_step=40, last_value=0.8, since=2)
    """
    found: Standing | None = None
    for line in lines:
        if rule.figure not in line:
            continue
        step, value = int(line["step"]), float(line[rule.figure])
        if rule.better(value, found.value if found else rule.nothing):
            found = Standing(step, value, step, value, 0)
        elif found is not None:
            found = Standing(found.step, found.value, step, value, found.since + 1)
    return found


def stops(found: Standing | None, rule: Rule) -> bool:
    """Tell whether patience has ended."""
    return bool(found and rule.patience and found.since >= rule.patience)


def needed(lines: Sequence[Mapping[str, Any]], rule: Rule, checkpoints: Iterable[int]) -> set[int]:
    """Return the steps whose adapters must stay: the best one, and what was best at each checkpoint.

    A run that goes on from a checkpoint forgets what came after it.
    """
    views = [lines, *([line for line in lines if line["step"] <= step] for step in checkpoints)]
    return {found.step for found in (standing(view, rule) for view in views) if found}


def require(settings: "TrainSettings", origins: Mapping[str, str], plan: "Plan", valid_rows: int) -> None:
    """Refuse to judge by evaluations that never happen. Raises `SettingsError`."""
    if rule(settings.best, settings.patience) is None or plan.eval_every:
        return
    from sft.presets import as_toml

    said = [
        name
        for name, holds in (("best", settings.best != LAST), ("patience", settings.patience > 0))
        if holds
    ]
    where = dict.fromkeys(origins[name].removeprefix("flag ") for name in said)
    rows = bool(valid_rows)
    raise SettingsError(
        _("{settings} needs evaluations, but {why}").format(
            settings=", ".join(f"{name} = {as_toml(getattr(settings, name))}" for name in said),
            why=_("eval_steps = 0 switches them off") if rows else _("there are no validation rows"),
        ),
        where=", ".join(where),
        hint=_("set eval_steps in sft.toml, or go without: --best last --patience 0")
        if rows
        else _("hold some out: --val-split 0.1; or go without: --best last --patience 0"),
    )
