"""How far each chunk or stage of a training is: ``parts.json`` in the run folder, written after each. Pure but for `write`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sft.planner import parts
from sft.planner.plan import Plan
from sft.text import write_json
from sft.training.course import Line

FILE = "parts.json"


def ends(plan: Plan) -> list[int]:
    """Return the step of the whole training after which each part of each pass is done; the last may end early."""
    return parts.ends(plan.parts, plan.total_steps) if plan.parts else []


def states(plan: Plan, lines: Sequence[Line], done: int) -> list[dict[str, Any]]:
    """Return the state of every part at step `done`: its steps and rows, mean training loss, last validation loss.

    The same follows from the log at every start, so a part that was done stays as it was.
    """
    assert plan.parts is not None
    found: list[dict[str, Any]] = []
    begin = 0
    for number, end in enumerate(ends(plan)):
        passes, part = divmod(number, len(plan.parts.rows))
        within = [line for line in lines if begin < int(line["step"]) <= min(end, done)]
        losses = [line["loss"] for line in within if "loss" in line]
        evals = [line["eval_loss"] for line in within if "eval_loss" in line]
        found.append({
            "pass": passes + 1,
            "part": part + 1,
            "rows": min(plan.parts.rows[part], (end - begin) * plan.effective_batch),
            "steps": [begin + 1, end],
            "status": "done" if end <= done else "begun" if begin < done else "ahead",
            "checkpoint": f"checkpoint-{end}" if end <= done else None,
            "loss": sum(losses) / len(losses) if losses else None,
            "eval_loss": evals[-1] if evals else None,
        })  # fmt: skip
        begin = end
    return found


def write(folder: Path, plan: Plan, lines: Sequence[Line], done: int) -> None:
    """Write ``parts.json``."""
    assert plan.parts is not None
    write_json(folder / FILE, {"kind": plan.parts.kind, "step": done, "parts": states(plan, lines, done)})
