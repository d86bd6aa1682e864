"""Which adapter of a training is kept: the last one, or the best at some evaluation, held aside in ``best/`` until then.

More than one may stand there: a run that goes on from a checkpoint needs what was the best at that checkpoint.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sft import adapters, checkpoints
from sft.i18n import _
from sft.training import best, course, exam
from sft.training.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from sft.training.job import Job

FOLDER = "best"
Save = Callable[[Path, int], object]  # where to, and of which step


def place(run: Path, step: int) -> Path:
    """Return where the adapter of a step stands."""
    return run / FOLDER / f"step-{step}"


def kept(run: Path) -> dict[int, Path]:
    """Return the adapters that are there, by step."""
    found = {path.name.removeprefix("step-"): path for path in (run / FOLDER).glob("step-*")}
    return {int(step): found[step] for step in sorted(found, key=int)}


def prune(run: Path, steps: Iterable[int]) -> None:
    """Remove all but the adapters of some steps."""
    wanted = set(steps)
    for step, path in kept(run).items():
        if step not in wanted:
            shutil.rmtree(path, ignore_errors=True)


def callbacks(job: "Job", run: Path, save: Save, together: Ranks = ALONE) -> list[Any]:
    """Return the trainer callback that saves each new best adapter and ends the training when patience does, if wanted.

    All processes judge by the log of the first, which has the run folder, and call `save`.
    """
    rule = best.rule(job.settings.best, job.settings.patience)
    return [] if rule is None else [_callback(job, run, rule, save, together)]


def _callback(job: "Job", run: Path, rule: best.Rule, save: Save, together: Ranks) -> Any:
    from transformers import TrainerCallback

    name = f"eval_{exam.figure(job.template.task)}" if rule.higher else "eval_loss"
    lines: list[course.Line] = []

    def tidy() -> None:
        if together.first:
            steps = [checkpoints.step_of(path) for path in checkpoints.complete(run)]
            prune(run, best.needed(lines, rule, steps))

    class Keep(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            begun = together.of_first(course.read(run / "log.jsonl") if together.first else [])
            lines[:] = [line for line in begun if rule.figure in line and line["step"] <= now.global_step]
            if together.first:
                prune(run, [step for step in kept(run) if step <= now.global_step])

        def on_evaluate(self, args: Any, now: Any, control: Any, metrics: Any = None, **_: Any) -> None:
            step = int(now.global_step)
            lines.append({"step": step, rule.figure: metrics[name]})
            found = best.standing(lines, rule)
            if rule.keeps and found and found.step == step:
                save(place(run, step), step)
                tidy()
            if best.stops(found, rule) and step < now.max_steps:
                control.should_save = control.should_training_stop = True

        def on_save(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            tidy()

    return Keep()


def ended(job: "Job", run: Path, steps: int) -> bool:
    """Tell whether a training is over after so many steps: all were taken, or patience ended."""
    if steps >= job.plan.total_steps:
        return True
    rule = best.rule(job.settings.best, job.settings.patience)
    lines = [line for line in course.read(run / "log.jsonl") if line["step"] <= steps]
    return rule is not None and best.stops(best.standing(lines, rule), rule)


def settle(job: "Job", run: Path, note: Callable[[str], None]) -> Path | None:
    """Make the best adapter the run's own; None where the last one is kept.

    It may have been done already, by a process that was killed before it could say so.
    """
    rule = best.rule(job.settings.best, job.settings.patience)
    if rule is None or not rule.keeps:
        return None
    found = best.standing(course.read(run / "log.jsonl"), rule)
    if found is None:
        note(_("! every evaluation scored 0 or was no number, so none counted: the last adapter is kept"))
        return None
    source, target = place(run, found.step), run / "adapter"
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        source.rename(target)
    elif not (target / adapters.FACTS).is_file() or _step(target / adapters.FACTS) != found.step:
        note(_("! the adapter of step {step} is gone: the last one is kept").format(step=found.step))
        return None
    shutil.rmtree(run / FOLDER, ignore_errors=True)
    return target


def _step(path: Path) -> int | None:
    value = json.loads(path.read_text(encoding="utf-8")).get("step")
    return None if value is None else int(value)


def compared(job: "Job", run: Path) -> dict[str, Any] | None:
    """Return how the best evaluation and the last one compare, None where that was not asked for."""
    rule = best.rule(job.settings.best, job.settings.patience)
    found = best.standing(course.read(run / "log.jsonl"), rule) if rule else None
    if rule is None or found is None:
        return None
    figure = exam.figure(job.template.task) if rule.higher else "eval_loss"
    return {"figure": figure, "kept": rule.keeps, **found.as_dict()}
