from dataclasses import replace

import pytest
from clean_sets import questions, readings, sided, statements

from sft.amr import problems
from sft.checks import findings, giveaways
from sft.checks.survey import Facts, survey
from sft.checks.telling import Columns
from sft.records import Finding


def found(rows: list[Facts], *, closed: bool = True) -> dict[str, Finding]:
    return {finding.id: finding for finding in findings.about(survey(rows, closed=closed))}


# Given seeds, not searched ones: labels drawn by chance agree with some word once in a few thousand sets.
@pytest.mark.parametrize("rows", [60, 150, 400, 900])
@pytest.mark.parametrize("seed", range(3))
def test_a_clean_set_of_statements_raises_nothing(seed: int, rows: int) -> None:
    facts = sided(statements(rows, seed))
    assert {f.id: f.message for f in findings.about(survey(facts, closed=True)) if f.severity != "info"} == {}


def test_clean_sets_of_several_kinds_raise_nothing() -> None:
    assert found(sided(statements())) == {}
    assert found(sided(questions(), closed=False), closed=False) == {}
    assert found(readings(), closed=False) == {}
    assert found([]) == {}
    assert found([], closed=False) == {}


def test_a_few_rows_raise_no_alarm() -> None:
    rows = [("Cá bơi.", "Đúng"), ("Chim bơi.", "Sai"), ("Cá bay.", "Sai"), ("Chim bay.", "Đúng")]
    assert found(sided(rows)) == {}


BASE = sided(statements())
LONG = "Chiều nay bà ngoại mang rổ cam sang nhà hàng xóm biếu cụ giáo"


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("duplicate", [Facts("x", BASE[0].question, "", "", BASE[0].label, BASE[0].split)]),
        ("duplicate", [Facts("x", BASE[0].question.upper() + "!!", "", "", BASE[0].label, BASE[0].split)]),
        ("contradiction", [Facts("x", LONG, label="Đúng"), Facts("y", LONG.lower(), label="Sai")]),
        ("near_duplicate", [Facts("x", LONG, label="Đúng"), Facts("y", f"{LONG} già", label="Đúng")]),
        ("near_duplicate", [Facts("x", LONG, label="Đúng"), Facts("y", LONG.replace("biếu", "tặng"), label="Đúng")]),
        ("near_contradiction", [Facts("x", LONG, label="Đúng"), Facts("y", LONG.replace("mang", "không mang"), label="Sai")]),
        ("leak_near", [Facts("x", LONG, label="Đúng"), Facts("y", f"Vậy thì {LONG}", label="Đúng", split="test")]),
        ("empty_target", [Facts("x", LONG)]),
        ("unseen_label", [Facts("x", LONG, label="Có lẽ", split="valid")]),
        ("empty_question", [Facts("x", "", label="Đúng")]),
        ("html", [Facts("x", f"{LONG}<br>", label="Đúng")]),
        ("segmented", [Facts("x", "Bà ngoại ăn quả_cam", label="Đúng")]),
        ("language_mix", [Facts("x", "Which of these animals is the largest?", label="Đúng")]),
        ("language_mix", [Facts("x", f"{LONG} Россия", label="Đúng")]),
        ("unaccented", [Facts("x", "ba ngoai co an cam duoc khong vay", label="Đúng")]),
        ("tone_mixed", [Facts("x", "Hoà bình và thuỷ lợi", label="Đúng"), Facts("y", "Khỏe và hòa nhã", label="Sai")]),
        ("outlier", [Facts("x", LONG * 40, label="Đúng")]),
    ],
)  # fmt: skip
def test_what_is_planted_is_found_and_named(kind: str, planted: list[Facts]) -> None:
    told = found([*BASE, *planted])
    assert kind in told
    assert told[kind].hint and told[kind].count
    if told[kind].examples:
        assert planted[-1].id in " ".join(told[kind].examples) or planted[0].id in " ".join(
            told[kind].examples
        )


def test_every_finding_is_known_with_its_meaning() -> None:
    told = found([*BASE, *[replace(row, id=f"{row.id}'", split="valid") for row in BASE]])
    assert told.keys() <= findings.known().keys()
    assert findings.known().keys() >= problems._WARNINGS
    assert all(findings.known().values())


def test_columns_that_give_the_label_away() -> None:
    labels = ["Đúng", "Sai"] * 30
    rows = []
    for n, label in enumerate(labels):
        row = {"id": str(n), "câu": f"câu {n}", "chủ đề": "yz"[n // 2 % 2], "loại": f"quan_hệ_{label}"}
        row["cha" if label == "Đúng" else "cha giả"] = f"mục {n}"
        rows.append(row)

    def look(rows: list[dict[str, str]], used: tuple[str, ...] = ()) -> Finding | None:
        columns = Columns()
        for number, (row, label) in enumerate(zip(rows, labels, strict=False)):
            columns.add(str(number), row, label)
        return giveaways.label_columns(columns, used)

    finding = look(rows)
    assert finding is not None
    assert (finding.id, finding.severity) == ("label_columns", "warning")
    assert set(finding.examples) == {"loại", "cha", "cha giả"}
    in_prompt = look(rows, used=("câu", "loại"))
    assert in_prompt is not None and in_prompt.severity == "error" and "loại" in in_prompt.hint
    assert look([{"câu": row["câu"], "chủ đề": row["chủ đề"]} for row in rows]) is None
    assert look([]) is None
