"""Records → rows: accounting, splits, what is refused and why."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workspace import (
    BROKEN,
    FACTS,
    GRAPHS,
    Done,
    Items,
    graph_records,
    options,
    prepare,
    records,
    statements,
    write_set,
)

from sft import prompts, templates
from sft.amr import penman, task1
from sft.errors import DataError, SettingsError
from sft.records import Message, Record, Reject, Row

ROOT = Path(__file__).parents[1]


def made(name: str, items: Items, test: Items = (), **changes: object) -> tuple[Done, dict[str, list[Row]]]:
    done = prepare(options(name, **changes), items, test)
    return done, done.sets


def true_false(rows: list[tuple[str, str]], source: str = "a.csv") -> list[Record | Reject]:
    return records([{"question": question, "answer": answer} for question, answer in rows], source)


def chat(number: int, *turns: tuple[str, str]) -> Record:
    return Record(f"c:{number}", f"c.jsonl:{number}", {}, tuple(Message(r, t) for r, t in turns))  # type: ignore[arg-type]


def reasons(built: Done) -> dict[str, int]:
    return {
        reason: sum(r.reason == reason for r in built.rejects) for reason in {r.reason for r in built.rejects}
    }


# Accounting


@pytest.mark.parametrize(
    "name", ["v1_formal", "v2_natural", "v3_instructional", "v4_compact", "v5_cot", "direct_v1"]
)
def test_every_graph_ends_as_a_row_or_a_reject(name: str) -> None:
    items = [*graph_records([*GRAPHS, BROKEN]), Reject("a:99", "a.txt:99", "no_graph"), chat(1, ("user", "chào"), ("assistant", "ơi"))]  # fmt: skip
    built, sets = made(name, items)
    assert built.made.read == len(items) == sum(map(len, sets.values())) + len(built.rejects)
    assert reasons(built) == {"missing_bracket": 1, "no_graph": 1, "wrong_kind": 1}


@given(
    st.lists(
        st.tuples(st.text(max_size=12), st.sampled_from(["Đúng", "Sai", "TRUE", "0", "", "có lẽ", "nan"])),
        max_size=30,
    )
)
@settings(max_examples=40, deadline=None)
def test_read_is_kept_and_rejected_whatever_the_rows(rows: list[tuple[str, str]]) -> None:
    built, sets = made("true_false_v1", true_false([(q.strip(), a) for q, a in rows]))
    assert built.made.read == len(rows) == sum(map(len, sets.values())) + len(built.rejects)
    assert all(row.meta["label"] in {"TRUE", "FALSE"} for row in built.rows)


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("answer_v1", {"question": "", "answer": "a"}, "empty_question"),
        ("answer_v1", {"question": "q", "answer": ""}, "empty_answer"),
        ("context_v1", {"context": "", "question": "q", "answer": "a"}, "empty_context"),
        ("choice_v1", {"question": "", "options": "A. một\nB. hai", "label": "A"}, "empty_question"),
        ("labels_v1", {"text": "t", "label": ""}, "empty_label"),
        ("true_false_v1", {"question": "q", "answer": "có lẽ"}, "unknown_label"),
        ("v5_cot", {"sentence": "", "graph": "(n / ngủ)"}, "empty_sentence"),
        ("v5_cot", {"sentence": "bé ngủ", "graph": "bé ngủ"}, "no_graph"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_reason(
    name: str, row: dict[str, str], reason: str
) -> None:
    built, sets = made(name, records([row]))
    assert [(r.reason, r.where) for r in built.rejects] == [(reason, "a.csv:2")]
    assert not any(sets.values())


def test_an_unknown_label_shows_what_stands_there_and_what_is_known() -> None:
    built, _sets = made("true_false_v1", true_false([("Cá bơi.", "có lẽ")]))
    assert built.rejects[0].excerpt == "có lẽ"
    assert built.rejects[0].detail == "known: TRUE, FALSE, Đúng, Sai"


# Graphs


def test_a_missing_bracket_is_refused_with_a_caret_at_the_end() -> None:
    built, _sets = made("v5_cot", graph_records([*GRAPHS, BROKEN]))
    (reject,) = built.rejects
    line, caret = reject.excerpt.split("\n")
    assert (reject.reason, reject.id, reject.where) == ("missing_bracket", "a:9", "a.txt:10")
    assert line == "    :theme(c1 / cá)"
    assert caret.index("^") == len(line)
    assert "1 closing bracket" in reject.detail


def test_both_tasks_stand_for_the_graph_that_was_read() -> None:
    built, _sets = made("v5_cot", graph_records())
    template = templates.load("v5_cot", ROOT)
    for row, (_sentence, gold) in zip(built.rows, GRAPHS, strict=True):
        parts = templates.extract(template, row.messages[-1].content)
        wanted = penman.to_penman(penman.rename_variables(penman.parse(gold)))
        assert parts["task2"] == wanted and "\n" not in wanted
        assert "/" not in parts["task1"]
        back = task1.from_task1(parts["task1"]).graph
        assert back is not None and penman.to_penman(penman.rename_variables(back)) == wanted
        assert row.meta["graph"] == gold  # scored is what the annotators wrote


def test_quirks_are_counted_with_what_the_first_one_is() -> None:
    items = graph_records([
        ("lửa cháy .", "(c / cháy rực\n    :theme(l / lửa))"),
        ("bé chơi_đùa .", "(c / chơi :agent(b / bé))"),
    ])
    built, _sets = made("v5_cot", items)
    found = built.found
    assert found["space_in_concept"].examples == ("a.txt:2",)
    assert "'cháy rực'" in found["space_in_concept"].message
    assert (found["segmented"].count, found["segmented"].severity) == (1, "info")
    assert "bé chơi đùa ." in next(r for r in built.rows if r.id == "a:2").messages[1].content


def test_graphs_that_differ_in_names_alone_do_not_contradict() -> None:
    same = [("nó ngủ .", "(n / ngủ :agent (a / nó))"), ("Nó ngủ.", "(x / ngủ\n    :agent(y / nó))")]
    built, _sets = made("v5_cot", graph_records([*same, *GRAPHS]))
    assert set(built.found) == {"duplicate"}
    other = ("nó ngủ", "(n / ngủ :theme (a / nó))")
    built, _sets = made("v5_cot", graph_records([*same, other, *GRAPHS]))
    found = built.found
    assert found["contradiction"].examples == ("a:1 = a:2 ≠ a:3",)  # ids only: a graph may be long
    assert "answer" in found["contradiction"].message


# The split


def test_a_split_does_not_move_when_rows_are_added_or_shuffled() -> None:
    rows = statements(30)
    _built, before = made("true_false_v1", true_false(rows))
    _built, after = made("true_false_v1", true_false([*statements(40)[30:], *reversed(rows)]))
    side = {row.meta["question"]: name for name, side in after.items() for row in side}
    assert all(side[row.meta["question"]] == name for name, side_rows in before.items() for row in side_rows)
    assert before["train"] and before["valid"]


def test_nothing_crosses_the_split_however_it_is_spelt() -> None:
    rows = [
        (text, label)
        for text, label in statements()
        for text in (text, text.upper(), text.replace(" ", "  ") + "?")
    ]
    built, sets = made("true_false_v1", true_false(rows), val_split=0.3)
    keys = [{row.meta["key"] for row in side} for side in sets.values()]
    assert not keys[0] & keys[1]
    assert set(built.found) == {"duplicate"}


def test_rows_of_one_context_stay_together() -> None:
    rows = [
        {"context": f"Đoạn văn số {n} kể về {who}.", "question": f"{what} ở đâu?", "answer": "trong vườn"}
        for n, who in enumerate(FACTS)
        for what in ("mèo", "chó", "gà")
    ]
    _built, sets = made("context_v1", records(rows), val_split=0.3)
    contexts = [{row.meta["key"] for row in side} for side in sets.values()]
    assert all(contexts) and not contexts[0] & contexts[1]
    assert len(sets["valid"]) % 3 == 0


def test_nfd_input_gives_the_rows_of_nfc_input() -> None:
    rows = [{"question": q, "answer": a} for q, a in statements()]
    from data_prep import Notes
    from data_prep._tidy import tidy

    decomposed = [{k: unicodedata.normalize("NFD", v) for k, v in row.items()} for row in rows]
    notes = Notes()
    ours = made("true_false_v1", list(tidy(records(decomposed), notes)))[1]
    assert ours == made("true_false_v1", records(rows))[1]
    assert notes.counts["nfd"] == len(rows)


# A held-out file


def test_held_out_rows_leave_training_and_are_counted() -> None:
    rows = statements()
    shared = [(rows[0][0].upper(), rows[0][1]), (rows[7][0], rows[7][1]), ("Voi bơi qua sông.", "Đúng")]
    built, sets = made("true_false_v1", true_false(rows), true_false(shared, "t.csv"))
    assert len(sets["test"]) == 3
    assert reasons(built) == {"in_test": 2}
    assert {r.excerpt for r in built.rejects} == {rows[0][0], rows[7][0]}
    assert not {r.meta["key"] for r in sets["test"]} & {
        r.meta["key"] for n in ("train", "valid") for r in sets[n]
    }
    assert not set(built.found) & {"leak_question", "leak_heldout"}


def test_held_out_prompts_name_the_labels_of_training() -> None:
    rows = [{"text": f"câu {n}", "label": "abc"[n % 3]} for n in range(9)]
    built, sets = made("labels_v1", records(rows), records([{"text": "câu mới", "label": "d"}], "t.csv"))
    assert built.made.labels == ("a", "b", "c")
    assert "Các nhãn: a, b, c\n" in sets["test"][0].messages[1].content


def test_ids_are_unique_over_sources_and_the_held_out_file() -> None:
    first, second = ([Record("1", f"{s}.csv:2", {"question": f"Câu {s}?", "answer": "Đúng"})] for s in "ab")
    third = [Record("1~2", "c.csv:2", {"question": "Câu c?", "answer": "Sai"})]
    held_out = [Record("1", "d.csv:2", {"question": "Câu d?", "answer": "Sai"})]
    _built, sets = made("true_false_v1", [*first, *third, *second], held_out)
    assert sorted(row.id for side in sets.values() for row in side) == ["1", "1~2", "1~3", "1~4"]


@given(st.lists(st.sampled_from(["a", "a~2", "a~3", "b"]), max_size=12))
def test_ids_never_meet(ids: list[str]) -> None:
    items = [
        Record(name, f"s.csv:{n}", {"question": f"câu {n}", "answer": "Sai"}) for n, name in enumerate(ids)
    ]
    built, _sets = made("true_false_v1", items)
    assert len({row.id for row in built.rows}) == len(ids)


# Columns


def test_each_source_is_read_by_its_own_columns() -> None:
    first = records([{"Câu hỏi": "Cá bơi.", "Đáp án": "Đúng"}], "a.csv")
    second = records([{"question": "Cá bay.", "answer": "Sai", "ghi chú": "x"}], "b.csv")
    built, _sets = made("true_false_v1", [*first, *second])
    assert [row.meta["label"] for row in built.rows] == ["TRUE", "FALSE"]
    assert built.made.mappings == {
        "a.csv": {"question": "Câu hỏi", "answer": "Đáp án"},
        "b.csv": {"question": "question", "answer": "answer"},
    }


def test_a_named_column_counts_where_it_is() -> None:
    first = records([{"Cột 1": "Cá bơi.", "Cột 2": "Đúng"}], "a.csv")
    second = records([{"question": "Cá bay.", "answer": "Sai"}], "b.csv")
    mapping = {"question": "Cột 1", "answer": "Cột 2"}
    built, _sets = made("true_false_v1", [*first, *second], mapping=mapping)
    assert len(built.rows) == 2
    with pytest.raises(SettingsError, match="no column 'Cột 3'"):
        made("true_false_v1", [*first, *second], mapping={"question": "Cột 3"})


def test_every_source_without_its_columns_is_named_at_once() -> None:
    items = [*records([{"x": "1", "y": "2"}], "a.csv"), *records([{"question": "?", "z": "2"}], "b.csv")]
    with pytest.raises(DataError) as caught:
        made("true_false_v1", items)
    assert [part.where for part in caught.value.parts] == ["a.csv", "a.csv", "b.csv"]
    assert "templates list" in caught.value.hint


def test_only_declared_columns_reach_the_prompt() -> None:
    rows = [{"question": q, "answer": a, "loại": f"quan hệ {a}"} for q, a in statements()]
    built, _sets = made("true_false_v1", records(rows))
    assert not any("quan hệ" in m.content for row in built.rows for m in row.messages)
    assert {name: f.severity for name, f in built.found.items()} == {"label_columns": "warning"}


# Findings


def test_duplicates_and_contradictions_are_found_and_kept() -> None:
    rows = [*statements(), ("Cá biết bơi.", "Đúng"), ("cá biết bơi", "Sai"), ("Cá  biết bơi", "Đúng")]
    built, _sets = made("true_false_v1", true_false(rows))
    found = built.found
    assert len(built.rows) == len(rows)
    assert found["duplicate"].count == 2
    assert found["contradiction"].examples == ("a:41 (TRUE) ≠ a:42 (FALSE) ≠ a:43 (TRUE)",)


def test_more_rejects_than_rows_is_a_warning() -> None:
    rows = [*statements(4), *[(f"câu {n}", "?") for n in range(5)]]
    built, _sets = made("true_false_v1", true_false(rows))
    found = built.found
    assert (found["mostly_rejected"].severity, found["mostly_rejected"].count) == ("warning", 5)


def test_segmented_words_are_told_because_users_will_not_type_them() -> None:
    rows = [{"text": f"khứ_hồi {n}", "label": "ab"[n % 2]} for n in range(6)]
    built, _sets = made("labels_v1", records(rows))
    found = built.found
    assert (found["segmented"].severity, found["segmented"].count) == ("warning", 6)
    few = [*rows[:1], *({"text": f"một chiều {n}", "label": "ab"[n % 2]} for n in range(30))]
    built, _sets = made("labels_v1", records(few))
    found = built.found
    assert (found["segmented"].severity, found["segmented"].count) == ("info", 1)  # a name or code


# Tasks


def test_true_false_asks_trains_and_reads_one_pair_of_words() -> None:
    built, _sets = made(
        "true_false_v1", true_false([("Cá bơi.", "TRUE"), ("Cá bay.", "sai"), ("Cá lặn.", "1")])
    )
    assert [(row.meta["label"], row.messages[-1].content) for row in built.rows] == [
        ("TRUE", "Đúng"), ("FALSE", "Sai"), ("TRUE", "Đúng"),
    ]  # fmt: skip


def test_a_label_set_is_that_of_the_usable_rows_sorted() -> None:
    rows = [{"text": "chào", "label": "b"}, {"text": "đi", "label": "a"}, {"text": "vâng", "label": ""}]
    built, _sets = made("labels_v1", records(rows))
    assert built.made.labels == ("a", "b")
    assert all("Các nhãn: a, b\n" in row.messages[1].content for row in built.rows)


def test_a_conversation_passes_through_with_a_system_turn_when_it_has_none() -> None:
    own = chat(1, ("system", "Bạn là ca sĩ."), ("user", "hát đi"), ("assistant", "la la"))
    without = chat(
        2, ("user", "chào"), ("assistant", "chào bạn"), ("user", "khỏe không?"), ("assistant", "khỏe")
    )
    built, _sets = made("passthrough_v1", [own, without, *records([{"question": "q"}])])
    assert [[m.role for m in row.messages] for row in built.rows] == [
        ["system", "user", "assistant"], ["system", "user", "assistant", "user", "assistant"],
    ]  # fmt: skip
    assert built.rows[0].messages[0].content == "Bạn là ca sĩ."
    assert reasons(built) == {"wrong_kind": 1}


# New inputs


def test_prompts_are_the_prompts_of_training() -> None:
    built, _sets = made("true_false_v1", true_false(statements(4)))
    rows, refused = prompts.make(
        records([{"question": q} for q, _a in statements(4)]), options("true_false_v1").template
    )
    assert [row.messages for row in rows] == [row.messages[:-1] for row in built.rows]
    assert refused == []


def test_sentences_without_graphs_are_what_prediction_wants() -> None:
    long = "con mèo mướp nằm dài trên mái nhà bếp phơi nắng suốt cả buổi sáng mùa đông lạnh giá này ."
    items = [
        Reject("s:1", "s.txt:1", "no_graph", excerpt=long),
        Reject("s:2", "s.txt:3", "no_sentence"),
        *graph_records(GRAPHS[:1]),
    ]
    rows, refused = prompts.make(iter(items), options("v5_cot").template)
    assert [row.messages[-1].role for row in rows] == ["user", "user"]
    assert any(long in row.messages[-1].content for row in rows)
    assert [r.reason for r in refused] == ["no_sentence"]


def test_every_new_input_is_answered_or_refused() -> None:
    template = options("passthrough_v1").template
    items = [
        chat(1, ("user", "chào"), ("assistant", "ơi")),
        chat(2, ("user", "hát đi")),
        *records([{"question": "q"}]),
    ]
    rows, refused = prompts.make(items, template)
    assert [[m.role for m in row.messages] for row in rows] == [["system", "user"]] * 2
    assert [r.reason for r in refused] == ["wrong_kind"]
    rows, refused = prompts.make(
        records([{"text": "a"}, {"text": ""}]), options("labels_v1").template, ["x", "y"]
    )
    assert "Các nhãn: x, y" in rows[0].messages[1].content
    assert [r.reason for r in refused] == ["empty_input"]
    assert prompts.make([], template) == ([], [])


# Nothing left


def test_nothing_to_train_on_names_every_reason_and_its_first_place(tmp_path: Path) -> None:
    rows = true_false([("Cá bơi.", "?"), ("Cá bay.", "!"), ("", "Sai")])
    with pytest.raises(DataError) as caught:
        write_set(tmp_path / "x", options("true_false_v1"), rows)
    assert "all 3 were rejected" in caught.value.message
    assert [(part.where, part.message.split(" ×")[0]) for part in caught.value.parts] == [
        ("a.csv:2", "unknown_label"), ("a.csv:4", "empty_question"),
    ]  # fmt: skip
    assert not (tmp_path / "x").exists()
