"""A preparation that is killed: the old set or the new one stands, never a half one; what was read is not read again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import put, sft, statements

from sft import prepared
from sft.prep import spool

ROOT = Path(__file__).parents[1]
# Says on stderr which step begins, and waits a moment there, so that the blow falls in the middle of any of them.
SLOW = """
import sys, time
from sft import prepared
from sft.prep import spool, passes
from sft.__main__ import main

def slowed(module, name):
    real = getattr(module, name)
    def step(*args, **kwargs):
        print("STEP", name, file=sys.stderr, flush=True)
        time.sleep(0.05)
        done = real(*args, **kwargs)
        print("STEP", name, "done", file=sys.stderr, flush=True)
        time.sleep(0.05)
        return done
    setattr(module, name, step)

spool.WORTH = 3
for module, name in ((spool, "_write"), (passes, "settle"), (prepared, "write_jsonl"), (prepared, "write_json"),
                     (prepared, "_swap"), (prepared, "rows_digest")):
    slowed(module, name)
main()
"""
STEPS = (
    "_write",
    "_write done",
    "settle",
    "write_jsonl",
    "write_json",
    "rows_digest done",
    "_swap",
    "_swap done",
)


def table(count: int) -> str:
    return "question,answer\n" + "".join(f"{q},{a}\n" for q, a in statements(count))


def ok(*arguments: str) -> None:
    done = sft(*arguments)
    assert done.code == 0, done


def start() -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", SLOW, "prep", "--template", "true_false_v1"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=env)


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFT_CACHE", str(tmp_path / "cache"))


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_killed_preparation_leaves_the_old_set_or_the_new_one() -> None:
    out = Path("data/prepared/true_false_v1")
    put("data/raw/a.csv", table(20))
    ok("prep", "--template", "true_false_v1")
    old = prepared.load(out).digest
    put("data/raw/a.csv", table(30))
    seen = set()
    for step in STEPS:
        with start() as process:
            assert process.stderr is not None
            for line in process.stderr:
                if line.strip() == f"STEP {step}":
                    process.send_signal(signal.SIGKILL)
                    break
        assert process.returncode == -signal.SIGKILL, step
        found = prepared.load(out)
        seen.add(found.manifest["kept"])
        assert found.manifest["kept"] == (20 if found.digest == old else 30)
    assert seen == {20, 30}
    ok("prep", "--template", "true_false_v1")
    assert prepared.load(out).manifest["kept"] == 30
    assert [path.name for path in out.parent.iterdir()] == ["true_false_v1"]  # what the dead left is gone
    for folder in Path("cache/prep").iterdir():
        os.utime(folder, (0, 0))
    ok("prep", "--template", "true_false_v1")
    assert list(Path("cache/prep").iterdir()) == []


def test_what_was_read_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "WORTH", 3)
    put("data/raw/a.csv", table(20))
    put("data/raw/b.csv", table(40).replace("ngủ", "ăn"))

    def stopped(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(prepared, "write_jsonl", stopped)
        assert taken_over("--template", "true_false_v1") == 0
        assert not Path("data/prepared/true_false_v1").exists()
    put("data/raw/b.csv", table(40).replace("ngủ", "chơi"))
    assert (
        taken_over("--template", "answer_v1") == 1
    )  # the template is another, the bytes of a.csv are the same
    assert prepared.load(Path("data/prepared/answer_v1")).manifest["read"] == 60
    assert taken_over("--template", "answer_v1") == 0
    (dead,) = Path("cache/prep").iterdir()  # holds the old b.csv, which nobody asked for, for a day
    os.utime(dead, (0, 0))
    assert taken_over("--template", "answer_v1") == 0
    assert list(Path("cache/prep").iterdir()) == []


def taken_over(*arguments: str) -> int:
    return sft("prep", *arguments).err.count("rows were read before the interruption")


def test_the_same_input_gives_the_same_set_whatever_the_hash_seed(tmp_path: Path) -> None:
    put("data/raw/a.csv", table(40) + table(10).partition("\n")[2])
    flags = [
        "--group-by",
        "answer",
        "--duplicates",
        "drop",
        "--limit",
        "30",
        "--val-split",
        "0.3",
        "--balance",
        "up",
    ]
    written = []
    for seed in ("0", "1", "77"):
        out = tmp_path / f"set{seed}"
        command = [
            sys.executable,
            "-m",
            "sft",
            "prep",
            "--template",
            "true_false_v1",
            "--out",
            str(out),
            *flags,
        ]
        env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        subprocess.run(command, check=True, capture_output=True, env=env)
        written.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
    assert written[0] == written[1] == written[2]
