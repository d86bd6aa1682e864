"""The load of a GPU, as a stand-in for nvidia-smi tells it."""

import os
import stat
import time
from pathlib import Path

import pytest

from sft.training.gauge import Gauge

FAKE = """#!/bin/sh
echo "$@" > "$0.asked"
for n in 40 60 "[N/A]" 80; do echo $n; done
touch "$0.said"
exec sleep 5
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "nvidia-smi"
    path.write_text(FAKE, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return path


def heard(gauge: Gauge, count: int) -> None:
    """Wait until the gauge heard so many looks; a minute is more than that takes on any machine."""
    ends = time.monotonic() + 60
    while len(gauge._looks) < count:
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_the_mean_is_of_what_was_measured_since(program: Path) -> None:
    gauge = Gauge("GPU-b")
    heard(gauge, 3)
    assert gauge.mean() == 60.0
    assert gauge.mean() is None
    assert "--id=GPU-b" in Path(f"{program}.asked").read_text(encoding="utf-8")
    gauge.close()
    gauge.close()


def test_what_was_not_of_training_is_left_out(program: Path) -> None:
    gauge = Gauge("GPU-b")
    heard(gauge, 3)
    gauge.forget()
    assert gauge.mean() is None
    gauge.close()


def test_without_a_gpu_or_a_driver_it_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Gauge("").mean() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    gauge = Gauge("GPU-b")
    assert gauge.mean() is None
    gauge.close()
