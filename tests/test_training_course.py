"""How far a training is, from its log."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft.errors import DataError
from sft.training import course, follow

LOG = [
    {"step": 1, "loss": 3.0, "lr": 1e-4, "tokens_per_s": 90.0, "seconds": 5.0, "memory": 10},
    {"step": 2, "loss": 2.0, "lr": 2e-4, "tokens_per_s": 100.0, "seconds": 7.0, "memory": 12},
    {"step": 2, "eval_loss": 2.5, "seconds": 8.0},
    {"step": 4, "loss": 1.5, "lr": 1e-4, "tokens_per_s": 120.0, "seconds": 11.0},
    {"step": 4, "eval_loss": 2.25, "seconds": 11.0},
]


def test_the_course_is_read_off_the_lines() -> None:
    now = course.course(LOG, 10)
    assert (now.step, now.losses, now.evals) == (4, (3.0, 2.0, 1.5), ((2, 2.5), (4, 2.25)))
    assert (
        now.left == 12.0
    )  # 3 steps in 6 seconds, 6 to go; what came before the first line is no step's time
    assert now.as_dict() == {
        "step": 4, "total_steps": 10, "first_loss": 3.0, "loss": 1.5, "eval_loss": 2.25, "best_eval_loss": 2.25,
        "figure": None, "task_metric": None, "best_task_metric": None, "lr": 1e-4, "grad_norm": None, "epoch": None,
        "tokens_per_s": 120.0, "tflops": None, "mfu": None, "hfu": None, "gpu_util": None, "memory": 12, "seconds": 11.0,
        "left": 12.0, "alarms": [],
    }  # fmt: skip


def test_before_the_first_line_nothing_is_known() -> None:
    now = course.course([], None)
    assert (now.step, now.loss, now.best_eval, now.left) == (0, None, None, None)


def test_the_first_line_counts_from_the_start_but_not_after_a_resume() -> None:
    assert course.course(LOG[:1], 10).left == 45.0
    resumed = [*LOG, {"step": 5, "loss": 1.4, "seconds": 3.0}]
    assert course.course(resumed, 10).left is None
    assert course.course([*resumed, {"step": 6, "loss": 1.4, "seconds": 4.0}], 10).left == 4.0


def test_alarms_and_the_task_metric_are_lines_of_the_log_too() -> None:
    alarm = {"step": 4, "alarm": "slower", "text": "40 tokens/s", "hint": "see top"}
    score = {"step": 4, "eval_loss": 2.0, "task_metric": 0.5, "figure": "accuracy", "seconds": 12.0}
    now = course.course([*LOG, alarm, score, {"step": 4, "alarm": "slower", "over": True}], 10)
    assert (now.step, now.tasks, now.figure, now.left) == (4, ((4, 0.5),), "accuracy", 14.0)
    assert now.as_dict()["alarms"] == [alarm | {"over": True}]
    assert now.as_dict()["best_task_metric"] == 0.5


def test_a_line_being_written_waits_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert course.read(path) == []
    path.write_text("".join(json.dumps(line) + "\n" for line in LOG) + '{"step": 5, "lo', encoding="utf-8")
    assert course.read(path) == LOG
    path.write_bytes('{"step": 1}\n{"step": 2, "alarm": "x", "text": "mất'.encode()[:-1])  # within a letter
    assert course.read(path) == [{"step": 1}]
    line = {"step": 1, "alarm": "x", "text": "a\u2028b"}
    path.write_text(json.dumps(line, ensure_ascii=False) + "\n", encoding="utf-8")
    assert course.read(path) == [line] and follow.losses(path) == []
    numberless = ('{"step": 2, "loss": null}', '{"step": 2, "seconds": "3"}', '{"step": true}')
    alarms = ('{"step": 1, "alarm": "x"}', '{"step": 1, "over": true}')
    for wrong in ("x", "[]", '{"loss": 1}', '{"step": "1"}', *numberless, *alarms):
        path.write_text(f'{{"step": 1}}\n{wrong}\n', encoding="utf-8")
        with pytest.raises(DataError, match="no line of a training log") as caught:
            course.read(path)
        assert caught.value.where == f"{path}:2"
    path.write_bytes(b"\xff\n")
    with pytest.raises(DataError, match="no line of a training log"):
        course.read(path)


@given(st.lists(st.floats(allow_infinity=True, allow_nan=True, width=32), max_size=80), st.integers(1, 40))
def test_a_curve_is_as_wide_as_it_may_and_shows_what_is_no_number(values: list[float], width: int) -> None:
    curve = course.sparkline(values, width)
    assert len(curve) == min(len(values), width)
    assert set(curve) <= set("▁▂▃▄▅▆▇█×")
    if all(math.isfinite(value) for value in values):
        assert "×" not in curve
