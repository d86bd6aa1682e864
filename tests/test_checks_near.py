import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.checks.near import NEAR, Shingles, find, similarity
from sft.keys import key

TEXT = "Chiều nay bà ngoại mang rổ cam sang nhà hàng xóm biếu cụ giáo"
SYLLABLES = [a + b for a in "b c d g h l m n p r s t v".split() for b in "an ang ô ông u uôi êm iên".split()]  # noqa: SIM905


def near(*texts: str, salts: tuple[int, ...] = ()) -> list[tuple[int, int, bool]]:
    shingles = Shingles()
    for n, text in enumerate(texts):
        shingles.add(key(text), salts[n] if salts else 0)
    return list(find(shingles, range(len(texts))))


@pytest.mark.parametrize(
    "other",
    [
        f"{TEXT} ạ", f"Thì {TEXT}", TEXT.replace("biếu", "tặng"), f"{TEXT} già",
        "Bà ngoại mang rổ cam sang nhà hàng xóm biếu cụ giáo chiều nay",
    ],
)  # fmt: skip
def test_what_says_nearly_the_same_is_near(other: str) -> None:
    assert near(TEXT, other) == [(0, 1, False)]


@pytest.mark.parametrize(
    "other", [TEXT.replace("mang", "không mang"), f"{TEXT} 5", TEXT.replace("nay", "trước")]
)
def test_a_deciding_word_is_marked(other: str) -> None:
    assert near(TEXT, other) == [(0, 1, True)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cá bơi", "Cá bơi ạ"),
        ("Lan áo đỏ mua xoài", "Lan áo đỏ mua cam"),
        ("Mèo đuổi chó quanh sân", "Chó đuổi mèo quanh sân"),
        (TEXT, "Sáng mai ông nội mang bó rau sang nhà bác hai biếu cụ đồ"),
    ],
)
def test_short_texts_need_more_than_a_few_words_in_common(one: str, other: str) -> None:
    assert near(one, other) == []


def test_another_context_is_another_text() -> None:
    assert near(TEXT, f"{TEXT} ạ", salts=(1, 2)) == []


def test_the_slots_of_a_template_make_no_pairs() -> None:
    frame = "Khi khám tổng quát định kỳ bác sĩ chuyên khoa thường ghi nhận dấu hiệu {}"
    assert near(*(frame.format(word) for word in ("ho", "sốt", "ngứa", "phù", "mỏi"))) == []


def _passage(rng: random.Random, words: int) -> list[str]:
    return [rng.choice(SYLLABLES) for _n in range(words)]


@pytest.mark.parametrize("words", [40, 120, 600])
def test_long_texts_are_compared_by_their_word_pairs(words: int) -> None:
    rng = random.Random(words)
    texts = [_passage(rng, words) for _n in range(30)]
    twin = list(texts[7])
    twin[words // 2 : words // 2 + 2] = ["thêm", "lời"]
    assert near(*map(" ".join, [*texts, twin])) == [(7, 30, False)]


@given(st.sets(st.integers(0, 99), max_size=40), st.sets(st.integers(0, 99), max_size=40))
def test_similarity_of_small_sets_is_jaccard(one: set[int], other: set[int]) -> None:
    union = sorted(one | other)
    if len(union) <= 64:
        assert similarity(sorted(one), sorted(other)) == pytest.approx(len(one & other) / max(1, len(union)))


content = st.lists(st.sampled_from(SYLLABLES), min_size=4, max_size=12, unique=True)


@given(st.lists(content, min_size=2, max_size=12))
@settings(max_examples=100, deadline=None)
def test_every_pair_is_as_similar_as_declared(texts: list[list[str]]) -> None:
    for one, other, _deciding in near(*map(" ".join, texts)):
        first, second = set(texts[one]), set(texts[other])
        assert len(first & second) >= NEAR * len(first | second)


@given(content, st.sampled_from(["xyz", "qrs"]), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_an_added_word_is_always_found(words: list[str], new: str, rng: random.Random) -> None:
    longer = list(words)
    longer.insert(rng.randrange(len(words) + 1), new)
    assert near(" ".join(words), " ".join(longer)) == [(0, 1, False)]
