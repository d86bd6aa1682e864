import random
from itertools import product

from sft.findings import Item, check, label_columns
from sft.survey import Facts, survey
from sft.targets import label_counts
from sft.keys import key
from sft.records import Finding
from sft.shortcuts import pure_phrases
from sft.splits import split

PEOPLE = [f"{a} {b}" for a, b in product(("Lan", "Minh", "Hoa", "Nam", "Mai", "Tú"), ("áo đỏ", "áo xanh"))]
THINGS = ["quả xoài", "con mèo", "cái ghế", "chiếc xe", "bức tranh", "cây bút", "hộp sữa", "quyển vở"]
VERBS = ["mua", "bán", "tìm", "giữ"]
PLACES = ["ở chợ", "trong vườn", "ngoài ngõ", "bên sông", "trên đồi", "cạnh trường"]
TIMES = ["hôm qua", "sáng nay", "tuần trước", "mùa hè", "buổi trưa"]


def _items(rows: list[tuple[str, str]]) -> list[Facts]:
    keys = [key(text) for text, _label in rows]
    sides = split(keys, 0.2, 42)
    return [
        Item(f"r{n}", k, label, side)
        for n, (k, (_text, label), side) in enumerate(zip(keys, rows, sides, strict=True))
    ]


def _balanced(rows: int = 400) -> list[tuple[str, str]]:
    """Return distinct statements whose label no word gives away: it is drawn, not derived."""
    every = [" ".join(parts) for parts in product(PEOPLE, VERBS, THINGS, PLACES, TIMES)]
    rng = random.Random(3)
    return [(f"{text}.", "Đúng" if n % 2 else "Sai") for n, text in enumerate(rng.sample(every, rows))]


def _ids(found: list[Finding]) -> dict[str, Finding]:
    return {finding.id: finding for finding in found}


def test_a_clean_balanced_set_raises_nothing() -> None:
    assert check(_items(_balanced())) == []


def test_duplicates_and_contradictions_are_named() -> None:
    rows = [*_balanced()[:20], ("Cá biết bơi.", "Đúng"), ("cá  biết bơi", "Đúng"), ("Cá biết_bơi", "Sai")]
    found = _ids(check(_items(rows)))
    assert found["duplicate"].count == 2
    assert found["duplicate"].examples == ("r21", "r22")
    assert found["contradiction"].examples == ("r20 (Đúng) ≠ r21 (Đúng) ≠ r22 (Sai)",)


def test_leaks_are_errors() -> None:
    items = [Item("a", "cá bơi", "x"), Item("b", "cá bơi", "x", "valid"), Item("c", "chim bay", "y")]
    found = _ids(check(items, heldout={"chim bay"}, closed=False))
    assert (found["leak_question"].severity, found["leak_question"].examples) == ("error", ("b",))
    assert (found["leak_heldout"].count, found["leak_heldout"].examples) == (1, ("c",))


def test_missing_answers_are_named() -> None:
    rows = [("một", ""), ("hai", " "), ("ba", "nan"), ("bốn", "None"), ("năm", "Không")]
    found = _ids(check(_items(rows), closed=False))
    assert found["empty_target"].examples == ("r0", "r1")
    assert found["nan_target"].examples == ("r2", "r3")


def test_imbalance_and_labels_without_training_rows() -> None:
    items = [Item(str(n), f"câu {n}", "nhiều") for n in range(10)]
    items += [Item("x", "câu x", "ít"), Item("y", "câu y", "lạ", "valid")]
    found = _ids(check(items))
    assert "nhiều 10 rows (83%)" in found["imbalance"].message
    assert "lạ" in found["unseen_label"].message
    assert label_counts(survey(items, closed=True))["lạ"] == {"valid": 1}


def test_a_phrase_of_one_label_is_named_in_full() -> None:
    rows = _balanced()
    rows += [(f"{person} {verb} {thing} là chuyện thường gặp của mọi nhà.", "Đúng")
             for person in PEOPLE[:3] for verb in VERBS for thing in THINGS[:5]]  # fmt: skip
    found = _ids(check(_items(rows)))
    message = found["shortcut_template"].message
    assert "“… là chuyện thường gặp của mọi nhà” in 60 rows, 100.0% Đúng" in message
    assert found["shortcut_template"].count == 60
    assert found["shortcut_template"].severity == "warning"


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


def test_a_bag_of_words_that_wins_is_reported_with_its_words() -> None:
    rows = [
        (text.replace(".", " luôn luôn.") if label == "Sai" and n % 6 else text, label)
        for n, (text, label) in enumerate(_balanced())
    ]
    found = _ids(check(_items(rows)))
    assert "“luôn” → Sai" in found["shortcut_bow"].message
    assert found["shortcut_bow"].severity == "warning"


def test_intents_are_told_by_words_so_it_is_only_said() -> None:
    rows = [(text, next(verb for verb in VERBS if f" {verb} " in text)) for text, _label in _balanced()]
    assert _ids(check(_items(rows)))["shortcut_bow"].severity == "info"


def test_a_few_rows_raise_no_alarm() -> None:
    assert (
        check(_items([("Cá bơi.", "Đúng"), ("Chim bơi.", "Sai"), ("Cá bay.", "Sai"), ("Chim bay.", "Đúng")]))
        == []
    )
    assert check([]) == []


def test_columns_that_give_the_label_away() -> None:
    labels = ["Đúng", "Sai"] * 30
    rows = []
    for n, label in enumerate(labels):
        row = {"id": str(n), "câu": f"câu {n}", "chủ đề": "yz"[n // 2 % 2], "loại": f"quan_hệ_{label}"}
        row["cha" if label == "Đúng" else "cha giả"] = f"mục {n}"
        rows.append(row)
    finding = label_columns(labels, rows)
    assert finding is not None
    assert (finding.id, finding.severity) == ("label_columns", "warning")
    assert set(finding.examples) == {"loại", "cha", "cha giả"}
    in_prompt = label_columns(labels, rows, used=("câu", "loại"))
    assert in_prompt is not None and in_prompt.severity == "error" and "loại" in in_prompt.hint
    assert label_columns(labels, [{"câu": row["câu"], "chủ đề": row["chủ đề"]} for row in rows]) is None
    assert label_columns([], []) is None
