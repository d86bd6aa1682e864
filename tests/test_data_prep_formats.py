"""Each format on the fixtures ``raw_*``: what it is taken for, what is read, what is refused and where."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import data_prep
from data_prep import Notes, Rules, Source, detect, read
from sft.errors import DataError, SettingsError, SftError
from sft.records import Record, Reject

DATA = Path(__file__).parent / "data"


def load(name: str, **options: Any) -> tuple[Source, list[Record], list[Reject], Notes]:
    notes = Notes()
    source = detect(DATA / f"raw_{name}", **options)
    items = list(read(source, notes))
    return (
        source,
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Reject)],
        notes,
    )


def test_a_single_row_of_json_lines_is_no_document(tmp_path: Path) -> None:
    row = '{"question": "Ai?", "context": "Lan ở Huế.", "answers": [{"text": "Lan", "answer_start": 0}]}\n'
    for name, found in (("one.jsonl", "jsonl"), ("one.json", "json_list")):
        (tmp_path / name).write_text(row, encoding="utf-8")
        assert detect(tmp_path / name).format == found


def reasons(rejects: list[Reject]) -> list[tuple[str, str]]:
    return [(reject.where.rpartition(":")[2], reject.reason) for reject in rejects]


@pytest.mark.parametrize(
    ("name", "format_", "read_", "rejected"),
    [
        ("tf_comma.csv", "csv_table", 12, {}),
        ("tf_semicolon_bom_crlf.csv", "csv_table", 12, {}),
        ("pipe_multiline.csv", "csv_table", 3, {}),
        ("trailing_newline_cells.csv", "csv_table", 2, {}),
        ("nan_words.csv", "csv_table", 5, {}),
        ("utf16.csv", "csv_table", 2, {}),
        ("stray_quote.csv", "csv_table", 5, {"stray_quote": 1}),
        ("stray_pair.csv", "csv_table", 4, {"stray_quote": 1}),
        ("open_quote.csv", "csv_table", 2, {"stray_quote": 1}),
        ("ragged.csv", "csv_table", 2, {"ragged": 2, "empty_row": 1}),
        ("nfd.jsonl", "jsonl", 2, {}),
        ("invisible.jsonl", "jsonl", 3, {}),
        ("mojibake_cp1254.txt", "jsonl", 1, {"mojibake": 2}),
        ("label_columns.jsonl", "jsonl", 2, {}),
        ("bad_lines.jsonl", "jsonl", 2, {"bad_json": 2, "not_object": 1, "broken_character": 1}),
        ("list_root.json", "json_list", 2, {"not_object": 1}),
        ("nested_root.json", "json_list", 1, {}),
        ("sharegpt_user_gpt.jsonl", "chat", 2, {}),
        ("sharegpt_messages_key.jsonl", "chat", 2, {}),
        ("openai_two_assistant.jsonl", "chat", 1, {"consecutive_assistant": 1}),
        (
            "roles_unknown.jsonl",
            "chat",
            1,
            {"unknown_role": 1, "empty_turn": 1, "no_final_answer": 1, "no_turns": 2},
        ),
        ("starts_with_assistant.json", "chat", 1, {"empty_turn": 1}),
        ("vlsp.txt", "amr", 2, {"no_graph": 1}),
        ("standard.amr", "amr", 2, {"no_sentence": 1}),
        ("squad.json", "squad", 2, {"offset_mismatch": 1}),
        ("squad_list_root.json", "squad", 2, {}),
        ("squad_bad_offsets.json", "squad", 1, {"offset_mismatch": 20}),
        ("several_answers.jsonl", "jsonl", 3, {}),
        ("mcq.csv", "csv_table", 3, {"empty_option": 1, "unknown_choice": 1, "option_order": 1}),
        ("conll.txt", "conll", 3, {"bad_block": 1}),
        ("passages.json", "passages", 2, {"no_passages": 1}),
        ("tones.jsonl", "jsonl", 3, {}),
        ("segmented.json", "json_list", 3, {}),
        ("silence.csv", "csv_table", 3, {}),
        ("rasa.md", "rasa", 3, {"bad_line": 1}),
    ],
)
def test_every_row_is_read_or_refused_with_a_reason(name, format_, read_, rejected):
    source, records, rejects, _notes = load(name)
    assert source.format == format_
    assert len(records) == read_
    assert Counter(reject.reason for reject in rejects) == rejected
    ids = [item.id for item in [*records, *rejects]]
    assert len(set(ids)) == len(ids)


def test_both_dialects_of_a_table_give_the_same_rows_as_text():
    comma, rows, _rejects, _notes = load("tf_comma.csv")
    semicolon, same, _rejects, _notes = load("tf_semicolon_bom_crlf.csv")
    assert (comma.delimiter, comma.encoding) == (",", "utf-8")
    assert (semicolon.delimiter, semicolon.encoding) == (";", "utf-8-sig")
    assert [dict(row.fields) for row in rows] == [dict(row.fields) for row in same]
    assert list(rows[0].fields) == ["STT", "Mệnh đề Câu hỏi (VIETNAMESE TEXT ONLY)", "Đáp án (TRUE/FALSE)"]
    assert (
        rows[4].fields["Mệnh đề Câu hỏi (VIETNAMESE TEXT ONLY)"]
        == 'Người ta gọi cây tre là "bạn của nhà nông".'
    )
    assert {row.fields["Đáp án (TRUE/FALSE)"] for row in rows} == {"TRUE", "FALSE"}
    assert "delimiter ';'" in str(semicolon) and "3 columns" in str(semicolon)


def test_multi_line_cells_and_the_line_a_row_starts_on():
    _source, records, _rejects, notes = load("pipe_multiline.csv")
    assert [record.where.rpartition(":")[2] for record in records] == ["2", "5", "6"]
    assert records[0].fields["Question"] == "Trồng rau muống cần gì?\nNhà tôi chỉ có ban công."
    assert records[2].fields["Question"] == "Vì sao lá vàng?"
    assert records[2].fields["Answer_2"] == "Do sâu bệnh | nấm."
    assert records[1].fields["Question"] == ""
    assert notes.counts == {"control": 1, "further_answers": 2}
    assert notes.examples["control"].endswith("raw_pipe_multiline.csv:6")
    assert [record.fields["answer"] for record in records][1] == "Một câu trả lời không có câu hỏi."


def test_words_that_look_like_nothing_stay_words():
    _source, records, _rejects, _notes = load("nan_words.csv")
    assert [record.fields["answer"] for record in records] == ["None", "NA", "Không", "nan", "007"]


def test_a_stray_quote_costs_its_own_line_only():
    _source, records, rejects, _notes = load("stray_quote.csv")
    assert reasons(rejects) == [("3", "stray_quote")]
    assert [record.fields["Câu"] for record in records][1:4] == [
        "Mèo thích cá.",
        "Chó, mèo là bạn.",
        'Bò "ăn" cỏ.',
    ]
    _source, records, rejects, _notes = load("open_quote.csv")
    assert reasons(rejects) == [("3", "stray_quote")]
    assert rejects[0].excerpt == '2,"Vịt bơi giỏi.,đúng'
    _source, records, rejects, _notes = load("stray_pair.csv")
    assert reasons(rejects) == [("3", "stray_quote")]
    assert [record.fields["STT"] for record in records] == ["1", "3", "4", "5"]


def test_encodings_are_named_never_guessed():
    expected = [("Mèo biết bơi?", "Có"), ("Đá biết nói?", "Không")]
    for name, encoding in (("utf16.csv", ""), ("utf16_no_mark.csv", "utf-16-le"), ("cp1258.csv", "cp1258")):
        _source, records, _rejects, _notes = load(name, encoding=encoding)
        assert [tuple(record.fields.values()) for record in records] == expected
    for name in ("utf16_no_mark.csv", "cp1258.csv"):
        with pytest.raises(DataError) as caught:
            load(name)
        assert "--encoding" in caught.value.hint
    assert load("cp1258.csv", encoding="cp1258")[3].counts["nfd"] == 2
    for name in ("no-such", "base64", "a\0b"):
        with pytest.raises(DataError, match="unknown encoding"):
            load("cp1258.csv", encoding=name)


def test_text_is_cleaned_and_what_was_mended_is_counted():
    _source, records, _rejects, notes = load("nfd.jsonl")
    assert records[0].fields["input"] == "Tiếng Việt có sáu thanh điệu."
    assert notes.counts == {"nfd": 1}
    _source, records, _rejects, notes = load("invisible.jsonl")
    assert [tuple(record.fields.values()) for record in records] == [
        ("Kể tên ba loại quả.", "Cam, xoài, chuối."),
        ("Giá vé bao nhiêu?", "Hai mươi nghìn\nmột người."),
        ("Thủ đô ở Ðâu?", "Hà Nội."),
    ]
    assert notes.counts == {"invisible": 2, "nbsp": 1, "carriage_return": 1, "look_alike": 1}


def test_mojibake_is_refused_with_line_column_and_excerpt():
    _source, _records, rejects, _notes = load("mojibake_cp1254.txt")
    assert reasons(rejects) == [("2", "mojibake"), ("3", "mojibake")]
    assert rejects[0].detail == "column input"
    assert rejects[0].excerpt.startswith("ğŸš€")


def test_json_values_become_text_as_written():
    source, records, _rejects, _notes = load("nested_root.json")
    assert source.part == "$.data.rows" and "$.data.rows" in source.detail
    assert dict(records[0].fields) == {
        "question": "Cá sống ở đâu?", "answer": "Dưới nước.", "score": "1.1", "ok": "true", "tags": '["cá", 2]', "note": "",
    }  # fmt: skip
    _source, records, rejects, _notes = load("bad_lines.jsonl")
    assert reasons(rejects) == [
        ("2", "bad_json"),
        ("4", "not_object"),
        ("5", "bad_json"),
        ("6", "broken_character"),
    ]
    assert "stands twice" in rejects[2].detail
    assert dict(records[1].fields) == {
        "input": "Sáu", "output": "6.10", "ok": "true", "none": "", "list": '[1, "hai", {"ba": 3.0}]',
    }  # fmt: skip


def test_rows_of_a_json_list_know_their_line():
    _source, records, rejects, _notes = load("list_root.json")
    assert [record.where.rpartition(":")[2] for record in records] == ["2", "3"]
    assert reasons(rejects) == [("5", "not_object")]


def test_rows_may_have_their_own_columns(tmp_path):
    _source, records, _rejects, _notes = load("label_columns.jsonl")
    assert "parent_vi" in records[0].fields and "parent_vi" not in records[1].fields
    late = tmp_path / "late.jsonl"
    rows = [{"input": f"câu {n}", "output": "TRUE"} | ({"pmid": n} if n > 1000 else {}) for n in range(1200)]
    late.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    records = [item for item in read(detect(late)) if isinstance(item, Record)]
    assert len(records) == 1200
    assert records[1100].fields["pmid"] == "1100"


def test_conversations_in_every_spelling():
    _source, records, _rejects, _notes = load("sharegpt_user_gpt.jsonl")
    assert [[m.role for m in record.messages] for record in records] == [
        ["user", "assistant", "user", "assistant"],
        ["system", "user", "assistant"],
    ]
    assert records[1].messages[0].content == "Trả lời ngắn."
    _source, records, _rejects, _notes = load("sharegpt_messages_key.jsonl")
    assert [record.messages[1].content for record in records] == ["Chào bạn.", "Hẹn gặp lại."]
    _source, records, rejects, _notes = load("openai_two_assistant.jsonl")
    assert rejects[0].detail == "turns 2 and 3"
    assert records[0].messages[0].content == "Chào"
    _source, records, _rejects, _notes = load("starts_with_assistant.json")
    assert [m.role for m in records[0].messages] == ["assistant", "user", "assistant"]


def test_an_unknown_role_is_named():
    _source, _records, rejects, _notes = load("roles_unknown.jsonl")
    assert reasons(rejects)[0] == ("1", "unknown_role")
    assert rejects[0].detail == "turn 2: 'narrator'"


def test_a_system_text_beside_the_turns_comes_first(tmp_path):
    path = tmp_path / "chat.jsonl"
    turns = [{"from": "human", "value": "Chào"}, {"from": "gpt", "value": "Chào bạn"}]
    path.write_text(json.dumps({"system": "Lịch sự.", "conversations": turns}) + "\n", encoding="utf-8")
    (record,) = read(detect(path))
    assert isinstance(record, Record)
    assert [m.role for m in record.messages] == ["system", "user", "assistant"]


def test_amr_in_both_header_styles():
    _source, records, rejects, _notes = load("vlsp.txt")
    assert [record.fields["sentence"] for record in records] == ["bé thả diều trên đê .", "mưa rồi ."]
    assert records[0].fields["graph"].startswith("(t / thả\n    :agent(b / bé)")
    assert records[0].id == "raw_vlsp:1"
    assert reasons(rejects) == [("7", "no_graph")]
    _source, records, rejects, _notes = load("standard.amr")
    assert [record.id for record in records] == ["vd.1", "raw_standard:2"]
    assert reasons(rejects) == [("12", "no_sentence")]


def test_squad_checks_offsets_and_marks_the_impossible():
    _source, records, rejects, _notes = load("squad.json")
    assert [(r.id, r.fields["answer"], r.fields["is_impossible"]) for r in records] == [
        ("a", "thành bụi", "false"),
        ("b", "", "true"),
    ]
    assert rejects[0].id == "c"


def test_rasa_takes_the_markup_off():
    _source, records, rejects, _notes = load("rasa.md")
    assert [tuple(record.fields.values()) for record in records] == [
        ("giá trà sữa bao nhiêu", "hoi_gia"),
        ("bao tiền vậy", "hoi_gia"),
        ("chào em", "chao"),
    ]
    assert reasons(rejects) == [("10", "bad_line")]


def look(path: Path, text: str) -> tuple[Source, list[Record | Reject]]:
    path.write_text(text, encoding="utf-8")
    source = detect(path)
    return source, list(read(source))


def test_rasa_loses_no_line_to_a_mistyped_heading_and_takes_none_from_a_comment(tmp_path):
    text = """## intent:chao
- xin chào
<!-- chưa duyệt:
- chào cái gì
--> - chào bạn
## Intent:hen
- hẹn gặp lại
## intents:sai
- mua gì
## intent:
- của ai
## lookup:mon
- phở
## intent:chao
- chào chị
<!-- không đóng
- mất
"""
    source, items = look(tmp_path / "nlu.md", text)
    assert source.detail == "intents: chao · hen"
    told = [
        (i.where.rpartition(":")[2], i.fields.get("intent") if isinstance(i, Record) else i.reason)
        for i in items
    ]
    assert told == [
        ("2", "chao"), ("5", "chao"), ("7", "hen"), ("9", "bad_line"), ("10", "bad_line"), ("11", "bad_line"),
        ("15", "chao"), ("16", "bad_line"),
    ]  # fmt: skip
    assert items[1].fields["text"] == "chào bạn" and items[-1].excerpt == "<!-- không đóng"


def test_squad_names_a_paragraph_whose_questions_do_not_read(tmp_path):
    good = {
        "context": "Tre mọc thành bụi.",
        "qas": [{"id": "1", "question": "Tre mọc thế nào?", "answers": []}, None],
    }
    odd = [
        {"context": "Ao sâu.", "qas": {"id": "2", "question": "Ao ra sao?"}},
        {"title": "Ao"},
        "chữ",
        {"qas": []},
    ]
    value = {"data": [{"title": "Cây tre", "paragraphs": [good, *odd]}, {"title": "Trống"}]}
    source, items = look(tmp_path / "s.json", json.dumps(value, ensure_ascii=False))
    assert source.format == "squad" and isinstance(items[0], Record)
    assert [(item.reason, item.excerpt) for item in items[1:]] == [
        ("no_question", "{}"), ("no_questions", "Ao sâu."), ("no_questions", "Ao"), ("no_questions", "chữ"),
        ("no_questions", "Trống"),
    ]  # fmt: skip


def test_passages_keep_the_columns_beside_them(tmp_path):
    row = {
        "id": 7,
        "question": "Sông Hương ở đâu?",
        "paragraphs": [{"text": "Sông chảy qua Huế."}],
        "answer": "Huế",
    }
    source, (item, _same) = look(tmp_path / "p.jsonl", 2 * (json.dumps(row, ensure_ascii=False) + "\n"))
    assert source.detail == "questions with passages, further columns: answer"
    assert (item.id, item.fields["answer"], item.fields["context"]) == ("7", "Huế", "Sông chảy qua Huế.")
    assert "title" not in item.fields
    row["context"] = "Huế có sông."
    source, (item, _same) = look(tmp_path / "p.jsonl", 2 * (json.dumps(row, ensure_ascii=False) + "\n"))
    assert source.format == "jsonl" and item.fields["context"] == "Huế có sông."


def test_parallel_files_are_read_line_by_line(tmp_path):
    (tmp_path / "seq.in").write_text("cho tôi vé đi huế\ngiá bao nhiêu\n", encoding="utf-8")
    (tmp_path / "label").write_text("đặt_vé\nhỏi_giá#giá\n", encoding="utf-8")
    (tmp_path / "seq.out").write_text("O O O O B\nO O O\n", encoding="utf-8")
    assert data_prep.expand([tmp_path]) == ([tmp_path / "seq.in"], [tmp_path / "label", tmp_path / "seq.out"])
    records = list(read(detect(tmp_path / "seq.in")))
    assert [dict(r.fields) for r in records if isinstance(r, Record)][1] == {
        "text": "giá bao nhiêu",
        "label": "hỏi_giá#giá",
        "slots": "O O O",
    }
    (tmp_path / "label").write_text("đặt_vé\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"seq\.in 2, label 1, seq\.out 2"):
        list(read(detect(tmp_path / "seq.in")))


def test_plain_lines_only_when_asked_for(tmp_path):
    path = tmp_path / "test.txt"
    path.write_text("trời hôm nay đẹp quá .\n\ncon mèo ngủ .\n", encoding="utf-8")
    with pytest.raises(DataError, match="no known format fits") as caught:
        detect(path)
    assert "--format" in caught.value.hint
    records = list(read(detect(path, format="plain_lines")))
    assert [(r.where.rpartition(":")[2], r.fields["text"]) for r in records if isinstance(r, Record)] == [
        ("1", "trời hôm nay đẹp quá ."),
        ("3", "con mèo ngủ ."),
    ]


def test_parquet_cells_become_text(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"question": ["Cá sống ở đâu?", None], "topic": [1, 2], "ok": [True, False]})
    parquet.write_table(table, tmp_path / "qa.bin")
    source = detect(tmp_path / "qa.bin")
    assert source.format == "parquet"
    assert [dict(r.fields) for r in read(source) if isinstance(r, Record)] == [
        {"question": "Cá sống ở đâu?", "topic": "1", "ok": "true"},
        {"question": "", "topic": "2", "ok": "false"},
    ]
    chat = pyarrow.table({
        "messages": [[{"role": "user", "content": "Chào"}, {"role": "assistant", "content": "Ừ"}]]
    })
    parquet.write_table(chat, tmp_path / "chat.bin")
    assert detect(tmp_path / "chat.bin").format == "chat"


def test_gzip_is_unpacked_by_its_bytes(tmp_path):
    path = tmp_path / "tf.csv"
    path.write_bytes(gzip.compress((DATA / "raw_tf_comma.csv").read_bytes()))
    assert sum(isinstance(item, Record) for item in read(detect(path))) == 12
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match="damaged"):
        detect(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("  \n \n", "the file is empty"),
        ("câu hỏi,câu hỏi\n1,2\n", "column name stands twice: câu hỏi"),
        ("câu hỏi,,đáp án\n1,2,3\n", "column 2 has no name"),
        ("__module__,__dict__\nx,y\n", "insides of a Python object"),
        ('câu,"nhãn\na,b\nc,d\n', "a quote in the header is never closed"),
        ("a,b;c\nd,e;f\n", "the delimiter may be"),
        ('{"data": [{"a": 1}, {"a": \n', "not JSON"),
        (
            '{"train": [{"a": 1}], "test": [{"a": 1}]}',
            r"several lists of rows in one file: \$.train, \$.test",
        ),
        ('{"a": [1, 2], "b":\n {"c": 3}}', "no list of objects"),
        ("\x89PNG\x00\x00\x00\x00\x00", "not a text file"),
        ("PK\x03\x04 sheet", "a zip archive"),
        ("PAR1 broken", "damaged Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "raw.txt"
    path.write_text(text, encoding="utf-8", newline="\n")
    with pytest.raises(DataError, match=message) as caught:
        list(read(detect(path)))
    assert str(path) in caught.value.where and caught.value.hint


def test_a_list_of_rows_can_be_chosen(tmp_path):
    path = tmp_path / "splits.json"
    path.write_text('{"train": [{"a": "1"}], "test": [{"a": "2"}, {"a": "3"}]}', encoding="utf-8")
    assert [r.fields for r in read(detect(path, part="$.test")) if isinstance(r, Record)] == [
        {"a": "2"},
        {"a": "3"},
    ]


def test_excel_habits(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text(
        "sep=;\r\n;câu;nhãn;;\r\n0;một, hai, ba;đúng;;\r\n1;bốn;sai;ghi chú;\r\n",
        encoding="utf-8",
        newline="",
    )
    source = detect(path)
    assert source.delimiter == ";"
    items = list(read(source))
    assert isinstance(items[0], Record)
    assert dict(items[0].fields) == {"column 1": "0", "câu": "một, hai, ba", "nhãn": "đúng"}
    assert isinstance(items[1], Reject) and items[1].reason == "ragged"


def test_settings_are_checked():
    for options, message in (
        ({"format": "csv"}, "unknown format 'csv'"),
        ({"delimiter": "||"}, "one character"),
        ({"delimiter": "\n"}, "one character"),
    ):
        with pytest.raises(SettingsError, match=message):
            load("tf_comma.csv", **options)
    assert load("tf_comma.csv", delimiter=",")[0].delimiter == ","


def test_a_forced_format_does_not_hide_the_fault():
    with pytest.raises(DataError, match="no JSON list"):
        load("tf_comma.csv", format="json_list")
    _source, records, rejects, _notes = load("tf_comma.csv", format="jsonl")
    assert not records and {reject.reason for reject in rejects} == {"bad_json"}


def test_expand_walks_folders_in_order(tmp_path):
    for name in ("b.csv", "a/x.jsonl", ".hidden", "a/.git/config", "README.md", "LICENSE", "a/license.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    kept, left = data_prep.expand([tmp_path, tmp_path / "b.csv"])
    assert kept == [tmp_path / "b.csv", tmp_path / "a/x.jsonl"]
    assert left == [tmp_path / name for name in (".hidden", "LICENSE", "README.md", "a/license.txt")]
    assert data_prep.expand([tmp_path / "*.csv"]) == ([tmp_path / "b.csv"], [])
    assert data_prep.expand([tmp_path / ".hidden"])[0] == [tmp_path / ".hidden"]


def test_expand_names_every_path_that_is_not_there(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no data files in this folder") as caught:
        data_prep.expand([tmp_path / "empty"])
    assert "put the raw files there" in caught.value.hint
    with pytest.raises(DataError) as caught:
        data_prep.expand([tmp_path / "none.csv", tmp_path / "*.tsv", tmp_path / "empty"])
    assert [part.where for part in caught.value.parts] == [
        str(tmp_path / name) for name in ("none.csv", "*.tsv", "empty")
    ]


def test_every_module_of_the_folder_is_a_format():
    known = data_prep.formats()
    assert {"amr", "chat", "csv_table", "json_list", "jsonl"} <= set(known)
    for name, module in known.items():
        assert module.__doc__ and "\n    " in module.__doc__, f"{name} shows an invented row"
        assert isinstance(module.GENERIC, bool)


def test_missing_file_is_an_error_not_a_traceback(tmp_path):
    with pytest.raises(SftError, match="no such file"):
        detect(tmp_path / "none.csv")
    with pytest.raises(SftError, match="is a folder"):
        detect(tmp_path)


def test_conll_blocks_give_text_slots_and_intent():
    source, records, rejects, _notes = load("conll.txt")
    assert source.detail == "a token and its tag a line, the intent last"
    assert [dict(record.fields) for record in records] == [
        {"text": "cho tôi vé đi Huế", "slots": "O O O O B-noi_den", "label": "đặt_vé"},
        {"text": "mấy giờ tàu chạy", "slots": "O O O O", "label": "hỏi_giờ#hỏi_tàu"},
        {"text": "Huế", "slots": "B-noi_den"},
    ]
    assert reasons(rejects) == [("14", "bad_block")]


def test_passages_without_answers_are_for_prediction():
    source, records, _rejects, _notes = load("passages.json")
    assert "sft predict" in source.detail
    assert (records[0].id, records[0].fields["context"]) == (
        "t1",
        "Sông Hương chảy qua Huế.\n\nSông dài hơn tám mươi cây số.",
    )
    assert "answer" not in records[0].fields


def test_an_empty_cell_may_be_an_input_of_its_own():
    _source, records, _rejects, _notes = load("silence.csv")
    assert [(r.fields["user_answer"], r.fields["user_intent"]) for r in records][1:] == [("", "silence")] * 2


def test_mojibake_is_turned_back_only_when_asked_and_only_without_loss():
    rules = Rules(repair_mojibake=True)
    _source, records, rejects, notes = load("mojibake_cp1254.txt", rules=rules)
    assert [record.fields["input"] for record in records] == ["Trời xanh.", "🚀 Tiếng Việt rất đẹp"]
    assert reasons(rejects) == [("3", "mojibake")] and "lost" in rejects[0].detail
    assert notes.counts == {"mojibake_repaired": 1, "mojibake": 1}
    assert notes.examples["mojibake_repaired"].endswith("→ 🚀 Tiếng Việt rất đẹp")


def test_the_header_of_a_damaged_table_is_turned_back_too(tmp_path):
    path = tmp_path / "damaged.csv"
    text = "câu hỏi,đáp án\nCá sống ở đâu?,Dưới nước\n".encode().decode("latin-1")
    path.write_text(text, encoding="utf-8")
    assert [item.reason for item in read(detect(path)) if isinstance(item, Reject)] == ["mojibake"]
    (record,) = read(detect(path, rules=Rules(repair_mojibake=True)))
    assert isinstance(record, Record)
    assert dict(record.fields) == {"câu hỏi": "Cá sống ở đâu?", "đáp án": "Dưới nước"}


def test_zstandard_is_unpacked_frame_by_frame(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    pack = zstandard.ZstdCompressor().compress
    whole = (DATA / "raw_tf_comma.csv").read_bytes()
    path = tmp_path / "tf.csv.zst"
    path.write_bytes(pack(whole[:200]) + pack(whole[200:]))
    assert sum(isinstance(item, Record) for item in read(detect(path))) == 12
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="damaged"):
        detect(path)


def test_class_numbers_of_parquet_are_named_and_short_numbers_stay_short(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    features = {"topic": {"names": ["da liễu", "tim mạch"], "_type": "ClassLabel"}}
    told = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = pyarrow.table({
        "topic": pyarrow.array([1, 0, None], pyarrow.int64()),
        "score": pyarrow.array([3.14, 1, None], pyarrow.float32()),
    })
    parquet.write_table(table.replace_schema_metadata(told), tmp_path / "qa.parquet")
    rows = [dict(item.fields) for item in read(detect(tmp_path / "qa.parquet")) if isinstance(item, Record)]
    assert rows == [{"topic": "tim mạch", "score": "3.14"}, {"topic": "da liễu", "score": "1"}]


def test_python_values_in_a_table_become_json_and_a_broken_one_refuses_its_row(tmp_path):
    path = tmp_path / "exported.csv"
    path.write_text(
        "question,answers\nỞ đâu?,\"['Huế', 'Hội An']\"\nKhi nào?,\"['sáng\"\nAi?,\"['bà']\"\n",
        encoding="utf-8",
    )
    items = list(read(detect(path)))
    assert [item.fields["answer"] for item in items if isinstance(item, Record)] == ["Huế", "bà"]
    (broken,) = [item for item in items if isinstance(item, Reject)]
    assert (broken.reason, broken.where) == ("bad_cell", f"{path}:3") and "column answers" in broken.detail
    # What is trained stays as written.
    path.write_text("input,output\nKể tên,\"['Huế', 'Hội An']\"\n", encoding="utf-8")
    (record,) = read(detect(path))
    assert isinstance(record, Record) and record.fields["output"] == "['Huế', 'Hội An']"


def test_a_document_with_something_behind_it_is_no_list(tmp_path):
    path = tmp_path / "twice.json"
    path.write_text('{"data": [{"a": "1"}]}\n{"data": [{"a": "2"}]}\n', encoding="utf-8")
    with pytest.raises(DataError, match="not JSON"):
        detect(path, format="json_list", part="$.data")


def test_a_companion_file_in_another_encoding_names_its_line(tmp_path):
    (tmp_path / "seq.in").write_text("xin chào\ntạm biệt\n", encoding="utf-8")
    (tmp_path / "label").write_bytes(b"ch\xe0o\nch\xe0o\n")
    with pytest.raises(DataError, match="not utf-8") as caught:
        list(read(detect(tmp_path / "seq.in")))
    assert caught.value.where == f"{tmp_path / 'label'}:1"
    with pytest.raises(DataError, match="no parallel files"):
        list(read(detect(DATA / "raw_rasa.md", format="parallel")))
