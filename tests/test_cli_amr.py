"""`sft amr`: what is printed where, exit codes, and wrong input."""

import json
import os
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner
from workspace import BROKEN, GRAPHS, amr, error, put, sft

from sft.cli import app

COMMANDS = (("check",), ("fix",), ("convert", "--to", "oneline"), ("stats",))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put("good.amr", amr())
    put("bad.amr", amr([*GRAPHS[:2], BROKEN, ("xe đạp .", "(x / xe đạp)"), ("ơ", "xin lỗi")]))


def piped(text: str, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["amr", *arguments], input=text, prog_name="sft")
    return done.exit_code, done.stdout


# check


def test_check_of_good_and_bad_files() -> None:
    good = sft("amr", "check", "good.amr")
    assert (good.code, good.err) == (0, "") and good.out.endswith("0 errors, 0 warnings, 0 to know\n")
    bad = sft("amr", "check", "bad.amr")
    assert bad.code == 1
    assert "bad.amr:13:20: graph 3: error: 1 closing bracket(s) missing at the end\n" in bad.out
    assert "        :theme(c1 / cá)\n                       ^\n" in bad.out
    value = sft("amr", "check", "bad.amr", "--json").json
    assert (value["error"], value["warning"], value["info"]) == (2, 1, 0)
    assert value["files"][0]["counts"] == {"missing_bracket": 1, "no_graph": 1, "space_in_concept": 1}
    assert [found["graph"] for found in value["files"][0]["found"]] == [3, 4, 5]


def test_severity_and_limit() -> None:
    put("quirk.amr", "(x / xe đạp :mod (x2 / xe đạp))\n")
    assert sft("amr", "check", "quirk.amr").code == 1
    assert sft("amr", "check", "quirk.amr", "--severity", "error").code == 0
    out = sft("amr", "check", "quirk.amr", "--limit", "1").out
    assert out.count("blanks inside") == 1 and "space_in_concept  2" in out
    assert "unknown severity 'all'" in error("amr", "check", "quirk.amr", "--severity", "all")


def test_folders_patterns_and_standard_input() -> None:
    put("d/one.amr", amr(GRAPHS[:2]))
    put("d/two.amr", amr(GRAPHS[2:3]))
    put("d/README", "về dữ liệu")
    for given in ("d", "d/*.amr"):
        assert "3 graphs in 2 file(s)" in sft("amr", "check", given).out
    assert sft("amr", "check", "d").err == "left out: d/README\n"
    assert piped("(n / ngủ", "check", "-")[0] == 1
    assert piped("(n / ngủ", "fix", "-") == (0, "(n / ngủ)")
    assert piped("(ngủ)", "convert", "-", "--to", "oneline") == (0, "(n / ngủ)\n")


# fix


def test_fix_to_standard_output_and_to_a_file() -> None:
    before = Path("bad.amr").read_text(encoding="utf-8")
    done = sft("amr", "fix", "bad.amr")
    assert done.code == 1  # one record has no graph to repair
    assert done.out == before.replace(BROKEN[1], "(c / câu\n    :agent (ô / ông)\n    :theme (c1 / cá))")
    assert "1 repaired, 3 as they were, 1 without a graph, kept" in done.err
    assert (
        "bad.amr:11: graph 3: 13:20 1 closing" in done.err
        and "bad.amr:19:1: graph 5: error: no graph" in done.err
    )
    filed = sft("amr", "fix", "bad.amr", "-o", "out/fixed.amr")
    assert filed.err == "" and "written: out/fixed.amr" in filed.out
    assert Path("out/fixed.amr").read_text(encoding="utf-8") == done.out
    value = sft("amr", "fix", "bad.amr", "-o", "out/fixed.amr", "--json").json
    assert value["counts"] == {"missing_bracket": 1} and value["repairs"][0]["line"] == 11
    assert sft("amr", "check", "out/fixed.amr", "--json").json["error"] == 1


def test_fix_never_writes_over_its_input_unasked() -> None:
    before = Path("bad.amr").read_bytes()
    assert "bad.amr is the file that is read" in error("amr", "fix", "bad.amr", "-o", "./bad.amr")
    assert "--json needs a file" in error("amr", "fix", "bad.amr", "--json")
    assert "either -o OUT or --in-place" in error("amr", "fix", "bad.amr", "-o", "x", "--in-place")
    assert "either -o OUT or --in-place" in error("amr", "fix", "-", "--in-place")
    assert Path("bad.amr").read_bytes() == before
    assert sft("amr", "fix", "bad.amr", "--in-place").code == 1
    assert Path("bad.amr").read_bytes() != before


def test_fix_names_the_first_repairs_of_a_runaway_graph_and_counts_all() -> None:
    put("run.amr", "(a / b" + " :x" * 100 + ")\n")
    done = sft("amr", "fix", "run.amr")
    assert "missing_target × 100" in done.err and done.err.endswith("; … and 80 more\n")
    value = sft("amr", "fix", "run.amr", "-o", "x", "--json").json
    assert len(value["repairs"][0]["mended"]) == 100


def test_fix_keeps_marks_and_line_ends() -> None:
    raw = b"\xef\xbb\xbf" + amr().replace("\n", "\r\n").encode()
    put("marked.amr", raw)
    done = sft("amr", "fix", "marked.amr", "--in-place")
    assert done.code == 0 and "written" not in done.out
    assert Path("marked.amr").read_bytes() == raw
    put("marked.amr", raw + b"\r\n(n / ba\r\n")
    assert "written" in sft("amr", "fix", "marked.amr", "--in-place").out
    assert Path("marked.amr").read_bytes() == raw + b"\r\n(n / ba)\r\n"


# convert


def test_a_named_pipe_is_read_once() -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_bytes, args=(b"\xef\xbb\xbf(n / ba",))
    writer.start()
    assert sft("amr", "fix", "pipe").out == "\ufeff(n / ba)"
    writer.join()


def test_convert_there_and_back() -> None:
    there = sft("amr", "convert", "good.amr", "--to", "triples", "-o", "good.jsonl")
    assert there.code == 0 and "good.amr: penman, as the text tells" in there.out
    rows = [json.loads(line) for line in Path("good.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["snt"] for row in rows] == [sentence for sentence, _graph in GRAPHS]
    back = sft("amr", "convert", "good.jsonl", "--to", "penman", "--from", "triples")
    assert "good.jsonl: triples, as named" in back.err
    assert back.out == sft("amr", "convert", "good.amr", "--to", "penman").out


def test_convert_says_what_it_had_to_repair() -> None:
    done = sft("amr", "convert", "bad.amr", "--to", "task1")
    assert done.code == 1 and done.out.count("#::snt") == 5 and done.out.endswith("#::snt ơ\nxin lỗi\n")
    assert "5 records written as task1: 1 repaired, 1 without a graph, kept" in done.err
    assert "bad.amr:13:20: graph 3: error: 1 closing" in done.err and "space_in_concept × 1" in done.err
    assert sft("amr", "convert", "bad.amr", "--to", "task1", "--allow-repairs").code == 0
    value = sft("amr", "convert", "bad.amr", "--to", "task1", "-o", "x", "--json").json
    assert (value["repaired"], value["without"], value["from"], value["to"]) == (1, 1, "penman", "task1")
    put("many.amr", "\n\n".join(["(n / ngủ"] * 30))
    assert "… and 10 more: sft amr check many.amr" in sft("amr", "convert", "many.amr", "--to", "task1").err
    assert "unknown form 'xml'" in error("amr", "convert", "good.amr", "--to", "xml")
    assert "bad.jsonl:1: not JSON" in error("amr", "convert", put("bad.jsonl", "{"), "--to", "penman")


# select


def test_select_takes_the_header_of_the_first_file_and_the_best_graph() -> None:
    put("a.amr", "# ::id 1\n# ::snt bé ngủ .\n(n / ngủ :theme (b / bé))\n\n# ::id 2\n# ::snt ơ\n\n")
    put("b.amr", "# ::id 2\nxin lỗi\n\n# ::id 1\n(n / ngủ\n  :agent(b / bé))\n")
    put("c.amr", "# ::id 1\n(n / ngủ :agent (b / bé) :time (đ / đêm)\n\n# ::id 2\nơ\n")
    done = sft("amr", "select", "a.amr", "b.amr", "c.amr")
    assert done.code == 1  # sentence 2 has no graph
    assert done.out == "# ::id 1\n# ::snt bé ngủ .\n(n / ngủ\n  :agent(b / bé))\n\n# ::id 2\n# ::snt ơ\n"
    assert "1 without a graph that parses" in done.err and "two files" not in done.err
    value = sft("amr", "select", "a.amr", "b.amr", "c.amr", "-o", "best.amr", "--mode", "amr", "--json").json
    assert [each["won"] for each in value["files"]] == [0, 1, 0]
    assert value["none_parsable"] == 1 and value["mode"] == "amr" and value["choices"][0]["file"] == 1
    assert Path("best.amr").read_text(encoding="utf-8") == done.out
    mended = sft("amr", "select", "c.amr", "a.amr")
    assert "    :time (đ / đêm))" in mended.out and "two files agree equally" in mended.err


def test_select_refuses_what_cannot_be_compared() -> None:
    assert "one file leaves no choice" in error("amr", "select", "good.amr")
    assert "unknown mode 'x'" in error("amr", "select", "good.amr", "good.amr", "--mode", "x")
    assert "bad.amr has 5 graphs, good.amr has 8" in error("amr", "select", "good.amr", "bad.amr")
    assert "good.amr is the file that is read" in error(
        "amr", "select", "good.amr", "bad.amr", "-o", "good.amr"
    )


def test_select_takes_standard_input_and_another_encoding() -> None:
    put("x.amr", "(c / cà)\n".encode("cp1258"))
    assert piped("(c / cà)\n", "select", "-", "x.amr", "--encoding", "utf-8")[0] == 2
    put("y.amr", "(c / cà)\n")
    assert piped("(c / cà)\n", "select", "-", "y.amr") == (0, "(c / cà)\n")
    assert sft("amr", "select", "x.amr", "x.amr", "--encoding", "cp1258").out == "(c / cà)\n"


# stats


def test_stats_side_by_side() -> None:
    out = sft("amr", "stats", "good.amr", "bad.amr").out
    lines = {line[: line.rindex("  ")].split("  ")[1]: line.split()[-2:] for line in out.splitlines() if line[:2] == "  " and "," not in line}  # fmt: skip
    assert lines["records"] == ["8", "5"] and lines["unparsable"] == ["0", "1"]
    assert lines["graphs with missing_bracket"] == ["0", "1"] and lines["records with ::snt"] == ["8", "5"]
    assert "good.amr: most frequent\n    concepts: bé 2" in out
    value = sft("amr", "stats", "good.amr", "bad.amr", "--json").json
    assert [each["repaired"] for each in value["files"]] == [0, 1]


# wrong input


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "x.amr: the file is empty"),
        (b"\x89PNG\r\n\x1a\n", "x.amr:1: not utf-8 text"),
        ("# ::id 1\n(a / ba)".encode("utf-16-le"), "x.amr:1: holds NUL characters"),
        (b"STT,a\n1,meo (con)\n", "x.amr: no graph in this file"),
        (None, "x.amr: no such file"),
    ],
)
def test_a_file_that_is_none(command: tuple[str, ...], content: bytes | None, said: str) -> None:
    if content is not None:
        put("x.amr", content)
    assert said in error("amr", command[0], "x.amr", *command[1:])


def test_a_folder_and_several_bad_files() -> None:
    Path("d").mkdir()
    assert "d: is a folder" in error("amr", "fix", "d")
    assert "d: no data files in this folder" in error("amr", "check", "d")
    said = error("amr", "stats", "nix", put("x.amr", ""), "good.amr")
    assert (
        "2 sources cannot be read" in said
        and "- nix: no such file" in said
        and "- x.amr: the file is empty" in said
    )
    assert "- d: is a folder" in error("amr", "select", "d", "nix")


def test_utf_16_with_its_mark_and_a_named_encoding() -> None:
    put("x.amr", amr(GRAPHS[:1]).encode("utf-16"))
    assert sft("amr", "fix", "x.amr").out == amr(GRAPHS[:1])
    put("x.amr", amr(GRAPHS[:1]).encode("utf-16-le"))
    assert sft("amr", "fix", "x.amr", "--encoding", "utf-16-le").out == amr(GRAPHS[:1])
