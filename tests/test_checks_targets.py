from sft.checks import targets
from sft.checks.survey import Facts, survey
from sft.records import Finding


def found(rows: list[Facts], *, closed: bool = True) -> dict[str, Finding]:
    return {finding.id: finding for finding in targets.findings(survey(rows, closed=closed))}


def test_missing_answers_are_named() -> None:
    rows = [Facts(f"r{n}", f"câu {n}", answer) for n, answer in enumerate(["", " ", "nan", "None", "Không"])]
    told = found(rows, closed=False)
    assert told["empty_target"].examples == ("r0", "r1") and told["empty_target"].severity == "error"
    assert told["nan_target"].examples == ("r2", "r3")


def test_imbalance_and_labels_without_training_rows() -> None:
    rows = [Facts(str(n), f"câu {n}", label="nhiều") for n in range(10)]
    rows += [Facts("x", "câu x", label="ít"), Facts("y", "câu y", label="lạ", split="valid")]
    told = found(rows)
    assert "nhiều 10 rows (83%)" in told["imbalance"].message
    assert "lạ" in told["unseen_label"].message
    assert targets.label_counts(survey(rows, closed=True))["lạ"] == {"valid": 1}


def test_a_free_answer_inside_the_question_is_told_and_one_in_the_context_is_not() -> None:
    rows = [Facts(str(n), f"Ai ăn cơm lúc {n} giờ?", "Ông nội", "Ông nội ăn cơm.") for n in range(20)]
    assert found(rows, closed=False) == {}
    told = found([*rows, Facts("x", "Vì sao ông nội ăn?", "Ông nội")], closed=False)
    assert told["answer_in_prompt"].examples == ("x",)


def test_label_words_in_the_question_count_only_beyond_chance() -> None:
    names = ["viêm gan", "viêm phổi", "sốt rét"]
    leaking = [Facts(str(n), f"Triệu chứng {n} của {names[n % 3]}", label=names[n % 3]) for n in range(30)]
    assert found(leaking)["answer_in_prompt"].count == 30
    words = ["đúng", "sai"]
    chance = [
        Facts(str(n), f"Câu {n} này {words[n // 2 % 2]} chỗ nào", label=words[n % 2]) for n in range(40)
    ]
    assert "answer_in_prompt" not in found(chance)
