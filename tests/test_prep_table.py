from hypothesis import given
from hypothesis import strategies as st

from sft.checks.ties import hash64
from sft.prep.table import Table


def table(texts: list[str]) -> Table:
    out = Table()
    for text in texts:
        out.add((hash64(text), hash64(""), 1), (), None, (0, 0, 0, 0))
    return out


@given(st.lists(st.text("ab", max_size=3), unique=True, max_size=12), st.integers(0, 3))
def test_a_drawn_order_follows_content_not_place(texts: list[str], seed: int) -> None:
    one, two = table(texts), table(texts[::-1])
    drawn = [texts[row] for row in one.ranked(range(len(texts)), seed, "x")]
    assert drawn == [texts[::-1][row] for row in two.ranked(range(len(texts)), seed, "x")]
    more = table(["zzz", *texts])
    assert drawn == [["zzz", *texts][row] for row in more.ranked(range(len(texts) + 1), seed, "x") if row]


def test_a_folder_may_hold_more_files_than_two_bytes_count() -> None:
    out = Table()
    out.add((1, 2, 3), (), None, (70_000, 0, 0, 0))
    assert out.source[0] == 70_000


def test_other_seeds_and_purposes_draw_another_order() -> None:
    made = table([f"câu {n}" for n in range(50)])
    orders = {tuple(made.ranked(range(50), seed, purpose)) for seed in (1, 2) for purpose in ("a", "b")}
    assert len(orders) == 4


def test_rejects_are_counted_by_reason() -> None:
    made = table(["a", "b", "c"])
    made.reject(0, "x")
    made.reject(2, "y", twin=1)
    assert (list(made.kept()), made.rejected(), made.twin[2]) == ([1], {"x": 1, "y": 1}, 1)


def test_a_row_takes_about_a_hundred_bytes() -> None:
    made = Table(["question", "context"])
    columns = [made.input, made.answer, made.group, *made.ties.values(), made.label, made.source, made.given,
               made.side, made.fate, made.twin, made.place, made.raw]  # fmt: skip
    assert sum(column.itemsize for column in columns) < 100
