"""What a run is doing, judged by what lives; and how its process is told to stop."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from lone_runs import make, training, until

from sft import locks, runs
from sft.errors import SettingsError
from sft.runs import states


@pytest.mark.parametrize(
    ("written", "state"),
    [("running", "stale"), ("starting", "failed"), ("finished", "finished"), ("interrupted", "interrupted")],
)
def test_without_a_process_nothing_goes_on(tmp_path: Path, written: str, state: str) -> None:
    folder = make(tmp_path / "runs/a", written)
    run, found = states.look(folder)
    assert (run.name, run.status, found) == ("a", written, state)
    assert states.holder(folder) is None


def test_a_living_process_is_running_and_a_killed_one_stale(tmp_path: Path) -> None:
    folder = make(tmp_path / "runs/a", "starting")
    with training(folder) as process:
        assert states.look(folder)[1] == "running"
        assert states.holder(folder) == states.Holder(process.pid, socket.gethostname())
        process.kill()
        process.wait()
        assert states.look(folder)[1] == "stale"


def test_a_session_that_has_yet_to_train_is_starting(tmp_path: Path) -> None:
    folder = make(tmp_path / "runs/a", "starting")
    with (folder / states.CONSOLE).open("w", encoding="utf-8") as console:
        fcntl.flock(console, fcntl.LOCK_EX)
        assert states.look(folder)[1] == "starting"
        runs.update(folder, status="interrupted")
        assert states.look(folder)[1] == "interrupted"
    runs.update(folder, status="starting")
    assert states.look(folder)[1] == "failed"


def test_looking_never_hinders_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks has the lock for a blink; a training that begins just then waits for it."""
    folder = make(tmp_path / "runs/a")
    with runs.held(folder):
        pass
    reader = os.open(folder / locks.NAME, os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)
    assert not locks.held(folder / locks.NAME)  # two who look do not see each other
    looked = [reader]
    monkeypatch.setattr(runs.time, "sleep", lambda _seconds: looked and os.close(looked.pop()))
    with runs.held(folder):
        assert locks.held(folder / locks.NAME)


def test_stop_saves_and_stops(tmp_path: Path) -> None:
    folder = make(tmp_path / "runs/a", "interrupted")
    with training(folder) as process:
        assert states.stop(folder).pid == process.pid
        assert process.wait(timeout=60) == 130
    until(lambda: states.holder(folder) is None)
    assert states.look(folder)[1] == "interrupted"


def test_stop_refuses_what_it_cannot_or_must_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "runs/a", "interrupted")
    with pytest.raises(SettingsError, match="no process is training this run"):
        states.stop(folder)
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(pid))
    with runs.held(folder):
        write = (folder / locks.NAME).write_text
        write(json.dumps({"pid": os.getpid(), "host": "gpu01"}), encoding="utf-8")
        with pytest.raises(SettingsError, match=r"on another machine: process \d+ on gpu01"):
            states.stop(folder)
        # The number is another process by now, which has nothing to do with this run; 0 and 1 would be far worse.
        for text in (json.dumps({"pid": 1, "host": socket.gethostname()}), "", '{"pid": 0, "host": "x"}'):
            write(text, encoding="utf-8")
            with pytest.raises(SettingsError, match="cannot be told for sure"):
                states.stop(folder)
        write(json.dumps({"pid": os.getppid(), "host": socket.gethostname()}), encoding="utf-8")
        with pytest.raises(SettingsError, match="cannot be told for sure"):
            states.stop(folder)
        # Its number is nobody's any more, but a child that it left behind has the lock.
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        write(json.dumps({"pid": gone.pid, "host": socket.gethostname()}), encoding="utf-8")
        with pytest.raises(SettingsError, match="cannot be told for sure"):
            states.stop(folder)
    assert sent == []


def test_a_process_of_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "runs/a", "interrupted")

    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    with runs.held(folder), pytest.raises(SettingsError, match="belongs to another user"):
        states.stop(folder)
