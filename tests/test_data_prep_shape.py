"""Columns that belong together: several answers, options of a choice, turns in a row; each rule and what it counts."""

import json
from pathlib import Path

import pytest

from data_prep import Notes, Rules, detect, read
from data_prep._options import columns_of
from data_prep._shape import REFUSAL, shape
from sft.errors import DataError, SettingsError
from sft.records import Message, Record, Reject
from tests.workspace import sft

DATA = Path(__file__).parent / "data"


def load(name: str, **rules: str) -> tuple[list[Record | Reject], Notes]:
    notes = Notes()
    return list(read(detect(DATA / f"raw_{name}", rules=Rules(**rules)), notes)), notes


def made(fields: dict[str, str], **rules: int) -> Record | Reject:
    (item,) = shape([Record("1", "a.csv:2", fields)], Rules(**rules), Notes())
    return item


def test_several_answers_are_the_first_or_a_row_each():
    items, notes = load("several_answers.jsonl")
    assert [item.fields["answer"] for item in items] == ["má", "ba", ""]
    assert notes.counts == {"further_answers": 1, "same_answer": 1}
    items, notes = load("several_answers.jsonl", answers="each")
    assert [(item.id.rpartition(":")[2], item.fields["answer"]) for item in items] == [
        ("1", "má"), ("1#2", "u"), ("2", "ba"), ("3", ""),
    ]  # fmt: skip
    assert notes.counts == {"each_answer": 1, "same_answer": 1}


def test_numbered_answer_columns_are_such_a_list_and_stay_columns():
    items, notes = load("pipe_multiline.csv", answers="each")
    assert [item.id.rpartition(":")[2] for item in items] == ["1", "1#2", "2", "3", "3#2", "3#3"]
    assert items[1].fields["answer"] == "Cần chậu sâu." and items[1].fields["Answer_1"].startswith("Cần nắng")
    assert notes.counts["each_answer"] == 2
    # A column that is called answer is the answer, whatever else is numbered.
    item = made({"answer": "một", "answer_1": "hai", "answer_2": "ba"})
    assert isinstance(item, Record) and item.fields["answer"] == "một"


def test_a_text_that_looks_like_a_list_stays_text():
    for text in ("[1] Theo tác giả", '["a", "b"]', "{x}"):
        item = made({"question": "q", "answer": text})
        assert isinstance(item, Record) and item.fields["answer"] == text


def test_answers_of_squad_are_checked_wherever_they_stand(tmp_path):
    rows = [
        {"context": "ở Huế", "question": "a?", "answers": {"text": ["Huế"], "answer_start": [2]}},
        {"context": "ở Huế", "question": "b?", "answers": {"text": ["Huế", "ở"], "answer_start": [2, 3]}},
        {"context": "ở Huế", "question": "c?", "answers": {"text": [], "answer_start": []}},
    ]
    path = tmp_path / "flat.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    items = list(read(detect(path, rules=Rules(impossible="reject"))))
    assert [item.reason if isinstance(item, Reject) else item.fields["answer"] for item in items] == [
        "Huế", "offset_mismatch", "impossible",
    ]  # fmt: skip


@pytest.mark.parametrize(("rule", "expected"), [("", ""), ("refusal", REFUSAL), ("reject", None)])
def test_questions_without_an_answer_follow_the_rule(rule, expected):
    items, notes = load("squad_list_root.json", impossible=rule)
    assert items[0].fields["answer"] == "lúc trời chưa sáng"
    impossible = items[1]
    assert (None if isinstance(impossible, Reject) else impossible.fields["answer"]) == expected
    assert notes.counts["refusal"] == (rule == "refusal")


def test_options_become_one_text_and_the_answer_a_letter():
    items, notes = load("mcq.csv")
    good = [item for item in items if isinstance(item, Record)]
    assert [(item.fields["options"], item.fields["label"]) for item in good] == [
        ("A. Năm\nB. Bảy\nC. Mười", "B"),
        ("A. Chanh\nB. Mít\nC. Chuối\nD. Xoài cát", "A"),
        ("A. Cá\nB. Chim", "B"),
    ]
    assert notes.counts["options"] == 3
    assert [(item.reason, item.detail) for item in items if isinstance(item, Reject)] == [
        ("empty_option", "option B is empty"),
        ("unknown_choice", "options: Sông | Biển"),
        ("option_order", "the options are lettered BA"),
    ]


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"A": "một", "B": "hai", "C": "ba", "đáp án": "c)"}, "C"),
        ({"A": "một", "B": "hai", "C": "ba", "key": "B. hai"}, "B"),
        ({"Đáp án A": "một", "Đáp án B": "hai", "Đáp án": "Hai"}, "B"),
        ({"choices": '["đỏ", "xanh"]', "answer": "2"}, "B"),
        ({"choices": '{"text": ["đỏ", "xanh"], "label": ["A", "B"]}', "answerKey": "A"}, "A"),
        ({"options": "A. đỏ\nB) xanh", "answer": "Đáp án: B"}, "B"),
        ({"options": '{"A": "đỏ", "B": "xanh"}', "answer": "xanh", "label": "khó"}, "B"),
        ({"option_1": "2", "option_2": "4", "answer": "2"}, "ambiguous_choice"),
        ({"option_1": "4", "option_2": "5", "answer": "F"}, "unknown_choice"),
        ({"option_1": "4", "option_2": "", "answer": "A"}, "few_options"),
        ({"option_1": "4", "option_2": "5"}, None),
        ({"options": "chọn một", "answer": "đúng"}, None),
        ({"a": "1", "b": "2", "answer": "a"}, None),
    ],
)
def test_an_answer_is_a_letter_a_number_or_the_text(fields, label):
    item = made({"question": "?"} | fields)
    assert (item.reason if isinstance(item, Reject) else item.fields.get("label")) in {
        label,
        fields.get("label"),
    }
    if label and len(label) == 1:
        assert isinstance(item, Record) and item.fields["label"] == label


def test_numbers_from_zero_are_never_guessed():
    fields = {"question": "?", "choices": '["đỏ", "xanh"]', "answer": "0"}
    with pytest.raises(DataError, match="count from 0") as caught:
        made(fields)
    assert "numbered_from = 0" in caught.value.hint
    item = made(fields, numbered_from=0)
    assert isinstance(item, Record) and item.fields["label"] == "A"


def test_columns_that_are_no_run_of_options():
    assert columns_of(["option_1", "option_3"]) == ()
    assert columns_of(["b", "c", "d"]) == ()
    assert columns_of(["question", "a", "b", "c"]) == ("a", "b", "c")


def test_the_choice_template_takes_such_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = sft(
        "prep", DATA / "raw_mcq.csv", "--template", "choice_v1", "--val-split", "0", "--out", "out", "--json"
    )
    assert (ran.json["read"], ran.json["kept"]) == (6, 3)
    rows = [
        json.loads(line) for line in (tmp_path / "out/train.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert sorted(row["messages"][-1]["content"] for row in rows) == ["A", "B", "B"]
    assert "A. Năm\nB. Bảy\nC. Mười" in "".join(row["messages"][-2]["content"] for row in rows)


@pytest.mark.parametrize(
    ("rule", "said", "kind"),
    [
        ("refuse", None, ""),
        ("merge", "Hỏi về truyền thuyết.\n\nVua đầu tiên trong truyền thuyết.", "turns_merged"),
        ("last", "Vua đầu tiên trong truyền thuyết.", "turns_left_out"),
    ],
)
def test_assistant_turns_in_a_row_follow_the_rule(rule, said, kind):
    items, notes = load("openai_two_assistant.jsonl", turns=rule)
    chat = items[0]
    assert (None if isinstance(chat, Reject) else chat.messages[-1].content) == said
    assert notes.counts == ({kind: 1} if kind else {})
    if isinstance(chat, Reject):
        assert chat.reason == "consecutive_assistant"


def test_a_single_turn_each_is_left_as_it_is():
    record = Record("1", "a:1", messages=(Message("user", "a"), Message("assistant", "b")))
    assert list(shape([record], Rules(turns="merge"), Notes())) == [record]


@pytest.mark.parametrize("rule", [{"answers": "all"}, {"turns": "first"}, {"impossible": "skip"}])
def test_an_unknown_rule_is_refused(rule):
    with pytest.raises(SettingsError) as caught:
        Rules(**rule)
    assert "one of" in caught.value.hint
