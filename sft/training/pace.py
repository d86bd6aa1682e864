"""How long a training takes: from what an earlier run measured on this card, else only what it cannot beat."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft import runs
from sft.errors import DataError
from sft.planner import cards, flops
from sft.training.job import Job


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of a training: `measured` from the rate of the run `source`, `at_least` at the peak of the card."""

    tokens_per_s: float | None = None
    source: str = ""
    measured: float | None = None
    at_least: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "tokens_per_s": self.tokens_per_s,
            "source": self.source,
            "seconds": None if self.measured is None else round(self.measured),
            "seconds_at_least": None if self.at_least is None else round(self.at_least, 1),
        }


def of(job: Job, workspace: Path) -> Pace:
    """Return the pace of a job; a run counts when model, card, backend, precision and checkpointing are the same."""
    tokens = job.plan.tokens_seen or 0
    rate, source = _rate(job, workspace)
    needed, peak = work(job), cards.peak(job.device)
    at_least = tokens * needed.done / (peak * job.plan.devices) if needed and peak else None
    return Pace(rate, source, tokens / rate if rate else None, at_least)


def work(job: Job) -> flops.Work | None:
    """Return the work of a job for one token; None for a model whose shape is unknown."""
    if job.model.shape is None:
        return None
    mean = job.facts["tokens"] / job.facts["rows"]
    recompute = job.decision.gradient_checkpointing
    return flops.per_token(job.model.shape, job.settings.lora_r, mean, checkpointing=recompute)


def _rate(job: Job, workspace: Path) -> tuple[float | None, str]:
    found: list[tuple[str, float, str]] = []
    for path in (workspace / "runs").glob(f"*/{runs.LOCK_FILE}"):
        try:
            run = runs.load(path.parent)
        except DataError:
            continue
        if _same(job, run.data) and (rate := _last(run.folder / "log.jsonl")):
            found.append((str(run.data["started"]), rate, run.name))
    if not found:
        return None, ""
    _started, rate, name = max(found)
    return rate, name


def _same(job: Job, run: Any) -> bool:
    lock = run.get("lock", {})
    return bool(
        run.get("model", {}).get("name") == job.model.name
        and run.get("device", {}).get("name") == job.device.name
        and run.get("plan", {}).get("devices", 1) == job.plan.devices
        and lock.get("backend") == job.backend
        and lock.get("load_in_4bit") == job.decision.load_in_4bit
        and lock.get("gradient_checkpointing") == job.decision.gradient_checkpointing
    )


def _last(log: Path) -> float | None:
    """Return the last rate of a log; a line that does not read is passed over."""
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        rate = value.get("tokens_per_s") if isinstance(value, dict) else None
        if isinstance(rate, (int, float)) and rate > 0:
            return float(rate)
    return None
