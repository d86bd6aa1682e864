"""Excel workbooks: the sheet, the header, every cell as text, and what cannot be one."""

import datetime
import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep import Notes, _table, detect, read
from sft.errors import DataError, MissingError
from sft.records import Record, Reject

openpyxl = pytest.importorskip("openpyxl")


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    """Return what writes a workbook of the sheets given by name."""

    def write(hidden: str = "", merged: str = "", **sheets: list[list[Any]]) -> Path:
        made = openpyxl.Workbook()
        made.remove(made.active)
        for name, rows in sheets.items():
            sheet = made.create_sheet(name)
            for row in rows:
                sheet.append(row)
            sheet.sheet_state = "hidden" if name == hidden else "visible"
            if merged:
                sheet.merge_cells(merged)
        path = tmp_path / "book.xlsx"
        made.save(path)
        return path

    return write


HEAD = ["câu", "đáp án"]


def test_every_cell_is_text_as_it_is_stored(book):
    moment, day = datetime.datetime(2024, 5, 1, 10, 3), datetime.datetime(2024, 5, 1)
    cells = [
        "nan",
        None,
        "None",
        "TRUE",
        True,
        1,
        2.0,
        1.10,
        "007",
        moment,
        day,
        day.date(),
        datetime.time(7, 5),
        "a\r\nb",
    ]
    path = book(Trang=[HEAD, *[[n, cell] for n, cell in enumerate(cells)]])
    items = list(read(detect(path)))
    assert [item.fields["đáp án"] for item in items] == [
        "nan", "", "None", "TRUE", "TRUE", "1", "2", "1.1", "007", "2024-05-01 10:03:00", "2024-05-01 00:00:00", "2024-05-01",
        "07:05:00",
        "a\nb",
    ]  # fmt: skip
    assert [item.where for item in items][:2] == [f"{path}:2", f"{path}:3"]


def test_one_sheet_with_rows_is_taken_and_said(book):
    source = detect(book(hidden="ẩn", Bài=[HEAD, ["a", "b"]], ẩn=[HEAD, ["c", "d"]], rỗng=[]))
    assert (source.format, source.part) == ("excel", "Bài")
    for said in ("sheet Bài", "2 columns: câu · đáp án", "hidden sheets not read: ẩn", "empty sheets: rỗng"):
        assert said in str(source)
    assert source.chosen == {"format": "excel", "part": "Bài"}


def test_of_several_sheets_one_must_be_named(book):
    path = book(
        hidden="ba", **{"Bài một": [HEAD, ["a", "b"]], "hai": [HEAD, ["c", "d"]], "ba": [HEAD, ["e", "f"]]}
    )
    with pytest.raises(DataError, match="several sheets in one workbook: Bài một, hai") as caught:
        detect(path)
    assert "--part 'Bài một'" in caught.value.hint
    for part, cell in (("hai", "c"), ("ba", "e")):
        assert [item.fields["câu"] for item in read(detect(path, part=part))] == [cell]
    with pytest.raises(DataError, match="no sheet 'bốn'; the workbook has Bài một, hai, ba"):
        detect(path, part="bốn")


def test_a_workbook_without_rows_says_so(book):
    with pytest.raises(DataError, match="no visible sheet has rows"):
        detect(book(một=[]))
    with pytest.raises(DataError, match="no visible sheet") as caught:
        detect(book(hidden="kín", kín=[HEAD], trống=[]))
    assert "--part kín" in caught.value.hint


def test_columns_without_a_name_are_told_and_joined_cells_too(book):
    path = book(
        merged="A3:A4",
        T=[
            [None, "câu", None, "đáp án"],
            [1, "a", "", "b"],
            [2, "c", "hỏi lại", "d", "thừa"],
            [None, "e", None, "g"],
        ],
    )
    source, notes = detect(path), Notes()
    items = [item.fields for item in read(source, notes)]
    assert items[1] == {"column 1": "2", "câu": "c", "column 3": "hỏi lại", "đáp án": "d", "column 5": "thừa"}
    assert notes.counts == {"unnamed_column": 2}
    assert "A3:A4" in source.detail and items[2]["column 1"] == ""


@pytest.mark.parametrize(
    ("head", "message"),
    [(["__module__", "__dict__"], "insides of a Python object"), (["a", "a"], "stands twice")],
)
def test_the_header_is_checked(book, head, message):
    with pytest.raises(DataError, match=message):
        detect(book(T=[head, ["x", "y"]]))


def test_nested_answers_printed_by_python_are_read_and_a_broken_one_refuses_its_row(book):
    rows = [
        ["ở Huế", "Ở đâu?", "{'text': ['Huế'], 'answer_start': [2]}"],
        ["ở Huế", "Nơi nào?", "{'text': array(['Huế'], dtype=object), 'answer_start': array([2])}"],
        ["ở Huế", "Đâu?", "{'text': ['Huế], 'answer_start': [2]}"],
        ["ở Huế", "Khi nào?", "{'text': [], 'answer_start': []}"],
    ]
    items = list(read(detect(book(T=[["context", "question", "answers"], *rows]))))
    assert [item.fields["answer"] for item in items if isinstance(item, Record)] == ["Huế", "Huế", ""]
    (broken,) = [item for item in items if isinstance(item, Reject)]
    assert broken.reason == "bad_cell" and broken.detail.startswith("cell C4: ")


def test_error_values_and_formulas_without_a_value_refuse_their_row(book):
    items = list(read(detect(book(T=[HEAD, ["a", "#N/A"], ["b", "=1+1"], ["c", "d"]]))))
    assert [item.detail for item in items if isinstance(item, Reject)] == [
        "cell B2: the error value #N/A", "cell B3: a formula without a stored value",
    ]  # fmt: skip
    assert [item.fields["câu"] for item in items if isinstance(item, Record)] == ["c"]


def test_a_formula_gives_the_value_it_had_when_saved(book, tmp_path):
    path, calculated = book(T=[HEAD, ["b", "=1+1"]]), tmp_path / "calculated.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(calculated, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith("sheet1.xml"):
                assert b"<f>1+1</f><v></v>" in part or b"<f>1+1</f><v/>" in part or b"<f>1+1</f><v />" in part
                for empty in (b"<v></v>", b"<v/>", b"<v />"):
                    part = part.replace(b"<f>1+1</f>" + empty, b"<f>1+1</f><v>2</v>")
            new.writestr(name, part)
    assert [item.fields["đáp án"] for item in read(detect(calculated))] == ["2"]


def test_chats_may_come_from_a_spreadsheet(book):
    turns = '[{"role": "assistant", "content": "Con thích gì?"}, {"role": "user", "content": "Màu đỏ."}]'
    source = detect(book(T=[["previous_conversation", "assistant_fast_response"], [turns, "Đẹp quá!"]]))
    (record,) = read(source)
    assert source.format == "chat"
    assert [message.role for message in record.messages] == ["assistant", "user", "assistant"]


def test_a_packed_workbook_is_unpacked_and_a_damaged_one_is_one_error(book, tmp_path):
    path = book(T=[HEAD, ["a", "b"]])
    packed = tmp_path / "book.xlsx.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert len(list(read(detect(packed)))) == 1
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="damaged Excel workbook"):
        detect(path)
    old = tmp_path / "old.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(DataError, match=r"old kind \(\.xls\)"):
        detect(old)


def test_without_openpyxl_the_command_is_named(book, monkeypatch):
    path = book(T=[HEAD, ["a", "b"]])
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(MissingError, match="openpyxl") as caught:
        detect(path)
    assert "pip install openpyxl" in caught.value.hint and caught.value.exit_code == 3


def test_a_column_without_a_name_is_called_the_same_in_every_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SFT_LANG", "vi")
    assert _table.unnamed(2) == "column 3" and _table.is_unnamed("column 3")
