import pytest
from clean_sets import PEOPLE, THINGS, VERBS, sided, statements

from sft.checks import giveaways
from sft.checks.shortcuts import pure_phrases
from sft.checks.survey import survey
from sft.checks.telling import Columns
from sft.records import Finding


def found(rows: list[tuple[str, str]]) -> dict[str, Finding]:
    return {finding.id: finding for finding in giveaways.findings(survey(sided(rows), closed=True))}


def test_a_phrase_of_one_label_is_named_in_full() -> None:
    rows = statements()
    rows += [(f"{person} {verb} {thing} là chuyện thường gặp của mọi nhà.", "Đúng")
             for person in PEOPLE[:3] for verb in VERBS for thing in THINGS[:5]]  # fmt: skip
    told = found(rows)["shortcut_template"]
    assert "“… là chuyện thường gặp của mọi nhà” in 60 rows, 100.0% Đúng" in told.message
    assert (told.count, told.severity) == (60, "warning")


def test_a_phrase_at_the_begin_is_found_where_the_words_alone_are_not_telling() -> None:
    rows = [(f"không ai {n} biết", "Sai") for n in range(60)] + [
        (f"ai {n} không ai biết", "Đúng") for n in range(60)
    ]
    assert {(p.text, p.label) for p in pure_phrases(rows)} >= {("^ không ai", "Sai")}


def test_49_rows_are_no_shortcut_and_a_common_label_needs_no_phrase() -> None:
    rare = [(f"mẫu câu {n}", "Đúng") for n in range(49)] + [(f"lời {n}", "Sai") for n in range(49)]
    assert pure_phrases(rare) == []
    common = [(f"mẫu câu {n}", "Đúng") for n in range(96)] + [(f"lời {n}", "Sai") for n in range(4)]
    assert pure_phrases(common) == []


def test_a_bag_of_words_that_wins_is_reported_with_its_words_and_so_is_the_rule() -> None:
    rows = [
        (text.replace(".", " luôn luôn.") if label == "Sai" and n % 12 else text, label)
        for n, (text, label) in enumerate(statements(900))
    ]
    told = found(rows)
    assert "“luôn” → Sai" in told["shortcut_bow"].message
    assert told["shortcut_bow"].severity == told["shortcut_words"].severity == "warning"
    assert "luôn" in told["shortcut_words"].message and "are Sai" in told["shortcut_words"].message


def test_intents_are_told_by_words_so_it_is_only_said() -> None:
    rows = [(text, next(verb for verb in VERBS if f" {verb} " in text)) for text, _label in statements()]
    told = found(rows)
    assert told["shortcut_bow"].severity == "info" and "shortcut_words" not in told


def test_length_alone_can_give_the_label_away() -> None:
    rows = [(f"{text} {text}" if label == "Sai" else text, label) for text, label in statements()]
    assert "100.0% of 400" in found(rows)["shortcut_length"].message


def test_a_sample_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sft.checks.survey.SAMPLE", 200)
    rows = [(f"{text} luôn" if label == "Sai" else text, label) for text, label in statements()]
    assert "in a sample of 200 of 400 rows" in found(rows)["shortcut_words"].message


def test_variables_without_news_are_named() -> None:
    columns = Columns()
    for n in range(40):
        columns.add(
            str(n), {"question": f"câu {n}", "instruction": "Trả lời.", "context": "x" if n < 10 else ""}
        )
    told = {f.id: f for f in giveaways.variables(columns, ["question", "instruction", "context"])}
    assert told["constant_variable"].examples == ("instruction",)
    assert "context (75%)" in told["empty_variable"].message
