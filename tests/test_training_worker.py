"""Real trainings in two gloo processes, on one machine and as if on two, on a tiny random model."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from lone_runs import until
from tiny_model import environment, make_model, sft, write_mixed

pytest.importorskip("torch")
pytest.importorskip("trl")
pytestmark = pytest.mark.train
FLAGS = ("--model", "tiny", "--backend", "hf", "--lr", "2e-3", "--max-steps", "7")
EIGHT = ("--batch-size", "8", "--grad-accum", "1")
TWO = (*EIGHT, "--num-processes", "2")
# Sums in bf16 come out a little differently in another order: measured 7e-6 for losses, 2e-4 for norms.
SAME_LOSS, SAME_NORM = 5e-5, 2e-3


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 39 rows to train on, of 228 to 401 tokens, learnt from as 8 × 1, as 4 × 2 and by two processes."""
    folder = tmp_path_factory.mktemp("processes")
    make_model(folder / "tiny")
    write_mixed(folder / "data/raw/amr.txt", 43)
    sft(folder, "prep", "--template", "v4_compact", "--val-split", "0.1")
    train(folder, "whole", *EIGHT)
    train(folder, "halves", "--batch-size", "4", "--grad-accum", "2")
    train(folder, "shared", *TWO)
    return folder


def train(folder: Path, name: str, *more: str, plant: str = "") -> subprocess.CompletedProcess[str]:
    with started(folder, name, *more, plant=plant) as process:
        out, err = process.communicate(timeout=300)
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    assert plant or done.returncode == 0, err
    return done


def started(folder: Path, name: str, *more: str, plant: str = "") -> "subprocess.Popen[str]":
    """Start a training; `plant` is code that runs first in process 1 of it."""
    values = environment()
    if plant:
        place = folder / f"plant-{name}"
        place.mkdir()
        text = f"import os\nif os.environ.get('RANK') == '1':\n    exec({plant!r})\n"
        (place / "sitecustomize.py").write_text(text, encoding="utf-8")
        values["PYTHONPATH"] = os.pathsep.join([str(place), values.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "sft", "train", *FLAGS, *more, "--name", name],
        cwd=folder, env=values, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip


def log(folder: Path, name: str, key: str) -> list[float]:
    lines = (folder / "runs" / name / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [line[key] for line in map(json.loads, lines) if key in line]


def run(folder: Path, name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "runs" / name / "run.json").read_text(encoding="utf-8"))
    return value


def same(folder: Path, names: Sequence[str]) -> None:
    """Hold that runs learnt the same, step by step; the last step of a pass has 7 of 8 rows."""
    first = names[0]
    assert len(log(folder, first, "loss")) == 7
    for name in names[1:]:
        for key, most in (("loss", SAME_LOSS), ("eval_loss", SAME_LOSS), ("grad_norm", SAME_NORM)):
            assert log(folder, name, key) == pytest.approx(log(folder, first, key), rel=most), (name, key)


def test_eight_rows_at_once_twice_four_and_two_processes_with_four_learn_the_same(workspace: Path) -> None:
    same(workspace, ("whole", "halves", "shared"))
    plan = run(workspace, "shared")["plan"]
    assert (plan["batch_size"], plan["grad_accum"], plan["devices"], plan["effective_batch"]) == (4, 1, 2, 8)
    assert (workspace / "runs/shared/adapter/adapter_model.safetensors").is_file()


def test_both_backends_share_a_training_in_four_bits_with_checkpointing(workspace: Path) -> None:
    (workspace / "sft.toml").write_text(
        "[train]\nload_in_4bit = true\ngradient_checkpointing = true\neval_steps = 1\n", encoding="utf-8"
    )
    try:
        train(workspace, "four", *EIGHT)
        train(workspace, "four_shared", *TWO)
        train(workspace, "four_unsloth", *TWO, "--backend", "unsloth")
    finally:
        (workspace / "sft.toml").unlink()
    same(workspace, ("four", "four_shared", "four_unsloth"))


def test_a_signal_saves_in_all_processes_and_the_same_command_goes_on_to_the_same_adapter(
    workspace: Path,
) -> None:
    with started(workspace, "broken", *TWO) as process:
        lines = workspace / "runs/broken/log.jsonl"
        until(
            lambda: (
                process.poll() is not None or (lines.is_file() and lines.read_text("utf-8").count("\n") > 1)
            )
        )
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err.count("SIGTERM: finishing this step and saving") == 1
    assert "run the same command again" in out
    assert run(workspace, "broken")["status"] == "interrupted"
    assert not (workspace / "runs/broken/adapter").exists()
    assert "going on from checkpoint-" in train(workspace, "broken", *TWO).stderr
    for key in ("loss", "eval_loss", "grad_norm"):
        assert log(workspace, "broken", key) == log(workspace, "shared", key)
    name = "adapter/adapter_model.safetensors"
    assert (workspace / "runs/broken" / name).read_bytes() == (workspace / "runs/shared" / name).read_bytes()


def test_a_run_begun_by_one_process_goes_on_with_two(workspace: Path) -> None:
    with started(workspace, "widened", *EIGHT) as process:
        lines = workspace / "runs/widened/log.jsonl"
        until(
            lambda: (
                process.poll() is not None or (lines.is_file() and lines.read_text("utf-8").count("\n") > 1)
            )
        )
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 130
    assert "going on from checkpoint-" in train(workspace, "widened", *TWO).stderr
    same(workspace, ("whole", "widened"))


def test_a_model_that_is_split_over_processes_learns_the_same_and_goes_on(workspace: Path) -> None:
    split = (*TWO, "--fsdp")
    with started(workspace, "split", *split) as process:
        lines = workspace / "runs/split/log.jsonl"
        until(
            lambda: (
                process.poll() is not None or (lines.is_file() and lines.read_text("utf-8").count("\n") > 1)
            )
        )
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    assert process.returncode == 130
    assert "going on from checkpoint-" in train(workspace, "split", *split).stderr
    same(workspace, ("whole", "split"))
    sizes = [
        (workspace / "runs" / name / "adapter/adapter_model.safetensors").stat().st_size
        for name in ("whole", "split")
    ]
    assert sizes[0] == sizes[1]


FAILS = """
from sft.errors import SftError
from sft.training import loop
whole, seen = loop.pieces, []
def pieces(inputs, *limits):
    seen.append(limits)
    if len(seen) > 2:
        raise SftError("planted", where="process 1", hint="none", exit_code=1)
    return whole(inputs, *limits)
loop.pieces = pieces
"""


def test_an_error_of_one_process_ends_all_and_is_the_one_that_is_shown(workspace: Path) -> None:
    done = train(workspace, "failing", *TWO, plant=FAILS)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == ["error: process 1: planted", "hint: none"]
    assert done.stderr.count("error:") == 1 and "Traceback" not in done.stderr
    assert run(workspace, "failing")["status"] == "failed"


FULL = FAILS.replace(
    'SftError("planted", where="process 1", hint="none", exit_code=1)', "torch.OutOfMemoryError"
).replace("from sft.errors import SftError", "import torch")


def test_memory_that_runs_out_in_one_process_is_kept_for_all(workspace: Path) -> None:
    done = train(workspace, "full", *TWO, plant=FULL)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-2].startswith("error: out of memory at step 3 with 4 rows at once")
    assert "run the same command again: it goes on with 2 rows at once" in done.stderr.splitlines()[-1]
    assert run(workspace, "full")["piece"] == 2
    train(workspace, "full", *TWO)
    assert (run(workspace, "full")["piece"], run(workspace, "full")["steps"]) == (2, 7)
    same(workspace, ("whole", "full"))


POISON = """
from sft.training import loop
make = loop.trainer
def poisoned(reading, *rest, **more):
    reading.tokens = 0
    made = make(reading, *rest, **more)
    compute, seen, bad = made.compute_loss, [], []
    def loss(model, inputs, *rest, **more):
        rows = [ids[mask.bool()].tolist() for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"])]
        if model.training and not bad:
            seen.append(rows)
            bad.extend(rows[:1] if len(seen) == 3 else [])
        return compute(model, inputs, *rest, **more) * (float("nan") if any(row in bad for row in rows) else 1)
    made.compute_loss = loss
    return made
loop.trainer = poisoned
"""


def test_a_loss_that_is_no_number_in_one_process_is_told_with_its_rows(workspace: Path) -> None:
    done = train(workspace, "poisoned", *TWO, plant=POISON)
    assert done.returncode == 1
    error = done.stderr.splitlines()[-2]
    rows, _sign, alone = error.partition("; alone, these have no loss: ")
    assert rows.startswith("error: the loss is no number at step 3") and rows.count("amr:") == 8
    assert alone.startswith("amr:") and alone.count("amr:") == 1 and alone in rows


def test_two_machines_learn_the_same_and_only_the_first_has_the_run(workspace: Path, tmp_path: Path) -> None:
    for name in ("tiny", "data"):
        (tmp_path / name).symlink_to(workspace / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    both = (*TWO, "--num-machines", "2", "--main-address", address)
    first = started(workspace, "apart", *both)
    second = started(tmp_path, "apart", *both, "--machine-rank", "1")
    with first, second:
        said = [process.communicate(timeout=300) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert "the run is on machine 0" in said[1][0]
    assert not (tmp_path / "runs").exists()
    same(workspace, ("whole", "apart"))
