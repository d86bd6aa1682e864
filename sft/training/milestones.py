"""Where a training saves and stops of its own accord: after each chunk or stage, and before its time is used up."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft.i18n import _
from sft.planner.plan import Plan
from sft.training import course, part_states
from sft.training.budget import Budget
from sft.training.follow import Stop, Watch
from sft.training.ranks import ALONE, Ranks

TIME_BUDGET = "time budget"


@dataclass(slots=True)
class Milestones:
    """What the callback needs; `budget` is None for as long as it takes, of several processes the first one's counts."""

    plan: Plan
    folder: Path
    watch: Watch
    stop: Stop
    budget: Budget | None = None
    together: Ranks = ALONE
    mark: float = 0.0

    def passed(self) -> float:
        """Return the seconds since the last call."""
        before, self.mark = self.mark, time.monotonic()
        return self.mark - before

    def record(self, step: int) -> None:
        """Write how far each part is."""
        if self.together.first:
            part_states.write(self.folder, self.plan, course.read(self.folder / "log.jsonl"), step)


def callback(state: Milestones) -> Any:
    """Return the trainer callback; it must come behind the one that writes the log."""
    from transformers import TrainerCallback

    ends = set(part_states.ends(state.plan))

    def evaluates(step: int) -> bool:
        every = state.plan.eval_every
        return bool(every) and (step % every == 0 or step in ends or step == state.plan.total_steps)

    class Milestone(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.passed()
            if ends:
                state.record(int(now.global_step))

        def on_step_end(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            step, seconds = int(now.global_step), state.passed()
            if step in ends:
                control.should_save = True
                control.should_evaluate = control.should_evaluate or evaluates(step)
            if state.budget:
                state.budget.step = max(
                    seconds, 0.9 * state.budget.step
                )  # a slow step long ago counts for less
                ahead = evaluates(step) or evaluates(step + 1)
                spent = state.together.first and state.budget.spent(state.mark, evaluates=ahead)
                if state.together.any_of(spent) and step < now.max_steps:
                    _stop(state, step, control)
            # The log knows how it was at every point that somebody may look at, or go on from.
            looked_at = control.should_save or control.should_evaluate or control.should_training_stop
            control.should_log = control.should_log or looked_at or step == now.max_steps

        def on_evaluate(self, *_: Any, **__: Any) -> None:
            if state.budget:
                state.budget.evaluation = max(state.budget.evaluation, state.passed())

        def on_save(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            step = int(now.global_step)
            if state.budget:
                state.budget.save = state.passed()
            if ends:
                state.record(step)
                _tell(state, step)

    return Milestone()


def _stop(state: Milestones, step: int, control: Any) -> None:
    control.should_save = control.should_training_stop = True
    state.stop.name = TIME_BUDGET
    state.watch.note(
        _(
            "the time budget is nearly used up: saving at step {step} of {total}; the same command goes on"
        ).format(step=step, total=state.plan.total_steps)
    )


def _tell(state: Milestones, step: int) -> None:
    parts = state.plan.parts
    ended = part_states.ends(state.plan)
    if parts is None or step not in ended:
        return
    number = ended.index(step)
    word = _("chunk") if parts.kind == "chunks" else _("stage")
    state.watch.note(
        _("{part} {n} of {all} is done: step {step}, {percent:.1f} % of the training").format(
            part=word, n=number + 1, all=len(ended), step=step, percent=100 * step / state.plan.total_steps
        )
    )
