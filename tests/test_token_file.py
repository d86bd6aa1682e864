"""The file of a tokenised set: whole or not there, and found out when it was changed."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft import token_file
from sft.masks import Encoded

pytest.importorskip("pyarrow")
FACTS = {"key": "k", "train": "2"}
ITEMS = [
    ("a", "nhóm", Encoded([5, 6, 7], [-100, 6, 7])),
    ("b", "b", Encoded([], [])),
    ("c", "nhóm", Encoded([9, 151_935], [-100, 151_935])),
]


def contents(table: object) -> list[token_file.Item]:
    rows = table.to_pylist()  # type: ignore[attr-defined]
    assert [row["supervised"] for row in rows] == [sum(n != -100 for n in row["labels"]) for row in rows]
    return [(row["id"], row["group"], Encoded(row["input_ids"], row["labels"])) for row in rows]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "k.arrow"
    assert token_file.write(path, FACTS, iter(ITEMS)) == path.stat().st_size
    table = token_file.read(path, "k")
    assert contents(table) == ITEMS
    assert table.schema.metadata[b"train"] == b"2"
    assert [entry.name for entry in path.parent.iterdir()] == ["k.arrow"]


def test_many_batches_and_none(tmp_path: Path) -> None:
    items = [(str(n), "", Encoded([n], [n])) for n in range(9000)]
    token_file.write(tmp_path / "k.arrow", FACTS, items)
    assert contents(token_file.read(tmp_path / "k.arrow", "k")) == items
    token_file.write(tmp_path / "k.arrow", FACTS, [])
    assert contents(token_file.read(tmp_path / "k.arrow", "k")) == []


@given(st.data())
def test_any_change_is_found_out(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("cache") / "k.arrow"
    token_file.write(path, FACTS, ITEMS)
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "longer"]))
    if kind == "flip":
        raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw[:place] if kind == "cut" else raw + b"\0" if kind == "longer" else raw)
    with pytest.raises(token_file.Damaged, match="its hash is another"):
        token_file.read(path, "k")


def test_another_file_than_the_name_says_is_refused(tmp_path: Path) -> None:
    token_file.write(tmp_path / "k.arrow", FACTS, ITEMS)
    with pytest.raises(token_file.Damaged, match="something else"):
        token_file.read(tmp_path / "k.arrow", "other")
    with pytest.raises(FileNotFoundError):
        token_file.read(tmp_path / "none.arrow", "k")


def test_a_writer_that_fails_leaves_nothing_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "k.arrow"
    token_file.write(path, FACTS, ITEMS)

    def broken() -> object:
        yield from ITEMS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        token_file.write(path, FACTS, broken())  # type: ignore[arg-type]
    assert [entry.name for entry in tmp_path.iterdir()] == ["k.arrow"]
    assert contents(token_file.read(path, "k")) == ITEMS


def test_a_full_disk_is_an_oserror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(token_file._Hashed, "write", full)
    with pytest.raises(OSError, match="No space left"):
        token_file.write(tmp_path / "k.arrow", FACTS, ITEMS)
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_used_for_longest_goes_first_and_abandoned_files_go(tmp_path: Path) -> None:
    names = ["new.arrow", "old.arrow", "oldest.arrow", ".writing-now", ".writing-lost"]
    for age, name in enumerate(names):
        (tmp_path / name).write_bytes(b"x" * 100)
        used = (tmp_path / name).stat().st_mtime - age * 1000
        os.utime(tmp_path / name, (used, used))
    token_file.tidy(tmp_path, 250, keep=tmp_path / "new.arrow")
    assert {path.name for path in tmp_path.iterdir()} == {"new.arrow", "old.arrow", ".writing-now"}
    token_file.tidy(tmp_path, 10, keep=tmp_path / "old.arrow")
    assert {path.name for path in tmp_path.iterdir()} == {"old.arrow", ".writing-now"}


def test_a_file_that_only_others_may_touch_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_file.write(tmp_path / "k.arrow", FACTS, ITEMS)

    def refuse(_path: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(token_file.os, "utime", refuse)
    assert contents(token_file.read(tmp_path / "k.arrow", "k")) == ITEMS
