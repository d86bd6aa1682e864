"""Which row is read when: every row once a pass, the same steps whatever the micro-batch and the devices."""

from array import array
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft.training.order import Order, Rows, pieces

SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=120)


def order(lengths: list[int], batch: int = 8, seed: int = 5, by_length: bool = True) -> Order:
    return Order([range(len(lengths))], lengths, batch, seed, by_length=by_length)


@given(SIZES, st.integers(1, 9), st.booleans(), st.integers(0, 3))
def test_a_pass_reads_every_row_once(lengths: list[int], batch: int, by_length: bool, epoch: int) -> None:
    planned = order(lengths, batch, by_length=by_length)
    assert sorted(planned.rows(epoch)) == list(range(len(lengths)))
    first = epoch * planned.steps
    steps = [planned.step(first + n) for n in range(planned.steps)]
    assert [place for step in steps for place in step] == list(planned.rows(epoch))
    assert all(len(step) == batch for step in steps[:-1])
    assert sum(planned.tokens(first + n) for n in range(planned.steps)) == sum(lengths)


@given(SIZES, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_devices_share_a_step_without_a_row_read_twice(
    lengths: list[int], micro: int, accumulate: int, devices: int
) -> None:
    planned = order(lengths, micro * accumulate * devices)
    for number in range(planned.steps):
        shares = [planned.share(number, micro, devices, rank) for rank in range(devices)]
        assert sorted(place for share in shares for place in share if place >= 0) == sorted(
            planned.step(number)
        )
        if devices > 1:
            assert len({len(share) for share in shares}) == 1, "else one device waits for ever"
    dealt = planned.dealt(0, micro, devices)
    parts = [dealt[n : n + micro] for n in range(0, len(dealt), micro)]
    for rank in range(devices):
        share = [place for n in range(planned.steps) for place in planned.share(n, micro, devices, rank)]
        assert [place for part in parts[rank::devices] for place in part] == share


def test_passes_differ_and_seeds_differ_and_all_can_be_had_again() -> None:
    lengths = [(n * 37) % 101 + 1 for n in range(64)]
    assert order(lengths).rows(0) == order(lengths).rows(0)
    assert order(lengths).rows(0) != order(lengths).rows(1)
    assert order(lengths).rows(0) != order(lengths, seed=6).rows(0)
    assert order(lengths).digest() != order(lengths, seed=6).digest()


def test_rows_of_like_length_pad_less_and_steps_come_in_any_order() -> None:
    lengths = [(n * 37) % 101 + 1 for n in range(640)]
    assert order(lengths).padding(4) < order(lengths, by_length=False).padding(4) / 5
    assert order(lengths).padding(8, 200) < order(lengths).padding(8)
    assert order([5, 1, 1, 1], batch=2).padding(2) == 1 - 8 / (10 + 2)
    longest = [max(lengths[place] for place in order(lengths).step(n)) for n in range(20)]
    assert longest != sorted(longest) != longest[::-1]


def test_pools_are_read_one_after_the_other() -> None:
    pools = [array("q", range(8)), array("q", range(4, 12)), array("q", range(5))]
    planned = Order(pools, [1] * 12, 4, 0, by_length=True)
    rows = list(planned.rows(0))
    assert [sorted(rows[:8]), sorted(rows[8:16]), sorted(rows[16:])] == [list(pool) for pool in pools]
    assert (len(planned), planned.steps, planned.ends) == (21, 6, [2, 4, 6])
    assert Counter(rows)[4] == 3
    with pytest.raises(ValueError, match="within a step"):
        Order([range(3), range(4)], [1] * 4, 2, 0, by_length=True)


def test_what_was_taken_is_known_and_a_blank_teaches_nothing() -> None:
    rows = Rows([{"input_ids": [7, 8], "labels": [-100, 8]}, {"input_ids": [9], "labels": [9]}], [2, 1])
    assert rows[1] == {"input_ids": [9], "labels": [9]}
    assert rows[-1] == {"input_ids": [7, 8], "labels": [-100, -100]}
    assert rows.look(0)["labels"] == [-100, 8]
    assert rows.took([1])
    assert not rows.took([0])
    assert (len(rows), len(rows.taken)) == (2, 0)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 12), st.integers(0, 90))
def test_pieces_hold_every_row_once_and_no_more_than_they_may(
    lengths: list[int], rows: int, tokens: int
) -> None:
    torch = pytest.importorskip("torch")
    mask = torch.tensor([[1] * n + [0] * (max(lengths) - n) for n in lengths])
    ids = mask * torch.arange(1, len(lengths) + 1)[:, None]
    found = list(pieces({"input_ids": ids, "attention_mask": mask}, rows, tokens))
    assert [int(row[0]) for piece in found for row in piece["input_ids"]] == list(range(1, len(lengths) + 1))
    assert [int(n) for piece in found for n in piece["attention_mask"].sum(1)] == lengths
    for piece in found:
        many, wide = piece["attention_mask"].shape
        assert many <= rows and (not tokens or many == 1 or many * wide <= tokens)
    if len(found) > 1:
        assert all(piece["attention_mask"].any(0).all() for piece in found)
    if not tokens:
        assert len(found) == -(-len(lengths) // rows)
