"""A training followed step by step: rates, utilisation, the log, and what is told."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sft.planner.flops import Work
from sft.training import alarms, course, follow

pytest.importorskip("torch")


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(follow.time, "monotonic", lambda: self.now)


class Heard:
    """Whoever watches, and what was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, Mapping[str, Any]]] = []
        self.alarms: list[Mapping[str, Any]] = []

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        self.steps.append((done, metrics))

    def alarm(self, line: Mapping[str, Any]) -> None:
        self.alarms.append(line)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def state(tmp_path: Path, **more: Any) -> Any:
    """Return the state of a training of 10 steps with 1,000 tokens each."""
    loads = iter([90.0, None, 80.0])
    return follow.State(
        plan=SimpleNamespace(total_steps=10),  # type: ignore[arg-type]
        order=SimpleNamespace(tokens=lambda step: 1000, step=lambda step: [0, 1]),  # type: ignore[arg-type]
        log=tmp_path / "log.jsonl",
        watch=Heard(),  # type: ignore[arg-type]
        stop=follow.Stop(),
        setup=alarms.Setup(gpu=True),
        gauge=SimpleNamespace(mean=lambda: next(loads)),  # type: ignore[arg-type]
        **{"ids": ["a:1", "a:2"]} | more,
    )


def test_rates_leave_out_the_first_step_and_what_is_no_training(tmp_path: Path, clock: Clock) -> None:
    now = state(tmp_path, work=Work(3e9, 4e9), peak=1e13)
    now.begin(0)
    clock.now += 50  # loading kernels, compiling
    now.took(1)
    first = now.line(1, {"loss": 2.0, "learning_rate": 1e-4})
    assert (first["tokens_per_s"], first["tokens_per_s_now"], first["lr"]) == (20.0, 20.0, 1e-4)
    assert (first["mfu"], first["hfu"], first["gpu_util"]) == (0.006, 0.008, 90.0)
    clock.now += 1
    now.took(2)
    clock.now += 60  # an evaluation
    now.resumed = clock.now
    evaluated = now.line(2, {"eval_loss": 1.5})
    assert evaluated["tokens_per_s"] == 1000.0
    assert not {"mfu", "tokens_per_s_now", "gpu_util"} & evaluated.keys()
    clock.now += 4
    now.took(3)
    third = now.line(3, {"loss": 1.0})
    assert third["tokens_per_s"] == 400.0  # 2 steps in 5 seconds
    assert third["tokens_per_s_now"] == 400.0  # since the line before: the first step, which does not count
    assert third["mfu"] == pytest.approx(0.12) and third["hfu"] == pytest.approx(0.16)
    assert "gpu_util" not in third  # nothing was measured
    clock.now += 1
    now.took(4)
    assert now.line(4, {"loss": 1.0})["tokens_per_s_now"] == 1000.0
    assert now.left(4) == pytest.approx(6 * 116 / 4)


def test_without_a_known_peak_there_is_no_utilisation(tmp_path: Path, clock: Clock) -> None:
    now = state(tmp_path, work=Work(3e9, 4e9))
    now.begin(0)
    clock.now += 1
    now.took(1)
    line = now.line(1, {"loss": 2.0})
    assert line["tflops"] == 3.0 and "mfu" not in line


def test_the_task_metric_stands_beside_the_validation_loss(tmp_path: Path, clock: Clock) -> None:
    now = state(tmp_path, figure="smatch_f1")
    now.begin(0)
    clock.now += 1
    now.took(1)
    line = now.line(1, {"eval_loss": 1.5, "eval_smatch_f1": 0.25, "eval_task_seconds": 3.5})
    assert (line["eval_loss"], line["task_metric"], line["figure"], line["task_seconds"]) == (
        1.5,
        0.25,
        "smatch_f1",
        3.5,
    )


def test_what_is_told_stands_in_the_log_and_later_steps_are_forgotten(tmp_path: Path, clock: Clock) -> None:
    now = state(tmp_path)
    now.begin(0)
    for step in range(1, 41):
        clock.now += 1
        now.took(step)
        line = {"step": step, "loss": 90.0 if step == 35 else 1.0 + step % 3 / 10, "seconds": float(step)}
        now.tell(line)
    lines = course.read(now.log)
    assert [line["alarm"] for line in lines if "alarm" in line] == ["loss_spike"]
    assert now.watch.alarms == [line for line in lines if "alarm" in line]
    assert lines.index(now.watch.alarms[0]) == 35  # right behind the line it is about
    assert now.watch.alarms[0]["text"].endswith("usual; its rows: a:1, a:2")
    assert "left" in now.watch.steps[-1][1] and "left" not in lines[-1]
    seen = course.course(lines, 50)
    assert [(alarm.step, holds) for alarm, holds in seen.alarms] == [(35, True)]
    assert seen.left == 10.0
    now.begin(30)
    assert all(line["step"] <= 30 for line in course.read(now.log))
    assert len(json.dumps(seen.as_dict())) > 0
