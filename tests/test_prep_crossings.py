"""Nothing stands on both sides of a split, unless the data say so: then it is an error with the rows."""

from workspace import FACTS, options, prepare, records, statements

from sft.records import Record


def sided(rows: list[tuple[str, str]]) -> list[Record]:
    return [
        Record(f"a:{n}", f"a.csv:{n}", {"question": question, "answer": "Đúng", "phần": side})
        for n, (question, side) in enumerate(rows, 2)
    ]


def test_a_clean_given_split_raises_nothing() -> None:
    rows = [(question, ("train", "dev", "test")[n % 3]) for n, (question, _a) in enumerate(statements(30))]
    done = prepare(options("true_false_v1", split_column="phần"), sided(rows))
    assert {side: len(rows) for side, rows in done.sets.items()} == {"train": 10, "valid": 10, "test": 10}
    assert not {name for name in done.found if name.startswith("leak")}


def test_a_planted_leak_is_an_error_with_its_rows() -> None:
    rows = [
        ("Cá bơi.", "train"),
        ("Cá bơi", "valid"),
        ("Gà bay.", "train"),
        ("gà  bay?", "test"),
        ("Bò ăn.", "test"),
    ]
    found = prepare(options("true_false_v1", split_column="phần"), sided(rows)).found
    assert (found["leak_question"].severity, found["leak_question"].examples) == ("error", ("a:3",))
    assert (found["leak_heldout"].severity, found["leak_heldout"].examples) == ("error", ("a:5",))
    assert "--split-column" in found["leak_question"].hint


def test_a_context_or_a_group_that_crosses_is_an_error() -> None:
    rows = [
        {"context": f"Đoạn {n // 2} kể về {FACTS[n // 2]}.", "question": f"Câu hỏi số {n}?", "answer": "có", "loài": FACTS[n // 4],
         "split": "train" if n % 2 else "valid"}
        for n in range(12)
    ]  # fmt: skip
    chosen = options("context_v1", split_column="split", group_by=("loài",))
    found = prepare(chosen, records(rows)).found
    assert (found["leak_context"].count, found["leak_group"].count) == (6, 6)
    assert "loài" in found["leak_group"].message
    alone = prepare(options("context_v1", group_by=("loài",), val_split=0.4), records(rows)).found
    assert not {name for name in alone if name.startswith("leak")}
