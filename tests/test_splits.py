import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.errors import SettingsError
from sft.splits import assign, sample, split

keys = st.lists(st.text("abcde", min_size=1, max_size=3), min_size=1, max_size=40)
fractions = st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.9])


@given(keys, fractions, st.integers(0, 5))
@settings(max_examples=100)
def test_one_key_is_on_one_side_and_no_side_is_empty(rows: list[str], fraction: float, seed: int) -> None:
    sides = split(rows, fraction, seed)
    assert len({(key, side) for key, side in zip(rows, sides, strict=True)}) == len(set(rows))
    assert "train" in sides
    assert ("valid" in sides) == (fraction > 0 and len(set(rows)) > 1)


@given(keys, st.integers(0, 5))
@settings(max_examples=60)
def test_order_does_not_matter(rows: list[str], seed: int) -> None:
    forward = dict(zip(rows, split(rows, 0.3, seed), strict=True))
    backward = dict(zip(rows[::-1], split(rows[::-1], 0.3, seed), strict=True))
    assert forward == backward


def test_added_rows_move_no_old_row() -> None:
    old = [f"câu {n}" for n in range(200)]
    new = [f"câu thêm {n}" for n in range(100)]
    assert split(new + old, 0.1, 42)[100:] == split(old, 0.1, 42)


def test_the_share_and_the_seed_are_respected() -> None:
    rows = [f"câu {n}" for n in range(4000)]
    sides = split(rows, 0.1, 42)
    assert 0.08 < sides.count("valid") / len(rows) < 0.12
    assert sides != split(rows, 0.1, 43)
    assert sides == ["valid" if assign(key, 0.1, 42) else "train" for key in rows]


def test_the_smallest_hash_is_the_fallback() -> None:
    rows = ["một", "hai", "ba"]
    chosen = [key for key, side in zip(rows, split(rows, 1e-9, 7), strict=True) if side == "valid"]
    assert len(chosen) == 1
    threshold = next(f / 1000 for f in range(1000) if any(assign(key, f / 1000, 7) for key in rows))
    assert assign(chosen[0], threshold, 7)


def test_each_label_is_on_both_sides_where_it_can_be() -> None:
    for seed in range(20):
        rows = [f"câu {n}" for n in range(60)]
        labels = ["hiếm" if n < 2 else "vừa" if n < 12 else "nhiều" for n in range(60)]
        where = set(zip(labels, split(rows, 0.1, seed, labels), strict=True))
        assert {(name, "train") for name in ("hiếm", "vừa", "nhiều")} <= where
        assert {("vừa", "valid"), ("nhiều", "valid")} <= where


def test_a_class_of_one_key_trains() -> None:
    for seed in range(20):
        rows = [*(f"câu {n}" for n in range(40)), *[""] * 9]
        labels = [*("hỏi" if n % 2 else "đáp" for n in range(40)), *["im lặng"] * 9]
        assert split(rows, 0.3, seed, labels)[40:] == ["train"] * 9


def test_answers_that_are_all_different_do_not_empty_a_side() -> None:
    rows = [f"câu {n}" for n in range(50)]
    assert split(rows, 0.2, 42, labels=rows) == split(rows, 0.2, 42)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 2.0])
def test_a_share_outside_the_range_is_refused(fraction: float) -> None:
    with pytest.raises(SettingsError, match="validation share"):
        split(["a", "b"], fraction, 42)


def test_one_key_trains() -> None:
    assert split(["a", "a"], 0.9, 42) == ["train", "train"]
    assert split([], 0.5, 42) == []


@given(st.sets(st.text("abc", min_size=1, max_size=4), max_size=30), st.integers(0, 12), st.integers(0, 3))
@settings(max_examples=60)
def test_sample_is_by_hash_and_keeps_order(ids: set[str], limit: int, seed: int) -> None:
    rows = sorted(ids)
    chosen = sample(rows, limit, seed)
    assert len(chosen) == min(limit, len(rows))
    assert chosen == [row for row in rows if row in set(chosen)]
    assert set(chosen) == set(sample(rows[::-1], limit, seed))
    assert set(chosen) <= set(sample(rows, limit + 1, seed))


def test_a_sample_is_not_the_first_rows_and_not_the_split() -> None:
    rows = [f"id{n}" for n in range(1000)]
    chosen = sample(rows, 100, 42)
    assert chosen != rows[:100]
    assert 2 <= sum(assign(row, 0.1, 42) for row in chosen) <= 25
