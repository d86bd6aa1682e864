"""Whatever ends a training: the same command goes on, and its adapter is the one of a training that nothing ended."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lone_runs import needs_tmux, until
from preloaded import Starter, preloaded
from small_disk import small_disk
from tiny_model import make_model, sft, write_statements

from sft import checkpoints, disk, locks, runs, templates
from sft.runs import detach

pytest.importorskip("torch")
pytest.importorskip("trl")
pytestmark = pytest.mark.train

SETTINGS = """
[train]
model = "tiny"
backend = "hf"
batch_size = 2
grad_accum = 1
lora_dropout = 0.1
eval_steps = 10
save_steps = 2
seed = 5
"""
KILLS = 10
LONG, SHORT = "48", "20"  # steps: those of ten killed starts, and of a training that ends otherwise


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    with preloaded() as found:
        yield found


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("survival")
    make_model(folder / "tiny")
    (folder / "sft.toml").write_text(SETTINGS, encoding="utf-8")
    write_statements(folder / "data/raw/tf.csv", 60)
    sft(folder, "prep", "--template", "qa/true_false_v1")
    return folder


class Training:
    """One command, started as often as it takes."""

    def __init__(self, starter: Starter, workspace: Path, name: str, *more: str, steps: str = SHORT) -> None:
        self.words = ("train", "--max-steps", steps, "--name", name, *more)
        self.folder, self.out = workspace / "runs" / name, workspace / f"{name}.txt"
        self._starter, self._workspace = starter, workspace

    def start(self, *more: str) -> int:
        """Start it; return its process."""
        self.out.write_text("", encoding="utf-8")
        return self._starter.start(self._workspace, self.out, *self.words, *more)

    def run(self, *more: str) -> int:
        """Start it and wait for its end; return its exit code."""
        self.start(*more)
        return self._starter.wait()

    def kill(self, number: int, with_: int = signal.SIGKILL) -> int:
        """End its process; return the exit code."""
        os.kill(number, with_)
        return self._starter.wait()

    @property
    def said(self) -> str:
        """Return what its last start said."""
        return self.out.read_text(encoding="utf-8")

    @property
    def record(self) -> dict[str, Any]:
        """Return run.json."""
        value: dict[str, Any] = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        return value

    @property
    def log(self) -> tuple[int, int]:
        """Return which file the log is, as each start writes its own, and its last step; 0 where there is none."""
        path = self.folder / "log.jsonl"
        try:
            lines = path.read_text(encoding="utf-8").split("\n")[:-1]
            return path.stat().st_ino, json.loads(lines[-1])["step"] if lines else 0
        except FileNotFoundError:
            return 0, 0

    @property
    def losses(self) -> list[tuple[int, float]]:
        """Return the losses with their steps."""
        lines = (self.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return [(line["step"], line["loss"]) for line in map(json.loads, lines) if "loss" in line]

    @property
    def parts(self) -> list[dict[str, Any]]:
        """Return how far each chunk is; [] for a training without them."""
        path = self.folder / "parts.json"
        return json.loads(path.read_text(encoding="utf-8"))["parts"] if path.is_file() else []

    @property
    def weights(self) -> bytes:
        """Return the adapter."""
        return (self.folder / "adapter/adapter_model.safetensors").read_bytes()

    def left(self) -> list[str]:
        """Return what lies where the checkpoints are."""
        return sorted(path.name for path in (self.folder / "checkpoints").iterdir() if path.is_dir())

    def reach(self, step: int) -> int:
        """Start it and let it take `step` steps; return its process."""
        number = self.start()
        until(lambda: self.log[1] >= step or "error:" in self.said)
        return number


@pytest.fixture(scope="module")
def whole(starter: Starter, workspace: Path) -> Training:
    """Return a training that nothing ended."""
    training = Training(starter, workspace, "whole")
    assert training.run() == 0, training.said
    return training


def same(training: Training, whole: Training) -> bool:
    """Tell whether two trainings came to the same, bit by bit."""
    assert training.record["status"] == "finished"
    assert not [name for name in training.left() if not name.startswith("checkpoint-")]
    return training.weights == whole.weights and training.losses == whole.losses


@pytest.mark.parametrize("how", [(), ("--chunk-size", "20")])
def test_ten_kills_at_any_moment_change_no_bit(
    starter: Starter, workspace: Path, tmp_path: Path, how: tuple[str, ...]
) -> None:
    whole = Training(starter, workspace, "-".join(["unkilled", *how]), *how, steps=LONG)
    assert whole.run() == 0, whole.said
    place = tmp_path / "other"
    shutil.copytree(workspace, place, ignore=shutil.ignore_patterns("runs"))
    (place / "sft.toml").write_text(f"{SETTINGS}keep_checkpoints = 1\n", encoding="utf-8")
    training = Training(starter, place, "killed", *how, steps=LONG)
    draw, resumed = random.Random(20), 0
    for number in range(KILLS):
        before, saved = training.log, checkpoints.complete(training.folder)
        wanted = (checkpoints.step_of(saved[-1]) if saved else 0) + draw.randint(1, 3)
        process = training.start()
        # Half of them while it starts, whatever it is doing then; half once some steps were taken.
        ends = time.monotonic() + (draw.uniform(0, 2.5) if number % 2 else 50)
        while time.monotonic() < ends and (training.log[0] == before[0] or training.log[1] < wanted):
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.03))
        assert training.kill(process) == -signal.SIGKILL, training.said
        resumed += "going on from checkpoint-" in training.said
    assert training.run() == 0, training.said
    assert "going on from checkpoint-" in training.said
    assert same(training, whole), f"of ten starts {resumed} went on from a checkpoint"
    kept = [part["checkpoint"] for part in training.parts]
    assert training.left() == sorted({f"checkpoint-{LONG}", *kept}) and len(kept) == (5 if how else 0)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_saves_where_it_is_and_the_same_command_goes_on(
    starter: Starter, workspace: Path, whole: Training, number: int
) -> None:
    training = Training(starter, workspace, f"told-{int(number)}")
    assert training.kill(training.reach(5), number) == 130, training.said
    assert training.record["status"] == "interrupted"
    step = training.log[1]
    assert f"checkpoint-{step}" in training.left()
    assert training.run() == 0, training.said
    assert f"going on from checkpoint-{step}" in training.said
    assert same(training, whole)


@needs_tmux
@pytest.mark.usefixtures("tmux_server")
def test_a_killed_tmux_session_saves(starter: Starter, workspace: Path, whole: Training) -> None:
    training = Training(starter, workspace, "hung-up")
    sft(workspace, *training.words, "--detach")
    until(lambda: training.log[1] >= 3)
    subprocess.run(["tmux", "kill-session", "-t", "=hung-up"], check=True)
    until(lambda: training.record["status"] == "interrupted")
    until(lambda: not locks.held(training.folder / locks.NAME))
    assert detach.sessions() == {}
    assert f"checkpoint-{training.log[1]}" in training.left()
    assert training.run() == 0, training.said
    assert same(training, whole)


def damaged(checkpoint: Path) -> str:
    os.truncate(checkpoint / "optimizer.pt", 1000)
    return "optimizer.pt has 1000 bytes, not "


def changed(checkpoint: Path) -> str:
    path = checkpoint / "adapter_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return "adapter_model.safetensors is not what was written"


def unfinished(checkpoint: Path) -> str:
    (checkpoint / checkpoints.MARKER).unlink()
    return "it was not finished"


@pytest.mark.parametrize("harm", [damaged, changed, unfinished])
def test_a_damaged_checkpoint_is_passed_over_aloud(
    starter: Starter, workspace: Path, whole: Training, harm: Callable[[Path], str]
) -> None:
    training = Training(starter, workspace, harm.__name__)
    training.kill(training.reach(7))
    last, before = training.left()[-1:-3:-1]
    why = harm(training.folder / "checkpoints" / last)
    assert training.run() == 0, training.said
    assert f"{last} is passed over: {why}" in training.said
    assert f"going on from {before}" in training.said
    assert same(training, whole)


def test_with_no_checkpoint_left_it_begins_again(starter: Starter, workspace: Path, whole: Training) -> None:
    training = Training(starter, workspace, "bare")
    training.kill(training.reach(5))
    for name in training.left():
        unfinished(training.folder / "checkpoints" / name)
    assert training.run() == 0, training.said
    assert "no complete checkpoint: from step 0" in training.said
    assert same(training, whole)


def test_killed_between_the_last_checkpoint_and_the_adapter(
    starter: Starter, workspace: Path, whole: Training
) -> None:
    training = Training(starter, workspace, "nearly")
    assert training.run() == 0, training.said
    (training.folder / "adapter").rename(training.folder / ".adapter-writing")
    runs.update(training.folder, status="running")
    assert training.run() == 0, training.said
    assert same(training, whole)
    assert not (training.folder / ".adapter-writing").exists()


def test_a_full_disk_loses_nothing(
    starter: Starter, workspace: Path, whole: Training, tmp_path: Path
) -> None:
    training = Training(starter, workspace, "crammed")
    with small_disk(tmp_path / "disk", 5) as disk:
        training.folder.symlink_to(disk.path)
        training.reach(5)
        disk.fill(spare=100_000)  # the log still finds room, a checkpoint does not
        assert starter.wait() == 3, training.said
        error, hint = training.said.splitlines()[-2:]
        assert error.startswith("error: ") and error.endswith("No space left on device")
        last = checkpoints.complete(training.folder)[-1].name
        assert hint.startswith("hint: ") and f"the same command goes on from {last}" in hint
        assert all(name.startswith("checkpoint-") for name in training.left())
        assert training.record["status"] == "failed"
        assert training.run() == 3, training.said  # and again, as long as nobody makes room
        disk.free()
        assert training.run() == 0, training.said
        assert f"going on from {last}" in training.said
        assert same(training, whole)
    training.folder.unlink()


def test_a_read_only_folder_loses_nothing(
    starter: Starter, workspace: Path, whole: Training, tmp_path: Path
) -> None:
    training = Training(starter, workspace, "sealed")
    with small_disk(tmp_path / "disk", 5) as disk:
        training.folder.symlink_to(disk.path)
        training.kill(training.reach(5))
        disk.read_only(True)
        assert training.run() == 3, training.said
        error, hint = training.said.splitlines()[-2:]
        assert error.startswith("error: ") and error.endswith("Read-only file system")
        assert "who may write there" in hint
        disk.read_only(False)
        assert training.run() == 0, training.said
        assert "going on from checkpoint-" in training.said
        assert same(training, whole)
    training.folder.unlink()


def test_two_trainings_on_one_run_folder(starter: Starter, workspace: Path, whole: Training) -> None:
    training = Training(starter, workspace, "twice")
    process = training.reach(2)
    os.kill(process, signal.SIGSTOP)  # it holds the folder for as long as the other takes to start
    other = sft(workspace, *training.words, check=False)
    os.kill(process, signal.SIGCONT)
    assert other.returncode == 2
    assert other.stderr.splitlines()[-2].endswith("another process is training in this run folder")
    assert training.kill(process, signal.SIGTERM) in (0, 130)
    assert training.run() in (0, 2)
    assert same(training, whole)


# What is no longer the same run


def test_an_edited_template_and_other_data_are_no_resume(
    starter: Starter, workspace: Path, tmp_path: Path
) -> None:
    place = tmp_path / "other"
    shutil.copytree(workspace, place, ignore=shutil.ignore_patterns("runs"))
    own = place / "templates/qa/mine.toml"
    own.parent.mkdir(parents=True)
    text = templates.load("qa/true_false_v1").path.read_text(encoding="utf-8")
    own.write_text(text, encoding="utf-8")
    sft(place, "prep", "--template", "qa/mine")
    training = Training(starter, place, "r", "--data", "data/prepared/mine")
    assert training.kill(training.reach(3)) == -signal.SIGKILL
    assert training.record["template"].startswith("qa/mine@")
    before = training.record["template"].partition("@")[2]

    own.write_text(f"{text}# another wording\n", encoding="utf-8")
    assert training.run() == 2
    error, hint = training.said.splitlines()[-2:]
    now = templates.load("qa/mine", place).sha256[:8]
    assert f"template qa/mine is now @{now}, not @{before}" in error
    assert "prepare the data again" in hint

    write_statements(place / "data/raw/tf.csv", 40)
    sft(place, "prep", "--template", "qa/mine")
    assert training.run("--resume") == 2
    said = training.said.splitlines()
    assert said[-4].startswith("error: the unfinished run differs from what is asked for")
    assert re.fullmatch(r"  - r: data: [0-9a-f]{8} → [0-9a-f]{8}", said[-3])
    assert re.fullmatch(rf"  - r: template: qa/mine@{before} → qa/mine@[0-9a-f]{{8}}", said[-2])
    assert said[-1].startswith("hint: ")
    assert training.run("--max-steps", "2") == 0, training.said
    assert "the unfinished run r differs, so a new run begins: r-2" in training.said
    assert re.search("\n  data: [0-9a-f]{8} → [0-9a-f]{8}\n", training.said)
    assert "\n  settings.max_steps: 20 → 2\n" in training.said
    assert training.record["status"] == "running"  # the killed one stays as it is


# To begin with the adapter of another training


def tensors(training: Training) -> dict[str, Any]:
    from safetensors.torch import load

    return load(training.weights)


@pytest.mark.parametrize("backend", ["hf", "unsloth"])
def test_a_warm_start_begins_with_the_weights_of_a_run(
    starter: Starter, workspace: Path, whole: Training, tmp_path: Path, backend: str
) -> None:
    """On other data, with a rate of next to nothing: what comes out is what went in."""
    place = tmp_path / "other"
    shutil.copytree(workspace, place, ignore=shutil.ignore_patterns("runs"))
    write_statements(place / "data/raw/tf.csv", 30)
    sft(place, "prep", "--template", "qa/true_false_v1")
    training = Training(starter, place, "warm")
    more = ("--warm-start", str(whole.folder), "--max-steps", "1", "--lr", "1e-9", "--backend", backend)
    sft(place, *training.words, *more)
    before, after = tensors(whole), tensors(training)
    assert before.keys() == after.keys()
    assert all((after[name] - value).abs().max() < 1e-6 for name, value in before.items())
    assert any((value != 0).any() for name, value in after.items() if "lora_B" in name)
    told = training.record["warm_start"]
    assert (told["from"], told["data_sha256"]) == ("whole", whole.record["data"]["sha256"])
    assert (
        training.record["lock"]["warm_start"]
        == told["sha256"]
        == disk.sha256(whole.folder / "adapter/adapter_model.safetensors")
    )
    facts = json.loads((training.folder / "adapter/sft.json").read_text(encoding="utf-8"))
    assert facts["warm_start"] == told
    shown = sft(place, "runs", "show", "warm").stdout
    assert f"whole @{told['sha256'][:8]} (qa/true_false_v1@" in shown


def test_a_killed_warm_start_goes_on_to_the_same_adapter(
    starter: Starter, workspace: Path, whole: Training
) -> None:
    training = Training(starter, workspace, "again", "--warm-start", "whole")
    assert training.run() == 0, training.said
    assert "begins with the adapter whole @" in training.said
    assert training.losses[0][1] < whole.losses[0][1]
    killed = Training(starter, workspace, "again-killed", "--warm-start", str(whole.folder / "adapter"))
    killed.kill(killed.reach(1))
    assert killed.run() == 0, killed.said
    assert same(killed, training)
    assert killed.weights != whole.weights


def test_a_warm_start_that_does_not_fit_is_refused_before_a_model_is_loaded(
    starter: Starter, workspace: Path, whole: Training
) -> None:
    training = Training(starter, workspace, "unfit", "--warm-start", "whole")
    assert training.run("--lora-r", "8") == 2
    assert "lora_r of the adapter is 16, that of this training 8" in training.said
    assert training.run("--warm-start", "hole") == 2
    assert "unknown run 'hole'" in training.said and "did you mean whole?" in training.said
    assert not training.folder.exists()
