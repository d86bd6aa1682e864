"""The run folder: ``run.json`` (the lock and the state), ``log.jsonl``, ``checkpoints/``, ``adapter/``, results.

Two runs with equal locks are the same experiment: the lock is what decides the result, so resolved settings,
data, template, base model and backend, but neither dates nor paths.
"""

import difflib
import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from sft import checkpoints, disk, locks, run_record
from sft.errors import DataError, SettingsError
from sft.i18n import _
from sft.text import write_json

LOCK_FILE = "run.json"
DECIDED = (
    "batch_size",
    "grad_accum",
    "load_in_4bit",
    "gradient_checkpointing",
)  # entries of a lock that the plan settles by the free memory
STARTING = "starting"  # kept for a training that is being started in a tmux session
_TRACE = re.compile(rf"{re.escape(locks.NAME)}|\.{re.escape(LOCK_FILE)}\..*")  # what a start leaves first
_HASH = re.compile("[0-9a-f]{64}")
_LONGEST = 200  # bytes of a name; file systems take 255
_ASKED, _BLINK = 20, 0.05  # how often, and how many seconds apart, a lock is asked for
PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "unsloth",
    "unsloth_zoo",
    "bitsandbytes",
    "accelerate",
    "tokenizers",
)


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder and the content of its ``run.json``."""

    folder: Path
    data: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self.folder.name

    @property
    def status(self) -> str:
        """Return ``starting``, ``running``, ``interrupted``, ``failed`` or ``finished``, as it was written last."""
        return str(self.data["status"])

    @property
    def adapter(self) -> Path:
        """Return the folder of the finished adapter."""
        return self.folder / "adapter"


def load(folder: Path) -> Run:
    """Read a run. Raises `DataError` when the folder is not one."""
    path = folder / LOCK_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(
            _("is not a run folder (no run.json)"), where=str(folder), hint=_("see the folder runs/")
        ) from None
    except ValueError:
        data = None
    if not run_record.is_sound(data):
        raise DataError(
            _("run.json does not read"), where=str(path), hint=_("remove this run folder, or train again")
        )
    return Run(folder, data)


def every(workspace: Path) -> list[Run]:
    """Return the runs of a workspace whose record reads, oldest first: a damaged one must not hide the others."""
    found = []
    for path in (workspace / "runs").glob(f"*/{LOCK_FILE}"):
        with suppress(DataError):
            found.append(load(path.parent))
    return sorted(found, key=lambda run: (run.data["started"], str(run.folder)))


def newest(workspace: Path, *, finished: bool = True) -> Run:
    """Return the run that ended last; with `finished` only one that has an adapter. Raises `DataError` without one.

    A run that was resumed counts by its end, not by its first start: it is what the user waited for.
    """
    readable = every(workspace)
    found = [run for run in readable if not finished or run.status == "finished"]
    if not found:
        known = {run.folder for run in readable}
        for path in sorted((workspace / "runs").glob(f"*/{LOCK_FILE}")):
            if path.parent not in known:
                load(path.parent)  # it may be the one that is meant: say what is wrong with it
        raise DataError(
            _("no finished run in {folder}").format(folder=workspace / "runs"),
            hint=_("train one first, e.g.: sft train --use-case quick_test"),
        )
    return max(found, key=lambda run: str(run.data.get("ended") or run.data.get("started") or ""))


def find(workspace: Path, name: str) -> Run:
    """Return the run with a name or path; '' is the newest finished one. Raises `DataError` with the nearest name."""
    if not name:
        return newest(workspace)
    for folder in (Path(name), workspace / "runs" / name):
        if (folder / LOCK_FILE).is_file():
            return load(folder)
    names = [run.name for run in every(workspace)]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = _("there is no run yet: sft train")
    if names:
        hint = (
            _("did you mean {name}?").format(name=near[0])
            if near
            else _("runs: {names}").format(names=", ".join(names[-5:]))
        )
    raise DataError(_("unknown run {name!r}").format(name=name), where=str(workspace / "runs"), hint=hint)


def digest(lock: Mapping[str, Any]) -> str:
    """Return the sha256 of a lock, independent of key order."""
    return hashlib.sha256(json.dumps(lock, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return ``name: then → now`` for each entry of two locks that differs, nested tables flattened.

    An entry that one of them does not have is None; of a hash the beginning is shown.

    >>> differences({"a": 1, "t": {"lr": 0.1}}, {"a": 1, "t": {"lr": 0.2}})
    ['t.lr: 0.1 → 0.2']
    >>> differences({"data": "ab" * 32}, {"data": "cd" * 32, "warm_start": None})
    ['data: abababab → cdcdcdcd']
    """
    out: list[str] = []
    for key in dict.fromkeys([*then, *now]):
        old, new = then.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            out += [f"{key}.{line}" for line in differences(old, new)]
        elif old != new:
            out.append(f"{key}: {_short(old)} → {_short(new)}")
    return out


def _short(value: Any) -> Any:
    return value[:8] if isinstance(value, str) and _HASH.fullmatch(value) else value


def versions() -> dict[str, str]:
    """Return the installed versions of the packages that shape a training."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def asked(lock: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what the plan chose: it follows the memory that was free, and a run goes on as it began."""
    return {key: value for key, value in lock.items() if key not in DECIDED}


def place(workspace: Path, wanted: str, lock: Mapping[str, Any], *, resume: bool | None) -> tuple[Path, bool]:
    """Choose the run folder: an unfinished run with the same lock goes on, else a new folder is taken.

    Returns the folder and whether it goes on. `resume` True insists on going on, False on a new run, None decides.
    A run of that name with another lock is never touched: the new one gets a number. A folder that is kept for a
    detached start is taken as if it were new.
    Raises `SettingsError` with what differs when `resume` is True and nothing fits, and for a name that is a path.
    """
    if not _is_name(wanted):
        raise SettingsError(
            _("{name!r} is no name of a run").format(name=wanted),
            hint=_("a name is short, has no / in it and no - in front: --name my_run"),
        )
    key = asked(lock)
    for run in reversed(_unfinished(workspace, wanted)):
        if not differences(asked(run.data.get("lock", {})), key):
            kept = run.status == STARTING and not checkpoints.complete(run.folder)
            if resume is not False or (kept and run.name == wanted):
                return run.folder, not kept
    if resume:
        _refuse(workspace, wanted, lock)
    folder, number = workspace / "runs" / wanted, 1
    while not _free(folder):
        number += 1
        folder = workspace / "runs" / f"{wanted}-{number}"
    return folder, False


def passed_over(workspace: Path, wanted: str, lock: Mapping[str, Any]) -> tuple[Run, list[str]] | None:
    """Return the newest unfinished run of a name, and in what it differs from `lock`; None when there is none."""
    found = _unfinished(workspace, wanted)
    if not found:
        return None
    return found[-1], differences(asked(found[-1].data.get("lock", {})), asked(lock))


def _refuse(workspace: Path, wanted: str, lock: Mapping[str, Any]) -> NoReturn:
    """Raise `SettingsError` for a run that is to go on and cannot."""
    found = passed_over(workspace, wanted, lock)
    if found is None:
        raise SettingsError(_("there is no unfinished run to resume"), hint=_("leave out --resume"))
    raise SettingsError(
        _("the unfinished run differs from what is asked for"),
        parts=tuple(SettingsError(line, where=found[0].name) for line in found[1]),
        hint=_("use the settings it was started with, or leave out --resume to start a new run"),
    )


def _unfinished(workspace: Path, wanted: str) -> list[Run]:
    """Return the unfinished runs that bear a name, with or without a number, oldest first."""
    family = (run for run in every(workspace) if run.name == wanted or _numbered(run.name, wanted))
    return [run for run in family if run.status != "finished"]


def _free(folder: Path) -> bool:
    """Tell whether a run may take a folder: there is none, or one that was left before its run had a record."""
    if not folder.exists():
        return True
    bare = folder.is_dir() and all(_TRACE.fullmatch(path.name) for path in folder.iterdir())
    return bare and not locks.held(folder / locks.NAME)


def _is_name(text: str) -> bool:
    """Tell what can be a folder of its own, with a number behind it, and be read on a screen."""
    plain = text.isprintable() and text == text.strip() and text not in {"", ".", ".."}
    return plain and "/" not in text and text[0] != "-" and len(text.encode()) <= _LONGEST


def _numbered(name: str, wanted: str) -> bool:
    return name.startswith(f"{wanted}-") and name[len(wanted) + 1 :].isdigit()


def update(folder: Path, **values: Any) -> Run:
    """Change entries of ``run.json``, atomically."""
    data = entries(folder) | values
    write_json(folder / LOCK_FILE, data)
    return Run(folder, data)


def entries(folder: Path) -> dict[str, Any]:
    """Return what ``run.json`` says so far; {} before it is there."""
    path = folder / LOCK_FILE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run folder for one process: a second training on it is refused. The kernel frees the lock on any death.

    The lock file says who holds it, so that `sft runs stop` finds the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = _hold(folder)
    try:
        with disk.plainly(folder):
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
    finally:
        os.close(handle)


def _hold(folder: Path) -> int:
    """Lock a run folder; asks for a second, as whoever looks at the run has its lock for a blink."""
    for _attempt in range(_ASKED):
        with suppress(BlockingIOError):
            return locks.hold(folder)
        time.sleep(_BLINK)
    raise taken(folder)


def taken(folder: Path) -> SettingsError:
    """Return the error of a run folder that another process holds."""
    return SettingsError(
        _("another process is training in this run folder"),
        where=str(folder),
        hint=_("wait for it, or give this run another --name"),
    )
