"""The trainer on a tiny model: memory that runs out, losses that are no numbers, micro-batches that do not matter."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_model import environment, make_model, sft, write_graphs

from sft.training import loop

pytest.importorskip("torch")
pytest.importorskip("trl")
pytestmark = pytest.mark.train

# Memory "runs out" whenever more than so many rows are in a piece, after the first piece went through.
FULL = """
import sys, torch
from sft.training import loop
whole, seen = loop.pieces, [0]
def pieces(inputs, size, _tokens):
    for number, piece in enumerate(whole(inputs, size, 0)):
        seen[0] += 1
        if seen[0] > {after} and len(piece["labels"]) > {room}:
            raise torch.OutOfMemoryError("planted")
        yield piece
loop.pieces = pieces
from sft.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loop")
    make_model(folder / "tiny")
    write_graphs(folder / "data/raw/amr.txt", 43)
    sft(folder, "prep", "--template", "v4_compact", "--val-split", "0.1")
    return folder


def train(folder: Path, name: str, *more: str, code: str = "") -> subprocess.CompletedProcess[str]:
    arguments = ("train", "--model", "tiny", "--backend", "hf", "--name", name, "--max-steps", "7", *more)
    if not code:
        return sft(folder, *arguments, check=False)
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder, env=environment(), capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


def run(folder: Path, name: str) -> dict[str, object]:
    value: dict[str, object] = json.loads((folder / "runs" / name / "run.json").read_text(encoding="utf-8"))
    return value


def log(folder: Path, name: str, key: str) -> list[float]:
    lines = (folder / "runs" / name / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [line[key] for line in map(json.loads, lines) if key in line]


def test_micro_batches_do_not_matter_and_memory_that_runs_out_neither(workspace: Path) -> None:
    """39 rows at 8 a step: 4 whole steps and one of 7, then the next pass. Losses agree to 1 in 1000 (bf16 sums)."""
    for name, micro, accumulate in (("whole", "8", "1"), ("halves", "4", "2")):
        assert train(workspace, name, "--batch-size", micro, "--grad-accum", accumulate).returncode == 0
    done = train(
        workspace, "full", "--batch-size", "8", "--grad-accum", "1", code=FULL.format(after=2, room=3)
    )
    assert done.returncode == 0, done.stderr
    assert "out of memory at step 3: 8 → 4 rows at once, effective batch 8 as before" in done.stderr
    assert "out of memory at step 3: 4 → 2 rows at once" in done.stderr
    found = run(workspace, "full")
    assert (found["steps"], found["piece"]) == (7, 2)
    assert found["out_of_memory"][1] == {"step": 3, "before": 4, "now": 2}  # type: ignore[index]
    losses = log(workspace, "whole", "loss")
    assert len(losses) == 7
    for name in ("halves", "full"):
        assert log(workspace, name, "loss") == pytest.approx(losses, rel=1e-3)
        assert log(workspace, name, "grad_norm") == pytest.approx(
            log(workspace, "whole", "grad_norm"), rel=2e-2
        )
        assert log(workspace, name, "eval_loss") == pytest.approx(
            log(workspace, "whole", "eval_loss"), rel=1e-3
        )


def test_a_single_row_that_does_not_fit_is_one_error(workspace: Path) -> None:
    done = train(
        workspace, "never", "--batch-size", "2", "--grad-accum", "1", code=FULL.format(after=2, room=0)
    )
    assert done.returncode == 3
    assert done.stderr.splitlines()[-2].startswith("error: out of memory with a single row at step 3")
    assert "--max-length" in done.stderr.splitlines()[-1]


# The loss of every batch with a "z" in it is no number.
POISON = """
import json, transformers
compute = transformers.Trainer.compute_loss
z = json.load(open("tiny/tokenizer.json", encoding="utf-8"))["model"]["vocab"]["z"]
def poisoned(self, model, inputs, *rest, **more):
    return compute(self, model, inputs, *rest, **more) * (float("nan") if (inputs["input_ids"] == z).any() else 1)
transformers.Trainer.compute_loss = poisoned
from sft.__main__ import main
main()
"""


def test_a_loss_that_is_no_number_stops_before_the_step_and_names_its_row(workspace: Path) -> None:
    with (workspace / "data/raw/odd.amr.txt").open("w", encoding="utf-8") as stream:
        stream.write("#::snt zz zz .\n(x / zz\n    :agent(y / zz))\n")
    sft(workspace, "prep", "--template", "v4_compact", "--val-split", "0", "--out", "odd")
    more = ("--data", "odd", "--val-split", "0", "--epochs", "1", "--batch-size", "4", "--max-steps", "0")
    done = train(workspace, "poisoned", *more, "--grad-accum", "2", code=POISON)
    assert done.returncode == 1, done.stderr
    error, hint = done.stderr.splitlines()[-2:]
    assert re.search(
        r"the loss is no number at step \d+, which was not taken; its rows: (amr|odd\.amr):", error
    )
    assert error.endswith("; alone, these have no loss: odd.amr:1")
    assert hint.startswith("hint: look at those rows")
    assert run(workspace, "poisoned")["status"] == "failed"


# A weight that is no number: no row has a loss.
BROKEN = """
from sft import backends
load = backends.load
def broken(*arguments):
    model, tokenizer = load(*arguments)
    next(p for n, p in model.named_parameters() if "lora_A" in n).data[0, 0] = float("nan")
    return model, tokenizer
backends.load = broken
from sft.__main__ import main
main()
"""
# A gradient that is no number where the loss is one.
STEEP = """
import transformers
compute = transformers.Trainer.compute_loss
def steep(self, *rest, **more):
    loss = compute(self, *rest, **more)
    if self.state.global_step == 2 and loss.requires_grad:
        loss.register_hook(lambda gradient: gradient * float("inf"))
    return loss
transformers.Trainer.compute_loss = steep
from sft.__main__ import main
main()
"""


def test_a_weight_that_is_no_number_is_the_fault_of_no_row(workspace: Path) -> None:
    done = train(workspace, "broken", "--batch-size", "2", "--grad-accum", "2", code=BROKEN)
    assert done.returncode == 1, done.stderr
    error, hint = done.stderr.splitlines()[-2:]
    rows = re.fullmatch(
        r"error: the loss is no number at step 1, which was not taken; its rows: (amr:\d+(?:, amr:\d+){3})",
        error,
    )
    assert rows, error
    assert set(rows[1].split(", ")) <= set(run(workspace, "broken")["train_ids"])  # type: ignore[call-overload]
    assert hint == "hint: start anew with a lower --lr"
    assert not list((workspace / "runs/broken/checkpoints").glob("checkpoint-*"))


def test_a_gradient_that_is_no_number_stops_before_the_step(workspace: Path) -> None:
    done = train(workspace, "steep", "--batch-size", "2", "--grad-accum", "2", code=STEEP)
    assert done.returncode == 1, done.stderr
    assert "the gradient is no number at step 3, which was not taken; its rows: amr:" in done.stderr
    assert len(log(workspace, "steep", "loss")) == 2


# No loss of a row that nothing is learnt from is a number.
UNSEEN = """
import torch, transformers
compute = transformers.Trainer.compute_loss
def unseen(self, *rest, **more):
    return compute(self, *rest, **more) * (1 if torch.is_grad_enabled() else float("nan"))
transformers.Trainer.compute_loss = unseen
from sft.__main__ import main
main()
"""


def test_a_validation_loss_that_is_no_number_names_its_rows(workspace: Path) -> None:
    done = train(workspace, "unseen", "--batch-size", "4", "--grad-accum", "1", code=UNSEEN)
    assert done.returncode == 1, done.stderr
    error = done.stderr.splitlines()[-2]
    head = "error: the validation loss is no number at step 2; alone, these have no loss: "
    assert error.startswith(head)
    assert set(error.removeprefix(head).split(", ")) == set(run(workspace, "unseen")["valid_ids"])  # type: ignore[call-overload]


def test_what_is_only_looked_at_goes_through_a_cpu_in_pieces_too() -> None:
    lengths = [700, 600, 500, 100]
    assert [loop._next(range(n, 4), lengths, 1280) for n in range(4)] == [
        range(1),
        range(1, 3),
        range(2, 4),
        range(3, 4),
    ]
    assert loop._next([1, -2, 2], lengths, 0) == [1, -2, 2]
