"""Metrics to other places: what is missing is said at once, what fails later ends nothing."""

import os
from pathlib import Path

import pytest

from sft import presets
from sft.errors import MissingError
from sft.presets import TrainSettings
from sft.training import report_to


def test_the_setting_names_one_or_several() -> None:
    assert TrainSettings().report_to == "none"
    for good in ("none", "wandb", "tensorboard,mlflow", "trackio,wandb"):
        assert presets.check(TrainSettings, {"report_to": good}, {}) == []
    for bad in ("", "tensorbord", "none,wandb", "wandb,", "wandb, mlflow"):
        problem = presets.check(TrainSettings, {"report_to": bad}, {})[0]
        assert "none, or some of tensorboard, wandb, trackio, mlflow" in problem.message


def test_what_is_not_installed_is_said_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report_to.importlib.util, "find_spec", lambda name: None if name == "wandb" else name)
    report_to.require("none")
    report_to.require("tensorboard")
    with pytest.raises(MissingError) as caught:
        report_to.require("tensorboard,wandb")
    assert caught.value.exit_code == 3
    assert caught.value.hint == "install it: pip install wandb"


def test_files_go_into_the_run_unless_the_user_said_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    with report_to.places(tmp_path / "ws/runs/r1"):
        assert os.environ["TENSORBOARD_LOGGING_DIR"] == str(tmp_path / "ws/runs/r1/tensorboard")
        assert os.environ["WANDB_PROJECT"] == "mine"
        assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "ws"
    assert "TENSORBOARD_LOGGING_DIR" not in os.environ


class Broken:
    """A tracker whose server is gone."""

    def on_train_begin(self, *_: object, **__: object) -> None:
        raise ConnectionError("no key\nset one")

    on_log = on_evaluate = on_save = on_train_end = on_train_begin


def test_a_tracker_that_cannot_begin_is_an_error_and_a_later_failure_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    integrations = pytest.importorskip("transformers.integrations.integration_utils")
    monkeypatch.setitem(integrations.INTEGRATION_TO_CALLBACK, "wandb", Broken)
    said: list[str] = []
    tracker, other = Broken(), object()
    report_to.guard([other, tracker], "wandb", said.append)
    with pytest.raises(MissingError, match=r"wandb could not begin: no key$"):
        tracker.on_train_begin()
    tracker.on_log(logs={})
    tracker.on_log(logs={})
    assert said == ["! wandb failed: no key"]
    report_to.guard([other], "none", said.append)
