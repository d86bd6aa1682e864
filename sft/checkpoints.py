"""The checkpoints of a run: complete, or not there.

One is written aside, marked with size and sha256 of each of its files, and only then given its name; older ones go
after that. Whoever merely lists them looks at the sizes; a training that goes on from one reads every byte of it.
"""

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft import disk
from sft.i18n import _
from sft.text import write_json

FOLDER = "checkpoints"
MARKER = "complete.json"  # written last into a checkpoint: without it the checkpoint does not exist
ASIDE = ".writing"  # where one is written, so that no half of it ever bears a checkpoint's name
_HEAD = "checkpoint-"  # the trainer's own naming


@dataclass(frozen=True, slots=True)
class Passed:
    """A checkpoint that cannot be gone on from, and why."""

    name: str
    why: str


def step_of(checkpoint: Path) -> int:
    """Return the step of a checkpoint, -1 for a folder that is none.

    >>> step_of(Path("checkpoints/checkpoint-120")), step_of(Path("checkpoint-best"))
    (120, -1)
    """
    number = checkpoint.name.removeprefix(_HEAD)
    return int(number) if checkpoint.name.startswith(_HEAD) and number.isdecimal() else -1


def complete(run: Path) -> list[Path]:
    """Return the checkpoints of a run that have their marker and whose files are as long as it says, oldest first."""
    return [path for path in _found(run / FOLDER) if not _fault(path)]


def newest(run: Path, until: int | None = None) -> tuple[Path | None, list[Passed]]:
    """Return the newest checkpoint of a run whose every byte is as it was written, and the newer ones passed over.

    Those after step `until` are not looked at.
    """
    passed = [Passed(path.name, _("it was not finished")) for path in _found(run / FOLDER / ASIDE)]
    for path in reversed(_found(run / FOLDER)):
        if until is not None and step_of(path) > until:
            continue
        why = _fault(path) or _changed(path)
        if not why:
            return path, passed
        passed.append(Passed(path.name, why))
    return None, passed


def drop_after(run: Path, step: int) -> None:
    """Remove the checkpoints of a run after `step`, the newest first: it goes on from there, whatever ends it."""
    for path in reversed(_found(run / FOLDER)):
        if step_of(path) > step:
            (path / MARKER).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def saving(folder: Path, step: int, keep: int, pinned: Collection[int] = ()) -> Iterator[Path]:
    """Give the place in which to write the checkpoint of `step`: complete afterwards, or nothing of it is there.

    `keep` of the newest stay, and those of the steps `pinned`. None goes before its successor is complete.
    """
    aside = folder / ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    try:
        with disk.plainly(folder):
            yield aside
            mark(aside / f"{_HEAD}{step}", step)
            _put(aside / f"{_HEAD}{step}", folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _rotate(folder, step, keep, pinned)


def mark(checkpoint: Path, step: int) -> None:
    """Write the marker of a checkpoint, once everything else in it is on the disk."""
    files = {}
    for path in sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != MARKER):
        disk.settle(path)
        name = path.relative_to(checkpoint).as_posix()
        files[name] = {"size": path.stat().st_size, "sha256": disk.sha256(path)}
    write_json(checkpoint / MARKER, {"step": step, "files": files})
    disk.settle(checkpoint)


def _put(checkpoint: Path, folder: Path) -> None:
    """Give a marked checkpoint its place; what stands there was passed over by the training that made this one."""
    place = folder / checkpoint.name
    shutil.rmtree(place, ignore_errors=True)
    checkpoint.rename(place)
    disk.settle(folder)


def _rotate(folder: Path, step: int, keep: int, pinned: Collection[int]) -> None:
    """Remove all but the `keep` newest complete checkpoints up to `step`; those beyond were passed over."""
    whole = [path for path in _found(folder) if step_of(path) <= step and not _fault(path)]
    kept = whole[-keep:] + [path for path in whole if step_of(path) in pinned]
    for path in _found(folder):
        if path not in kept:
            shutil.rmtree(path, ignore_errors=True)  # one that cannot be removed now is tried again next time


def _found(folder: Path) -> list[Path]:
    """Return what is named as a checkpoint, whether or not it is one, in the order of steps."""
    return sorted((path for path in folder.glob(f"{_HEAD}*") if step_of(path) >= 0), key=step_of)


def _marked(checkpoint: Path) -> Mapping[str, Any]:
    """Return what the marker says of the files; {} when there is none that reads."""
    try:
        marker = json.loads((checkpoint / MARKER).read_text(encoding="utf-8"))
        files = {
            name: {"size": int(one["size"]), "sha256": str(one["sha256"])}
            for name, one in marker["files"].items()
        }
        return files if marker["step"] == step_of(checkpoint) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _fault(checkpoint: Path) -> str:
    """Say what is missing at a checkpoint or has another length, '' when nothing."""
    files = _marked(checkpoint)
    if not files:
        missing = not (checkpoint / MARKER).exists()
        return _("it was not finished") if missing else _("{name} does not read").format(name=MARKER)
    for name, told in files.items():
        try:
            size = (checkpoint / name).stat().st_size
        except OSError:
            return _("{name} is missing").format(name=name)
        if size != told["size"]:
            return _("{name} has {n} bytes, not {told}").format(name=name, n=size, told=told["size"])
    return ""


def _changed(checkpoint: Path) -> str:
    """Say which file of a checkpoint is not what was written, '' when none."""
    for name, told in _marked(checkpoint).items():
        try:
            same = disk.sha256(checkpoint / name) == told["sha256"]
        except OSError as error:
            return _("{name} cannot be read: {reason}").format(name=name, reason=error.strerror)
        if not same:
            return _("{name} is not what was written").format(name=name)
    return ""
