from dataclasses import replace

from sft.checks import repeats
from sft.checks.survey import Facts, survey
from sft.records import Finding

TEXT = "Chiều nay bà ngoại mang rổ cam sang nhà hàng xóm biếu cụ giáo"
PASSAGE = " ".join(f"đoạn {n} kể chuyện {'sông núi cây hoa đá'.split()[n % 5]} số {n * 7}" for n in range(12))  # noqa: SIM905


def found(rows: list[Facts], *, closed: bool = True) -> dict[str, Finding]:
    seen = survey(rows, closed=closed)
    return {finding.id: finding for finding in repeats.findings(seen, repeats.look(seen))}


def test_duplicates_and_contradictions_are_named() -> None:
    rows = [Facts("a", "Cá biết bơi.", label="Đúng"), Facts("b", "cá  biết bơi", label="Đúng"),
            Facts("c", "Cá biết_bơi", label="Sai"), Facts("d", "Cá biết bơi.", label="Đúng")]  # fmt: skip
    told = found(rows)
    assert (told["duplicate"].count, told["duplicate"].examples) == (3, ("b", "c", "d"))
    assert "1 of them letter by letter" in told["duplicate"].message
    assert told["contradiction"].examples == ("a (Đúng) ≠ b (Đúng) ≠ c (Sai) ≠ d (Đúng)",)


def test_answers_side_by_side_are_named_by_their_rows_alone() -> None:
    rows = [Facts("a", "Ăn gì?", "Cơm"), Facts("b", "ăn gì", "Cơm"), Facts("c", "Ăn gì ?", "Phở")]
    assert found(rows, closed=False)["contradiction"].examples == ("a = b ≠ c",)


def test_a_contradiction_of_many_rows_is_named_in_part() -> None:
    rows = [Facts(f"r{n}", "Ăn gì?", label="xy"[n % 2]) for n in range(400)]
    (told,) = found(rows)["contradiction"].examples
    assert told.startswith("r0 (x) ≠ r1 (y)") and told.endswith("r11 (y) … (400)")


def test_one_question_about_two_contexts_is_no_duplicate() -> None:
    rows = [
        Facts("a", "Ai có mặt?", "Lan", "Lan đến chợ."),
        Facts("b", "Ai có mặt?", "Minh", "Minh ra đồng."),
    ]
    assert found(rows, closed=False) == {}


def test_a_leak_names_the_side_and_the_rows() -> None:
    rows = [Facts("a", "Ai có mặt?", "Lan", PASSAGE), Facts("b", "ai có mặt", "Lan", PASSAGE, split="valid"),
            Facts("c", "Ở đâu?", "Chợ", PASSAGE, split="test"),
            Facts("d", "Ở đâu?", "Chợ", f"{PASSAGE} hết", split="test")]  # fmt: skip
    told = found(rows, closed=False)
    assert told["leak_near"].examples == ("d",) and "test 1" in told["leak_near"].message


def test_a_negation_is_another_statement_and_the_opposite_label_is_shown() -> None:
    negated = TEXT.replace("mang", "không mang")
    told = found([Facts("a", TEXT, label="Đúng"), Facts("b", negated, label="Sai")])
    assert told.keys() == {"near_contradiction"} and told["near_contradiction"].severity == "info"
    assert found([Facts("a", TEXT, label="Đúng"), Facts("b", negated, label="Đúng")]) == {}
    assert found([Facts("a", f"{TEXT} 5 quả"), Facts("b", f"{TEXT} 6 quả")], closed=False) == {}


def test_near_duplicates_weigh_more_the_more_there_are() -> None:
    pair = [Facts("a", TEXT, label="Đúng"), Facts("b", f"{TEXT} ạ", label="Đúng")]
    assert found(pair)["near_duplicate"].severity == "warning"
    others = [Facts(f"o{n}", f"số {n} đứng cạnh số {n * n} trong bảng", label="Sai") for n in range(300)]
    told = found([*others, *pair])["near_duplicate"]
    assert (told.severity, told.count, told.examples) == ("info", 2, ("a ≈ b",))


def test_clusters_hold_together_what_must_not_cross() -> None:
    rows = [Facts("0", TEXT), Facts("1", f"{TEXT} ạ"), Facts("2", "Việc khác hẳn thế"), Facts("3", TEXT.upper()),
            Facts("4", "Ở đâu?", "", PASSAGE), Facts("5", "Khi nào?", "", PASSAGE), Facts("6", "Vì sao?", "", PASSAGE + " hết")]  # fmt: skip
    seen = survey(rows, closed=False)
    assert list(repeats.clusters(seen, repeats.look(seen))) == [0, 0, 2, 0, 4, 4, 4]


def test_rows_left_out_are_in_no_check() -> None:
    rows = [
        Facts("a", TEXT, label="Đúng"),
        Facts("b", TEXT, label="Sai"),
        Facts("c", f"{TEXT} ạ", label="Đúng"),
    ]
    seen = survey(rows, closed=True)
    again = repeats.look(seen)
    seen.assign(["train", "", ""])
    assert repeats.findings(seen, again) == []
    seen.assign(["train", "", "valid"])
    assert [f.id for f in repeats.findings(seen, again)] == ["near_duplicate", "leak_near"]


def test_order_of_rows_changes_no_count() -> None:
    rows = [
        Facts(str(n), f"{TEXT} {word}", label="Đúng") for n, word in enumerate(("", "ạ", "già", "", "trẻ"))
    ]
    one, other = found(rows), found([replace(row) for row in reversed(rows)])
    assert {k: f.count for k, f in one.items()} == {k: f.count for k, f in other.items()}
