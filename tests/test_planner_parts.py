import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft.errors import SettingsError
from sft.planner import parts


def test_a_short_last_chunk_goes_to_the_one_before() -> None:
    cut = parts.chunks(154_477, 30_000, 16)  # not six chunks with one of "24,000": 5 x 30,000 + 4,477
    assert cut.rows == (30_000, 30_000, 30_000, 30_000, 34_477) and cut.merged == 4_477
    assert cut.steps == (1_875, 1_875, 1_875, 1_875, 2_155) and sum(cut.steps) == 9_655
    assert cut.as_dict()["n"] == 5


def test_a_last_chunk_of_half_the_size_stays() -> None:
    assert parts.chunks(2_500, 1_000, 10).rows == (1_000, 1_000, 500)
    assert parts.chunks(400, 1_000, 10).rows == (400,)


@given(st.integers(1, 200_000), st.integers(200, 50_000), st.integers(1, 64))
def test_chunks_lose_no_row_and_add_no_step(rows: int, size: int, batch: int) -> None:
    cut = parts.chunks(rows, size, batch)
    assert cut.total == rows and sum(cut.steps) == math.ceil(rows / batch)
    assert all(part % batch == 0 for part in cut.rows[:-1])


@given(
    st.integers(1, 200_000),
    st.lists(st.floats(0.01, 0.99), max_size=5).map(sorted),
    st.integers(1, 64),
    st.booleans(),
)
def test_stages_end_with_all_rows_on_whole_steps(
    rows: int, wanted: list[float], batch: int, cumulative: bool
) -> None:
    cut = parts.stages(rows, [*wanted, 1], batch, cumulative=cumulative)
    assert (cut.rows[-1] if cumulative else cut.total) == rows
    assert all(part % batch == 0 for part in cut.rows[:-1])
    assert all(part > 0 for part in cut.rows)
    if cumulative:
        assert list(cut.rows) == sorted(set(cut.rows))


@pytest.mark.parametrize("wanted", [[], [0.5], [0.5, 0.2, 1], [0, 1], [-1, 1], [100, 50, 200]])
def test_stages_that_do_not_grow_to_all_rows_are_refused(wanted: list[float]) -> None:
    with pytest.raises(SettingsError, match="do not grow up to all 200 rows"):
        parts.stages(200, wanted, 4, cumulative=True)


def test_what_happens_at_the_end_of_each_part_and_every_so_many_steps_is_counted_once() -> None:
    made = parts.chunks(700, 100, 10)  # seven of ten steps
    for every in (3, 10, 14, 99):
        steps = {*range(every, 141, every), *range(10, 141, 10)}
        assert parts.times(every, 140, made) == len(steps)
    assert parts.times(0, 140, made) == len(parts.ends(made, 140)) == 14
    assert parts.ends(made, 25) == [10, 20, 25]
    assert [parts.times(every, 140, None) for every in (0, 50, 70)] == [1, 3, 2]
