"""Real trainings in chunks, in stages and on a time budget, on a tiny model."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_model import environment, make_model, sft, write_statements

pytest.importorskip("torch")
pytest.importorskip("trl")
pytestmark = pytest.mark.train
FLAGS = ("--model", "tiny", "--backend", "hf", "--batch-size", "4", "--grad-accum", "1", "--epochs", "1")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("milestones")
    make_model(folder / "tiny")
    write_statements(folder / "data/raw/exam.csv", 44)
    sft(folder, "prep", "--template", "qa/true_false_v1", "--keep", "STT")
    return folder


KILL_AT = """
import os, signal
from sft.training import follow
whole = follow.State.line
def line(self, step, logs):
    if step == {step}:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self, step, logs)
follow.State.line = line
from sft.__main__ import main
main()
"""


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_chunks_leave_their_state_and_a_budget_stops_and_goes_on_to_the_same_adapter(workspace: Path) -> None:
    chunks = ("train", *FLAGS, "--chunk-size", "16", "--name")
    sft(workspace, *chunks, "whole")
    parts = read(workspace / "runs/whole/parts.json")["parts"]
    assert [part["status"] for part in parts] == ["done"] * len(parts)
    assert sum(part["rows"] for part in parts) == read(workspace / "runs/whole/run.json")["data"]["rows"]
    assert all(part["loss"] > 0 and part["eval_loss"] > 0 for part in parts)
    done = sft(workspace, *chunks, "budget", "--time-budget", "1s", "--json", check=False)
    assert done.returncode == 130, done.stderr
    said = json.loads(done.stdout)
    assert (said["status"], said["steps"], said["stopped_by"]) == ("interrupted", 1, "time budget")
    assert "the time budget is nearly used up: saving at step 1" in done.stderr
    ahead = sft(workspace, *chunks, "budget", "--from-chunk", "3", check=False)
    assert ahead.returncode == 2
    assert "--from-chunk: chunk 3 has not begun: no checkpoint of step 8" in ahead.stderr
    assert read(workspace / "runs/budget/run.json")["status"] == "interrupted"  # it is as it was
    again = sft(workspace, *chunks, "budget", "--time-budget", "0.5s", check=False)
    assert again.returncode == 130
    again = sft(workspace, *chunks, "budget")
    assert "going on from checkpoint-2" in again.stderr
    assert "chunk 1 of 3 is done: step 4" in again.stderr
    whole, budget = (
        workspace / f"runs/{name}/adapter/adapter_model.safetensors" for name in ("whole", "budget")
    )
    assert whole.read_bytes() == budget.read_bytes()
    assert read(workspace / "runs/budget/parts.json")["parts"] == parts


def test_a_run_goes_back_to_the_beginning_of_any_chunk(workspace: Path) -> None:
    chunks = ("train", *FLAGS, "--chunk-size", "16", "--seed", "3", "--name", "back")
    killed = subprocess.run(
        [sys.executable, "-c", KILL_AT.format(step=9), *chunks],
        cwd=workspace, env=environment(), capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    back = sft(workspace, *chunks, "--from-chunk", "2")
    assert "back to step 4: 4 steps are taken again, their checkpoints are removed" in back.stderr
    assert "going on from checkpoint-4" in back.stderr
    sft(workspace, *chunks[:-1], "straight")
    one, two = (workspace / f"runs/{name}/adapter/adapter_model.safetensors" for name in ("back", "straight"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(("by", "backend"), [("loss", "unsloth"), ("loss", "hf"), ("column:STT", "hf")])
def test_a_curriculum_reads_its_stages(workspace: Path, by: str, backend: str) -> None:
    """The trainer itself compares what it read with the plan, so a run that ends has kept the order."""
    name = f"{by.partition(':')[0]}-{backend}"
    toml = workspace / "sft.toml"
    toml.write_text("[train]\nlog_steps = 50\n", encoding="utf-8")
    sft(workspace, "train", *FLAGS, "--curriculum", by, "--name", name, "--backend", backend)
    toml.unlink()
    run = read(workspace / f"runs/{name}/run.json")
    assert run["plan"]["parts"]["kind"] == "stages"
    assert run["plan"]["parts"]["rows"][-1] == run["data"]["rows"]
    assert run["steps"] == sum(run["plan"]["parts"]["steps"])
    log = [
        json.loads(line) for line in (workspace / f"runs/{name}/log.jsonl").read_text("utf-8").splitlines()
    ]
    logged = [line["step"] for line in log if "loss" in line]
    ends = [part["steps"][1] for part in read(workspace / f"runs/{name}/parts.json")["parts"]]
    # Steps are logged rarely, but the first one and all that somebody may look at.
    assert {1, *ends} <= set(logged) and logged[-1] == run["steps"] and len(logged) < run["steps"]
    assert run["last_loss"] != run["first_loss"]
    if by == "loss":
        losses = read(workspace / f"runs/{name}/difficulty.json")["loss"]
        assert len(losses) == run["data"]["rows"] and len(set(losses)) > 1
