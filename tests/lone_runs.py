"""Run folders and stand-ins for a training process: it holds the lock, logs, and stops as a real one, in no time."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sft import runs
from sft.runs import scores as run_scores
from sft.text import write_json

SMATCH = {"f1": 0.5, "interval95": [0.4, 0.6], "n": 2, "signature": "smatch|n:2"}
needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
PLAN = {"total_steps": 8, "rows": 32, "effective_batch": 4, "findings": []}
# Trains "until told to stop": a line of the log each 10 ms, then what `sft train` writes of an interrupted run.
TRAINING = """
import json, sys, time
from pathlib import Path
from sft import runs
from sft.training import follow
class Watch:
    def note(self, text): print(text, flush=True)
folder, steps = Path(sys.argv[1]), int(sys.argv[2])
with runs.held(folder), follow.signals(Watch()) as stop:
    runs.update(folder, status="running")
    step = 0
    while not stop.name and step < steps:
        step += 1
        with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": step, "loss": 1 / step, "seconds": step * 2.0}) + "\\n")
        time.sleep(0.01)
    runs.update(folder, status="interrupted" if stop.name else "finished", ended="2026-01-01T00:01:00")
sys.exit(130 if stop.name else 0)
"""


def make(
    folder: Path, status: str = "finished", lines: Sequence[Mapping[str, Any]] = (), **extra: Any
) -> Path:
    """Write a run folder with a log."""
    value = {
        "status": status,
        "started": "2026-01-01T00:00:00",
        "lock": {"settings": {"lr": 2e-4, "seed": 5}, "model": "tiny"},
        "settings": {"lr": 2e-4, "seed": 5},
        "origins": {"lr": "preset demo", "seed": "default"},
        "model": {"name": "tiny", "id": "tiny/tiny"},
        "template": "qa/true_false_v1@00000000",
        "plan": PLAN,
        "packages": {"torch": "2.9"},
        "train_ids": ["a:1", "a:2"],
        "valid_ids": ["a:3"],
    }
    runs.update(folder, **value | extra)
    if lines:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "log.jsonl").write_text(text, encoding="utf-8")
    return folder


@contextmanager
def training(folder: Path, steps: int = 10**6) -> Iterator["subprocess.Popen[str]"]:
    """Start a stand-in for a training on a run folder, and wait for its first step."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(folder), str(steps)], stdout=subprocess.PIPE, text=True
    )
    try:
        until(lambda: (folder / "log.jsonl").is_file() or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.communicate()


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; a minute is more than anything here takes, on any machine."""
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.01)


def pairs(*matched: int, gold: int = 10) -> list[dict[str, Any]]:
    """Return the rows of a Smatch score: 10 predicted triples each, of which so many match."""
    return [
        {"id": f"r:{n}", "matched": m, "upper": m, "pred": 10, "gold": gold, "proven": True}
        for n, m in enumerate(matched)
    ]


def graphs(folder: Path, name: str, *matched: int, gold: int = 10) -> tuple[runs.Run, run_scores.Score]:
    """Write a finished run with a Smatch score."""
    run = make(folder / "runs" / name)
    write_json(
        run / "scores/smatch_valid_smatch.json",
        SMATCH | {"n": len(matched), "pairs": pairs(*matched, gold=gold)},
    )
    loaded = runs.load(run)
    return loaded, run_scores.of(loaded)[0]
