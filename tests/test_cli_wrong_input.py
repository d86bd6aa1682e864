"""Wrong input, as a new user gives it: one clear error with its place and a hint, or a counted rejection."""

import errno
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from workspace import BROKEN, GRAPHS, Ran, amr, csv, error, finished_run, put, sft, statements

from sft import prepared

ROOT = Path(__file__).parents[1]
TABLE = csv(statements(20))
ANSWER = ("prep", "--template", "true_false_v1")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFT_LANG", "en")
    assert sft("init").code == 0
    return tmp_path


def counted(
    text: str | bytes, reason: str, *, name: str = "data/raw/a.csv", template: str = "true_false_v1"
) -> Ran:
    """Prepare a file with one bad row: it is rejected with its reason, the others are kept."""
    put(name, text)
    done = sft("prep", "--template", template)
    assert done.code == 0, done
    value = sft("prep", "--template", template, "--json").json
    assert value["rejected"] == {reason: 1}
    assert value["read"] == value["kept"] + 1
    assert f"- {reason} × 1  ({name}:" in done.out
    rejected = Path(value["out"], "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["reason"] for line in rejected] == [reason]
    return done


def line(text: str, number: int, change: Callable[[str], str]) -> str:
    """Return `text` with one line changed, counted from 1."""
    lines = text.split("\n")
    lines[number - 1] = change(lines[number - 1])
    return "\n".join(lines)


# Files


def test_a_missing_file() -> None:
    assert error(*ANSWER, "nofile.csv") == "error: nofile.csv: no such file or folder\nhint: check the path\n"


def test_several_bad_files_are_named_at_once() -> None:
    put("empty.csv", "")
    put("prose.txt", "Đây là văn bản thường.\nKhông phải dữ liệu.\n")
    put("good.csv", TABLE)
    said = error(*ANSWER, "no1.csv", "empty.csv", "good.csv", "prose.txt")
    for text in ("3 sources cannot be read", "- no1.csv: no such file", "- empty.csv: the file is empty", "- prose.txt: no known format"):  # fmt: skip
        assert text in said


def test_a_table_whose_cells_want_quotes() -> None:
    put("a.csv", "câu hỏi,đáp án\n" + "Nhà, cửa, vườn ở đâu?,Bên sông\n" * 3)
    said = error(*ANSWER, "a.csv")
    assert "no known format fits" in said and "quote the cells" in said
    assert "ragged × 3" in error(*ANSWER, "a.csv", "--format", "csv_table")


@pytest.mark.parametrize("text", ["", "\n \n\n", "\ufeff"])
def test_an_empty_file(text: str) -> None:
    put("data/raw/a.csv", text)
    assert "data/raw/a.csv: the file is empty" in error(*ANSWER)


def test_a_header_without_rows() -> None:
    put("data/raw/a.csv", "STT,Câu hỏi,Đáp án\n")
    assert "data/raw/a.csv: no rows in this file" in error(*ANSWER)


def test_a_folder_with_no_data() -> None:
    assert "data/raw: no data files in this folder" in error(*ANSWER)
    put("data/raw/README.md", "read me")
    put("data/raw/.hidden", "x")
    assert "no data files" in sft(*ANSWER).err


def test_no_raw_folder() -> None:
    Path("data/raw").rmdir()
    said = error(*ANSWER)
    assert "no sources named, and there is no data/raw" in said and "sft init" in said
    put("sft.toml", '[data]\nraw = "nix"\n')
    assert "error: sft.toml:2: no sources named, and there is no nix" in error(*ANSWER)


def test_a_workbook() -> None:
    put("data/raw/a.xlsx", b"PK\x03\x04" + b"\0" * 60)
    assert "damaged Excel workbook" in error(*ANSWER)


# Columns and labels


def test_a_wrong_column() -> None:
    put("data/raw/a.csv", csv([(q, a) for q, a in statements()], ("x", "y")))
    said = error(*ANSWER)
    assert (
        "- data/raw/a.csv: no column for question; the file has x, y  (name it: --map question=COLUMN" in said
    )
    assert "- data/raw/a.csv: no column for answer" in said


def test_a_template_that_does_not_fit_the_data() -> None:
    put("data/raw/a.txt", amr())
    said = error(*ANSWER)
    assert (
        "data/raw/a.txt: no column for answer; the file has sentence, graph" in said
        and "another template" in said
    )
    put("data/raw/a.txt", json.dumps({"messages": [{"role": "user", "content": "chào"}, {"role": "assistant", "content": "ơi"}]}))  # fmt: skip
    said = error(*ANSWER)
    assert "all 1 were rejected" in said and "wrong_kind × 1: a conversation" in said


def test_two_columns_that_fit_equally_well() -> None:
    put("data/raw/a.csv", csv([("a", "b", "Đúng")], ("Câu hỏi 1", "Câu hỏi 2", "Đáp án")))
    said = error(*ANSWER)
    assert "several columns may be question: Câu hỏi 1, Câu hỏi 2" in said
    assert "hint: say which: --map question='Câu hỏi 1'" in said


@pytest.mark.parametrize(
    ("given", "text", "hint"),
    [
        ("questio=Câu hỏi", "the template has no variable 'questio'", "did you mean 'question'?"),
        ("question=Câu hoi", "no column 'Câu hoi'", "did you mean 'Câu hỏi'?"),
        ("question", "--map takes NAME=COLUMN, not 'question'", "--map question=Câu"),
    ],
)
def test_a_mistyped_map(given: str, text: str, hint: str) -> None:
    put("data/raw/a.csv", TABLE)
    said = error(*ANSWER, "--map", given)
    assert text in said and hint in said


def test_a_label_that_is_none() -> None:
    done = counted(line(TABLE, 5, lambda t: t.rpartition(",")[0] + ",ừ"), "unknown_label")
    assert "(data/raw/a.csv:5: known: TRUE, FALSE, Đúng, Sai)\n      ừ\n" in done.out


def test_an_empty_cell() -> None:
    counted(line(TABLE, 5, lambda t: t.rpartition(",")[0] + ","), "empty_answer")
    counted(line(TABLE, 5, lambda t: "4,,Sai"), "empty_question")


def test_every_row_refused_says_why_and_where() -> None:
    put("data/raw/a.csv", csv([(q, "ừ") for q, _a in statements(9)]))
    said = error(*ANSWER)
    assert "no row is left to train on: all 9 were rejected" in said
    assert "- data/raw/a.csv:2: unknown_label × 9: known: TRUE, FALSE, Đúng, Sai" in said


def test_a_held_out_file_of_which_nothing_is_left() -> None:
    put("data/raw/a.csv", TABLE)
    put("t.csv", csv([("Voi bơi.", "ừ")]))
    assert "no held-out row is left: all 1 were rejected" in error(*ANSWER, "--test", "t.csv")


# Text


def test_decomposed_text_is_composed_and_counted() -> None:
    put("data/raw/a.csv", unicodedata.normalize("NFD", TABLE))
    done = sft(*ANSWER)
    assert done.code == 0 and "· nfd × 20: rows with decomposed letters (NFD), composed to NFC" in done.out
    nfd = Path("data/prepared/true_false_v1/train.jsonl").read_bytes()
    put("data/raw/a.csv", TABLE)
    sft(*ANSWER)
    assert Path("data/prepared/true_false_v1/train.jsonl").read_bytes() == nfd


def test_a_byte_order_mark_and_windows_line_ends() -> None:
    put("data/raw/a.csv", b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode())
    done = sft(*ANSWER)
    assert done.code == 0 and "read 20 = kept 20" in done.out
    assert "utf-8-sig" in done.err


def test_a_mojibake_line() -> None:
    done = counted(line(TABLE, 7, lambda t: t.encode().decode("cp1252", "ignore")), "mojibake")
    assert "(data/raw/a.csv:7: column Câu hỏi)" in done.out


def test_another_encoding_is_named_by_its_line() -> None:
    put(
        "data/raw/a.csv",
        line(TABLE, 7, lambda t: t.replace("ngủ", "ng?")).encode().replace(b"ng?", b"ng\xfb"),
    )
    said = error(*ANSWER)
    assert "error: data/raw/a.csv:7: not utf-8 text (byte 0xfb)" in said and "--encoding cp1258" in said
    assert "unknown encoding 'cp125'" in error(*ANSWER, "--encoding", "cp125")


# Tables, JSON, graphs


def test_a_stray_quote() -> None:
    done = counted(line(TABLE, 7, lambda t: t.replace(",", ',"', 1)), "stray_quote")
    assert "(data/raw/a.csv:7" in done.out


def test_a_row_with_too_many_cells() -> None:
    done = counted(line(TABLE, 7, lambda t: t.replace(" ngủ", ", ngủ")), "ragged")
    assert "(data/raw/a.csv:7: 4 cells, the header has 3)" in done.out


def test_a_broken_json_line() -> None:
    rows = [json.dumps({"question": q, "answer": a}, ensure_ascii=False) for q, a in statements(20)]
    done = counted("\n".join([*rows[:3], rows[3][:-1], *rows[4:]]), "bad_json", name="data/raw/a.jsonl")
    assert "(data/raw/a.jsonl:4: " in done.out


def test_a_graph_with_a_missing_bracket() -> None:
    done = counted(
        amr([*GRAPHS[:3], BROKEN, *GRAPHS[3:]]), "missing_bracket", name="data/raw/a.txt", template="v5_cot"
    )
    at = done.out.index("- missing_bracket")
    where, source, caret = done.out[at:].split("\n")[:3]
    assert where.endswith("(data/raw/a.txt:16: 1 closing bracket(s) missing at the end)")
    assert source.strip() == ":theme(c1 / cá)" and caret.index("^") == len(source)


def test_the_place_of_a_defect_is_shown_in_a_long_line_too() -> None:
    long = f"(n / nghĩ {' '.join(f':op{n} (x{n} / cá)' for n in range(1, 40))} :theme )"
    done = counted(
        amr([*GRAPHS, ("tôi nghĩ .", long)]), "missing_target", name="data/raw/a.txt", template="v5_cot"
    )
    source, caret = done.out[done.out.index("- missing_target") :].split("\n")[1:3]
    assert source[caret.index("^") :].startswith(":theme )") and len(source) < 120


def test_a_sentence_without_a_graph_and_a_graph_without_a_sentence() -> None:
    text = amr() + "\n#::snt trời nắng .\n\n(x / nắng)\n"
    counted(text.replace("\n(x / nắng)\n", ""), "no_graph", name="data/raw/a.txt", template="v5_cot")
    counted(amr() + "\n\n(x / nắng)\n", "no_sentence", name="data/raw/a.txt", template="v5_cot")


def test_a_format_that_is_not_one() -> None:
    put("data/raw/a.csv", TABLE)
    assert "unknown format 'cvs'" in error(*ANSWER, "--format", "cvs")
    assert "delimiter must be one character" in error(*ANSWER, "--delimiter", "||")
    assert "all 1 were rejected" in error(*ANSWER, "--format", "amr")


# Names


@pytest.mark.parametrize(
    ("arguments", "text", "hint"),
    [
        (("prep",), "no template chosen", "--template v5_cot"),
        (("prep", "--template", "v5cot"), "unknown template 'v5cot'", "did you mean v5_cot?"),
        (("prep", "--template", "true_fals"), "unknown template 'true_fals'", "did you mean true_false_v1?"),
        (("prep", "--template", "zzzz"), "unknown template 'zzzz'", "sft templates list"),
        (("prep", "--template", "v5_cot@00000000"), "not @00000000", "never changes"),
        (("prep", "--template", "my.toml"), "no such template file", "sft templates list"),
        (("templates", "show", "v5"), "unknown template 'v5'", "did you mean v5_cot?"),
        (("plan", "--rows", "9", "--model", "qwen2.5-3bb"), "unknown model 'qwen2.5-3bb'", "did you mean qwen2.5-3b?"),
        (("plan", "--rows", "9", "--use-case", "full_trainin"), "unknown preset 'full_trainin'", "did you mean full_training?"),
        (("presets", "show", "quick"), "unknown preset 'quick'", "did you mean quick_test?"),
        (("init", "--sample", "amrr"), "unknown sample 'amrr'", "one of: amr, qa"),
        (("smatch", "a", "b", "--mode", "smach"), "unknown mode 'smach'", "smatch, amr, none"),
        (("smatch", "--run", "r1"), "unknown run 'r1'", "no run yet"),
    ],
)  # fmt: skip
def test_an_unknown_name_gets_the_nearest(arguments: tuple[str, ...], text: str, hint: str) -> None:
    said = error(*arguments)
    assert text in said and hint in said


# Settings


def test_every_mistake_of_the_settings_file_is_shown_with_its_line() -> None:
    put("sft.toml", '[prep]\ntemplat = "v5_cot"\nval_split = "a"\n[trian]\nlr = 2e-4\n[train]\nepoch = 3\n')
    for command in (("prep", "--template", "v5_cot"), ("plan", "--rows", "9")):
        said = error(*command)
        assert "error: 4 settings are wrong" in said
        for text in ("sft.toml:2: unknown setting 'templat'  (did you mean template?)", "sft.toml:3: val_split", "sft.toml:4: unknown section [trian]", "sft.toml:7: unknown setting 'epoch'"):  # fmt: skip
            assert text in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[prep\n", "sft.toml:1: not TOML"),
        ("lr = 3\n", "sft.toml:1: setting 'lr' stands outside a section"),
        ('[prep]\n\ntemplate = "v6_cot"\n', "sft.toml:3: unknown template 'v6_cot'"),
    ],
)
def test_a_damaged_settings_file(text: str, said: str) -> None:
    put("sft.toml", text)
    put("data/raw/a.csv", TABLE)
    assert said in error("prep")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--epochs", "3", "--max-steps", "10"), "100 rows / (4 × 4) = 7 steps an epoch; 10 steps are 1.4 epochs, not 3"),
        (("--data", "x"), "--rows and --data exclude each other"),
        (("--lr", "0"), "--lr"),
        (("--batch-size", "0"), "--batch-size"),
        (("--val-split", "1.5"), "--val-split"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(arguments: tuple[str, ...], text: str) -> None:
    assert text in error("plan", "--rows", "100", *arguments)


def test_no_rows() -> None:
    assert "there are no rows to train on" in error("plan", "--rows", "0")


@pytest.mark.parametrize(
    ("arguments", "text", "hint"),
    [
        (("prepp",), "No such command 'prepp'", "sft --help"),
        (("prep", "--templat", "x"), "No such option: --templat", "sft prep --help"),
        (("prep", "--val-split", "abc"), "--val-split", "sft prep --help"),
        (("--lang", "fr", "prep"), "one of: en, vi", "sft --help"),
        (("templates", "sho"), "No such command 'sho'", "sft templates --help"),
        (("smatch", "a", "b", "c"), "3 files", "sft smatch a.txt b.txt --gold gold.txt"),
            (("smatch", "--gold", "c"), "0 files", "sft smatch a.txt b.txt --gold gold.txt"),
            (("smatch", "a", "b", "--limit", "9", "--base"), "--base, --limit: for a run only", "leave out either the files or these flags"),
            (("smatch", "a", "b", "--time-limit", "-1"), "--time-limit", "sft smatch --help"),
    ],
)  # fmt: skip
def test_a_mistyped_command_line(arguments: tuple[str, ...], text: str, hint: str) -> None:
    said = error(*arguments)
    assert text in said and said.endswith(f"hint: {hint}\n")


# Prepared sets


def test_no_prepared_set() -> None:
    assert "no prepared set" in error("plan") and "sft prep --template" in error("plan")
    assert "nowhere: no such folder" in error("plan", "--data", "nowhere")
    Path("half").mkdir()
    assert "half: is not a complete prepared set" in error("plan", "--data", "half")


def test_edited_prepared_rows() -> None:
    put("data/raw/a.csv", TABLE)
    assert sft(*ANSWER).code == 0
    path = Path("data/prepared/true_false_v1/train.jsonl")
    path.write_text(path.read_text(encoding="utf-8").replace("ngủ", "ngồi", 1), encoding="utf-8")
    said = error("plan")
    assert "data/prepared/true_false_v1: the rows are not the ones this set was made with" in said
    assert "not edited by hand" in said


def test_a_place_that_holds_something_else() -> None:
    put("data/raw/a.csv", TABLE)
    for place in (".", "data", "data/raw"):
        said = error(*ANSWER, "--out", place)
        assert f"error: {place}: is a folder with other files in it" in said
    assert "is a file, not a folder" in error(*ANSWER, "--out", "data/raw/a.csv")
    assert Path("data/raw/a.csv").read_text(encoding="utf-8") == TABLE
    assert "reading" not in sft(*ANSWER, "--out", ".").err  # refused before any work


def test_a_template_changed_after_the_data_were_made() -> None:
    text = (ROOT / "templates/qa/true_false_v1.toml").read_text(encoding="utf-8")
    put("templates/my/own.toml", text)
    put("data/raw/a.csv", TABLE)
    assert sft("prep", "--template", "own").code == 0
    folder = Path("data/prepared/own")
    finished_run(folder, {json.loads(row)["id"]: {} for row in (folder / "valid.jsonl").read_text(encoding="utf-8").splitlines()})  # fmt: skip
    put("templates/my/own.toml", text.replace("Mệnh đề:", "Câu:"))
    said = error("eval")
    assert "template my/own is now @" in said and "templates/my/own.toml" in said
    put("templates/my/own.toml", text + "\n[[message\n")
    assert "not a TOML file" in error("eval")


def test_a_full_disk_or_a_forbidden_place(monkeypatch: pytest.MonkeyPatch) -> None:
    put("data/raw/a.csv", TABLE)

    def full(path: Path, _value: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path.name))

    monkeypatch.setattr(prepared, "write_json", full)
    assert "\nerror: report.json: No space left on device\n" in error(*ANSWER, code=3)
    assert list(Path("data/prepared").iterdir()) == []


# Runs and scores


@pytest.mark.parametrize("command", ["smatch", "eval", "predict"])
def test_no_finished_run(command: str) -> None:
    assert "no finished run" in error(command)
    put("runs/a/run.json", '{"status": "interrupted", "started": "2026-01-01"}')
    assert "no finished run" in error(command)
    assert "this run is interrupted" in error(command, "--run", "a")
    put("runs/a/run.json", "{")
    assert "runs/a/run.json: run.json does not read" in error(command)


def test_scoring_one_file_or_missing_files() -> None:
    put("g.txt", amr())
    assert "two files are needed" in error("smatch", "g.txt")
    assert "error: x.txt: no such file" in error("smatch", "x.txt", "g.txt")
    both = error("smatch", "x.txt", "y.txt")
    assert "- x.txt: no such file" in both and "- y.txt: no such file" in both
    put("e.txt", "\n")
    assert "e.txt: no graph in this file" in error("smatch", "e.txt", "g.txt")
    assert "is a folder" in error("smatch", "data", "g.txt")


def test_unequal_numbers_of_graphs_name_what_is_missing() -> None:
    put("g.txt", amr())
    put("p.txt", amr([GRAPHS[0], *GRAPHS[2:]]))
    said = error("smatch", "p.txt", "g.txt")
    assert "p.txt has 7 graphs, g.txt has 8; missing: g.txt:6 “bé ngủ .”" in said


def test_a_json_error_leaves_stdout_empty() -> None:
    for command in (("prep",), ("plan",), ("smatch",), ("eval",), ("predict",), ("templates", "show", "x")):
        error(*command, "--json")
