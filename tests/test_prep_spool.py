"""Sources on disk: read once, streamed as they were, taken over after a death, gone after a good end."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft import locks
from sft.prep import spool
from sft.records import Message, Record, Reject

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)  # half characters too
RECORDS = st.builds(
    Record,
    TEXT,
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=3),
    st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), TEXT), max_size=2).map(tuple),
)
REJECTS = st.builds(Reject, TEXT, TEXT, TEXT, TEXT, TEXT)


def rows(count: int) -> list[Record | Reject]:
    return [Record(f"a:{n}", f"a.csv:{n + 1}", {"câu": f"câu {n}"}) for n in range(count)]


@pytest.fixture(autouse=True)
def _all_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "WORTH", 3)


@given(st.lists(st.one_of(RECORDS, REJECTS), max_size=6))
def test_items_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, items: list[Record | Reject]
) -> None:
    with spool.Folder(tmp_path_factory.mktemp("spool")) as folder:
        source, before = folder.take("a.csv", lambda: items)
        assert [item for _at, item in source.stream()] == items
        assert (source.read, before) == (len(items), False)


def test_columns_are_those_of_all_rows_in_order_of_appearance(tmp_path: Path) -> None:
    late: list[Record | Reject] = [*rows(2_000), Record("z", "a.csv:9", {"câu": "", "ghi chú": "x"})]
    with spool.Folder(tmp_path) as folder:
        assert folder.take("a.csv", lambda: late)[0].columns == ("câu", "ghi chú")


def test_nothing_is_left_after_a_good_end(tmp_path: Path) -> None:
    with spool.Folder(tmp_path) as folder:
        folder.take("a.csv", lambda: rows(5), known="k")
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def interrupted(base: Path, known: str, count: int) -> None:
    def stopped() -> Iterator[Record | Reject]:
        yield from rows(count)
        raise KeyboardInterrupt

    folder = spool.Folder(base)
    folder.take("a.csv", lambda: rows(count), lambda: {"nfd": (2, "a.csv:7")}, known)
    with pytest.raises(KeyboardInterrupt):
        folder.take("b.csv", stopped, known=f"{known}b")
    folder.close(keep=True)


def test_a_source_read_to_its_end_is_not_read_again(tmp_path: Path) -> None:
    interrupted(tmp_path, "k", 4)
    names = sorted(path.name for path in tmp_path.glob("prep-*/*"))
    assert names == [locks.NAME, "k.json", "k.jsonl"]  # the half-read one is gone
    with spool.Folder(tmp_path) as folder:
        source, before = folder.take("other/a.csv", lambda: pytest.fail("read again"), known="k")
        assert before and [item for _at, item in source.stream()] == rows(4)
        assert (source.name, source.notes["nfd"][0], list(source.columns)) == ("other/a.csv", 2, ["câu"])
        assert folder.take("b.csv", lambda: rows(3), known="kb")[1] is False


def test_small_sources_and_other_keys_are_read_again(tmp_path: Path) -> None:
    interrupted(tmp_path, "k", 2)
    interrupted(tmp_path, "m", 4)
    with spool.Folder(tmp_path) as folder:
        assert folder.take("a.csv", lambda: rows(2), known="k")[1] is False
        assert folder.take("a.csv", lambda: rows(4), known="n")[1] is False


def test_what_a_living_preparation_has_is_left_alone(tmp_path: Path) -> None:
    with spool.Folder(tmp_path) as living:
        mine, _before = living.take("a.csv", lambda: rows(4), known="k")
        with spool.Folder(tmp_path) as folder:
            os.utime(living.path, (0, 0))
            folder.clean()
            assert folder.take("a.csv", lambda: rows(4), known="k")[1] is False
        assert [item for _at, item in mine.stream()] == rows(4)


def test_a_damaged_file_of_facts_is_no_hindrance(tmp_path: Path) -> None:
    for broken in ("{", "{}", json.dumps({"read": 4})):
        interrupted(tmp_path, "k", 4)
        for path in tmp_path.glob("prep-*/k.json"):
            path.write_text(broken, encoding="utf-8")
        with spool.Folder(tmp_path) as folder:
            source, before = folder.take("a.csv", lambda: rows(4), known="k")
            assert not before and source.read == 4


def test_what_is_stale_is_removed(tmp_path: Path) -> None:
    interrupted(tmp_path, "k", 4)
    dead = tmp_path / "prep-killed"
    dead.mkdir()
    (dead / "source-1.jsonl").write_text("half", encoding="utf-8")
    with spool.Folder(tmp_path) as folder:
        folder.clean()
        assert dead.exists()  # it may be about to get its lock
        os.utime(dead, (0, 0))
        folder.clean()
        assert not dead.exists() and len(list(tmp_path.glob("prep-*"))) == 2
        for path in tmp_path.glob("prep-*"):
            os.utime(path, (0, 0))
        folder.clean()
        assert list(tmp_path.glob("prep-*")) == [folder.path]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with spool.Folder(tmp_path / "file" / "cache") as folder:
        assert folder.take("a.csv", lambda: rows(2))[0].read == 2
        place = folder.path
    assert not place.exists()


def test_a_key_is_of_the_source_alone() -> None:
    assert spool.key("a") == spool.key("a") != spool.key("b")


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    handle = locks.hold(tmp_path)
    assert locks.take(tmp_path) is None
    with pytest.raises(BlockingIOError):
        locks.hold(tmp_path)
    os.close(handle)
    again = locks.take(tmp_path)
    assert again is not None
    os.close(again)
