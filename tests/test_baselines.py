from collections import Counter
from math import log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.baselines import Nearest, _bag, features, majority, naive_bayes
from sft.errors import DataError


def test_majority_takes_the_training_label() -> None:
    score = majority(["Sai", "Sai", "Đúng"], ["Đúng", "Đúng", "Sai"])
    assert score.accuracy == pytest.approx(1 / 3)
    assert majority(["b", "a"], ["a"]).accuracy == 1.0


def test_naive_bayes_is_the_presence_only_form() -> None:
    train = [("cá bơi", "Đúng"), ("cá không bay", "Sai"), ("chim không bơi", "Sai")]
    bayes = naive_bayes(train)
    expected = {"Đúng": log(1), "Sai": log(2)}
    for feature in ("cá", "bơi", "cá bơi"):
        for label, n in (("Đúng", 1), ("Sai", 2)):
            rows = sum(feature in features(text) for text, given in train if given == label)
            expected[label] += log((rows + 1) / (n + 2))
    assert bayes("cá bơi giỏi") == max(expected, key=lambda label: expected[label])
    assert bayes("cá bơi bơi bơi") == bayes("cá bơi")
    assert bayes("từ chưa gặp") == "Sai"
    assert bayes.telling(1)[0][:2] == ("không", "Sai")


def test_naive_bayes_does_not_favour_tiny_classes_among_many() -> None:
    rows = [(f"hỏi giờ bay chuyến {n}", "giờ") for n in range(40)]
    rows += [(f"đặt vé chuyến {n}", "vé") for n in range(20)]
    rows += [("chào bạn", "chào")]
    assert naive_bayes(rows)("hỏi giờ bay chuyến 99 nhé") == "giờ"
    assert naive_bayes(rows)("chào bạn") == "chào"


def test_nearest_finds_the_most_similar_sentence() -> None:
    texts = ["Con mèo ngủ trên ghế.", "Bé Lan đi học bằng xe đạp.", "Ông nội trồng hai cây xoài."]
    nearest = Nearest(texts)
    assert [nearest(text) for text in texts] == [0, 1, 2]
    assert nearest("Bà nội trồng cây ổi.") == 2
    assert nearest("Lan thích xe đạp") == 1
    index, similarity = nearest.best("con mèo ngủ trên ghế")
    assert (index, round(similarity, 9)) == (0, 1.0)


sentences = st.lists(st.sampled_from("con mèo chó ngủ chạy trên ghế sân hoa nhỏ".split()), max_size=6)  # noqa: SIM905


def _cosines(texts: list[str], query: str) -> list[float]:
    """Return the similarity to every text by the definition, without an index."""
    bags = [_bag(text) for text in texts]
    spread = Counter(feature for bag in bags for feature in bag)

    def vector(bag: Counter[str]) -> dict[str, float]:
        weights = {f: n * (log((1 + len(texts)) / (1 + spread[f])) + 1) for f, n in bag.items()}
        norm = sqrt(sum(w * w for w in weights.values())) or 1.0
        return {f: w / norm for f, w in weights.items()}

    asked = vector(_bag(query))
    return [sum(share * vector(bag).get(f, 0.0) for f, share in asked.items()) for bag in bags]


@given(st.lists(sentences.map(" ".join), min_size=1, max_size=30), sentences.map(" ".join))
@settings(max_examples=80, deadline=None)
def test_the_index_finds_what_comparing_with_every_text_finds(texts: list[str], query: str) -> None:
    cosines = _cosines(texts, query)
    index, similarity = Nearest(texts).best(query)
    assert similarity == pytest.approx(max(cosines), abs=1e-9)
    assert cosines[index] == pytest.approx(max(cosines), abs=1e-9)


def test_ties_go_to_the_first() -> None:
    nearest = Nearest(["Trời mưa to.", "trời  mưa to", "Trời nắng."])
    assert nearest("Trời mưa to") == 0
    assert nearest.best("xyz 123") == (0, 0.0)
    assert nearest.best("") == (0, 0.0)


def test_nothing_to_learn_from_is_an_error() -> None:
    for make in (lambda: majority([], ["a"]), lambda: naive_bayes([]), lambda: Nearest([])):
        with pytest.raises(DataError, match="needs training rows"):
            make()
