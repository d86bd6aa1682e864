"""What a run is doing right now, which process does it, and how that process is told to stop.

``run.json`` holds what was written last; a process that was killed could write nothing more. The kernel knows better:
the lock on a run folder, and that on the console of a tmux session, are there as long as their process lives.
"""

import json
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from sft import locks, runs
from sft.errors import SettingsError
from sft.i18n import _
from sft.runs import Run

CONSOLE = "console.log"  # what a detached training said; locked by the process that writes it
STALE = "stale"
GOING_ON = (runs.STARTING, "running")


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a run folder; `pid` is 0 when the lock file does not say."""

    pid: int
    host: str

    @property
    def here(self) -> bool:
        """Tell whether the process runs on this machine."""
        return self.host == socket.gethostname()


def look(folder: Path) -> tuple[Run, str]:
    """Return a run and its state: that of ``run.json``, or what became of it.

    ``running`` and ``starting`` are held to what lives: without a process they are ``stale`` (killed: the same command
    goes on) and ``failed`` (it never began). Locks are asked before the file is read, which is written before they end.
    """
    lock, console = folder / locks.NAME, folder / CONSOLE
    for _attempt in range(2):  # once more, when a training begins between the two looks
        busy, shown = locks.held(lock), locks.held(console)
        run = runs.load(folder)
        if busy:
            return run, "running" if run.status in GOING_ON else run.status
        if run.status not in GOING_ON:
            return run, run.status
        if shown and run.status == runs.STARTING:
            return run, run.status
    return run, STALE if run.status == "running" else "failed"


def holder(folder: Path) -> Holder | None:
    """Return the process that holds a run folder, None when none does."""
    lock = folder / locks.NAME
    if not locks.held(lock):
        return None
    try:
        value = json.loads(lock.read_text(encoding="utf-8"))
        return Holder(int(value["pid"]), str(value["host"]))
    except (OSError, ValueError, KeyError, TypeError):  # written by an older version, or not yet
        return Holder(0, "")


def stop(folder: Path) -> Holder:
    """Tell the process that trains a run to save and stop; it does so after the step it is at. Waits for nothing.

    Raises `SettingsError` when none does, when it is another machine's or another user's, or cannot be told for sure.
    """
    found = holder(folder)
    if found is None:
        raise SettingsError(
            _("no process is training this run"), where=folder.name, hint=_("see what goes on: sft runs list")
        )
    if found.pid and not found.here:
        raise SettingsError(
            _("this run is trained on another machine: process {pid} on {host}").format(
                pid=found.pid, host=found.host
            ),
            where=folder.name,
            hint=_("stop it there: sft runs stop {name}").format(name=folder.name),
        )
    try:
        if not _holds(found.pid, folder / locks.NAME):
            raise ProcessLookupError
        os.kill(found.pid, signal.SIGTERM)
    except (ProcessLookupError, FileNotFoundError):  # it has ended; a child that it left may hold the lock
        raise SettingsError(
            _("which process holds this run cannot be told for sure"),
            where=folder.name,
            hint=_("find it and send it SIGTERM: fuser {path}").format(path=folder / locks.NAME),
        ) from None
    except PermissionError:
        raise SettingsError(
            _("process {pid}, which trains this run, belongs to another user").format(pid=found.pid),
            where=folder.name,
            hint=_("ask its owner to stop it"),
        ) from None
    return found


def _holds(pid: int, lock: Path) -> bool:
    """Tell whether a process has the lock file open, where the system shows that: a number alone may be anybody's."""
    if pid <= 1:
        return False
    opened = Path(f"/proc/{pid}/fd")
    if not Path("/proc/self/fd").is_dir():
        return True
    return any(link.exists() and link.samefile(lock) for link in opened.iterdir())
