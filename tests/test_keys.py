import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.keys import key, old_tone, words

SYLLABLES = "hoà khoẻ thuỷ quý hoàn huỳnh xoè uỷ oà loá nguỵ giúp đũa tiểu_đường".split()  # noqa: SIM905
texts = st.text(st.sampled_from("aàáoòuùyýqhkt đĐ_.,-<>%5?\u0300\u200b\u00a0\n"), max_size=30)


@pytest.mark.parametrize(
    ("new", "old"),
    [("hoà", "hòa"), ("khoẻ", "khỏe"), ("thuỷ", "thủy"), ("uỷ", "ủy"), ("loá", "lóa"), ("toạ", "tọa")],
)
def test_new_tone_style_meets_the_old_one(new: str, old: str) -> None:
    assert key(new) == key(old) == old


@pytest.mark.parametrize("word", ["quý", "quỳ", "quỷ", "hoàn", "huỳnh", "khoẻn", "ngoằn", "chloé", "zoé"])
def test_syllables_with_one_style_are_left_alone(word: str) -> None:
    assert old_tone(word) == word


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bệnh tiểu_đường có lây không ?", "bệnh  tiểu đường có lây không"),
        ("“Sốt cao”, ho khan.", "sốt cao ho khan"),
        ("xe\u200b đạp\u00a0đỏ", "xe đạp đỏ"),
        ("Ðau đầu", "đau đầu"),
        ("**HIV/AIDS**", "hiv aids"),
    ],
)
def test_spelling_habits_do_not_matter(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("HbA1c > 7 %", "HbA1c < 7 %"), ("sốt -5 độ", "sốt 5 độ"), ("3.5 mg", "35 mg"), ("?", "…"), ("C", "C#")],
)
def test_signs_that_carry_meaning_stay(one: str, other: str) -> None:
    assert key(one) != key(other)


@given(st.lists(st.sampled_from(SYLLABLES), min_size=1, max_size=6).map(" ".join))
@settings(max_examples=60)
def test_key_is_the_same_for_nfc_and_nfd(text: str) -> None:
    assert key(unicodedata.normalize("NFD", text)) == key(text)


@given(texts)
@settings(max_examples=150)
def test_key_is_idempotent_and_spaced_by_single_blanks(text: str) -> None:
    once = key(text)
    assert key(once) == once
    assert once == " ".join(once.split())
    assert words(text) == once.split()
