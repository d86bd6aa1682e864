"""A checkpoint is complete or it is not there; a damaged one is passed over, and said why."""

import errno
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_disk import small_disk

from sft import checkpoints, disk


def save(folder: Path, step: int, keep: int = 9, *, size: int = 10) -> Path:
    """Save a checkpoint as the trainer does: into the place it is given; weights of no size fail half-way."""
    with checkpoints.saving(folder, step, keep) as place:
        (place / f"checkpoint-{step}/more").mkdir(parents=True)
        (place / f"checkpoint-{step}/more/state").write_bytes(b"s" * (5 // bool(size)))
        (place / f"checkpoint-{step}/weights").write_bytes(b"w" * size)
    return folder / f"checkpoint-{step}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / checkpoints.FOLDER


def names(run: Path) -> list[str]:
    return [path.name for path in checkpoints.complete(run)]


def newest(run: Path) -> tuple[str | None, list[tuple[str, str]]]:
    path, passed = checkpoints.newest(run)
    return path.name if path else None, [(one.name, one.why) for one in passed]


def test_only_whole_checkpoints_count_in_the_order_of_steps(tmp_path: Path, folder: Path) -> None:
    assert names(tmp_path) == [] and newest(tmp_path) == (None, [])
    for step in (3, 20, 100):
        save(folder, step)
    assert names(tmp_path) == ["checkpoint-3", "checkpoint-20", "checkpoint-100"]
    assert newest(tmp_path) == ("checkpoint-100", [])
    (folder / "checkpoint-100/weights").write_bytes(b"w" * 9)
    (folder / "checkpoint-20/more/state").unlink()
    assert names(tmp_path) == ["checkpoint-3"]
    assert newest(tmp_path) == (
        "checkpoint-3",
        [("checkpoint-100", "weights has 9 bytes, not 10"), ("checkpoint-20", "more/state is missing")],
    )


def test_a_run_that_goes_back_has_no_later_checkpoint_any_more(tmp_path: Path, folder: Path) -> None:
    for step in (3, 20, 100):
        save(folder, step)
    checkpoints.drop_after(tmp_path, 100)
    assert names(tmp_path) == ["checkpoint-3", "checkpoint-20", "checkpoint-100"]
    checkpoints.drop_after(tmp_path, 3)
    assert [path.name for path in folder.iterdir()] == ["checkpoint-3"]


def test_one_changed_byte_is_seen_by_who_goes_on_but_not_by_who_only_lists(
    tmp_path: Path, folder: Path
) -> None:
    save(folder, 3)
    (save(folder, 6) / "weights").write_bytes(b"w" * 9 + b"x")
    assert names(tmp_path) == ["checkpoint-3", "checkpoint-6"]
    assert newest(tmp_path) == ("checkpoint-3", [("checkpoint-6", "weights is not what was written")])


@pytest.mark.parametrize(
    "content",
    ["", "{", "{}", "[]", '{"step": 7, "files": []}', '{"step": 7, "files": {"weights": 3}}', '{"step": 7, "files": {}}',
     '{"step": 8, "files": {"weights": {"size": 10, "sha256": ""}}}'],
)  # fmt: skip
def test_a_damaged_marker_is_no_marker(tmp_path: Path, folder: Path, content: str) -> None:
    (save(folder, 7) / checkpoints.MARKER).write_text(content, encoding="utf-8")
    assert names(tmp_path) == []
    assert newest(tmp_path) == (None, [("checkpoint-7", "complete.json does not read")])


def test_one_that_was_not_finished_is_named(tmp_path: Path, folder: Path) -> None:
    save(folder, 4)
    (save(folder, 8) / checkpoints.MARKER).unlink()
    (folder / checkpoints.ASIDE / "checkpoint-12").mkdir(parents=True)
    assert newest(tmp_path) == (
        "checkpoint-4",
        [("checkpoint-12", "it was not finished"), ("checkpoint-8", "it was not finished")],
    )


def test_a_stray_folder_is_no_checkpoint(tmp_path: Path, folder: Path) -> None:
    save(folder, 7).rename(folder / "checkpoint-best")
    assert newest(tmp_path) == (None, [])
    save(folder, 8, keep=1)
    assert (folder / "checkpoint-best/weights").is_file()


@settings(max_examples=20)  # each save waits for the disk
@given(st.lists(st.integers(1, 99), unique=True, min_size=1, max_size=8).map(sorted), st.integers(1, 4))
def test_so_many_of_the_newest_stay(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], keep: int
) -> None:
    run = tmp_path_factory.mktemp("run")
    for step in steps:
        save(run / checkpoints.FOLDER, step, keep)
    assert names(run) == [f"checkpoint-{step}" for step in steps[-keep:]]
    assert sorted(path.name for path in (run / checkpoints.FOLDER).iterdir()) == sorted(names(run))


@pytest.mark.parametrize("keep", [1, 2])
def test_none_goes_before_its_successor_is_complete(tmp_path: Path, folder: Path, keep: int) -> None:
    for step in range(1, keep + 1):
        save(folder, step, keep)
    before = names(tmp_path)
    with pytest.raises(ZeroDivisionError):
        save(folder, 9, keep, size=0)
    assert names(tmp_path) == before
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_was_passed_over_takes_the_place_of_no_good_one(tmp_path: Path, folder: Path) -> None:
    for step in (2, 4, 6):
        save(folder, step)
    for step in (4, 6):
        (folder / f"checkpoint-{step}/weights").write_bytes(b"x" * 10)  # damaged, of the same length
    assert newest(tmp_path)[0] == "checkpoint-2"
    save(folder, 3, keep=2)  # a stop between two saves
    assert names(tmp_path) == ["checkpoint-2", "checkpoint-3"]
    save(folder, 4, keep=2)
    assert newest(tmp_path) == ("checkpoint-4", [])


def test_a_damaged_one_of_the_same_step_is_written_anew(tmp_path: Path, folder: Path) -> None:
    (save(folder, 4) / "weights").write_bytes(b"x" * 10)
    (folder / "checkpoint-4/extra").write_bytes(b"")
    save(folder, 4)
    assert newest(tmp_path) == ("checkpoint-4", [])
    assert not (folder / "checkpoint-4/extra").exists()


def test_a_full_disk_leaves_the_one_before(tmp_path: Path) -> None:
    with small_disk(tmp_path / "run", 1) as place:
        folder = place.path / checkpoints.FOLDER
        save(folder, 2)
        with pytest.raises(OSError) as caught:
            save(folder, 4, 1, size=1 << 21)
        assert caught.value.errno == errno.ENOSPC and disk.refused(caught.value)
        assert newest(place.path) == ("checkpoint-2", [])
        assert [path.name for path in folder.iterdir()] == ["checkpoint-2"]
        save(folder, 4, keep=1)
        assert newest(place.path) == ("checkpoint-4", [])
