"""What sft.toml and the flags say about raw files, and what is told about them."""

from pathlib import Path

import pytest

from sft import columns, settings, sources, starter
from sft.cli.sources import Reader
from sft.errors import DataError, SettingsError
from sft.prep.spool import Spooled
from sft.records import Record, Reject
from tests.workspace import sft

TABLE = """\
[prep]
answers = "each"

[[prep.source]]
files = "data/raw/exam*.csv"
encoding = "cp1258"
delimiter = ";"
columns = { question = "Câu" }

[[prep.source]]
files = "exam_2.csv"
turns = "merge"
"""
EXAM = "Câu;Ghi chú;Đáp án\nMèo biết bơi;a, b;Có\n"


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Return a workspace whose two raw files cannot be read without being told how."""
    monkeypatch.chdir(tmp_path)
    Path("data/raw").mkdir(parents=True)
    for name in ("exam_1.csv", "exam_2.csv"):
        Path("data/raw", name).write_bytes(EXAM.replace("Có", name).encode("cp1258", "ignore"))
    Path("sft.toml").write_text(TABLE, encoding="utf-8")
    return tmp_path


def rows(reader: Reader, *paths: str) -> list[Record | Reject]:
    """Read as `Reader.spool` does, without a folder between."""
    reader.find({"": [Path(path) for path in paths]})
    items: list[Record | Reject] = []

    class Folder:
        def take(self, name, read, notes, known):
            found = list(read())
            items.extend(found)
            return Spooled(name, "", len(found), notes=notes()), False

    reader.spool(Folder())
    return items


def test_the_table_of_a_file_says_how_it_is_read(workspace, capsys):
    reader = Reader({})
    found = rows(reader, "data/raw")
    assert [list(item.fields) for item in found if isinstance(item, Record)] == [
        ["Câu", "Ghi chú", "Đáp án"]
    ] * 2
    assert [(told["encoding"], told["delimiter"]) for told in reader.told] == [("cp1258", ";")] * 2
    assert reader.columns == {
        "data/raw/exam_1.csv": {"question": "Câu"},
        "data/raw/exam_2.csv": {"question": "Câu"},
    }
    said = capsys.readouterr().err
    assert "as said in sft.toml:4\n" in said and "as said in sft.toml:4, sft.toml:10\n" in said


def test_a_flag_wins_over_the_table(workspace):
    with pytest.raises(DataError, match="not utf-8"):
        rows(Reader({"encoding": "utf-8"}), "data/raw/exam_1.csv")


def test_rules_come_from_flag_table_section_and_default(workspace):
    Path("data/raw/a.jsonl").write_text('{"question": "a", "answers": ["b", "c"]}\n', encoding="utf-8")
    assert len(rows(Reader({}), "data/raw/a.jsonl")) == 2  # [prep] answers = "each"
    assert len(rows(Reader({"answers": "first"}), "data/raw/a.jsonl")) == 1
    text = TABLE + '\n[[prep.source]]\nfiles = "*.jsonl"\nanswers = "first"\n'
    Path("sft.toml").write_text(text, encoding="utf-8")
    assert len(rows(Reader({}), "data/raw/a.jsonl")) == 1
    with pytest.raises(SettingsError, match="--answers"):
        rows(Reader({"answers": "all"}), "data/raw/a.jsonl")


def test_what_was_found_is_shown_as_it_would_be_said(workspace, capsys):
    Path("sft.toml").unlink()
    Path("mine.csv").write_text("câu;nhãn\na;b\n", encoding="utf-8-sig")
    rows(Reader({}), "mine.csv")
    said = capsys.readouterr().err
    line = '[[prep.source]] files = "mine.csv"; format = "csv_table"; encoding = "utf-8-sig"; delimiter = ";"'
    assert line in said
    head, _blank, pairs = line.partition(" ")
    Path("sft.toml").write_text(
        "\n".join([head, *pairs.split("; ", 1)[0:1], 'delimiter = ";"']), encoding="utf-8"
    )
    assert settings.sources()[0][0].delimiter == ";"


def test_a_pattern_that_fits_no_file_is_named_with_its_line(workspace):
    text = TABLE + '\n[[prep.source]]\nfiles = "data/raw/exma*.csv"\n'
    Path("sft.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="no raw file fits 'data/raw/exma") as caught:
        rows(Reader({}), "data/raw/exam_1.csv")
    assert caught.value.where == "sft.toml:14"
    # A pattern about other raw files than those of this command is no fault.
    Path("sft.toml").write_text(TABLE, encoding="utf-8")
    Path("mine.csv").write_text("a,b\nc,d\n", encoding="utf-8")
    assert len(rows(Reader({}), "mine.csv")) == 1


def test_two_tables_may_add_to_each_other_but_not_disagree(workspace):
    Path("sft.toml").write_text(TABLE + 'delimiter = ","\n', encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"delimiter of the same file is said twice, here and at sft.toml:4"
    ):
        rows(Reader({}), "data/raw")


def test_every_fault_of_a_table_comes_with_its_line(workspace):
    Path("sft.toml").write_text(
        '[[prep.source]]\nformat = "csv_table"\n[[prep.source]]\nfiles = "a*"\nencodng = "x"\nanswers = "all"\nnumbered_from = 2\n',
        encoding="utf-8",
    )
    with pytest.raises(SettingsError) as caught:
        settings.workspace_defaults()
    faults = {error.where: error for error in caught.value.parts}
    assert set(faults) == {"sft.toml:1", "sft.toml:5", "sft.toml:6", "sft.toml:7"}
    assert "which files" in faults["sft.toml:1"].message and "encoding" in faults["sft.toml:5"].hint


def test_the_initial_file_shows_a_table_that_works_when_taken_in():
    shown = starter.commented().split("[[prep.source]]")[1].split("\n\n")[0]
    text = "[[prep.source]]" + shown.replace("\n## ", "\n")
    table = settings.presets.parse_toml(text, "sft.toml")["prep"]["source"][0]
    assert settings.SourceSettings.model_validate(table).files == "data/raw/exam*.csv"
    assert set(table) == set(settings.SourceSettings.model_fields)


def test_patterns():
    assert sources.fits("hf:a/b*", Path("hf:a/b@train"))
    assert sources.fits("data/raw/*.csv", Path.cwd() / "data/raw/x.csv")
    assert not sources.fits("x.csv", Path("data/raw/y.csv"))


def test_many_wrong_offsets_are_an_error_few_a_warning(tmp_path, monkeypatch):
    data = Path(__file__).parent / "data"
    monkeypatch.chdir(tmp_path)
    for name, severity in (("raw_squad_bad_offsets.json", "error"), ("raw_squad.json", "warning")):
        reader = Reader({})
        rows(reader, str(data / name))
        (found,) = [f for f in reader.findings() if f.id == "offset_mismatch"]
        assert found.severity == severity and found.hint
    ran = sft("prep", data / "raw_squad_bad_offsets.json", "--template", "context_v1")
    assert ran.code == 1 and "--allow offset_mismatch" in ran.err and not Path("data/prepared").exists()


def test_columns_said_for_a_source_count_for_it_alone():
    records = [
        Record("1", "a.csv:2", {"x": "1", "y": "2"}),
        Record("1", "b.csv:2", {"question": "1", "answer": "2"}),
    ]
    said = {"a.csv": {"question": "x", "answer": "y"}}
    assert columns.by_source(records, ["question", "answer"], {}, said) == {
        "a.csv": {"question": "x", "answer": "y"}, "b.csv": {"question": "question", "answer": "answer"},
    }  # fmt: skip
    assert columns.by_source(records, ["question"], {"question": "y"}, said)["a.csv"] == {"question": "x"}
    with pytest.raises(DataError, match="no column 'z'") as caught:
        columns.by_source(records, ["question", "answer"], {}, {"a.csv": {"question": "z"}})
    assert caught.value.where == "a.csv"


def test_a_file_without_answers_is_refused_with_its_use(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = sft("prep", Path(__file__).parent / "data/raw_passages.json", "--template", "context_v1")
    assert ran.code == 2 and "no column for answer" in ran.err and "sft predict" in ran.err
