"""Chunks that are samples of all rows, stages from easy to hard."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft.errors import DataError, SettingsError
from sft.masks import IGNORE, Encoded
from sft.planner import parts
from sft.training import strategy


class Rows(list[Encoded]):
    """Rows as `sft.audit.Set` has them."""

    ids = property(lambda self: [f"r{n}" for n in range(len(self))])
    lengths = property(lambda self: [len(row.ids) for row in self])
    supervised = property(lambda self: [row.supervised for row in self])


def rows(*answers: list[int], prompt: int = 3) -> Any:
    return Rows(Encoded([9] * prompt + a, [IGNORE] * prompt + a) for a in answers)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.integers(1, 50))
def test_every_stretch_holds_each_stratum_in_its_share(strata: list[int], size: int) -> None:
    order = strategy.dealt(strata, 7)
    assert sorted(order) == list(range(len(strata)))
    for start in range(0, len(order) - size + 1, size):
        found = Counter(strata[place] for place in order[start : start + size])
        for stratum, count in Counter(strata).items():
            # Each stratum is spread evenly by itself; the cuts move with all of them together.
            assert abs(found[stratum] - count * size / len(strata)) <= len(Counter(strata)) + 1


def test_chunks_hold_labels_in_their_shares() -> None:
    trained = rows(*([[1, 5]] * 90 + [[2, 5]] * 10))
    pools = strategy.pools(parts.chunks(100, 20, 4), trained, (), 3, cumulative=True)
    assert [len(pool) for pool in pools] == [20] * 5
    assert [sum(place >= 90 for place in pool) for pool in pools] == [2] * 5
    assert sorted(place for pool in pools for place in pool) == list(range(100))


def test_free_answers_are_dealt_by_length() -> None:
    trained = rows(*([n] * (9 + n % 40) for n in range(1, 161)))
    pools = strategy.pools(parts.chunks(160, 40, 4), trained, (), 3, cumulative=True)
    means = [sum(trained.lengths[place] for place in pool) / len(pool) for pool in pools]
    assert max(means) - min(means) < 4


def test_stages_go_from_easy_to_hard() -> None:
    trained = rows(*([1] * n for n in (5, 1, 4, 2, 3, 8, 7, 6)))
    for cumulative, sizes in ((True, [2, 4, 8]), (False, [2, 2, 4])):
        cut = parts.stages(8, [0.25, 0.5, 1], 2, cumulative=cumulative)
        pools = strategy.pools(cut, trained, trained.supervised, 3, cumulative=cumulative)
        assert [len(pool) for pool in pools] == sizes
        hardest = [max(trained.supervised[place] for place in pool) for pool in pools]
        assert hardest == [2, 4, 8]
        easiest = [min(trained.supervised[place] for place in pool) for pool in pools]
        assert easiest == ([1, 1, 1] if cumulative else [1, 3, 5])


def test_without_parts_there_is_one_pool() -> None:
    assert strategy.pools(None, rows([1], [2]), (), 3, cumulative=True) == [range(2)]


def column(*values: str) -> Any:
    kept = [SimpleNamespace(id=f"r{n}", meta={"columns": {"hard": value}}) for n, value in enumerate(values)]
    return SimpleNamespace(folder="set", rows={"train": kept})


def test_a_column_tells_how_hard_rows_are() -> None:
    trained = rows([1], [2], [3])
    assert strategy.difficulty(trained, column("3", "1,5", " 2 "), "column:hard") == [3, 1.5, 2]
    assert strategy.difficulty(trained, column(), "answer") == trained.supervised
    assert strategy.difficulty(trained, column(), "length") == trained.lengths
    assert strategy.difficulty(trained, column(), "loss") == ()


def test_columns_that_are_not_kept_or_hold_no_numbers_are_errors() -> None:
    with pytest.raises(SettingsError) as missing:
        strategy.difficulty(rows([1]), column("3"), "column:other")
    assert missing.value.hint == "keep it: sft prep --keep other"
    with pytest.raises(DataError) as wrong:
        strategy.difficulty(rows([1], [2], [3]), column("3", "dễ", "khó"), "column:hard")
    assert [part.where for part in wrong.value.parts] == ["r1", "r2"]
