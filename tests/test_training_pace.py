"""Time is told from what an earlier run measured on the same card, else only what the card cannot beat."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sft import models
from sft.planner import cards
from sft.planner.plan import Plan, make_plan
from sft.presets import TrainSettings
from sft.training import pace
from sft.training.job import Job


def job(plan: Plan) -> Job:
    """Return what `sft.training.pace` reads of a job: a 3B model on an RTX 3090."""
    return cast(
        Job,
        SimpleNamespace(
            plan=plan,
            model=models.known()["qwen2.5-3b"],
            device=cards.find("RTX 3090").device(),
            backend="hf",
            settings=TrainSettings(),
            facts={"tokens": 512_000, "rows": 1000},
            decision=SimpleNamespace(load_in_4bit=False, gradient_checkpointing=True),
        ),
    )


def run(workspace: Path, name: str, log: str, *, started: str, **lock: Any) -> None:
    folder = workspace / "runs" / name
    folder.mkdir(parents=True)
    wanted = {"backend": "hf", "load_in_4bit": False, "gradient_checkpointing": True} | lock
    data = {
        "status": "finished",
        "started": started,
        "lock": wanted,
        "model": {"name": "qwen2.5-3b"},
        "device": {"name": "NVIDIA GeForce RTX 3090"},
    }
    (folder / "run.json").write_text(json.dumps(data), encoding="utf-8")
    (folder / "log.jsonl").write_text(log, encoding="utf-8")


PLAN = make_plan(1000, TrainSettings(epochs=2), tokens=512_000)


def test_the_newest_run_of_the_same_kind_counts(tmp_path: Path) -> None:
    run(tmp_path, "old", '{"step": 9, "tokens_per_s": 500.0}\n', started="2026-01-01")
    run(tmp_path, "new", '{"step": 1, "tokens_per_s": 900.0}\n{"step": 9, "tokens_per_s": 1024.0}\n[]\n{"st', started="2026-01-02")  # fmt: skip
    run(tmp_path, "four", '{"step": 9, "tokens_per_s": 1.0}\n', started="2026-01-03", load_in_4bit=True)
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "run.json").write_text("{", encoding="utf-8")
    found = pace.of(job(PLAN), tmp_path)
    assert (found.tokens_per_s, found.source, found.measured) == (1024.0, "new", 1000.0)
    assert found.as_dict()["seconds"] == 1000


def test_without_a_run_only_what_the_card_cannot_beat(tmp_path: Path) -> None:
    found = pace.of(job(PLAN), tmp_path)
    assert found.measured is None and found.as_dict()["seconds"] is None
    assert found.at_least == pytest.approx(1_024_000 * 18.43e9 / 71e12, rel=0.001)
