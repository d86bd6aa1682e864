"""What is scored, and which graph belongs to which."""

import json
import os
import threading
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workspace import GRAPHS, amr, put

from sft.amr.penman import blocks
from sft.errors import DataError
from sft.smatch.items import Item, align, item, pair_files, read_files, read_items, same_ids

GOLD = [item("(n / ngủ :agent (b / bé))", "a"), item("(m / mưa)", "b"), item("(ă / ăn :theme (c / cá))", "c")]


def test_every_record_counts_also_one_without_a_graph(tmp_path: Path) -> None:
    text = "# ::id a\n(n / ngủ)\n\n# ::id b ::snt trời mưa .\n\n# ::id c\n(ă / ăn\n   :theme (c / cá)\n"
    items = read_items(str(put(tmp_path / "x.txt", text)))
    assert [(i.id, i.graph is None, i.repaired) for i in items] == [
        ("a", False, False), ("b", True, False), ("c", False, True),
    ]  # fmt: skip
    assert [i.where for i in items] == [f"{tmp_path}/x.txt:{n}" for n in (1, 4, 6)]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_a_file_without_a_record_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="no graph in this file"):
        read_items(str(put(tmp_path / "x.txt", text)))


def test_ids_pair_whatever_the_order() -> None:
    turned = list(reversed(GOLD))
    assert same_ids(turned, GOLD)
    assert [(p.id, g.id) for p, g in align(turned, GOLD, "p", "g")] == [
        ("a", "a"),
        ("b", "b"),
        ("c", "c"),
    ]


def test_other_or_no_ids_pair_by_order() -> None:
    for names in ("", "x"):
        pred = [Item(f"{names}{n}" if names else "", i.plain) for n, i in enumerate(GOLD)]
        assert not same_ids(pred, GOLD)
        assert [g.id for _p, g in align(pred, GOLD, "p", "g")] == ["a", "b", "c"]
    twice = [GOLD[0], GOLD[0], GOLD[1]]
    assert not same_ids(twice, GOLD) and not same_ids(GOLD, twice)


def test_unequal_numbers_name_what_is_missing_by_id() -> None:
    with pytest.raises(DataError) as caught:
        align([GOLD[2], item("(m / mưa)", "z")], GOLD, "p.txt", "g.txt")
    assert caught.value.message == "p.txt has 2 graphs, g.txt has 3; missing: a, b; not in gold: z"
    many = [item("(m / mưa)", f"n{n}") for n in range(9)]
    with pytest.raises(DataError, match=r"missing: n1, n2, n3, n4, n5…$"):
        align(many[:1], many, "p", "g")


def test_unequal_numbers_name_what_is_missing_by_sentence(tmp_path: Path) -> None:
    gold = read_items(str(put(tmp_path / "g.txt", amr())))
    pred = read_items(str(put(tmp_path / "p.txt", amr([GRAPHS[0], *GRAPHS[2:]]))))
    with pytest.raises(DataError) as caught:
        align(pred, gold, "p.txt", "g.txt")
    assert caught.value.message == f"p.txt has 7 graphs, g.txt has 8; missing: {tmp_path}/g.txt:6 “bé ngủ .”"


def test_unequal_numbers_without_names_are_still_an_error() -> None:
    nameless = [Item("", i.plain) for i in GOLD]
    with pytest.raises(DataError, match=r"^p has 2 graphs, g has 3$"):
        align(nameless[:2], nameless, "p", "g")


def test_a_record_without_a_name_is_named_by_its_place(tmp_path: Path) -> None:
    gold = put(tmp_path / "g.txt", amr())
    pred = put(tmp_path / "p.txt", "```\n" + amr())
    with pytest.raises(DataError, match=rf"p.txt has 9 .*; not in gold: {tmp_path}/p.txt:1$"):
        pair_files(str(pred), str(gold))


def _pair(folder: Path, pred: Sequence[str], gold: Sequence[str]) -> tuple[str, int]:
    text = "# ::id {}\n(m / mưa)\n\n# ::id {}\n(n / nắng)\n"
    files = [put(folder / name, text.format(*ids)) for name, ids in (("p", pred), ("g", gold))]
    done = pair_files(*map(str, files))
    return done.by, done.crossed


def test_ids_that_contradict_the_order_are_counted(tmp_path: Path) -> None:
    assert _pair(tmp_path, "ab", "ba") == ("id", 0)
    assert _pair(tmp_path, "bc", "ab") == ("order", 2)
    assert _pair(tmp_path, "aa", "ab") == ("order", 1)
    assert _pair(tmp_path, "xy", "ab") == ("order", 0)  # another way of naming
    assert _pair(tmp_path, ["e\u0302", "b"], ["b", "ê"]) == ("id", 0)  # NFD and NFC


def test_the_gold_is_told_from_another_whatever_its_layout(tmp_path: Path) -> None:
    def gold(text: str | bytes) -> str:
        return pair_files(str(put(tmp_path / "g", text)), str(tmp_path / "g")).gold

    first = gold(amr())
    assert first == gold(amr().replace("\n", "\r\n")) == gold("\ufeff" + amr().replace("    ", "\t"))
    assert first == gold(unicodedata.normalize("NFD", amr())) != gold(amr(GRAPHS[1:]))


def test_gold_without_any_graph_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no gold graph can be read"):
        pair_files(str(put(tmp_path / "p", "(m / mưa)\n")), str(put(tmp_path / "g", "trời mưa .\n")))


def test_a_pipe_of_rows_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(
        target=pipe.write_text, args=('{"id": "a", "graph": "(m / mưa)"}\n',), kwargs={"encoding": "utf-8"}
    )
    writer.start()
    assert [each.id for each in read_items(str(pipe))] == ["a"]
    writer.join()


def test_another_encoding_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not utf-8 text") as caught:
        read_items(str(put(tmp_path / "x.txt", "(c / cà)".encode("cp1258"))))
    assert caught.value.hint == f"sft amr convert {tmp_path}/x.txt --encoding cp1258 --to penman -o utf8.txt"


@given(
    st.lists(
        st.sampled_from([
            "::id",
            "::snt",
            " ",
            "  ",
            "a.1",
            "bé ngủ .",
            "::date 2012",
            "#",
            ":: id",
            "::id2 x",
        ])
    )
)
def test_ids_and_sentences_are_those_of_the_reader(words: list[str]) -> None:
    text = "# " + " ".join(words) + "\n#::snt mẹ cười .\n(a / b)\n"
    there = [(block.metadata.get("id", ""), block.metadata.get("snt", "")) for block in blocks(text)]
    assert [(i.id, i.sentence) for i in _read(text)] == there


def _read(text: str) -> list[Item]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return read_items(str(put(Path(folder) / "x.txt", text)))


def test_what_is_wrong_with_several_files_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 files cannot be read") as caught:
        read_files([str(tmp_path / "a"), str(put(tmp_path / "b", "")), str(put(tmp_path / "c", "(a / b)"))])
    assert len(caught.value.parts) == 2


def test_the_tree_of_an_item_is_read_when_it_is_wanted() -> None:
    broken = item("(n / ngủ :agent (b / bé)", "a")
    assert broken.repaired and broken.graph is not None and len(list(broken.graph.nodes())) == 2
    assert item("bé ngủ").graph is None


def test_predictions_and_prepared_rows_are_graphs_too(tmp_path: Path) -> None:
    pred = [
        {"id": "a", "graph": "(m / mưa)", "repairs": ["extra_bracket"], "readable": True},
        {"id": "b", "readable": False},
    ]
    gold = [{"id": "b", "messages": [], "meta": {"graph": "(n / nắng)", "sentence": "trời nắng ."}}]
    for name, rows in (("p.jsonl", pred), ("g.jsonl", gold)):
        put(tmp_path / name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    ours, theirs = read_files([str(tmp_path / "p.jsonl"), str(tmp_path / "g.jsonl")])
    assert [(i.id, i.plain is None, i.repaired) for i in ours] == [("a", False, True), ("b", True, False)]
    assert [(i.id, i.sentence, i.where) for i in theirs] == [("b", "trời nắng .", f"{tmp_path}/g.jsonl:1")]
    with pytest.raises(DataError, match="a row without a graph") as caught:
        read_items(str(put(tmp_path / "qa.jsonl", '{"question": "a"}\n')))
    assert caught.value.where == f"{tmp_path}/qa.jsonl:1"
