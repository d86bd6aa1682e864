"""The form of ``run.json``: a damaged one is told from one that every command can read."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from lone_runs import make
from workspace import error, sft

from sft import run_record, runs
from sft.errors import DataError

MORE = {
    "data": {"folder": "data/prepared/a", "sha256": "ab"},
    "device": {"name": "CPU", "total": None},
    "ended": "2026-01-01T00:01:00+00:00",
    "seconds": 3.5,
    "use_case": None,
}
DAMAGE = [
    ("started", None), ("started", 5), ("started", "yesterday"), ("ended", "soon"), ("ended", 7), ("status", 1),
    ("plan", None), ("plan", []), ("plan.total_steps", "8"), ("plan.total_steps", {}), ("lock", "x"), ("packages", None),
    ("model", None), ("model.name", 3), ("device", "CPU"), ("device.total", "4 GB"), ("template", None), ("train_ids", 3),
    ("valid_ids", None), ("seconds", "long"), ("origins", []), ("settings", 1), ("data", 0), ("data.folder", None),
]  # fmt: skip


@pytest.fixture
def sound(tmp_path: Path) -> dict[str, Any]:
    return dict(runs.load(make(tmp_path / "runs/a", **MORE)).data)


def damaged(value: dict[str, Any], name: str, wrong: object) -> dict[str, Any]:
    value = copy.deepcopy(value)
    outer, _dot, inner = name.partition(".")
    (value[outer] if inner else value)[inner or outer] = wrong
    return value


def test_what_may_be_missing(sound: dict[str, Any]) -> None:
    for name in sound:
        rest = {key: value for key, value in sound.items() if key != name}
        assert run_record.is_sound(rest) == (name not in {"status", "started"})
    assert not any(run_record.is_sound(value) for value in (None, [], "x", {}))


@pytest.mark.parametrize(("name", "wrong"), DAMAGE)
def test_an_entry_of_another_kind_is_damage(sound: dict[str, Any], name: str, wrong: object) -> None:
    assert run_record.is_sound(sound)
    assert not run_record.is_sound(damaged(sound, name, wrong))


def test_every_command_survives_a_damaged_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sound: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("runs/b"), "interrupted")
    for name, wrong in DAMAGE:
        Path("runs/a/run.json").write_text(json.dumps(damaged(sound, name, wrong)), encoding="utf-8")
        with pytest.raises(DataError, match=r"run\.json does not read"):
            runs.load(Path("runs/a"))
        assert [run.name for run in runs.every(tmp_path)] == ["b"]
        listed = sft("runs", "list")
        assert (
            listed.code == 1 and "b    interrupted" in listed.out and "run.json does not read" in listed.err
        )
    for command in ("show", "watch", "stop"):
        assert "run.json does not read" in error("runs", command, "a")
