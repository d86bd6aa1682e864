import pytest

from sft import columns
from sft.errors import DataError, SettingsError

ALPACA = ["instruction", "input", "output"]


@pytest.mark.parametrize(
    ("found", "variables", "expected"),
    [
        (["prompt", "response"], ["question", "answer"], {"question": "prompt", "answer": "response"}),
        (["input", "output"], ["question", "answer"], {"question": "input", "answer": "output"}),
        (["Câu hỏi", "ĐÁP ÁN"], ["question", "answer"], {"question": "Câu hỏi", "answer": "ĐÁP ÁN"}),
        (["cau_hoi", "tra_loi"], ["question", "answer"], {"question": "cau_hoi", "answer": "tra_loi"}),
        (["câu", "nhãn"], ["text", "label"], {"text": "câu", "label": "nhãn"}),
        (["utterance", "intent"], ["text", "label"], {"text": "utterance", "label": "intent"}),
        (["sentence", "graph"], ["sentence", "graph"], {"sentence": "sentence", "graph": "graph"}),
        (
            ["question_idx", "question", "answer", "context", "title"],
            ["context", "question", "answer"],
            {"context": "context", "question": "question", "answer": "answer"},
        ),
        (
            ["Đoạn văn", "Câu hỏi của bạn", "Câu trả lời"],
            ["context", "question", "answer"],
            {"context": "Đoạn văn", "question": "Câu hỏi của bạn", "answer": "Câu trả lời"},
        ),
        (["questions", "answers"], ["question", "answer"], {"question": "questions", "answer": "answers"}),
    ],
)
def test_known_names_in_both_languages(found, variables, expected):
    assert columns.guess(found, variables) == expected


def test_own_name_beats_a_known_name_and_known_name_beats_a_longer_header():
    assert columns.guess(["prompt", "question", "answer"], ["question", "answer"])["question"] == "question"
    assert columns.guess(["question", "question_vietnamese", "output"], ["question", "answer"]) == {
        "question": "question",
        "answer": "output",
    }


def test_columns_about_the_question_are_not_the_question():
    with pytest.raises(DataError, match="no column for question"):
        columns.guess(["question_type", "answer"], ["question", "answer"])


def test_one_column_never_fills_two_variables():
    with pytest.raises(DataError, match="no column for label"):
        columns.guess(["text", "answer"], ["text", "answer", "label"])
    mapping = columns.guess(["text", "label", "answer"], ["text", "answer", "label"])
    assert len(set(mapping.values())) == 3


def test_ambiguity_lists_the_columns_and_the_flag():
    with pytest.raises(DataError, match="seq_label, sent_label") as caught:
        columns.guess(["sentence", "seq_label", "sent_label"], ["text", "label"])
    assert "--map label=seq_label" in caught.value.hint


def test_several_answer_columns_are_a_question_to_the_user():
    found = ["id", "Question", "Answer_1", "Answer_2"]
    with pytest.raises(DataError, match="Answer_1, Answer_2"):
        columns.guess(found, ["question", "answer"])
    assert columns.guess(found, ["question", "answer"], {"answer": "Answer_1"})["answer"] == "Answer_1"


def test_all_missing_variables_are_reported_together():
    with pytest.raises(DataError) as caught:
        columns.guess(["a", "b"], ["question", "answer"])
    assert [part.message for part in caught.value.parts] == [
        "no column for question; the file has a, b",
        "no column for answer; the file has a, b",
    ]


def test_explicit_mapping_wins_and_is_checked():
    assert columns.guess(
        ["question", "ghi chú", "answer"], ["question", "answer"], {"question": "ghi chú"}
    ) == {
        "question": "ghi chú",
        "answer": "answer",
    }
    with pytest.raises(SettingsError, match="no column 'Cau hoi'") as caught:
        columns.guess(["Câu hỏi", "answer"], ["question", "answer"], {"question": "Cau hoi"})
    assert caught.value.hint == "did you mean 'Câu hỏi'?"
    with pytest.raises(SettingsError, match="no variable 'quetion'") as caught:
        columns.guess(["Câu hỏi"], ["question"], {"quetion": "Câu hỏi"})
    assert caught.value.hint == "did you mean 'question'?"


def test_alpaca_joins_for_free_answers_and_takes_the_input_for_labels():
    mapping = columns.guess([*ALPACA, "question_type", "parent_vi"], ["question", "answer"])
    row = {
        "instruction": "Trả lời câu sau.",
        "input": "Cá sống ở đâu?",
        "output": "Dưới nước.",
        "parent_vi": "cá",
    }
    alone = row | {"input": ""}
    values = [
        columns.values(fields, mapping, ["question", "answer"], task)["question"]
        for task in ("true_false", "label", "answer")
        for fields in (row, alone)
    ]
    assert values == [
        "Cá sống ở đâu?", "Trả lời câu sau.",
        "Cá sống ở đâu?", "Trả lời câu sau.",
        "Trả lời câu sau.\n\nCá sống ở đâu?", "Trả lời câu sau.",
    ]  # fmt: skip


def test_alpaca_steps_back_when_the_user_or_the_template_chooses():
    assert columns.guess(ALPACA, ["question", "answer"], {"question": "instruction"}) == {
        "question": "instruction",
        "answer": "output",
    }
    assert "instruction" not in columns.guess(["question", *ALPACA], ["question", "answer"])
    both = columns.guess(ALPACA, ["instruction", "input", "answer"])
    assert columns.values({"instruction": "a", "input": "b", "output": "c"}, both, list(both), "answer") == {
        "instruction": "a",
        "input": "b",
        "answer": "c",
    }


def test_only_declared_columns_reach_the_prompt():
    fields = {"input": "Cá voi là chim?", "output": "Sai", "question_type": "false", "fake_parent": "chim"}
    mapping = columns.guess(list(fields), ["question", "answer"])
    assert columns.values(fields, mapping, ["question", "answer"], "true_false") == {
        "question": "Cá voi là chim?",
        "answer": "Sai",
    }


def test_a_row_without_the_column_gives_empty_text():
    assert columns.values(
        {"question": "?"}, {"question": "question", "answer": "answer"}, ["answer"], "answer"
    ) == {"answer": ""}
