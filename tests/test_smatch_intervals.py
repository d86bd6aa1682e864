"""Intervals and tests of chance: known answers, symmetry, and the same figures every time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft.errors import DataError
from sft.smatch.intervals import bootstrap, compare
from sft.smatch.score import PairScore


def pair(matched: int, pred: int = 10, gold: int = 10) -> PairScore:
    return PairScore(matched, pred, gold, matched, matched, True, "climb")


pairs = st.builds(
    lambda m, p, g: pair(m, m + p, m + g), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)
)


def test_the_interval_covers_the_score_and_is_repeatable() -> None:
    mixed = [pair(9)] * 20 + [pair(5)] * 20
    low, high = bootstrap(mixed, seed=3)
    assert low < 0.7 < high
    assert bootstrap(mixed, seed=3) == (low, high)
    assert bootstrap([pair(9)] * 40) == (0.9, 0.9)
    assert bootstrap([]) == (0.0, 0.0)


def test_a_real_difference_is_significant_and_none_is_not() -> None:
    good, bad = [pair(9)] * 40, [pair(5)] * 40
    found = compare(good, bad, samples=200)
    assert found.f1 == pytest.approx(0.4) and found.interval == pytest.approx((0.4, 0.4)) and found.p < 0.01
    same = compare(good, good, samples=200)
    assert (same.f1, same.interval, same.p) == (0, (0, 0), 1)


def test_a_small_difference_on_few_pairs_is_not_significant() -> None:
    found = compare([pair(6), pair(3), pair(8)], [pair(5), pair(4), pair(8)])
    assert found.p > 0.5 and found.interval[0] <= 0 <= found.interval[1]


@given(st.lists(st.tuples(pairs, pairs), min_size=1, max_size=12))
def test_swapping_the_systems_turns_the_sign_and_keeps_the_p_value(
    rows: list[tuple[PairScore, PairScore]],
) -> None:
    a, b = [x for x, _y in rows], [y for _x, y in rows]
    one, other = compare(a, b, samples=100), compare(b, a, samples=100)
    assert one.f1 == pytest.approx(-other.f1)
    assert one.p == other.p
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]), abs=0.05 + abs(one.f1))
    low, high = bootstrap(a, samples=100)
    assert 0 <= low <= high <= 1


def test_two_systems_need_the_same_gold() -> None:
    with pytest.raises(DataError, match="3 and 2 scores"):
        compare([pair(1)] * 3, [pair(1)] * 2)
    assert compare([], []).p == 1
