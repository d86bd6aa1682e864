"""Commands in tmux sessions, on a tmux server of the test's own; without tmux most is skipped."""

import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from lone_runs import TRAINING, make, needs_tmux, until

from sft import runs
from sft.errors import MissingError, SettingsError
from sft.runs import detach, pane, states

pytestmark = pytest.mark.usefixtures("tmux_server")
PANE = Path(pane.__file__)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make(tmp_path / "runs/câu.1", "starting")


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


# The command in the pane, without tmux


def order(folder: Path, command: list[str]) -> Path:
    path = folder / "order.json"
    value = {
        "command": command, "folder": str(folder), "environment": {"NAME": "bé"}, "console": str(folder / "console.log"),
    }  # fmt: skip
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_output_is_shown_and_kept_and_the_order_is_gone(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['NAME'], os.getcwd()); print('x', file=sys.stderr); sys.exit(7)"
    told = order(tmp_path, python(code))
    done = subprocess.run(
        [sys.executable, "-I", PANE, told], check=False, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 7
    assert sorted(done.stdout.splitlines()) == sorted([f"bé {tmp_path}", "x"])
    assert (tmp_path / "console.log").read_text(encoding="utf-8") == done.stdout
    assert not told.exists()


def test_a_command_that_is_not_there_is_said_in_the_console(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-I", PANE, order(tmp_path, ["/no/such/command"])], check=False)
    assert done.returncode == 127
    assert "/no/such/command" in (tmp_path / "console.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_to_the_pane_reach_the_command(tmp_path: Path, number: signal.Signals) -> None:
    folder = make(tmp_path / "runs/a", "starting")
    told = order(tmp_path, python(TRAINING, str(folder), "1000000"))
    text = json.loads(told.read_text(encoding="utf-8"))
    told.write_text(json.dumps(text | {"environment": dict(os.environ)}), encoding="utf-8")
    process = subprocess.Popen([sys.executable, "-I", PANE, told], stdout=subprocess.DEVNULL)
    until((folder / "log.jsonl").is_file)
    process.send_signal(number)
    assert process.wait(timeout=60) == 130
    assert states.look(folder)[1] == "interrupted"
    assert f"{number.name}: finishing this step" in (tmp_path / "console.log").read_text(encoding="utf-8")


def test_a_frozen_screen_does_not_freeze_the_command(tmp_path: Path) -> None:
    """Ctrl-S stops what a terminal shows; the command would stand still at the first full pipe, for a night."""
    told = order(tmp_path, python("print('chờ'); input(); print('x' * 500_000)"))
    terminal, end = pty.openpty()
    process = subprocess.Popen([sys.executable, "-I", PANE, told], stdin=end, stdout=end)
    os.close(end)
    try:
        until(lambda: (tmp_path / "console.log").is_file() and (tmp_path / "console.log").stat().st_size)
        os.write(terminal, b"\x13\n")
        ends = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < ends:
            if select.select([terminal], [], [], 0.01)[0]:
                with suppress(OSError):  # it has ended
                    os.read(terminal, 1 << 16)
        assert process.poll() == 0
    finally:
        process.kill()
        os.close(terminal)
    assert (tmp_path / "console.log").stat().st_size > 500_000


# Sessions


def test_without_tmux_it_is_said_and_nothing_runs(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(run))
    with pytest.raises(MissingError, match="tmux is not installed") as caught:
        detach.require()
    assert caught.value.exit_code == 3 and "apt-get" in caught.value.hint
    assert detach.sessions() == {} and detach.session(run) == ""


@needs_tmux
def test_a_session_is_named_after_its_run_and_found_by_it(run: Path) -> None:
    detach.require_free(run)
    name = detach.start(run, python("input()"), os.environ)
    assert name == "câu_1"
    assert detach.sessions() == {name: str(run.resolve())}
    assert detach.session(run) == name
    assert states.look(run)[1] == "starting"
    detach.end(name)
    until(lambda: states.look(run)[1] == "failed")
    assert detach.session(run) == ""


@needs_tmux
def test_a_session_or_a_training_that_is_there_is_refused(run: Path, tmp_path: Path) -> None:
    detach.start(run, python("input()"), os.environ)
    with pytest.raises(SettingsError, match="câu_1 exists already") as caught:
        detach.require_free(run)
    assert caught.value.hint == "look at it: sft runs attach câu.1"
    other = make(tmp_path / "elsewhere/runs/câu.1")
    with pytest.raises(SettingsError, match="exists already") as caught:
        detach.require_free(other)
    assert caught.value.where == str(run.resolve()) and "--name" in caught.value.hint
    free = make(tmp_path / "runs/b")
    with runs.held(free), pytest.raises(SettingsError, match="another process is training"):
        detach.require_free(free)


@needs_tmux
def test_the_environment_is_the_callers_not_the_servers(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server was started by somebody else, long ago; what he had set must not get in, keys must not be seen."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    detach.start(make(run.parent / "old"), python("input()"), os.environ)
    mine = {"PATH": os.environ["PATH"], "SFT_LANG": "vi", "HF_TOKEN": "hf_secret"}
    code = "import json, os; print(json.dumps(dict(os.environ), sort_keys=True))"
    detach.start(run, python(code), mine)
    console = run / states.CONSOLE
    until(lambda: console.read_text(encoding="utf-8").endswith("\n"))
    got = json.loads(console.read_text(encoding="utf-8"))
    assert mine.items() <= got.items()
    assert got.keys() - mine.keys() <= {"LC_CTYPE"}  # which Python itself sets
    assert [path.name for path in run.iterdir() if "start" in path.name] == []


@needs_tmux
def test_no_tmux_conf_hurts_a_run(run: Path) -> None:
    """Some let sessions without a viewer die at once, some keep dead ones: both would be wrong for a training."""
    subprocess.run(["tmux", "new-session", "-d", "-s", "theirs", "cat"], check=True)
    subprocess.run(["tmux", "set-option", "-g", "remain-on-exit", "on"], check=True)
    subprocess.run(["tmux", "set-option", "-t", "theirs", "destroy-unattached", "off"], check=True)
    subprocess.run(["tmux", "set-option", "-g", "destroy-unattached", "on"], check=True)
    name = detach.start(run, python(TRAINING, str(run), "30"), os.environ)
    until(lambda: states.look(run)[1] == "finished")
    until(lambda: name not in detach.sessions())
    assert detach.sessions() == {"theirs": ""}


def test_the_order_is_private_to_its_user(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(*_arguments: str) -> subprocess.CompletedProcess[str]:
        seen.append(stat.S_IMODE((run / ".start.json").stat().st_mode))
        return subprocess.CompletedProcess((), 1, "", "no server")

    monkeypatch.setattr(detach, "_tmux", look)
    with pytest.raises(MissingError, match="did not start: no server"):
        detach.start(run, python("pass"), {"HF_TOKEN": "hf_secret"})
    assert seen == [0o600]


@needs_tmux
def test_a_session_that_does_not_begin_is_an_error(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(MissingError, match="the tmux session did not start"):
        detach.start(run, python("pass"), os.environ)
    assert sorted(path.name for path in run.iterdir()) == ["run.json"]


@needs_tmux
def test_the_run_goes_on_when_the_terminal_closes(run: Path) -> None:
    """A terminal with a shell-like process in it starts the run; the terminal is closed, its process hung up."""
    code = f"""
import os, signal, sys, time
from pathlib import Path
from sft.runs import detach
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as in a terminal, also where the tests run under nohup
command = [sys.executable, "-c", {TRAINING!r}, {str(run)!r}, "1000000"]
detach.start(Path({str(run)!r}), command, os.environ)
print("started", flush=True)
time.sleep(600)
"""
    terminal, end = pty.openpty()
    shell = subprocess.Popen(python(code), stdin=end, stdout=end, stderr=end, start_new_session=True)
    os.close(end)
    until((run / "log.jsonl").is_file)
    os.close(terminal)
    os.killpg(shell.pid, signal.SIGHUP)
    assert shell.wait(timeout=60) == -signal.SIGHUP
    before = len((run / "log.jsonl").read_bytes())
    until(lambda: len((run / "log.jsonl").read_bytes()) > before)
    assert states.look(run)[1] == "running"
    states.stop(run)
    until(lambda: states.look(run)[1] == "interrupted")


@needs_tmux
def test_a_killed_session_saves(run: Path) -> None:
    name = detach.start(run, python(TRAINING, str(run), "1000000"), os.environ)
    until((run / "log.jsonl").is_file)
    detach.end(name)
    until(lambda: states.look(run)[1] == "interrupted")
    until(lambda: "SIGHUP: finishing" in (run / states.CONSOLE).read_text(encoding="utf-8"))


# The command


def test_the_command_is_the_same_but_for_the_run_and_the_flag() -> None:
    given = ["python", "-m", "sft", "--lang", "vi", "train", "--name", "a", "--detach", "--epochs", "2"]
    assert detach.again("a-2", given) == [
        sys.executable, "-m", "sft", "--lang", "vi", "train", "--name", "a", "--epochs", "2", "--name", "a-2",
    ]  # fmt: skip


def test_attaching_inside_tmux_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    assert detach.attaching("a") == ["tmux", "attach-session", "-t", "=a"]
    monkeypatch.setenv("TMUX", "/tmp/x,1,0")
    assert detach.attaching("a") == ["tmux", "switch-client", "-t", "=a"]
