"""Real trainings on a tiny model: the task metric, the best adapter, early stopping, and what changes nothing."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lone_runs import until
from tiny_model import environment, make_model, sft, write_statements

from sft import checkpoints
from sft.training import best, course

pytest.importorskip("torch")
pytest.importorskip("trl")
pytestmark = pytest.mark.train
WEIGHTS = "adapter_model.safetensors"
FLAGS = ("--model", "tiny", "--batch-size", "4", "--grad-accum", "1", "--lr", "5e-3")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watching")
    make_model(folder / "tiny")
    write_statements(folder / "data/raw/tf.csv", 80)
    # Dropout, so that a random number taken by an evaluation would show.
    (folder / "sft.toml").write_text(
        "[train]\nlora_dropout = 0.1\neval_steps = 4\nsave_steps = 6\ntask_rows = 6\n", encoding="utf-8"
    )
    sft(folder, "prep", "--template", "qa/true_false_v1", "--val-split", "0.2")
    return folder


def log(folder: Path, name: str) -> list[Any]:
    return list(course.read(folder / "runs" / name / "log.jsonl"))


def record(folder: Path, name: str) -> Any:
    return json.loads((folder / "runs" / name / "run.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("backend", ["hf", "unsloth"])
def test_looking_at_answers_changes_nothing(workspace: Path, backend: str) -> None:
    for kept in ("last", "task"):
        name = f"{backend}-{kept}"
        sft(
            workspace,
            "train",
            *FLAGS,
            "--max-steps",
            "12",
            "--backend",
            backend,
            "--best",
            kept,
            "--name",
            name,
        )
    last, task = (workspace / "runs" / f"{backend}-{kept}" for kept in ("last", "task"))
    same = [(folder / "checkpoints/checkpoint-12" / WEIGHTS).read_bytes() for folder in (last, task)]
    assert same[0] == same[1] == (last / "adapter" / WEIGHTS).read_bytes()
    scores = [line for line in log(workspace, task.name) if "task_metric" in line]
    assert [line["step"] for line in scores] == [4, 8, 12]
    assert all(0 <= line["task_metric"] <= 1 and line["figure"] == "accuracy" for line in scores)


def test_patience_ends_a_training_and_the_best_adapter_is_kept(workspace: Path) -> None:
    """At such a rate the validation loss soon rises; killed on the way, the run ends in the same adapter."""
    more = (
        *FLAGS,
        "--lr",
        "5e-2",
        "--max-steps",
        "40",
        "--backend",
        "hf",
        "--best",
        "loss",
        "--patience",
        "2",
    )
    done = sft(workspace, "train", *more, "--name", "whole", "--json")
    value = json.loads(done.stdout)
    lines, rule = log(workspace, "whole"), best.Rule("eval_loss", 2)
    found = best.standing(lines, rule)
    assert found is not None
    assert (value["status"], value["stopped_early"], value["steps"]) == ("finished", True, found.last_step)
    assert value["steps"] < 40 and best.stops(found, rule)
    assert value["best"] == found.as_dict() | {"figure": "eval_loss", "kept": True}
    facts = json.loads((workspace / "runs/whole/adapter/sft.json").read_text(encoding="utf-8"))
    assert facts["step"] == found.step
    assert record(workspace, "whole")["best"]["step"] == found.step
    assert not (workspace / "runs/whole/best").exists()
    assert "stopped early at step" in sft(workspace, "runs", "watch", "whole").stdout
    assert sft(workspace, "eval", "--run", "whole", "--json").returncode == 0

    process = subprocess.Popen(
        [sys.executable, "-m", "sft", "train", *more, "--name", "killed"],
        cwd=workspace, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: checkpoints.complete(workspace / "runs/killed") or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sft(workspace, "train", *more, "--name", "killed")
    assert record(workspace, "killed")["best"] == record(workspace, "whole")["best"]
    adapters = [
        (workspace / "runs" / name / "adapter" / WEIGHTS).read_bytes() for name in ("whole", "killed")
    ]
    assert adapters[0] == adapters[1]


def test_what_cannot_be_is_refused_before_a_model_is_loaded(workspace: Path) -> None:
    done = sft(workspace, "train", *FLAGS, "--best", "loss", "--val-split", "0", check=False)
    assert done.returncode == 2
    assert 'best = "loss" needs evaluations, but there are no validation rows' in done.stderr
    done = sft(workspace, "train", *FLAGS, "--report-to", "tensorbord", check=False)
    assert done.returncode == 2 and "none, or some of tensorboard" in done.stderr
