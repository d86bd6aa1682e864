"""Which adapter a run is left with; adapters are folders here, no model is needed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sft import checkpoints
from sft.training import keeping

FACTS = "sft.json"


def job(best: str = "loss", patience: int = 0, total: int = 50, task: str = "true_false") -> Any:
    return SimpleNamespace(
        settings=SimpleNamespace(best=best, patience=patience),
        plan=SimpleNamespace(total_steps=total),
        template=SimpleNamespace(task=task),
    )


def save(target: Path, step: int) -> None:
    target.mkdir(parents=True)
    (target / FACTS).write_text(json.dumps({"step": step}), encoding="utf-8")


def write_log(run: Path, values: list[float], figure: str = "eval_loss") -> None:
    run.mkdir(exist_ok=True)
    lines = [json.dumps({"step": 10 * n, figure: value}) for n, value in enumerate(values, 1)]
    (run / "log.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")


def step_of(adapter: Path | None) -> int:
    assert adapter is not None
    return int(json.loads((adapter / FACTS).read_text(encoding="utf-8"))["step"])


def test_the_best_adapter_becomes_the_run_s_and_the_others_go(tmp_path: Path) -> None:
    write_log(tmp_path, [0.9, 0.7, 0.8])
    for step in (10, 20):
        save(keeping.place(tmp_path, step), step)
    save(tmp_path / "adapter", 30)
    said: list[str] = []
    assert step_of(keeping.settle(job(), tmp_path, said.append)) == 20
    assert not (tmp_path / "best").exists()
    assert step_of(keeping.settle(job(), tmp_path, said.append)) == 20  # it was done already
    assert said == []


def test_the_last_one_is_kept_when_asked_for_and_when_there_is_no_better(tmp_path: Path) -> None:
    write_log(tmp_path, [0.9, 0.7, 0.8])
    said: list[str] = []
    assert keeping.settle(job("last", 2), tmp_path, said.append) is None
    assert said == []
    assert keeping.settle(job(), tmp_path, said.append) is None
    save(tmp_path / "adapter", 30)
    assert keeping.settle(job(), tmp_path, said.append) is None
    assert said == ["! the adapter of step 20 is gone: the last one is kept"] * 2
    write_log(tmp_path, [0.0], "task_metric")
    assert keeping.settle(job("task"), tmp_path, said.append) is None
    assert "so none counted" in said[-1]


def test_a_run_is_over_when_all_steps_were_taken_or_patience_ended(tmp_path: Path) -> None:
    write_log(tmp_path, [0.9, 0.7, 0.8, 0.8])
    assert keeping.ended(job(), tmp_path, 50)
    assert not keeping.ended(job(), tmp_path, 40)
    assert keeping.ended(job(patience=2), tmp_path, 40)
    assert not keeping.ended(job(patience=2), tmp_path, 30)  # at that checkpoint it was not


def test_the_best_and_the_last_evaluation_are_compared(tmp_path: Path) -> None:
    write_log(tmp_path, [0.5, 0.7, 0.6], "task_metric")
    assert keeping.compared(job("task"), tmp_path) == {
        "figure": "accuracy", "kept": True, "step": 20, "value": 0.7, "last_step": 30, "last_value": 0.6, "since": 1,
    }  # fmt: skip
    assert keeping.compared(job("last"), tmp_path) is None
    assert keeping.compared(job("loss"), tmp_path) is None


def test_the_callback_keeps_what_is_best_and_what_a_checkpoint_needs(tmp_path: Path) -> None:
    """Evaluations at 10, 20, …, a checkpoint at 20; then killed, gone on from 20, and stopped by patience."""
    pytest.importorskip("transformers")
    values = {10: 0.9, 20: 0.8, 30: 0.7, 40: 0.75, 50: 0.75}
    asked = job("loss", patience=2, total=90)
    write_log(tmp_path, [])

    def go(steps: list[int], begin: int) -> SimpleNamespace:
        follower = keeping.callbacks(asked, tmp_path, save)[0]
        control = SimpleNamespace(should_save=False, should_training_stop=False)
        follower.on_train_begin(None, SimpleNamespace(global_step=begin), control)
        for step in steps:
            now = SimpleNamespace(global_step=step, max_steps=90)
            follower.on_evaluate(None, now, control, metrics={"eval_loss": values[step]})
            if step == 20:
                checkpoint = tmp_path / "checkpoints/checkpoint-20"
                checkpoint.mkdir(parents=True, exist_ok=True)
                (checkpoint / "adapter").write_bytes(b"0")
                checkpoints.mark(checkpoint, 20)
                follower.on_save(None, now, control)
        return control

    assert not go([10, 20, 30], 0).should_training_stop
    assert list(keeping.kept(tmp_path)) == [20, 30]  # that of 10 went with the checkpoint
    write_log(tmp_path, [0.9, 0.8])
    control = go([30, 40, 50], 20)
    assert control.should_training_stop and control.should_save
    assert list(keeping.kept(tmp_path)) == [20, 30]
    assert keeping.callbacks(job("last"), tmp_path, save) == []


def test_adapters_do_not_pile_up_between_checkpoints(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    write_log(tmp_path, [])
    follower = keeping.callbacks(job("loss", total=90), tmp_path, save)[0]
    control = SimpleNamespace(should_save=False, should_training_stop=False)
    follower.on_train_begin(None, SimpleNamespace(global_step=0), control)
    for step, loss in ((10, 0.9), (20, 0.8), (30, 0.85), (40, 0.7)):
        now = SimpleNamespace(global_step=step, max_steps=90)
        follower.on_evaluate(None, now, control, metrics={"eval_loss": loss})
    assert list(keeping.kept(tmp_path)) == [40]
