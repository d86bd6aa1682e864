from array import array

from hypothesis import given
from hypothesis import strategies as st

from sft.checks.lengths import histogram, percentiles, table, too_long, verbalisers


def test_the_table_counts_what_each_limit_would_cut() -> None:
    found = table(array("I", [100, 200, 300, 2000]), array("I", [100, 100, 300, 100]))
    assert found["cut"] == {"256": 0.75, "512": 0.5, "1024": 0.25, "2048": 0.25}
    assert (found["rows"], found["answer"]["min"], found["total"]["max"]) == (4, 100, 2100)
    assert table([], [])["cut"]["256"] == 0


def test_rows_over_the_limit_are_named() -> None:
    finding = too_long([10, 500, 10], [10, 10, 900], 512, "abc".__getitem__)
    assert finding is None or finding.examples == ("c",)
    assert (
        finding is not None and "1 rows (33.3%)" in finding.message and "answer alone in 1" in finding.message
    )
    assert too_long([10], [10], 20) is None and too_long([], [], 1) is None


def test_label_words_of_unequal_length_are_told() -> None:
    sizes, finding = verbalisers({"TRUE": "Đúng", "FALSE": "Sai"}, {"Đúng": 2, "Sai": 1}.__getitem__)
    assert sizes == {"TRUE": 2, "FALSE": 1}
    assert finding is not None and "Đúng 2, Sai 1" in finding.message
    assert verbalisers({"A": "A", "B": "B"}, len)[1] is None


@given(st.lists(st.integers(0, 5000), min_size=1))
def test_percentiles_occur_and_are_ordered(values: list[int]) -> None:
    found = list(percentiles(values).values())
    assert found == sorted(found) and set(found) <= set(values) and found[-1] == max(values)


@given(st.lists(st.one_of(st.integers(0, 300), st.integers(0, 10**7))))
def test_a_histogram_has_every_value_once_in_few_bins(values: list[int]) -> None:
    found = histogram(values)
    counts = found["counts"]
    assert sum(counts) + found["over"] == len(values)
    assert len(counts) <= 40 and found["over"] <= len(values) // 100
    for k, n in enumerate(counts):
        low = found["start"] + k * found["step"]
        assert n == sum(low <= value < low + found["step"] for value in values)
