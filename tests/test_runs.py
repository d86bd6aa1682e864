"""The run folder: which one is taken, what makes two runs the same, who may write in it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft import checkpoints, runs
from sft.errors import DataError, SettingsError
from sft.text import write_text

LOCK = {"settings": {"lr": 2e-4, "epochs": 3.0}, "data": "ab" * 32, "model": "qwen2.5-3b", "backend": "hf"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def begin(
    folder: Path, status: str = "interrupted", lock: object = LOCK, started: str = "2026-01-01"
) -> Path:
    runs.update(folder, status=status, started=started, lock=lock, lock_sha256=runs.digest(lock))  # type: ignore[arg-type]
    return folder


def changed(**settings: object) -> dict[str, object]:
    return LOCK | {"settings": LOCK["settings"] | settings}  # type: ignore[operator]


# Which folder


def test_a_first_run_gets_its_name_and_nothing_is_written(tmp_path: Path) -> None:
    assert runs.place(tmp_path, "a", LOCK, resume=None) == (tmp_path / "runs" / "a", False)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("status", ["interrupted", "failed", "running"])
def test_an_unfinished_run_with_the_same_lock_goes_on(tmp_path: Path, status: str) -> None:
    folder = begin(tmp_path / "runs/a", status)
    assert runs.place(tmp_path, "a", LOCK, resume=None) == (folder, True)
    assert runs.place(tmp_path, "a", LOCK, resume=True) == (folder, True)


def test_a_finished_or_other_run_is_never_touched(tmp_path: Path) -> None:
    begin(tmp_path / "runs/a", "finished")
    assert runs.place(tmp_path, "a", LOCK, resume=None) == (tmp_path / "runs/a-2", False)
    begin(tmp_path / "runs/a-2", "interrupted", changed(lr=1e-4))
    assert runs.place(tmp_path, "a", LOCK, resume=None) == (tmp_path / "runs/a-3", False)


def test_a_numbered_run_goes_on_too_and_the_newest_first(tmp_path: Path) -> None:
    begin(tmp_path / "runs/a", "interrupted", started="2026-01-01")
    begin(tmp_path / "runs/a-2", "interrupted", started="2026-01-02")
    begin(tmp_path / "runs/a-b", "interrupted", started="2026-01-03")  # another name, not a number
    assert runs.place(tmp_path, "a", LOCK, resume=None) == (tmp_path / "runs/a-2", True)


def test_new_insists_on_a_new_folder(tmp_path: Path) -> None:
    begin(tmp_path / "runs/a")
    assert runs.place(tmp_path, "a", LOCK, resume=False) == (tmp_path / "runs/a-2", False)


def test_a_folder_without_a_run_is_left_alone(tmp_path: Path) -> None:
    write_text(tmp_path / "runs/a/notes.txt", "x")
    assert runs.place(tmp_path, "a", LOCK, resume=None) == (tmp_path / "runs/a-2", False)


def test_a_folder_whose_run_was_killed_before_it_had_a_record_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "runs/a"
    with runs.held(folder):
        assert runs.place(tmp_path, "a", LOCK, resume=None) == (tmp_path / "runs/a-2", False)
    (folder / ".run.json.x1").write_text("{", encoding="utf-8")
    assert runs.place(tmp_path, "a", LOCK, resume=None) == (folder, False)


def test_a_record_without_a_newer_entry_of_no_value_is_the_same(tmp_path: Path) -> None:
    folder = begin(tmp_path / "runs/a")
    assert runs.place(tmp_path, "a", LOCK | {"warm_start": None}, resume=None) == (folder, True)


def test_what_a_new_run_leaves_unfinished_is_known_with_its_differences(tmp_path: Path) -> None:
    assert runs.passed_over(tmp_path, "a", LOCK) is None
    begin(tmp_path / "runs/a", "finished")
    assert runs.passed_over(tmp_path, "a", LOCK) is None
    begin(tmp_path / "runs/a-2", lock=LOCK | {"data": "cd" * 32})
    found = runs.passed_over(tmp_path, "a", LOCK)
    assert found is not None
    assert (found[0].name, found[1]) == ("a-2", ["data: cdcdcdcd → abababab"])


@pytest.mark.parametrize("resume", [None, True, False])
def test_a_folder_kept_for_a_detached_start_is_taken_as_new(tmp_path: Path, resume: bool | None) -> None:
    folder = begin(tmp_path / "runs/a", "starting")
    (folder / "console.log").write_text("x", encoding="utf-8")
    assert runs.place(tmp_path, "a", LOCK, resume=resume) == (folder, False)
    assert runs.place(tmp_path, "a", changed(lr=1e-4), resume=False) == (tmp_path / "runs/a-2", False)


def test_a_detached_start_goes_on_where_there_is_a_checkpoint(tmp_path: Path) -> None:
    folder = begin(tmp_path / "runs/a", "starting")
    write_text(folder / "checkpoints/checkpoint-3/state", "s")
    checkpoints.mark(folder / "checkpoints/checkpoint-3", 3)
    assert runs.place(tmp_path, "a", LOCK, resume=None) == (folder, True)
    assert runs.place(tmp_path, "a", LOCK, resume=False) == (tmp_path / "runs/a-2", False)


def test_resume_says_what_differs(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no unfinished run"):
        runs.place(tmp_path, "a", LOCK, resume=True)
    begin(tmp_path / "runs/a", "interrupted", changed(lr=1e-4, epochs=5.0))
    with pytest.raises(SettingsError) as caught:
        runs.place(tmp_path, "a", LOCK, resume=True)
    assert [str(part) for part in caught.value.parts] == [
        "a: settings.lr: 0.0001 → 0.0002", "a: settings.epochs: 5.0 → 3.0",
    ]  # fmt: skip
    assert "--resume" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["a/b", "-x", "../a", "/tmp/a", "..", ".", "", " ", "a\nb", "a\x1b[2J", "ế" * 99]
)
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="no name of a run"):
        runs.place(tmp_path, name, LOCK, resume=None)


def test_what_auto_came_to_never_hinders_going_on(tmp_path: Path) -> None:
    then = LOCK | {"load_in_4bit": True, "gradient_checkpointing": True}
    folder = begin(tmp_path / "runs/a", lock=then)
    now = LOCK | {"load_in_4bit": False, "gradient_checkpointing": False}  # more memory is free by now
    assert runs.place(tmp_path, "a", now, resume=None) == (folder, True)
    with pytest.raises(SettingsError) as caught:
        runs.place(tmp_path, "a", now | {"model": "qwen2.5-7b"}, resume=True)
    assert [part.message for part in caught.value.parts] == ["model: qwen2.5-3b → qwen2.5-7b"]


# The lock


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert runs.digest(LOCK) == runs.digest(dict(reversed(LOCK.items())))
    assert runs.digest(LOCK) != runs.digest(changed(lr=1e-4))


@given(
    st.dictionaries(st.text(max_size=5), VALUES, max_size=4),
    st.dictionaries(st.text(max_size=5), VALUES, max_size=4),
)
def test_locks_differ_where_and_only_where_their_digests_do(
    a: dict[str, object], b: dict[str, object]
) -> None:
    assert runs.differences(a, a) == []
    if runs.digest(a) == runs.digest(b):
        assert runs.differences(a, b) == []
    assert len(runs.differences(a, b)) == len(runs.differences(b, a))


def test_differences_name_what_is_new_and_what_is_gone() -> None:
    assert runs.differences({"a": 1, "b": 2}, {"b": 2, "c": {"d": 3}}) == [
        "a: 1 → None",
        "c: None → {'d': 3}",
    ]


# Reading runs


def test_the_newest_finished_run_is_found_by_its_start(tmp_path: Path) -> None:
    begin(tmp_path / "runs/a", "finished", started="2026-01-02")
    begin(tmp_path / "runs/b", "finished", started="2026-01-01")
    begin(tmp_path / "runs/c", "interrupted", started="2026-01-03")
    assert runs.newest(tmp_path).name == runs.find(tmp_path, "").name == "a"
    assert runs.newest(tmp_path, finished=False).name == "c"
    assert [run.name for run in runs.every(tmp_path)] == ["b", "a", "c"]
    assert runs.find(tmp_path, "b").adapter == tmp_path / "runs/b/adapter"
    assert runs.find(tmp_path, str(tmp_path / "runs/c")).status == "interrupted"


def test_an_unknown_run_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown run 'x'") as caught:
        runs.find(tmp_path, "x")
    assert "no run yet" in caught.value.hint
    begin(tmp_path / "runs/smollm2-135m_v5_cot_demo", "finished")
    with pytest.raises(DataError) as caught:
        runs.find(tmp_path, "smollm2-135m_v5_cot")
    assert caught.value.hint == "did you mean smollm2-135m_v5_cot_demo?"
    with pytest.raises(DataError) as caught:
        runs.find(tmp_path, "qwen")
    assert caught.value.hint == "runs: smollm2-135m_v5_cot_demo"
    with pytest.raises(DataError, match="no finished run"):
        runs.newest(tmp_path / "elsewhere")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"status": "finished"}'])
def test_a_damaged_run_is_named(tmp_path: Path, content: str) -> None:
    begin(tmp_path / "runs/a", "finished")
    (tmp_path / "runs/a/run.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"run\.json does not read") as caught:
        runs.newest(tmp_path)
    assert caught.value.where == str(tmp_path / "runs/a/run.json")
    with pytest.raises(DataError, match="not a run folder"):
        runs.load(tmp_path)


def test_a_damaged_run_does_not_hide_the_others(tmp_path: Path) -> None:
    begin(tmp_path / "runs/a", "finished")
    begin(tmp_path / "runs/b", "finished", started="2099-01-01")
    (tmp_path / "runs/b/run.json").write_text("{", encoding="utf-8")
    assert runs.newest(tmp_path).name == "a"
    assert [run.name for run in runs.every(tmp_path)] == ["a"]
    with pytest.raises(DataError, match=r"run\.json does not read"):
        runs.find(tmp_path, "b")


def test_an_update_keeps_the_rest_and_is_atomic(tmp_path: Path) -> None:
    folder = begin(tmp_path / "runs/a", "running")
    runs.update(folder, status="finished", steps=6)
    data = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (data["status"], data["steps"], data["lock"]) == ("finished", 6, LOCK)
    assert [path.name for path in folder.iterdir()] == ["run.json"]


def test_versions_name_only_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PACKAGES", ("pytest", "no-such-package-at-all"))
    assert list(runs.versions()) == ["pytest"]


# One process at a time


def test_a_second_process_is_refused_and_death_frees_the_folder(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from sft import runs\n"
        "with runs.held(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a")], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(SettingsError, match="another process") as caught, runs.held(tmp_path / "a"):
            pass
        assert "--name" in caught.value.hint
        with runs.held(tmp_path / "b"):
            pass
    finally:
        other.kill()
        other.communicate()
    with runs.held(tmp_path / "a"):
        pass
    with runs.held(tmp_path / "a"):  # and once more: the lock is given back
        pass


def test_a_resumed_run_that_ended_last_is_the_newest(tmp_path: Path) -> None:
    begin(tmp_path / "runs/a", "finished", started="2026-01-01")
    begin(tmp_path / "runs/b", "finished", started="2026-01-02")
    runs.update(tmp_path / "runs/a", ended="2026-01-04")
    runs.update(tmp_path / "runs/b", ended="2026-01-03")
    assert runs.newest(tmp_path).name == "a"
