"""The dashboard of a training in its own terminal, drawn into a buffer."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sft.cli import dashboard, live, screen
from sft.training import best, course


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def job(**settings: Any) -> Any:
    return SimpleNamespace(
        settings=SimpleNamespace(**{"best": "task", "patience": 3} | settings),
        plan=SimpleNamespace(total_steps=20),
        device=SimpleNamespace(total=24_000_000_000),
    )


def lines(count: int) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for step in range(1, count + 1):
        out.append({
            "step": step, "loss": 3 / step, "lr": 1e-4, "tokens_per_s": 3000.0, "mfu": 0.341, "hfu": 0.472,
            "gpu_util": 93.0, "seconds": 2.0 * step, "memory": 11_000_000_000,
        })  # fmt: skip
        if step % 5 == 0:
            score = {5: 0.2, 10: 0.3}.get(step, 0.25)
            out.append({"step": step, "eval_loss": 2 / step, "task_metric": score, "figure": "smatch_f1"})
    return out


ALARM = {"step": 15, "alarm": "gpu_idle", "text": "the GPU computes in 30 % of the time only", "hint": "wait"}


def view(log: list[dict[str, Any]], rule: best.Rule | None) -> dashboard.View:
    found = best.standing(log, rule) if rule else None
    return dashboard.View("r1", "running", True, course.course(log, 20), 0.0, 24_000_000_000, rule, found)


def test_the_dashboard_shows_everything_at_once() -> None:
    drawn = dashboard.lines(view([*lines(15), ALARM], best.rule("task", 3)), 100)
    assert drawn == [
        "r1  running",
        "  ━━━━━━━━━━━━━━━━━━━━━━────────  15/20  75 %  0:30 passed  0:10 left",
        "  loss        3.000 → 0.200  █▄▃▂▂▂▂▁▁▁▁▁▁▁▁",
        "  validation  0.400 → 0.133, best 0.133  █▃▁",
        "  Smatch F1   0.200 → 0.250, best 0.300  ▁█▅",
        "  best        step 10, 1 of 3 evaluations without a better one",
        "  lr 1.0e-04,  3000 tokens/s,  MFU 34.1% (HFU 47.2%),  GPU 93 %",
        "  memory      11.0 of 24.0 GB at most",
        "! step 15: the GPU computes in 30 % of the time only",
        "  hint: wait",
    ]
    over = [*lines(15), ALARM, {"step": 15, "alarm": "gpu_idle", "over": True}]
    assert dashboard.lines(view(over, None), 100)[-1] == "  memory      11.0 of 24.0 GB at most"


def test_a_training_draws_its_own_and_says_alarms_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    board = live.watch(job(), tmp_path / "r1")
    assert isinstance(board, live.Board)
    board.note("before")
    board.begin(0, 20)
    for line in lines(15):
        board.step(line["step"], line)
    board.alarm(ALARM)
    board.step(16, {})
    board.end()
    board.note("after")
    text = terminal.getvalue()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "16/20" in text and "best        step 10" in text and "MFU 34.1%" in text
    assert text.count("! step 15: the GPU") >= 2  # said above, and kept in sight


def test_what_the_log_holds_already_is_drawn_when_a_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    (tmp_path / "log.jsonl").write_text('{"step": 4, "loss": 7.5, "seconds": 1.0}\n', encoding="utf-8")
    board = live.Board(job(), tmp_path)
    board.begin(4, 20)
    board.end()
    assert "7.500" in sys.stderr.getvalue()  # type: ignore[attr-defined]


def test_a_terminal_that_goes_away_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    board = live.Board(job(), tmp_path)
    board.begin(0, 20)

    def gone(text: str) -> int:
        raise OSError("gone")

    monkeypatch.setattr(terminal, "write", gone)
    for line in lines(20):
        board.step(line["step"], line)
    board.note("nobody hears this")
    board.end()


def test_elsewhere_it_is_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    shown = live.watch(job(), tmp_path)
    assert isinstance(shown, screen.Progress)
    shown.begin(0, 15)
    shown.step(1, {})  # nothing is known yet
    for line in lines(15):
        shown.step(line["step"], line)
    shown.alarm(ALARM)
    shown.alarm({"step": 15, "alarm": "gpu_idle", "over": True})
    shown.end()
    said = stream.getvalue().splitlines()
    assert said[0].startswith("  1/15  loss 3.000")
    assert said[-3:] == [
        "  15/15  loss 0.200  eval 0.133  Smatch F1 0.250  lr 1.0e-04  3000 tokens/s  MFU 34.1%",
        "! step 15: the GPU computes in 30 % of the time only",
        "  hint: wait",
    ]


def test_how_a_training_ended_is_said_from_its_record() -> None:
    figures = {
        "figure": "smatch_f1",
        "step": 10,
        "value": 0.3,
        "last_step": 20,
        "last_value": 0.25,
        "since": 2,
    }
    record = {"steps": 20, "stopped_early": True, "settings": {"patience": 2}, "plan": {"total_steps": 50}}
    assert dashboard.ending(record | {"best": figures | {"kept": True}}) == [
        "stopped early at step 20 of 50: 2 evaluations without a better Smatch F1",
        "the adapter is that of step 10, Smatch F1 0.3000 (last: step 20, 0.2500)",
    ]
    assert dashboard.ending({"best": figures | {"kept": False}}) == [
        "the adapter is that of the last step; best Smatch F1 0.3000 at step 10 (last: 0.2500)"
    ]
    assert dashboard.ending({"status": "finished"}) == []


def test_a_line_that_stays_shows_no_evaluation_of_an_earlier_step(capsys: pytest.CaptureFixture[str]) -> None:
    progress = screen.Progress()
    progress.begin(0, 4)
    progress.step(2, {"loss": 2.0})
    progress.step(2, {"eval_loss": 1.5})
    progress.step(4, {"loss": 1.0})
    progress.step(4, {"eval_loss": 0.5})
    progress.end()
    assert capsys.readouterr().err.splitlines() == [
        "  2/4  loss 2.000",
        "  2/4  loss 2.000  eval 1.500",
        "  4/4  loss 1.000",
        "  4/4  loss 1.000  eval 0.500",
    ]
