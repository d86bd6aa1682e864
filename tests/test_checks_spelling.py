from sft.checks import spelling
from sft.checks.survey import Facts, survey
from sft.records import Finding

PLAIN = [Facts(f"p{n}", f"Câu số {n} hỏi gì vậy?", f"Hỏi việc thứ {n}.") for n in range(200)]


def found(rows: list[Facts]) -> dict[str, Finding]:
    return {finding.id: finding for finding in spelling.findings(survey(rows, closed=False))}


def test_english_answers_of_a_translated_set_are_a_warning() -> None:
    odd = [Facts(f"e{n}", f"Khi nào, lần {n}?", f"in the year of {n}") for n in range(5)]
    told = found([*PLAIN, *odd])["language_mix"]
    assert (told.severity, told.count, told.examples[0]) == ("warning", 5, "e0")
    assert "0 English questions, 5 English answers" in told.message
    assert found([*PLAIN, odd[0]])["language_mix"].severity == "info"


def test_an_english_set_is_no_mix() -> None:
    rows = [Facts(str(n), f"What is the name of the river in part {n}?", "the Nile") for n in range(30)]
    assert found(rows) == {}
    assert (
        "1 Vietnamese questions"
        in found([*rows, Facts("v", "Sông nào dài nhất?", "Sông Nin")])["language_mix"].message
    )


def test_contexts_that_are_missing_among_others() -> None:
    rows = [Facts(str(n), "Ai đến?", "Lan", "Lan đến chợ từ sáng sớm." if n % 4 else "") for n in range(20)]
    told = found(rows)["empty_context"]
    assert told.count == 5 and "5 of them none" in told.message
    assert found(PLAIN) == {}


def test_a_word_segmenter_is_a_warning_and_a_name_is_not() -> None:
    joined = [Facts(f"j{n}", f"Bệnh_nhân số {n} ho", "x") for n in range(20)]
    assert found([*PLAIN, *joined])["segmented"].severity == "warning"
    assert found([*PLAIN, joined[0]])["segmented"].severity == "info"
