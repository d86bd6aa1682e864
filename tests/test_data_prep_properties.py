"""Laws of the readers: a table gives back its cells; no bytes make anything but rows, rejects or an `SftError`."""

import csv
import io
import json
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from data_prep import detect, formats, read
from sft.errors import SftError
from sft.records import Record, Reject
from sft.text import clean, mojibake

DATA = Path(__file__).parent / "data"
FIXTURES = [b"PAR1 PAR1", b"PK\x03\x04", *sorted(path.read_bytes() for path in DATA.glob("raw_*"))]
RELAXED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda text: not mojibake(text))
WORDS = st.text(st.sampled_from("ấđcàmự ,;|\t\"\n'.-0"), max_size=12)
CELL = st.one_of(WORDS, TEXT)


@RELAXED
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=6), delimiter=st.sampled_from(",;\t|"))
def test_a_written_table_is_read_back(tmp_path, rows, delimiter):
    # Lines inside quotes that look like rows themselves cannot be told from rows glued by stray quotes: refused, counted.
    assume(sum(delimiter in cell and "\n" in cell for row in rows for cell in row) < 2)
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerows([("câu", "nhãn", "ghi chú"), *rows])
    path = tmp_path / "table.csv"
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    items = list(read(detect(path, format="csv_table", delimiter=delimiter)))
    cleaned = [tuple(map(clean, row)) for row in rows]
    assert [tuple(item.fields.values()) for item in items if isinstance(item, Record)] == [
        r for r in cleaned if any(r)
    ]
    assert [item.reason for item in items if isinstance(item, Reject)] == ["empty_row"] * sum(
        not any(r) for r in cleaned
    )


@RELAXED
@given(data=st.data(), label=st.booleans())
def test_a_stray_quote_never_takes_another_row_along(tmp_path, data, label):
    """Insert a quote, or two where the last column is a label, at the edges of cells: every other row is read."""
    sentence = st.sampled_from([
        "Cá biết bơi",
        "Đất, đá, cát",
        "Nước sôi\nở trăm độ",
        'gọi là "tủ"',
        "Chim; gà",
    ])
    last = st.sampled_from(["đúng", "sai"]) if label else sentence
    count = data.draw(st.integers(8, 14))
    rows = [[f"câu {n} {data.draw(sentence)}", data.draw(last)] for n in range(count)]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["câu", "nhãn"])
    starts = []
    for row in rows:
        starts.append(stream.tell())
        writer.writerow(row)
    text, hit = stream.getvalue(), set()
    edges = [at for at in range(starts[0], len(text)) if text[at] in ",\n" or text[at - 1] in ",\n"]
    for at in sorted(data.draw(st.sets(st.sampled_from(edges), max_size=1 + label)), reverse=True):
        hit.add(sum(start <= at for start in starts) - 1)
        text = text[:at] + '"' + text[at:]
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8", newline="\n")
    source = detect(path, format="csv_table", delimiter=",")
    found = [list(item.fields.values()) for item in read(source) if isinstance(item, Record)]
    assert [row for n, row in enumerate(rows) if n not in hit and row not in found] == []


@RELAXED
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["câu", "nhãn", "x"]), CELL, min_size=1), min_size=1, max_size=6
    )
)
def test_json_lines_and_a_json_list_give_the_same_rows(tmp_path, rows):
    expected = [{key: clean(cell) for key, cell in row.items()} for row in rows]
    expected = [row for row in expected if any(row.values())]
    as_lines, as_list = tmp_path / "lines.txt", tmp_path / "list.txt"
    as_lines.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n"
    )
    as_list.write_text(
        json.dumps({"data": rows}, ensure_ascii=False, indent=1), encoding="utf-8", newline="\n"
    )
    for path, format_ in ((as_lines, "jsonl"), (as_list, "json_list")):
        source = detect(path)
        assert source.format == format_
        assert [dict(item.fields) for item in read(source) if isinstance(item, Record)] == expected


@st.composite
def damaged(draw):
    """A fixture with bytes cut out, put in or doubled."""
    data = draw(st.sampled_from(FIXTURES))
    for _n in range(draw(st.integers(0, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        middle = draw(
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from([b'"', b"\n", b"\r", b"{", b"]", data[at : at + length] * 2]),
            )
        )
        data = data[:at] + middle + data[at + length :]
    return data


@settings(RELAXED, max_examples=150)
@given(data=st.one_of(st.binary(max_size=200), damaged()), forced=st.sampled_from(["", "", "", *formats()]))
def test_no_bytes_crash_a_reader(tmp_path, data, forced):
    path = tmp_path / "any.txt"
    path.write_bytes(data)
    try:
        items = list(read(detect(path, format=forced)))
    except SftError as error:
        assert error.message and (error.hint or error.parts)
        return
    assert all(isinstance(item, (Record, Reject)) for item in items)
    assert len({item.id for item in items}) == len(items)
