"""What is equal and what hangs together, against the slow and obvious way."""

from hypothesis import given
from hypothesis import strategies as st

from sft.checks.ties import clusters, equal

VALUES = st.lists(st.integers(0, 4), max_size=20)


@given(VALUES)
def test_equal_rows_are_grouped_and_0_ties_nothing(values: list[int]) -> None:
    groups = {values[group[0]]: group for group in equal(values, range(len(values)))}
    assert groups == {
        value: rows
        for value in set(values) - {0}
        if len(rows := [row for row, own in enumerate(values) if own == value]) > 1
    }


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15))
def test_clusters_are_the_connected_components(pairs: list[tuple[int, int]]) -> None:
    groups = [{n} for n in range(10)]
    for one, other in pairs:
        joined = groups[one] | groups[other]
        for member in joined:
            groups[member] = joined
    assert list(clusters(10, pairs)) == [min(group) for group in groups]
