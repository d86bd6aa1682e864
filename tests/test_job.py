"""Which rows a training takes: the set's own split, another share of it, a sample."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from sft import job
from sft.presets import TrainSettings
from sft.tokens import Names

NAMES = Names([f"r{n}" for n in range(60)], [f"g{n // 3}" for n in range(60)], 50)


def test_the_sets_own_split_is_kept() -> None:
    train, valid = job.choose_rows(NAMES, TrainSettings(), resplit=False)
    assert (train, valid) == (array("q", range(50)), array("q", range(50, 60)))


@given(st.floats(0.05, 0.9), st.integers(0, 99))
def test_another_share_loses_no_row_and_parts_no_group(share: float, seed: int) -> None:
    train, valid = job.choose_rows(NAMES, TrainSettings(val_split=share, seed=seed), resplit=True)
    assert sorted([*train, *valid]) == list(range(60))
    assert list(train) == sorted(train) and list(valid) == sorted(valid)
    assert {NAMES.groups[n] for n in train}.isdisjoint(NAMES.groups[n] for n in valid)


def test_a_limit_samples_in_file_order_and_the_loss_is_watched_on_as_small_a_part() -> None:
    settings = TrainSettings(limit=10, seed=3)
    train, valid = job.choose_rows(NAMES, settings, resplit=False)
    assert len(train) == 10 and list(train) == sorted(train) and set(train) < set(range(50))
    assert train == job.choose_rows(NAMES, settings, resplit=False)[0]
    assert len(valid) == 10
    watched = job._loss_rows(NAMES, valid, settings)
    assert len(watched) == 8 and set(watched) <= set(valid)
    assert job._loss_rows(NAMES, valid, TrainSettings()) is valid
