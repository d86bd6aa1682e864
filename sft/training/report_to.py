"""Where else the metrics go: TensorBoard, Weights & Biases, Trackio, MLflow, each through the Trainer's own integration."""

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sft.errors import MissingError
from sft.i18n import _

TENSORBOARD = "tensorboard"
_EVENTS = ("on_log", "on_evaluate", "on_save", "on_train_end")


def names(setting: str) -> list[str]:
    """Return the names in a setting.

    >>> names("none"), names("wandb,tensorboard")
    ([], ['wandb', 'tensorboard'])
    """
    return [] if setting == "none" else list(dict.fromkeys(setting.split(",")))


def require(setting: str) -> None:
    """Refuse what is not installed, before anything takes time. Raises `MissingError` with the line that installs it."""
    missing = [name for name in names(setting) if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingError(
            _("--report-to asks for what is not installed: {names}").format(names=", ".join(missing)),
            hint=_("install it: {command}").format(command=f"pip install {' '.join(missing)}"),
        )


@contextmanager
def places(folder: Path) -> Iterator[None]:
    """Say where the files of a run go, unless the user's environment does: into its folder."""
    workspace = folder.resolve().parents[1].name
    wanted = {
        "TENSORBOARD_LOGGING_DIR": str(folder / TENSORBOARD),
        "WANDB_DIR": str(folder),
        "WANDB_PROJECT": workspace,
        "MLFLOW_EXPERIMENT_NAME": workspace,
    }
    mine = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            os.environ.pop(name, None)


def guard(callbacks: list[Any], setting: str, note: Callable[[str], None]) -> None:
    """Let a tracker that cannot begin be an error before the first step, and one that fails later end nothing."""
    if setting == "none":
        return
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    for name in names(setting):
        for callback in callbacks:
            if type(callback) is INTEGRATION_TO_CALLBACK[name]:
                callback.on_train_begin = _beginning(name, callback.on_train_begin)
                for event in _EVENTS:
                    setattr(callback, event, _going_on(name, getattr(callback, event), note))


def _beginning(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
    def begin(*arguments: Any, **named: Any) -> Any:
        try:
            return act(*arguments, **named)
        except Exception as error:
            raise MissingError(
                _("{name} could not begin: {reason}").format(name=name, reason=_first_line(error)),
                hint=_("set it up, or leave it out: --report-to none"),
            ) from error

    return begin


def _going_on(name: str, act: Callable[..., Any], note: Callable[[str], None]) -> Callable[..., Any]:
    failed: list[Exception] = []

    def go_on(*arguments: Any, **named: Any) -> Any:
        try:
            return act(*arguments, **named)
        except Exception as error:  # noqa: BLE001 — whatever a tracker's server does, the training is worth more
            if not failed:
                note(_("! {name} failed: {reason}").format(name=name, reason=_first_line(error)))
            failed.append(error)
            return None

    return go_on


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
