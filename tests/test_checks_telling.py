from sft.checks.telling import TOGETHER, Columns


def filled(rows: int = 60) -> Columns:
    columns = Columns()
    for n in range(rows):
        label = "Đúng" if n % 2 else "Sai"
        row = {
            "câu": f"câu {n}",
            "loại": label.lower(),
            "nguồn": "sách",
            "ghi chú": "x" if n % 3 == 0 else " ",
        }
        columns.add(str(n), row | ({"cha": f"m{n}"} if n % 2 else {}), label)
    return columns


def test_presence_and_value_tell_and_unique_values_do_not() -> None:
    assert filled().telling() == {"loại": 1.0, "cha": 1.0}
    assert Columns().telling() == {}


def test_the_set_of_filled_columns_tells_where_no_single_one_does() -> None:
    columns = Columns()
    for n in range(200):
        a, b = n // 2 % 2, (n // 2 + n) % 2
        columns.add(str(n), {"a": "x" * a, "b": "x" * b, "câu": str(n)}, "Sai" if a == b else "Đúng")
    assert columns.telling() == {TOGETHER: 1.0}


def test_variables_that_never_change_or_are_mostly_empty() -> None:
    columns = filled()
    assert columns.constant(["câu", "nguồn", "loại"]) == ["nguồn"]
    assert columns.sparse(["câu", "ghi chú", "nguồn"]) == {"ghi chú": 40}
    assert filled(19).constant(["nguồn"]) == [] and filled(19).sparse(["ghi chú"]) == {}
