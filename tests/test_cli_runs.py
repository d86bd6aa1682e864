"""`sft runs` and `sft train --detach` as a user meets them."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lone_runs import TRAINING, graphs, make, needs_tmux, training
from workspace import error, put, sft

from sft.runs import detach, states

pytestmark = pytest.mark.usefixtures("tmux_server")
LOG = [
    {"step": 1, "loss": 3.0, "lr": 1e-4, "tokens_per_s": 90.0, "seconds": 5.0, "memory": 2_000_000_000},
    {
        "step": 4,
        "loss": 1.5,
        "lr": 2e-4,
        "tokens_per_s": 100.0,
        "seconds": 11.0,
        "grad_norm": 0.5,
        "epoch": 1.5,
    },
    {"step": 4, "eval_loss": 2.25, "seconds": 11.5},
]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# list, show


def test_list_shows_every_run_the_newest_last() -> None:
    assert sft("runs", "list").out == "no run yet: sft train\n"
    make(Path("runs/new"), "running", LOG, started="2026-01-02T00:00:00")
    make(Path("runs/old"), started="2026-01-01T00:00:00")
    graphs(Path(), "old", 9, 8)
    done = sft("runs", "list")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == [
        "run",
        "state",
        "model",
        "template",
        "steps",
        "loss",
        "validation",
        "started",
        "scores",
    ]
    assert lines[1][:5] == ["old", "finished", "tiny", "qa/true_false_v1", "0/8"]
    assert lines[2][:7] == ["new", "stale", "tiny", "qa/true_false_v1", "4/8", "1.500", "2.250"]
    assert done.out.splitlines()[1].endswith("Smatch F1 0.5000 [0.400, 0.600]")
    value = sft("runs", "list", "--json").json
    assert [(run["name"], run["status"], run["loss"]) for run in value["runs"]] == [
        ("old", "finished", None), ("new", "stale", 1.5),
    ]  # fmt: skip


def test_a_damaged_run_does_not_hide_the_others() -> None:
    make(Path("runs/a"))
    put("runs/b/run.json", "{")
    make(Path("runs/c"), lines=[{"no": "step"}])
    done = sft("runs", "list")
    assert done.code == 1
    assert [line.split()[0] for line in done.out.splitlines()] == ["run", "a"]
    assert done.err.splitlines()[0].endswith("runs/b/run.json: run.json does not read")
    assert "runs/c/log.jsonl:1: is no line of a training log" in done.err
    assert len(sft("runs", "list", "--json").json["unreadable"]) == 2


def test_show_tells_everything_and_not_the_ids() -> None:
    make(Path("runs/a"), "interrupted", LOG, device={"name": "RTX 3050", "total": 4_000_000_000}, sft="0.1.0")
    out = sft("runs", "show", "a").out
    for part in (
        "a  interrupted", "4/8  50 %", "loss        3.000 → 1.500  █▁", "validation  2.250 → 2.250, best 2.250",
        "lr 2.0e-04,  100 tokens/s,  gradient norm 0.50,  epoch 1.50", "memory      2.0 of 4.0 GB at most",
        "goes on from step 0", "started 2026-01-01 00:00, ended –", "model      tiny tiny/tiny", "rows       train 2, valid 1",
        "device     RTX 3050", "sft 0.1.0, torch 2.9", "lr       0.0002  preset demo", "total_steps       8",
    ):  # fmt: skip
        assert part in out, part
    value = sft("runs", "show", "a", "--json").json
    assert value["record"]["train_rows"] == 2 and "train_ids" not in value["record"]
    assert value["record"]["origins"] == {"lr": "preset demo", "seed": "default"}
    assert "did you mean a?" in error("runs", "show", "aa")


def test_a_loss_that_is_no_number_is_null_in_json() -> None:
    make(Path("runs/a"), "failed", [{"step": 1, "loss": float("nan"), "grad_norm": float("inf")}])
    for command in ("list", "show a", "watch a"):
        out = sft("runs", *command.split(), "--json").out
        value = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        (run,) = value.get("runs", [value])
        assert (run["step"], run["loss"], run["grad_norm"]) == (1, None, None)
    assert "nan" in sft("runs", "show", "a").out


def test_show_and_watch_tell_what_was_wrong() -> None:
    slow = {"step": 4, "alarm": "slower", "text": "40 tokens/s, where 100 were usual", "hint": "see top"}
    idle = {"step": 4, "alarm": "gpu_idle", "text": "the GPU waits", "hint": "raise --batch-size"}
    make(Path("runs/a"), "interrupted", [*LOG, slow, idle, {"step": 4, "alarm": "slower", "over": True}])
    out = sft("runs", "show", "a").out
    assert "! step 4: the GPU waits\n  hint: raise --batch-size\n" in out
    assert "alarms\n  step 4: 40 tokens/s, where 100 were usual (over)\n  step 4: the GPU waits\n" in out
    assert "  ! step 4: the GPU waits\n    hint: raise --batch-size\n" in sft("runs", "watch", "a").out
    told = sft("runs", "show", "a", "--json").json["alarms"]
    assert [(one["alarm"], one["over"]) for one in told] == [("slower", True), ("gpu_idle", False)]


# watch


def test_watch_prints_the_lines_of_a_living_training_and_how_it_ended() -> None:
    folder = make(Path("runs/a"), "starting")
    make(Path("runs/other"), started="2026-02-01T00:00:00")
    with training(folder, steps=150):
        done = sft("runs", "watch")
    lines = done.out.splitlines()
    assert lines[0].startswith("  1/8  loss 1.000")
    assert [int(line.split("/")[0]) for line in lines[:-1]] == list(range(1, 151))
    assert (done.code, lines[-1]) == (0, "a: finished")


def test_watch_of_an_ended_run_says_how_it_ended() -> None:
    make(Path("runs/a"), "running", LOG)
    done = sft("runs", "watch", "a")
    assert done.code == 1
    assert done.out.splitlines()[-3:] == [
        "a: stale",
        "  it was killed; nothing that a checkpoint holds is lost",
        "  the command it was started with goes on from step 0",
    ]
    make(Path("runs/b"), "failed", error="DataError: no rows")
    put("runs/b/console.log", "\n".join(f"line {n}" for n in range(20)) + "\n")
    out = sft("runs", "watch", "b").out.splitlines()
    assert out[:2] == ["b: failed", "  DataError: no rows"] and out[-2] == "  │ line 19" and len(out) == 9
    assert sft("runs", "watch", "a", "--json").json["step"] == 4


def test_whatever_bytes_a_console_holds_are_shown() -> None:
    make(Path("runs/a"), "failed")
    put("runs/a/console.log", b"50%\r 100%\r\nl\xf4i: \xff\n\xe1\xba")
    out = sft("runs", "show", "a").out.splitlines()
    assert [line for line in out if line.startswith("  │")] == [
        "  │  100%",
        "  │ l\ufffdi: \ufffd",
        "  │ \ufffd",
    ]


def test_watch_without_a_training_says_so() -> None:
    assert "no training goes on" in error("runs", "watch")
    make(Path("runs/a"), "running")  # it was killed
    assert "no training goes on" in error("runs", "watch")


def test_leaving_a_watch_leaves_the_training(workspace: Path) -> None:
    folder = make(workspace / "runs/a", "starting")
    with training(folder):
        watcher = subprocess.Popen(
            [sys.executable, "-m", "sft", "runs", "watch"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert watcher.stdout is not None and watcher.stdout.readline().startswith("  1/8")
        watcher.send_signal(signal.SIGINT)
        _out, said = watcher.communicate(timeout=60)
        assert watcher.returncode == 130
        assert said.splitlines() == ["a: running", "left; the training goes on: sft runs watch a"]
        assert states.look(folder)[1] == "running"


def test_on_a_terminal_the_dashboard_is_drawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(Path("runs/a"), "starting")
    code = "import sys; sys.stdout.isatty = lambda: True; from sft.__main__ import main; main()"
    with training(folder, steps=150):
        done = subprocess.run(
            [sys.executable, "-c", code, "runs", "watch"],
            capture_output=True, text=True, encoding="utf-8", check=False, timeout=60,
            env={"PATH": "/usr/bin:/bin", "SFT_LANG": "en", "COLUMNS": "100", "TERM": "xterm", "LANG": "C.UTF-8",
                 "PYTHONPATH": str(Path(detach.__file__).parents[2])},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\x1b[" in done.stdout and "a  running" in done.stdout and "loss        1.000 → " in done.stdout
    assert done.stdout.endswith("a: finished\n")


# stop


def test_stop_waits_and_says_what_happened() -> None:
    folder = make(Path("runs/a"), "starting")
    with training(folder) as process:
        done = sft("runs", "stop", "a")
        assert process.wait(timeout=60) == 130
    assert (done.code, done.out.splitlines()[0]) == (0, "a: interrupted")
    assert f"process {process.pid} was told to stop" in done.err
    assert "no process is training this run" in error("runs", "stop", "a")


def test_stop_of_a_training_that_dies_instead_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(Path("runs/a"), "starting")
    with training(folder) as process:
        monkeypatch.setattr(states.signal, "SIGTERM", signal.SIGKILL)
        done = sft("runs", "stop", "a", "--json")
        assert process.wait(timeout=60) == -signal.SIGKILL
    assert (done.code, done.json["status"]) == (1, "stale")


@needs_tmux
def test_stop_of_a_run_that_has_yet_to_begin_ends_its_session() -> None:
    folder = make(Path("runs/a"), "starting")
    detach.start(folder, [sys.executable, "-c", "input()"], {})
    assert sft("runs", "watch", "a", "--json").json["status"] == "starting"
    done = sft("runs", "stop", "a", "--json")
    assert (done.code, done.json["status"]) == (0, "interrupted")
    assert detach.sessions() == {}


# attach


@needs_tmux
def test_attach_names_the_session_and_needs_a_terminal() -> None:
    folder = make(Path("runs/a"), "starting")
    assert "has no tmux session" in error("runs", "attach", "a")
    assert "no training goes on" in error("runs", "attach")
    detach.start(folder, [sys.executable, "-c", TRAINING, str(folder.resolve()), "1000000"], {})
    assert sft("runs", "attach", "--json").json == {
        "session": "a",
        "command": ["tmux", "attach-session", "-t", "=a"],
    }
    assert "on a terminal only" in error("runs", "attach", code=3)


# compare


def test_compare_sets_runs_side_by_side() -> None:
    graphs(Path(), "a", *[9] * 12)
    graphs(Path(), "b", *[4] * 12)
    make(Path("runs/a"), lines=LOG, seconds=63.0)
    make(Path("runs/b"), lock={"settings": {"lr": 1e-4, "seed": 5}, "model": "tiny"})
    done = sft("runs", "compare", "a", "b")
    for part in (
        "settings that differ", "  lr  0.0002  0.0001", "last loss             1.500", "best validation loss  2.250",
        "smatch_valid_smatch  Smatch F1 0.5000 [0.400, 0.600]  Smatch F1 0.5000 [0.400, 0.600]",
        "a − b = +0.5000 [+0.5000, +0.5000], p = 0.0", "better on 12 rows, worse on 0, equal on 0",
    ):  # fmt: skip
        assert part in done.out, part
    value = sft("runs", "compare", "a", "b", "--json").json
    assert value["settings"] == {"lr": [2e-4, 1e-4]}
    assert value["tests"][0]["difference"] == pytest.approx(0.5)


def test_compare_says_why_there_is_no_test() -> None:
    graphs(Path(), "a", 9, 9)
    graphs(Path(), "b", 9)
    out = sft("runs", "compare", "a", "b").out
    assert out.startswith("no setting differs\n")
    assert "a and b: no test, they were not scored on the same rows" in out
    for other in ("a", "runs/a", "runs/../runs/a"):
        assert "two runs or more" in error("runs", "compare", "a", other)


# train --detach


def test_detach_without_tmux_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "tmux is not installed" in error("train", "--detach", code=3)


@pytest.mark.parametrize(
    "wrong",
    [(), ("--model", "no/such/model"), ("--epochs", "-1"), ("--use-case", "x"), ("--data", "nowhere")],
)
def test_wrong_input_is_said_before_detaching(
    monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...]
) -> None:
    monkeypatch.setattr(detach, "require", lambda: None)
    assert sft("train", *wrong, "--detach") == sft("train", *wrong)
    assert not Path("runs").exists()
