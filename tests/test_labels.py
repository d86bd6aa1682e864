import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.labels import canonical, parse, parse_label

PAIR = {"TRUE": "Đúng", "FALSE": "Sai"}
CASES = [
    line.split("\t")
    for line in (Path(__file__).parent / "data" / "parser_cases.tsv")
    .read_text(encoding="utf-8")
    .splitlines()[1:]
]


def _unescape(text: str) -> str:
    plain = {"n": "\n", "\\": "\\"}
    return re.sub(r"\\(u[0-9a-f]{4}|n|\\)", lambda m: plain.get(m[1]) or chr(int(m[1][1:], 16)), text)


@pytest.mark.parametrize(("words", "answer", "label"), CASES)
def test_parser_table(words: str, answer: str, label: str) -> None:
    yes, no = words.split("/")
    assert parse(_unescape(answer), {"TRUE": yes, "FALSE": no}) == (None if label == "-" else label)


def test_the_table_is_long_enough() -> None:
    assert len(CASES) >= 60


PIECES = st.sampled_from(
    "đúng sai không chưa phải là có câu này đáp_án hoặc vì bệnh ho . , / ? : ( \n 1 B Đúng Sai * _".split()  # noqa: SIM905
).map(lambda piece: piece.replace("_", " "))
ANSWERS = st.lists(PIECES, max_size=12).map(" ".join)


@given(ANSWERS)
@settings(max_examples=150)
def test_any_answer_is_read_or_left_alone(answer: str) -> None:
    for words in (PAIR, {"TRUE": "Có", "FALSE": "Không"}):
        assert parse(answer, words) in {None, "TRUE", "FALSE"}
        assert parse(answer.replace("\n", " \n \n "), words) == parse(answer, words)
    if not {"đúng", "sai"} & set(answer.lower().split()):
        assert parse(answer, PAIR) is None


@given(
    st.lists(
        st.sampled_from([
            "đúng",
            "sai",
            "không đúng",
            "chưa sai",
            "câu này",
            "là",
            "vì",
            ".",
            ",",
            "\n",
            "Sai",
        ])
    )
)
@settings(max_examples=150)
def test_swapping_the_verdict_words_swaps_the_label(pieces: list[str]) -> None:
    """Nothing but the words of the pair decides: the reader has no leaning of its own."""
    answer = " ".join(pieces)
    swap = {"đúng": "sai", "sai": "đúng", "Đúng": "Sai", "Sai": "Đúng"}
    swapped = " ".join(swap.get(word, word) for word in answer.split(" "))
    other = {"TRUE": "FALSE", "FALSE": "TRUE", None: None}
    assert parse(swapped, PAIR) == other[parse(answer, PAIR)]


def test_order_of_the_labels_does_not_matter() -> None:
    assert parse("Không đúng", {"FALSE": "Sai", "TRUE": "Đúng"}) == "FALSE"


@pytest.mark.parametrize(
    "unit",
    [
        "câu trả lời ",
        "không phải là ",
        "đúng hoặc ",
        "là ",
        "Câu là ",
        "chọn ",
        "Đúng. ",
        "<",
        "<think>",
        "không ",
    ],
)
def test_runaway_repetition_is_read_in_linear_time(unit: str) -> None:
    for words in (PAIR, {"TRUE": "Có", "FALSE": "Không"}, {"A": "A", "B": "B"}):
        assert parse(unit * 3000 + "x", words) in {None, *words}


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        *((raw, "TRUE") for raw in ("TRUE", "True", "true ", "1", "1.0", "Đúng", "đúng.", "Có", "yes", "Đ")),
        *((raw, "FALSE") for raw in ("FALSE", "Sai", "Không", "0", "no", "S", "không đúng")),
        *((raw, None) for raw in ("", "2", "không rõ", "Đúng hoặc Sai", "nan", "TRUE FALSE")),
    ],
)
def test_gold_spellings(raw: str, label: str | None) -> None:
    assert canonical(raw, PAIR) == label


def test_gold_of_other_label_sets_is_matched_by_name_or_word_only() -> None:
    intents = {"hotel": "đặt_phòng", "flight": "đặt_vé"}
    assert canonical("Đặt phòng", intents) == "hotel"
    assert canonical("FLIGHT", intents) == "flight"
    assert canonical("1", intents) is None
    assert canonical("có", {"a": "x", "b": "x"}) is None
    assert canonical("x", {"a": "x", "b": "x"}) is None


INTENTS = ["đặt_vé", "đặt_vé_khứ_hồi", "huỷ_vé", "khác"]


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("đặt_vé", "đặt_vé"),
        ("Đặt vé", "đặt_vé"),
        ("**đặt_vé_khứ_hồi**.", "đặt_vé_khứ_hồi"),
        ("Nhãn: đặt_vé_khứ_hồi", "đặt_vé_khứ_hồi"),
        ("hủy vé", "huỷ_vé"),
        ("Ý định của câu là huỷ_vé vì khách đổi ý.", "huỷ_vé"),
        ("đặt_vé hoặc huỷ_vé", None),
        ("Không phải đặt_vé", None),
        ("Không phải đặt_vé mà là huỷ_vé", "huỷ_vé"),
        ("\nkhác\nđặt_vé", "khác"),
        ("đặt_véé", None),
        ("đặt bàn", None),
        ("", None),
    ],
)
def test_intent_names(answer: str, label: str | None) -> None:
    assert parse_label(answer, INTENTS) == label
    assert parse(answer, {name: name for name in INTENTS}) == label


def test_words_of_a_label_set_are_read_back_to_its_names() -> None:
    words = {"positive": "tích cực", "negative": "tiêu cực", "neutral": "trung tính"}
    assert parse("Tiêu cực.", words) == "negative"
    assert parse("neutral", words) == "neutral"
    assert parse("tích cực hay tiêu cực", words) is None


def test_labels_with_one_key_are_told_apart_by_spelling_only() -> None:
    assert parse_label("A_B", ["A_B", "a b"]) == "A_B"
    assert parse_label("a-b", ["A_B", "a b"]) is None


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("b.", "B"),
        ("B. Một tuần", "B"),
        ("(C) Ba ngày", "C"),
        ("Đáp án: B", "B"),
        ("Đáp án đúng là C.", "C"),
        ("Đáp án: B. Viêm gan A", "B"),
        ("Chọn B vì A sai", "B"),
        ("A. Viêm gan B", "A"),
        ("A và B", None),
        ("A, B", None),
        ("A. Tuần\nB. Tháng", None),
        ("A. Tuần\nB. Tháng\nĐáp án: B", "B"),
        ("Tôi không biết", None),
        ("Vitamin C rất tốt", None),
        ("E", None),
    ],
)
def test_choice_letters(answer: str, letter: str | None) -> None:
    assert parse_label(answer, ["A", "B", "C", "D"]) == letter
