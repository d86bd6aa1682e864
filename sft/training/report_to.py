"""Where else the metrics go: TensorBoard, Weights & Biases, Trackio, MLflow, each through the Trainer's own integration."""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sft.errors import MissingError
from sft.i18n import _

TENSORBOARD = "tensorboard"


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
            _("--report-to needs {names}, which is not installed").format(names=", ".join(missing)),
            hint=_("install it: {command}").format(command=f"pip install {' '.join(missing)}"),
        )


@contextmanager
def places(folder: Path) -> Iterator[None]:
    """Say where the files of a run go, unless the user's environment does: into its folder."""
    wanted = {
        "TENSORBOARD_LOGGING_DIR": folder / TENSORBOARD,
        "WANDB_DIR": folder,
        "WANDB_PROJECT": folder.resolve().parents[1].name,
        "MLFLOW_EXPERIMENT_NAME": folder.resolve().parents[1].name,
    }
    mine = {name: str(value) for name, value in wanted.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            os.environ.pop(name, None)
