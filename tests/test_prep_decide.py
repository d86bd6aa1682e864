"""The choices: what each leaves out, that all is counted, that nothing crosses, that other rows change little."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workspace import FACTS, Done, options, prepare, records, statements, write_set

from sft import prepared, tokens
from sft.errors import DataError, SettingsError
from sft.prep.choices import Share
from sft.presets import TrainSettings
from sft.records import Record, Reject
from sft.training import job


def labelled(rows: list[tuple[str, str]], source: str = "a.csv") -> list[Record | Reject]:
    return records([{"question": question, "answer": answer} for question, answer in rows], source)


def reasons(done: Done) -> Counter[str]:
    return Counter(reject.reason for reject in done.rejects)


def sides(done: Done) -> dict[str, str]:
    """Return the side of each question."""
    return {row.meta["question"]: side for side, rows in done.sets.items() for row in rows}


# Duplicates


def test_repeated_rows_are_dropped_with_the_row_they_repeat() -> None:
    rows = [("Cá bơi.", "Đúng"), ("cá  bơi", "True"), ("Cá bơi", "Sai"), ("Gà bay.", "Sai"), ("gà bay!", "0")]
    kept = prepare(options("true_false_v1"), labelled(rows))
    assert kept.rejects == [] and kept.found["duplicate"].count == 3
    done = prepare(options("true_false_v1", duplicates="drop"), labelled(rows))
    assert [(r.reason, r.id, r.detail) for r in done.rejects] == [
        ("duplicate", "a:2", "repeats a:1 (a.csv:2)"), ("duplicate", "a:5", "repeats a:4 (a.csv:5)"),
    ]  # fmt: skip
    assert done.found["contradiction"].count == 1  # which label is right is for people to say
    assert done.made.options.told() == {"duplicates": "drop"}


def test_one_question_about_two_contexts_is_no_repetition() -> None:
    rows = [{"context": f"{who} ngủ.", "question": "Ai ngủ?", "answer": "nó"} for who in FACTS[:3]]
    assert prepare(options("context_v1", duplicates="drop"), records([*rows, rows[0]])).made.rejected == {
        "duplicate": 1
    }


def test_held_out_rows_are_left_as_they_are_given() -> None:
    twice = labelled([("Voi bơi.", "Đúng"), ("voi bơi", "Đúng")], "t.csv")
    chosen = options("true_false_v1", duplicates="drop", limit=10, min_chars={"question": 12}, balance="down")
    done = prepare(chosen, labelled(statements(40)), twice)
    assert [row.id for row in done.sets["test"]] == ["t:1", "t:2"]
    assert len(done.sets["train"]) + len(done.sets["valid"]) == 10


# Lengths


def test_texts_outside_the_limits_are_refused_by_name() -> None:
    rows = [
        ("Có?", "dài vừa"),
        ("Câu hỏi này dài quá đi thôi?", "vừa"),
        ("Câu hỏi vừa?", "x"),
        ("Câu hỏi hay?", "vừa"),
    ]
    chosen = options("answer_v1", min_chars={"question": 4, "answer": 2}, max_chars={"question": 20})
    done = prepare(chosen, labelled(rows))
    assert [r.reason for r in done.rejects] == ["short_question", "long_question", "short_answer"]
    assert done.rejects[2].detail == "1 characters, limit 2"


# Labels


def test_further_spellings_of_labels_are_counted() -> None:
    rows = [("Cá bơi.", "chuẩn"), ("Cá bay.", "Bậy bạ"), ("Cá lặn.", "Đúng"), ("Cá chạy.", "gì đó")]
    words = {"TRUE": ["Chuẩn"], "FALSE": ["bậy bạ", "láo"]}
    done = prepare(options("true_false_v1", label_words=words), labelled(rows))
    assert [row.meta["label"] for row in done.rows] == ["TRUE", "FALSE", "TRUE"]
    assert (done.found["label_words"].count, reasons(done)) == (2, {"unknown_label": 1})
    free = records([{"text": "đi Huế", "label": "Dat Ve"}, {"text": "mấy giờ", "label": "hỏi_giờ"}])
    merged = prepare(options("labels_v1", label_words={"đặt_vé": ["dat ve"]}), free)
    assert merged.made.labels == ("hỏi_giờ", "đặt_vé")


# Balance


def uneven(most: int, least: int) -> list[Record | Reject]:
    rows = [(f"Câu đúng số {n}.", "Đúng") for n in range(most)]
    return labelled(rows + [(f"Câu sai số {n}.", "Sai") for n in range(least)])


def test_classes_are_sampled_down_in_training_alone() -> None:
    plain = prepare(options("true_false_v1"), uneven(60, 20))
    done = prepare(options("true_false_v1", balance="down"), uneven(60, 20))
    assert set(done.made.label_counts()["train"].values()) == {
        min(plain.made.label_counts()["train"].values())
    }
    assert done.sets["valid"] == plain.sets["valid"]
    gone = len(plain.sets["train"]) - len(done.sets["train"])
    assert reasons(done) == {"balanced_out": gone}
    assert done.made.options.told() == {"balance": "down"}


def test_classes_are_sampled_up_by_copies_in_training_alone() -> None:
    plain = prepare(options("true_false_v1"), uneven(60, 7))
    done = prepare(options("true_false_v1", balance="up"), uneven(60, 7))
    assert set(done.made.label_counts()["train"].values()) == {
        max(plain.made.label_counts()["train"].values())
    }
    assert done.sets["valid"] == plain.sets["valid"] and done.rejects == []
    ids = [row.id for rows in done.sets.values() for row in rows]
    assert len(ids) == len(set(ids)) and done.made.kept == 67
    assert len(ids) == 67 + len(done.made.decided.copies)
    times = Counter(row.meta["question"] for row in done.sets["train"] if row.meta["label"] == "FALSE")
    assert max(times.values()) - min(times.values()) <= 1
    assert any(name.endswith("~2") for name in ids)
    assert "duplicate" not in done.found  # a copy that was asked for is no finding


# The limit


def test_a_limit_keeps_sides_and_labels_in_proportion() -> None:
    done = prepare(options("true_false_v1", limit=40, val_split=0.2), uneven(300, 100))
    counts = done.made.label_counts()
    assert done.made.kept == 40 and reasons(done) == {"over_limit": 360}
    assert abs(sum(side["TRUE"] for side in counts.values()) - 30) <= 1
    assert 6 <= len(done.sets["valid"]) <= 10
    assert prepare(options("true_false_v1", limit=999), uneven(30, 10)).rejects == []


@settings(max_examples=15)
@given(st.integers(1, 40), st.integers(0, 20), st.integers(0, 3))
def test_a_larger_limit_keeps_what_a_smaller_one_kept(small: int, more: int, seed: int) -> None:
    items = uneven(30, 12)
    chosen = options("true_false_v1", seed=seed, val_split=0.25)
    sets = [
        {
            row.id
            for row in prepare(replace(chosen, limit=limit), items, labelled([("Voi.", "Sai")], "t.csv")).rows
        }
        for limit in (small, small + more)
    ]
    assert sets[0] <= sets[1] and len(sets[0]) == min(small, 42) + 1


# Shares


def test_shares_give_the_largest_set_without_repetition() -> None:
    items = labelled([(f"Câu {n}.", "Đúng") for n in range(100)], "a.csv")
    items += labelled([(f"Lời {n}.", "Sai") for n in range(30)], "b.csv")
    shares = (Share("a.csv", 3, frozenset(["a.csv"])), Share("b.csv", 7, frozenset(["b.csv"])))
    done = prepare(options("true_false_v1", shares=shares), items)
    assert done.made.decided.shares == [
        {"source": "a.csv", "share": 0.3, "rows": 100, "taken": 12},
        {"source": "b.csv", "share": 0.7, "rows": 30, "taken": 30},
    ]
    assert reasons(done) == {"over_share": 88}
    halved = prepare(options("true_false_v1", shares=shares, limit=20), items)
    assert Counter(row.meta["where"][0] for row in halved.rows) == {"a": 6, "b": 14}


# Groups


def grouped(count: int) -> list[Record | Reject]:
    return records([
        {
            "question": f"Câu {n} thế nào?",
            "answer": f"Lời {n}",
            "bệnh": f"Bệnh {n % 12}",
            "mẫu": f"m{n % 5 if n < 40 else n}",
        }
        for n in range(count)
    ])


def test_a_group_stays_on_one_side_and_says_so_to_training(tmp_path: Path) -> None:
    done = prepare(options("answer_v1", group_by=("bệnh",), val_split=0.3), grouped(60))
    side = {row.id: name for name, rows in done.sets.items() for row in rows}
    by_group: dict[int, set[str]] = {}
    for n in range(60):
        by_group.setdefault(n % 12, set()).add(side[f"a:{n + 1}"])
    assert all(len(found) == 1 for found in by_group.values()) and len(done.sets["valid"]) % 5 == 0
    marks = {row.id: row.meta["group"] for rows in done.sets.values() for row in rows}
    assert len(set(marks.values())) == 12
    write_set(tmp_path / "set", options("answer_v1", group_by=("bệnh",), val_split=0.3), grouped(60))
    names = tokens.names(prepared.load(tmp_path / "set"))
    for seed in range(4):  # training that splits again parts no group
        chosen = TrainSettings(val_split=0.4, seed=seed)
        train, valid = job.choose_rows(names, chosen, resplit=True)
        assert valid and not {names.groups[place] for place in train} & {
            names.groups[place] for place in valid
        }


def test_groups_of_several_columns_hang_together() -> None:
    done = prepare(options("answer_v1", group_by=("bệnh", "mẫu"), val_split=0.3), grouped(100))
    together = {
        row.id for rows in done.sets.values() for row in rows if row.meta["where"] and int(row.id[2:]) <= 40
    }
    assert len({name for name, rows in done.sets.items() for row in rows if row.id in together}) == 1


def test_rows_without_a_value_are_tied_by_nothing() -> None:
    rows = [{"question": f"Câu {n}?", "answer": "x", "bệnh": ""} for n in range(40)]
    rows[0]["bệnh"] = "cúm"
    done = prepare(options("answer_v1", group_by=("bệnh",), val_split=0.3), records(rows))
    assert done.sets == prepare(options("answer_v1", val_split=0.3), records(rows)).sets


def test_a_column_named_context_may_be_a_group_where_the_template_has_none() -> None:
    rows = [{"question": f"Câu {n}?", "answer": "x", "context": f"Đoạn {n % 8}"} for n in range(40)]
    done = prepare(options("answer_v1", group_by=("context",), val_split=0.4), records(rows))
    assert {len(rows) % 5 for rows in done.sets.values()} == {0} and done.sets["valid"]
    with pytest.raises(SettingsError, match="no column 'context'"):
        prepare(options("answer_v1", group_by=("context",)), labelled([("a", "b")]))


def test_a_source_may_be_a_group() -> None:
    items = [
        item
        for name in "abcdef"
        for item in labelled([(f"Câu {name}{n}?", "x") for n in range(5)], f"{name}.csv")
    ]
    done = prepare(options("answer_v1", group_by=("source",), val_split=0.4), items)
    assert {len(rows) % 5 for rows in done.sets.values()} == {0} and done.sets["valid"]


def test_a_question_asked_of_two_contexts_ties_them_one_asked_of_many_does_not() -> None:
    rows = [{"context": f"Đoạn {n}.", "question": f"Câu riêng {n // 2}?", "answer": "x"} for n in range(40)]
    done = prepare(options("context_v1", val_split=0.3), records(rows))
    assert set(sides(done).values()) == {"train", "valid"} and "leak_question" not in done.found
    asked = [{row.meta["question"] for row in kept} for kept in done.sets.values()]
    assert not asked[0] & asked[1]
    generic = [{**row, "question": "Đoạn này nói gì?"} for row in rows]
    assert prepare(options("context_v1", val_split=0.3), records(generic)).sets["valid"]
    tied = options("context_v1", val_split=0.3, group_by=("question",))
    assert prepare(tied, records(generic)).sets["valid"] == []


def test_a_question_that_ties_nothing_is_no_leak_when_few_of_its_rows_are_left() -> None:
    rows = [{"context": f"Đoạn {n}.", "question": f"Câu {n // 3}?", "answer": "x"} for n in range(60)]
    for limit in (10, 30, 45):
        done = prepare(options("context_v1", val_split=0.4, limit=limit), records(rows))
        assert not {name for name in done.found if name.startswith("leak")}


def test_columns_that_are_not_there_are_named() -> None:
    with pytest.raises(SettingsError, match=r"--group-by: no column 'x'; the sources have question, answer"):
        prepare(options("answer_v1", group_by=("x",)), labelled([("a", "b")]))
    with pytest.raises(SettingsError, match="--split-column: no column 'source'"):
        prepare(options("answer_v1", split_column="source"), labelled([("a", "b")]))
    split = records([{"question": "c", "answer": "d", "split": "train"}], "b.csv")
    with pytest.raises(DataError, match="no column 'split' to split by") as caught:
        prepare(options("answer_v1", split_column="split"), [*labelled([("a", "b")]), *split])
    assert caught.value.where == "a.csv"


# Given splits


def test_a_given_split_is_respected_and_other_values_are_refused() -> None:
    names = ["train", "Training", "dev", "validation", "TEST", "", "mới"]
    rows = [{"question": f"Câu {n}?", "answer": "x", "split": name} for n, name in enumerate(names)]
    done = prepare(options("answer_v1", split_column="split"), records(rows))
    assert {side: len(rows) for side, rows in done.sets.items()} == {"train": 2, "valid": 2, "test": 1}
    assert [(r.reason, r.excerpt) for r in done.rejects] == [("unknown_split", ""), ("unknown_split", "mới")]


def test_without_given_validation_rows_the_rule_takes_them_from_training() -> None:
    rows = [
        {"question": f"Câu {n}?", "answer": "x", "split": "test" if n > 90 else "train"} for n in range(100)
    ]
    done = prepare(options("answer_v1", split_column="split"), records(rows))
    assert len(done.sets["test"]) == 9 and 2 <= len(done.sets["valid"]) <= 20


def test_files_become_sides_and_the_test_file_wins() -> None:
    rows = statements(30)
    valid = labelled([rows[0], rows[1], ("Voi bơi.", "Sai")], "v.csv")
    test = labelled([rows[1], rows[2]], "t.csv")
    done = prepare(options("true_false_v1"), labelled(rows), test, valid)
    assert {side: len(rows) for side, rows in done.sets.items()} == {"train": 27, "valid": 2, "test": 2}
    assert reasons(done) == {"in_test": 3, "in_valid": 1}
    assert not {name for name in done.found if name.startswith("leak")}


# Everything together

TEXTS = st.sampled_from([
    "Cá bơi.",
    "cá bơi",
    "Gà bay?",
    "Gà  bay",
    "Bò ăn cỏ.",
    "Mèo ngủ.",
    "",
    "Dê leo núi cao.",
])
ROWS = st.lists(
    st.tuples(TEXTS, st.sampled_from(["Đúng", "Sai", "ừ", "?"]), st.sampled_from("xyz")), max_size=25
)
CHOICES = st.fixed_dictionaries({
    "duplicates": st.sampled_from(["keep", "drop"]), "balance": st.sampled_from(["no", "down", "up"]),
    "limit": st.sampled_from([None, 1, 5, 50]), "min_chars": st.sampled_from([{}, {"question": 7}]),
    "max_chars": st.sampled_from([{}, {"question": 10}]), "label_words": st.sampled_from([{}, {"TRUE": ["ừ"]}]),
    "group_by": st.sampled_from([(), ("nhóm",), ("nhóm", "source")]), "split_column": st.sampled_from(["", "phần"]),
    "val_split": st.sampled_from([0.0, 0.1, 0.5]), "seed": st.integers(0, 2),
})  # fmt: skip


def items_of(rows: list[tuple[str, str, str]], source: str) -> list[Record | Reject]:
    parts = ["train", "valid", "test", "train", "?"]
    return records(
        [{"question": q, "answer": a, "nhóm": g, "phần": parts[n % 5]} for n, (q, a, g) in enumerate(rows)],
        source,
    )


@settings(max_examples=40)
@given(ROWS, ROWS, ROWS, CHOICES, st.booleans())
def test_every_row_is_accounted_for_under_any_choices(
    rows: list[Any], more: list[Any], held: list[Any], choices: dict[str, Any], weighed: bool
) -> None:
    shares = (Share("a", 1, frozenset(["a.csv"])), Share("b", 2, frozenset(["b.csv"]))) if weighed else ()
    items = [*items_of(rows, "a.csv"), *items_of(more, "b.csv")]
    if not items:
        return
    done = prepare(options("true_false_v1", shares=shares, **choices), items, items_of(held, "t.csv"))
    assert len(done.rejects) + len(done.rows) == len(rows) + len(more) + len(
        held
    )  # more of it: `workspace.prepare`
    ids = [row.id for side in done.sets.values() for row in side]
    assert len(ids) == len(set(ids))
    assert all(reject.reason and reject.where for reject in done.rejects)
    if not choices["split_column"] and not held:
        assert not {name for name in done.found if name.startswith("leak")}
        groups: dict[str, set[str]] = {}
        for side, kept in done.sets.items():
            for row in kept:
                groups.setdefault(row.meta.get("group") or row.meta["key"], set()).add(side)
        assert all(len(found) == 1 for found in groups.values())


@settings(max_examples=40)
@given(ROWS, ROWS, st.sampled_from([(), ("nhóm",)]), st.randoms(use_true_random=False))
def test_added_rows_and_another_order_move_no_row(
    rows: list[Any], new: list[Any], group_by: tuple[str, ...], rng: Any
) -> None:
    marked = [(f"Câu {n}: {q}", a, f"{g}{n % 9}") for n, (q, a, g) in enumerate(rows)]
    added = [(f"Thêm {n}: {q}", a, f"mới {g}") for n, (q, a, g) in enumerate(new)]
    anchors = [
        (f"Neo {n}.", ("Đúng", "Sai")[n % 2], f"neo {n}") for n in range(40)
    ]  # no label needs a fallback
    chosen = options("true_false_v1", group_by=group_by, val_split=0.3)
    before = sides(prepare(chosen, items_of([*anchors, *marked], "a.csv")))
    mixed = [*anchors, *marked, *added]
    rng.shuffle(mixed)
    after = sides(prepare(chosen, items_of(mixed, "a.csv")))
    assert {question: after[question] for question in before} == before


POOL = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=25)


@settings(max_examples=40)
@given(POOL, POOL, st.sampled_from([(), ("g",), ("question",), ("g", "source")]), st.booleans())
def test_nothing_crosses_under_any_grouping(
    pool: list[Any], held: list[Any], group_by: tuple[str, ...], with_test: bool
) -> None:
    def rows(drawn: list[Any], source: str) -> list[Record | Reject]:
        return records(
            [
                {"context": f"Đoạn {c}.", "question": f"Câu {q}?", "answer": "x", "g": f"nhóm {g}"}
                for c, q, g in drawn
            ],
            source,
        )

    test = rows([(c + 3, q + 3, g) for c, q, g in held], "t.csv") if with_test else []
    done = prepare(options("context_v1", group_by=group_by, val_split=0.5), rows(pool, "a.csv"), test)
    allowed = (
        {"leak_group"} if with_test and "g" in group_by else set()
    )  # a test file keeps its rows, whatever their group
    assert {name for name in done.found if name.startswith("leak")} <= allowed
    contexts = [{row.meta["key"] for row in kept} for kept in done.sets.values()]
    assert sum(map(len, contexts)) == len(set().union(*contexts))
