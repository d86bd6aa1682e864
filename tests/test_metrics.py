from itertools import product
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.errors import DataError
from sft.metrics import (
    bootstrap_mean,
    classify,
    exact_match,
    mcnemar,
    text_scores,
    token_f1,
    wilson,
)


@pytest.mark.parametrize(
    ("n", "points"),
    [
        (50, 13.4), (100, 9.6), (150, 7.9), (200, 6.9), (300, 5.6), (500, 4.4), (623, 3.9), (1000, 3.1),
        (1246, 2.8), (2000, 2.2), (5000, 1.4),
    ],
)  # fmt: skip
def test_wilson_half_width_at_one_half(n: int, points: float) -> None:
    # the printed half-widths of p = 0.5; half a row more or less for odd n
    low, high = wilson(n // 2, n)
    assert abs(50 * (high - low) - points) <= 0.06


def test_wilson_at_the_edges() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0
    low, high = wilson(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)


def test_classification_by_hand() -> None:
    gold = ["Đ", "Đ", "Đ", "S", "S", "K"]
    pred = ["Đ", "Đ", None, "Đ", "S", "S"]
    score = classify(gold, pred)
    assert (score.n, score.correct, score.unparsed) == (6, 3, 1)
    assert score.accuracy == 0.5
    assert score.interval == wilson(3, 6)
    assert score.confusion["Đ"] == {"K": 0, "S": 0, "Đ": 2, "unparsed": 1}
    assert score.confusion_percent["S"] == {"K": 0.0, "S": 50.0, "Đ": 50.0, "unparsed": 0.0}
    by_label = {c.label: c for c in score.classes}
    assert (by_label["Đ"].precision, by_label["Đ"].recall) == (2 / 3, 2 / 3)
    assert (by_label["S"].precision, by_label["S"].recall, by_label["S"].support) == (0.5, 0.5, 2)
    assert by_label["K"].f1 == 0.0
    assert score.macro_f1 == pytest.approx((2 / 3 + 0.5 + 0.0) / 3)


def test_macro_f1_is_over_gold_labels_and_order_can_be_fixed() -> None:
    score = classify(["a", "b"], ["a", "c"], labels=["b", "a", "d"])
    assert score.labels == ("b", "a", "d", "c")
    assert score.macro_f1 == 0.5
    assert score.columns == ("b", "a", "d", "c", "unparsed")


labels = st.sampled_from("abc")


@given(st.lists(st.tuples(labels, st.one_of(st.none(), labels)), min_size=1, max_size=40))
@settings(max_examples=80)
def test_the_matrix_adds_up(rows: list[tuple[str, str | None]]) -> None:
    gold, pred = [g for g, _p in rows], [p for _g, p in rows]
    score = classify(gold, pred)
    assert sum(sum(row.values()) for row in score.confusion.values()) == len(rows)
    assert score.accuracy == sum(g == p for g, p in rows) / len(rows)
    low, high = score.interval
    assert 0 <= low <= score.accuracy <= high <= 1
    assert 0 <= score.macro_f1 <= 1
    assert score.as_dict()["unparsed"] == pred.count(None)
    for row in score.confusion_percent.values():
        assert sum(row.values()) == pytest.approx(100) or not any(row.values())


@pytest.mark.parametrize("score", [classify, text_scores])
def test_what_cannot_be_scored_is_refused(score: object) -> None:
    assert callable(score)
    with pytest.raises(DataError, match="2 gold rows against 1"):
        score(["a", "b"], ["a"])
    with pytest.raises(DataError, match="nothing to score"):
        score([], [])


def test_a_label_called_unparsed_is_refused() -> None:
    with pytest.raises(DataError, match="unparsed"):
        classify(["unparsed"], [None])


def test_text_measures() -> None:
    assert exact_match("Uống thuốc_hạ_sốt.", "uống thuốc hạ sốt")
    assert token_f1("nghỉ ngơi và uống nước", "uống nước") == pytest.approx(2 * 2 / 7)
    assert token_f1("có có", "có") == pytest.approx(2 / 3)
    assert token_f1("", "") == 1.0
    assert token_f1("sốt", "") == 0.0
    score = text_scores(["sốt cao", "ho"], ["Sốt cao!", None])
    assert (score.n, score.exact, score.unparsed, score.f1) == (2, 1, 1, 0.5)
    assert score.as_dict()["exact_interval"] == list(wilson(1, 2))


def test_bootstrap_covers_the_mean_and_is_repeatable() -> None:
    values = [float(n % 4 == 0) for n in range(400)]
    low, high = bootstrap_mean(values, 500, seed=1)
    assert (low, high) == bootstrap_mean(values, 500, seed=1)
    assert low < 0.25 < high
    assert high - low == pytest.approx(2 * 1.96 * sqrt(0.25 * 0.75 / 400), rel=0.2)
    assert bootstrap_mean([]) == (0.0, 1.0)
    assert bootstrap_mean([0.5]) == (0.5, 0.5)


def test_mcnemar_is_the_exact_two_sided_binomial() -> None:
    def by_hand(b: int, c: int) -> float:
        outcomes = [sum(bits) for bits in product((0, 1), repeat=b + c)]
        return min(1.0, 2 * sum(o <= min(b, c) for o in outcomes) / len(outcomes))

    for b, c in ((0, 0), (1, 0), (5, 1), (3, 3), (8, 2)):
        a_right = [True] * (b + 4) + [False] * c
        b_right = [False] * b + [True] * (4 + c)
        assert mcnemar(a_right, b_right) == pytest.approx(by_hand(b, c))
        assert mcnemar(b_right, a_right) == mcnemar(a_right, b_right)
    with pytest.raises(DataError):
        mcnemar([True], [])
    assert mcnemar([True] * 3000, [False] * 3000) == 0.0
