import math

from hypothesis import given
from hypothesis import strategies as st

from sft.planner import chunks


def test_a_short_last_chunk_goes_to_the_one_before() -> None:
    cut = chunks.cut(154_477, 30_000, 16)  # not six chunks with one of "24,000": 5 x 30,000 + 4,477
    assert cut.rows == (30_000, 30_000, 30_000, 30_000, 34_477) and cut.merged == 4_477
    assert cut.steps == (1_875, 1_875, 1_875, 1_875, 2_155) and sum(cut.steps) == 9_655
    assert cut.as_dict()["n"] == 5


def test_a_last_chunk_of_half_the_size_stays() -> None:
    assert chunks.cut(2_500, 1_000, 10).rows == (1_000, 1_000, 500)
    assert chunks.cut(400, 1_000, 10).rows == (400,)


@given(st.integers(1, 200_000), st.integers(1, 50_000), st.integers(1, 64))
def test_chunks_lose_no_row_and_add_no_step(rows: int, size: int, batch: int) -> None:
    cut = chunks.cut(rows, size, batch)
    assert sum(cut.rows) == rows and sum(cut.steps) == math.ceil(rows / batch)
    assert all(part % batch == 0 for part in cut.rows[:-1])
