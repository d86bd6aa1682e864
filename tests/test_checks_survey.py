import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft.checks import survey as module
from sft.checks.survey import Facts, Mark, Names, survey
from sft.checks.ties import hash64


def test_a_survey_remembers_what_the_checks_need() -> None:
    rows = [Facts("a:1", "Cá bơi.", "Đúng", "", "Đúng"), Facts("a:2", "cá  bơi", "Sai", "", "Sai", "valid")]
    seen = survey(rows, closed=True)
    assert len(seen) == 2
    assert seen.input[0] == seen.input[1] and seen.exact[0] != seen.exact[1]
    assert [seen.ids[row] for row in seen.rows()] == ["a:1", "a:2"]
    assert [(seen.label_of(row), seen.side_of(row)) for row in seen.rows()] == [
        ("Đúng", "train"),
        ("Sai", "valid"),
    ]
    assert seen.sample() == [(0, "cá bơi"), (1, "cá bơi")]


def test_sides_may_come_later_and_leave_rows_out() -> None:
    seen = survey([Facts(str(n), f"câu {n}", label="x") for n in range(3)], closed=True)
    seen.assign(["valid", "", "test"])
    assert list(seen.rows()) == [0, 2]
    assert [row for row, _asked in seen.sample()] == [0, 2]
    with pytest.raises(ValueError, match="1 sides for 3 rows"):
        seen.assign(["train"])


def test_the_sample_does_not_depend_on_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 10)
    rows = [Facts(f"r{n}", f"câu {n}", label="x") for n in range(60)]
    one = {asked for _row, asked in survey(rows, closed=True).sample()}
    other = {asked for _row, asked in survey(rows[::-1], closed=True).sample()}
    assert one == other and len(one) == 10


@pytest.mark.parametrize(
    ("facts", "mark"),
    [
        (Facts("1", "Bệnh_nhân ho"), Mark.JOINED),
        (Facts("1", "Ho <b>khan</b>"), Mark.HTML),
        (Facts("1", "Ho", "Uống nước&nbsp;ấm"), Mark.HTML),
        (Facts("1", "Ho", "x", "thuỷ triều"), Mark.NEW_TONE),
        (Facts("1", "Ho", "because of the cold wind"), Mark.ENGLISH_ANSWER),
        (Facts("1", "Ho", "N/A"), Mark.NAN_ANSWER),
        (Facts("1", "Thủ đô Hà Nội ở đâu", "Hà Nội"), Mark.ANSWER_ASKED),
        (Facts("1", "…", "Hà Nội"), 0),
        (Facts("1", "x < 5 & y > 3, tệp a_1", "x_y"), 0),
    ],
)
def test_odd_texts_are_marked(facts: Facts, mark: int) -> None:
    odd = Mark.JOINED | Mark.HTML | Mark.NEW_TONE | Mark.ENGLISH_ANSWER | Mark.NAN_ANSWER | Mark.ANSWER_ASKED
    assert survey([facts], closed=False).marks[0] & odd == mark


@given(st.lists(st.text(max_size=8)))
def test_names_come_back(names: list[str]) -> None:
    pool = Names()
    for name in names:
        pool.append(name)
    assert [pool[row] for row in range(len(names))] == names


def test_a_hash_is_never_zero_and_the_same_in_every_process() -> None:
    assert hash64("") and hash64("cá") == hash64("cá") != hash64("cà")
