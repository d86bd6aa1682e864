"""The commands as a user types them, in a temporary workspace: what they print, write, and exit with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import BROKEN, FACTS, GRAPHS, Ran, amr, csv, error, finished_run, put, sft, statements

from sft import prepared

# What other programs may rely on: the keys of `--json`, by command.
SMATCH = {"f1", "precision", "recall", "matched", "pred_triples", "gold_triples", "n", "unparsable", "repaired", "proven", "mode", "signature"}  # fmt: skip
PREP = {"read", "kept", "rejected", "findings", "template", "out"}
EVAL = {"accuracy", "macro_f1", "n", "unparsed", "labels", "confusion", "baselines"}
PLAN = {"rows", "steps_per_epoch", "total_steps", "epochs", "effective_batch", "memory"}


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFT_LANG", "en")
    return tmp_path


def ok(*arguments: str | Path) -> Ran:
    done = sft(*arguments)
    assert done.code == 0, done
    return done


def program(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the real program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "sft", *arguments], env=os.environ | env,
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


# init


def test_init_makes_a_workspace_and_says_what_is_next(workspace: Path) -> None:
    done = ok("init", "w")
    assert (workspace / "w/sft.toml").is_file() and (workspace / "w/data/raw").is_dir()
    assert "cd w; put raw files into data/raw; sft prep --template v5_cot" in done.out
    assert "put raw files" in ok("init").out and "cd " not in ok("init").out


@pytest.mark.parametrize("folder", ["notes", "notes/project", "sft.toml"])
def test_init_where_a_file_stands_is_one_error(workspace: Path, folder: str) -> None:
    put("notes", "x")
    put("sft.toml", "")
    done = sft("init", folder)
    assert done.code == 2 and ": is a file, not a folder" in done.err
    assert Path("notes").read_text("utf-8") == "x"


def test_init_never_overwrites(workspace: Path) -> None:
    ok("init", "--sample", "qa")
    put("sft.toml", "[prep]\nseed = 7\n")
    put("data/raw/true_false.csv", "mine")
    done = ok("init", "--sample", "qa")
    assert "nothing was changed" in done.out
    assert Path("sft.toml").read_text(encoding="utf-8") == "[prep]\nseed = 7\n"
    assert Path("data/raw/true_false.csv").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(("sample", "template"), [("amr", "v5_cot"), ("qa", "true_false_v1")])
def test_the_shipped_sample_goes_through_as_init_says(sample: str, template: str) -> None:
    done = ok("init", "w", "--sample", sample, "--json")
    assert done.json.keys() == {"workspace", "made"} and len(done.json["made"]) >= 2
    said = ok("init", "w", "--sample", sample).out
    assert f"next: cd w; sft prep --template {template}" in said
    os.chdir("w")
    value = ok("prep", "--template", template, "--json").json
    assert value["read"] == value["kept"] > 100 and value["rejected"] == {}


def test_every_setting_of_the_written_file_is_commented_out_and_valid() -> None:
    ok("init")
    text = Path("sft.toml").read_text(encoding="utf-8")
    put(
        "sft.toml",
        "\n".join(line.removeprefix("# ") if " = " in line else line for line in text.splitlines()),
    )
    assert "no template" in error("prep")  # every line reads; the template is empty by default


# prep


def test_prep_reads_the_raw_folder_and_accounts_for_every_row(workspace: Path) -> None:
    put("data/raw/a.txt", amr([*GRAPHS, BROKEN]))
    put("data/raw/README.md", "not data")
    done = ok("prep", "--template", "v5_cot")
    assert "read 9 = kept 8 (" in done.out and "+ rejected 1" in done.out
    assert "missing_bracket × 1  (data/raw/a.txt:" in done.out
    assert "          :theme(c1 / cá)\n" in done.out and "^\n" in done.out
    assert "each rejected row: data/prepared/v5_cot/rejected.jsonl" in done.out
    assert "reading data/raw/a.txt: amr" in done.err and "left out: data/raw/README.md" in done.err
    assert prepared.load(workspace / "data/prepared/v5_cot").manifest["kept"] == 8


def test_prep_json_is_alone_on_stdout() -> None:
    put("data/raw/a.txt", amr([*GRAPHS, BROKEN, GRAPHS[0]]))
    done = ok("prep", "--template", "v5_cot", "--json")
    assert done.json.keys() >= PREP
    assert (done.json["read"], done.json["kept"], done.json["rejected"]) == (10, 9, {"missing_bracket": 1})
    assert {"id": "duplicate", "severity": "warning", "count": 1} in done.json["findings"]
    assert done.json["out"] == "data/prepared/v5_cot"
    assert done.json["template"].startswith("mtup/v5_cot@")


def test_prep_says_when_it_replaces_a_set() -> None:
    put("data/raw/a.txt", amr())
    assert "in place of" not in ok("prep", "--template", "v5_cot").out
    assert "in place of the set of before" in ok("prep", "--template", "v5_cot").out


def test_prep_takes_files_folders_and_patterns() -> None:
    put("x/a.txt", amr(GRAPHS[:3]))
    put("x/y/b.txt", amr(GRAPHS[3:5]))
    put("c.txt", amr(GRAPHS[5:]))
    for sources in (["x", "c.txt"], ["x/*.txt", "x/y", "c.txt"], ["x", "x/a.txt", "c.txt"]):
        assert ok("prep", *sources, "--template", "v4_compact", "--json").json["read"] == len(GRAPHS)


def test_prep_takes_a_held_out_file() -> None:
    put("data/raw/a.csv", csv(statements()))
    put("t.csv", csv([statements()[0], ("Voi bơi qua sông.", "Đúng")], ("STT", "Mệnh đề", "Nhãn")))
    done = ok("prep", "--template", "true_false_v1", "--test", "t.csv", "--json")
    assert done.json["rows"]["test"] == 2 and done.json["rejected"] == {"in_test": 1}
    assert done.json["read"] == 42 == done.json["kept"] + 1
    assert done.json["columns"]["t.csv"] == {"question": "Mệnh đề", "answer": "Nhãn"}
    found = prepared.load(Path("data/prepared/true_false_v1"))
    assert [source["path"] for source in found.manifest["sources"]] == ["data/raw/a.csv", "t.csv"]


def test_prep_maps_columns_by_flag_and_by_file() -> None:
    rows = [(q, "x", a) for q, a in statements(10)]
    put("data/raw/a.csv", csv(rows, ("p", "q", "r")))
    flags = ("--map", "question=p", "--map", "answer=r")
    by_flag = ok("prep", "--template", "true_false_v1", *flags)
    assert "columns: question ← p, answer ← r" in by_flag.out
    put("sft.toml", '[prep]\ntemplate = "true_false_v1"\ncolumns = { question = "p", answer = "r" }\n')
    assert ok("prep", "--json").json["columns"] == {"data/raw/a.csv": {"question": "p", "answer": "r"}}


def test_prep_shows_the_columns_of_each_file_where_they_differ() -> None:
    put("data/raw/a.csv", csv(statements(10)))
    put("data/raw/b.csv", csv(statements(20)[10:], ("Mệnh đề", "Nhãn")))
    done = ok("prep", "--template", "true_false_v1")
    assert "columns: question ← Câu hỏi, answer ← Đáp án  (data/raw/a.csv)" in done.out
    assert "columns: question ← Mệnh đề, answer ← Nhãn  (data/raw/b.csv)" in done.out


def test_prep_obeys_format_encoding_and_delimiter() -> None:
    put(
        "a.txt",
        "\n".join(f"{who} ngủ.\t{'Đúng' if n % 2 else 'Sai'}" for n, who in enumerate(["Câu|x", *FACTS])),
    )
    how = (
        "--format",
        "csv_table",
        "--delimiter",
        "tab",
        "--map",
        "question=Câu|x ngủ.",
        "--map",
        "answer=Sai",
    )
    assert ok("prep", "a.txt", "--template", "true_false_v1", *how, "--json").json["kept"] == len(FACTS)
    put("b.csv", csv(statements(10)).encode("utf-16-le"))
    assert (
        ok("prep", "b.csv", "--template", "true_false_v1", "--encoding", "utf-16-le", "--json").json["kept"]
        == 10
    )


def test_prep_stops_at_an_error_finding_unless_it_is_allowed() -> None:
    """A telling column that reaches the prompt: nothing is written, exit code 1."""
    rows = [(f"{q} {'thật' if a == 'Đúng' else 'bịa'}", a) for q, a in statements()]
    loud = [(("thật" if a == "Đúng" else "bịa"), a) for _q, a in rows]
    put("data/raw/a.csv", csv(loud))
    done = sft("prep", "--template", "true_false_v1")
    assert done.code == 1 and not Path("data/prepared").exists()
    assert (
        "error: not written: label_columns" in done.err
        and "hint: mend the data, or go on with --allow label_columns" in done.err
    )
    assert sft("prep", "--template", "true_false_v1", "--json").json["out"] is None
    assert ok("prep", "--template", "true_false_v1", "--allow", "label_columns", "--json").json["out"]


@pytest.mark.parametrize(
    ("template", "rows", "head"),
    [
        ("answer_v1", [(f"{who} ăn gì?", f"{who} ăn cỏ.") for who in FACTS], ("question", "answer")),
        (
            "context_v1",
            [(f"{who} ăn cỏ.", f"{who} ăn gì?", "cỏ") for who in FACTS],
            ("context", "question", "answer"),
        ),
        ("labels_v1", [(f"{who} ngủ", "động vật") for who in FACTS], ("text", "label")),
    ],
)
def test_prep_of_every_kind_of_table(
    template: str, rows: list[tuple[str, ...]], head: tuple[str, ...]
) -> None:
    put("data/raw/a.csv", csv(rows, head))
    assert ok("prep", "--template", template, "--json").json["kept"] == len(FACTS)


def test_prep_of_conversations() -> None:
    turns = [{"messages": [{"role": "user", "content": f"chào {who}"}, {"role": "assistant", "content": "chào bạn"}]} for who in FACTS]  # fmt: skip
    put("data/raw/a.jsonl", "\n".join(json.dumps(turn, ensure_ascii=False) for turn in turns))
    assert ok("prep", "--template", "passthrough_v1", "--json").json["kept"] == len(FACTS)


def test_an_interrupted_prep_exits_130_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    put("data/raw/a.txt", amr())

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepared, "write_json", interrupt)
    done = sft("prep", "--template", "v5_cot")
    assert (done.code, done.err.splitlines()[-1]) == (130, "interrupted")
    assert list(Path("data/prepared").iterdir()) == []


# plan


def test_plan_needs_only_a_number_of_rows() -> None:
    done = ok(
        "plan",
        "--rows",
        "7000",
        "--batch-size",
        "8",
        "--grad-accum",
        "2",
        "--epochs",
        "4",
        "--model",
        "qwen2.5-3b",
    )
    assert "7000 rows / (8 × 2) = 438 steps an epoch; 1752 steps are 4.0 epochs" in done.out
    value = ok("plan", "--rows", "7000", "--batch-size", "8", "--grad-accum", "2", "--json").json
    assert value.keys() >= PLAN
    assert (value["rows"], value["steps_per_epoch"], value["effective_batch"]) == (7000, 438, 16)


def test_plan_of_a_prepared_set_and_of_a_card() -> None:
    put("data/raw/a.csv", csv(statements()))
    ok("prep", "--template", "true_false_v1", "--val-split", "0.2")
    rows = prepared.load(Path("data/prepared/true_false_v1")).rows
    value = ok("plan", "--free-memory", "4", "--model", "qwen2.5-7b", "--json").json
    assert value["rows"] == len(rows["train"])
    assert value["memory"]["fits"] is False
    assert ok("plan", "--val-split", "0.5", "--json").json["rows"] < value["rows"]


def test_plan_of_a_named_card_needs_no_gpu() -> None:
    done = ok("plan", "--rows", "7000", "--use-case", "shared_3090", "--gpu", "RTX 3090", "--free", "10.9", "--backend", "hf")  # fmt: skip
    assert "device NVIDIA GeForce RTX 3090, 10.9 of 25.8 GB free" in done.out
    assert "micro-batch 4 × 4 instead of 8 × 2: 8 rows a pass need 9.9 of 10.9 GB free" in done.out
    assert "7000 rows / (4 × 4) = 438 steps an epoch; 876 steps are 2.0 epochs" in done.out
    value = ok("plan", "--rows", "7000", "--gpu", "h200", "--profile", "aggressive", "--json").json
    assert value["device"]["capability"] == "9.0" and value["memory"]["profile"] == "aggressive"
    kept = ok("plan", "--rows", "9", "--batch-size", "4", "--grad-accum", "2", "--free", "2", "--json").json
    assert (kept["batch_size"], kept["grad_accum"]) == (4, 2)


def test_plan_of_the_cpu_and_of_cards_that_are_not_there() -> None:
    value = ok("plan", "--rows", "9", "--gpu", "cpu", "--free", "0.5", "--json").json
    assert (value["device"]["kind"], value["memory"]["free"]) == ("cpu", 5e8)
    assert value["memory"]["fits"] is False
    for name, hint in (("RTX 3099", "did you mean"), ("7", "auto, cpu, or one of: none is seen")):
        done = sft("plan", "--rows", "9", "--gpu", name)
        assert done.code == 2 and hint in done.err
    assert sft("plan", "--rows", "9", "--profile", "bold").code == 2


def test_plan_refuses_contradictions_wherever_they_stand() -> None:
    put("sft.toml", "[train]\nepochs = 2\nmax_steps = 1750\nbatch_size = 8\ngrad_accum = 2\n")
    done = sft("plan", "--rows", "7000")
    assert done.code == 2
    assert "sft.toml:2, sft.toml:3: 7000 rows / (8 × 2) = 438 steps an epoch; 1750 steps are 4.0 epochs, not 2" in done.err  # fmt: skip
    assert "4.0 epochs" in ok("plan", "--rows", "7000", "--max-steps", "1750").out
    sixty = ok("plan", "--rows", "7000", "--max-steps", "60", "--batch-size", "1", "--grad-accum", "1").out
    assert "! under_one_epoch × 6940: 1 × 1 × 60 steps read 60 of 7000 rows (0.86 %)" in sixty


def test_plan_shows_chunks_when_asked() -> None:
    command = ("plan", "--rows", "154477", "--batch-size", "4", "--grad-accum", "4", "--chunk-size", "30000")
    assert "5: 34,477 rows, 2,155 steps" in ok(*command).out
    assert ok(*command, "--json").json["parts"]["merged"] == 4477


def test_plan_counts_tokens_where_the_tokenizer_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    put("data/raw/a.csv", csv(statements()))
    ok("prep", "--template", "true_false_v1", "--val-split", "0.2")
    done = sft("plan", "--model", "qwen2.5-7b", "--json")
    assert done.code == 0 and "tokens are not counted: " in done.err
    assert done.json["tokens"] is None


# looking


@pytest.mark.parametrize("noun", ["templates", "models", "presets"])
def test_lists_are_tables_and_json(noun: str) -> None:
    lines = ok(noun, "list").out.splitlines()
    value = ok(noun, "list", "--json").json
    assert value.keys() == {noun} and len(lines) == len(value[noun]) + 1


def test_a_template_is_shown_as_it_is() -> None:
    done = ok("templates", "show", "v5_cot")
    assert "[assistant]" in done.out and "${task2}" in done.out
    value = ok("templates", "show", "mtup/v5_cot", "--json").json
    assert value["variables"] == ["sentence", "task1", "task2"] and value["id"].startswith("mtup/v5_cot@")


def test_a_workspace_template_is_listed_checked_and_used() -> None:
    put(
        "templates/my/short.toml",
        (Path(__file__).parents[1] / "templates/qa/true_false_v1.toml").read_bytes(),
    )
    assert "my/short@" in ok("templates", "list").out
    put("data/raw/a.csv", csv(statements()))
    assert ok("prep", "--template", "short", "--json").json["out"] == "data/prepared/short"
    put("templates/my/bad.toml", 'description = "x"\ntask = "quiz"\nvariables = []\n[extract]\n')
    done = sft("templates", "check")
    assert done.code == 1 and "bad.toml" in done.out and "task must be one of" in done.out
    assert sft("templates", "check", "--json").json["problems"]


def test_a_preset_is_shown_with_its_reasons() -> None:
    assert "#" in ok("presets", "show", "full_training").out
    assert ok("presets", "show", "full_training", "--json").json["name"] == "full_training"


# smatch


def test_smatch_of_two_files_with_a_known_score() -> None:
    put("gold.txt", "(n / ngủ :agent (b / bé))\n\n(m / mưa)\n")
    put("pred.txt", "(x / ngủ :agent (y / mèo))\n\n(z / mưa)\n")
    value = ok("smatch", "pred.txt", "gold.txt", "--mode", "none", "--json").json
    # Two tops, :agent and the concepts ngủ and mưa match; the concept mèo is not bé: 5 of 6 triples on both sides.
    assert (value["matched"], value["pred_triples"], value["gold_triples"]) == (5, 6, 6)
    assert value["f1"] == value["precision"] == value["recall"] == pytest.approx(5 / 6)
    assert (value["n"], value["proven"], value["unparsable"], value["mode"]) == (2, 2, 0, "none")


def test_smatch_json_has_the_promised_keys_and_nothing_else_is_printed() -> None:
    put("g.txt", amr())
    done = ok("smatch", "g.txt", "g.txt", "--json")
    assert done.json.keys() >= SMATCH and "pairs" not in done.json
    assert done.out.count("\n") == 1 and done.err == ""
    assert done.json["f1"] == 1


def test_smatch_counts_what_cannot_be_read_and_says_where() -> None:
    put("g.txt", amr(GRAPHS[:3]))
    put("p.txt", amr([GRAPHS[0], (GRAPHS[1][0], "không có đồ thị"), (GRAPHS[2][0], GRAPHS[2][1][:-1])]))
    done = ok("smatch", "p.txt", "g.txt")
    assert "n 3, unparsable 1 (33.3 %), repaired 1 (33.3 %), proven 3/3" in done.out
    assert "! unparsable: p.txt:6" in done.out
    assert "repaired = zero" in done.out
    value = ok("smatch", "p.txt", "g.txt", "--json").json
    assert (value["unparsable"], value["repaired"], value["strict"]["unparsable"]) == (1, 1, 2)
    assert value["gold_triples"] == ok("smatch", "g.txt", "g.txt", "--json").json["gold_triples"]


def test_smatch_shows_aspects_and_the_original_count_when_asked() -> None:
    put("g.txt", amr())
    plain, more = ok("smatch", "g.txt", "g.txt"), ok("smatch", "g.txt", "g.txt", "--aspects", "--compat")
    assert "aspect: negation" in more.out and "aspect" not in plain.out
    assert "original tool's count does wrong:\n  a triple written twice" in more.out
    (wiki,) = [line for line in more.out.splitlines() if "aspect: wiki" in line]
    assert wiki.split()[2:] == ["–", "–", "–", "100.0", "0/0/0"]  # there is none: that is no score of zero
    value = ok("smatch", "g.txt", "g.txt", "--aspects", "--compat", "--json").json
    assert value["aspects"]["negation"]["f1"] == 1 and value["compat"]["f1"] == 1
    assert value["compat"]["faults"]


def test_smatch_pairs_by_id_and_says_so() -> None:
    text = "# ::id {}\n(m / mưa)\n\n# ::id {}\n(n / nắng)\n"
    put("g.txt", text.format(1, 2))
    put("p.txt", "# ::id 2\n(n / nắng)\n\n# ::id 1\n(m / mưa)\n")
    assert "|align:id|" in ok("smatch", "p.txt", "g.txt").out
    put("q.txt", text.format(3, 4))
    done = ok("smatch", "q.txt", "g.txt")
    assert "|align:order|" in done.out and "unlike ids" not in done.out
    put("r.txt", text.format(2, 3))
    assert "! paired by order, but 2 pairs have unlike ids" in ok("smatch", "r.txt", "g.txt").out
    assert ok("smatch", "r.txt", "g.txt", "--json").json["crossed_ids"] == 2


def test_an_open_pair_gives_an_interval_and_exit_code_1() -> None:
    # Two rings of alike nodes with other chords: no bound is tight at once, and there is no time to search.
    ring = "(n0 / x " + "".join(f":r (n{k} / x " for k in range(1, 14))
    put("p.txt", ring + ":r n0 :r n5 :r n9" + ")" * 14 + "\n")
    put("g.txt", ring + ":r n0 :r n4 :r n2" + ")" * 14 + "\n")
    done = sft("smatch", "p.txt", "g.txt", "--time-limit", "0.000001")
    assert done.code == 1
    assert "! 1 pairs are open: F1 lies in [" in done.out and "exact:interval" in done.out
    aspects = sft("smatch", "p.txt", "g.txt", "--time-limit", "0.000001", "--aspects").out
    assert "! aspect: unlabelled: 1 pairs are open: F1 lies in [" in aspects
    value = sft("smatch", "p.txt", "g.txt", "--time-limit", "0.000001", "--json", "--pairs").json
    low, high = value["bounds"]
    assert value["proven"] == 0 and low < high
    exact = ok("smatch", "p.txt", "g.txt", "--time-limit", "0", "--json").json
    assert exact["proven"] == 1 and low <= exact["f1"] <= high
    assert value["pairs"][0]["matched"] < value["pairs"][0]["upper"]


def test_both_entries_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    from sft.smatch.__main__ import main

    put("g.txt", amr())
    put("p.txt", amr([BROKEN, *GRAPHS[1:]]))
    for mode in ("smatch", "amr", "none"):
        value = ok("smatch", "p.txt", "g.txt", "--mode", mode, "--json").json
        assert main(["p.txt", "g.txt", "--mode", mode]) == 0
        figures, signature = capsys.readouterr().out.splitlines()
        assert signature == value["signature"] and "|gold:" in signature
        assert (
            f"F1 {value['f1']:.4f}  matched {value['matched']}  triples {value['pred_triples']} " in figures
        )
        assert figures.endswith("unparsable 0  repaired 1  proven 8")


def test_an_open_aspect_of_a_proven_score_is_a_finding() -> None:
    from sft.cli import graph_scores

    put("g.txt", amr())
    value = ok("smatch", "g.txt", "g.txt", "--aspects", "--json").json
    assert not graph_scores.is_open(value)
    value["aspects"]["unlabelled"]["proven"] -= 1
    assert graph_scores.is_open(value)


def test_smatch_compares_two_systems_on_one_gold_file() -> None:
    put("g.txt", amr())
    put("a.txt", amr([*GRAPHS[:4], *[(s, "(k / không)") for s, _g in GRAPHS[4:]]]))
    put("b.txt", amr([(s, "(k / không)") for s, _g in GRAPHS]))
    done = ok("smatch", "a.txt", "b.txt", "--gold", "g.txt")
    assert "a.txt − b.txt: F1 +" in done.out and "better on 4 graphs, worse on 0, equal on 4" in done.out
    value = ok("smatch", "a.txt", "b.txt", "--gold", "g.txt", "--json").json
    first, second = value["systems"]
    assert first["pred"] == "a.txt" and first["f1"] > second["f1"]
    difference = value["difference"]
    assert difference["f1"] == pytest.approx(first["f1"] - second["f1"])
    assert difference["interval95"][0] > 0 and 0 < difference["p"] <= 1
    alone = ok("smatch", "a.txt", "--gold", "g.txt", "--json").json
    assert alone["f1"] == first["f1"] == ok("smatch", "a.txt", "g.txt", "--json").json["f1"]


def test_smatch_writes_a_page_of_every_pair() -> None:
    put("g.txt", amr(GRAPHS[:3]))
    put("p.txt", amr([GRAPHS[0], (GRAPHS[1][0], "không có đồ thị"), (GRAPHS[2][0], GRAPHS[2][1][:-1])]))
    done = ok("smatch", "p.txt", "g.txt", "--html", "out/page.html", "--json")
    page = Path("out/page.html").read_text(encoding="utf-8")
    assert done.json["html"] == "out/page.html"
    assert done.json["signature"] in page and "không có đồ thị" in page and GRAPHS[1][0] in page
    assert "two" in error("smatch", "p.txt", "p.txt", "--gold", "g.txt", "--html", "out/page.html")
    before = Path("g.txt").read_bytes()
    assert "g.txt is the file that is read" in error("smatch", "p.txt", "g.txt", "--html", "g.txt")
    assert "out: is a folder" in error("smatch", "p.txt", "g.txt", "--html", "out")
    assert Path("g.txt").read_bytes() == before


def test_smatch_shows_a_line_per_graph_worst_first() -> None:
    put("g.txt", amr(GRAPHS[:3]))
    put("p.txt", amr([GRAPHS[0], (GRAPHS[1][0], "không có đồ thị"), GRAPHS[2]]))
    done = ok("smatch", "p.txt", "g.txt", "--pairs")
    rows = [line.split() for line in done.out.splitlines() if line.split()[:1] in (["1"], ["2"], ["3"])]
    assert [row[0] for row in rows] == ["2", "1", "3"] and rows[0][-1] == "unparsable"
    pairs = ok("smatch", "p.txt", "g.txt", "--pairs", "--json").json["pairs"]
    assert [pair["f1"] for pair in pairs] == [1, 0, 1]
    assert (
        sum(pair["gold"] for pair in pairs) == ok("smatch", "g.txt", "g.txt", "--json").json["gold_triples"]
    )


# a run: smatch and eval from predictions that are there


def graph_run() -> None:
    put("graphs.txt", amr())
    ok("prep", "graphs.txt", "--template", "v5_cot", "--val-split", "0.4")
    rows = prepared.load(Path("data/prepared/v5_cot")).rows["valid"]
    good = {"readable": True, "graph": " ".join(rows[0].meta["graph"].split()), "task1": "(nấu)"}
    finished_run(Path("data/prepared/v5_cot"), {row.id: {} for row in rows} | {rows[0].id: good})


def test_smatch_of_the_newest_run_stands_beside_its_baseline() -> None:
    graph_run()
    done = ok("smatch")
    assert "r1, valid rows" in done.out
    for name in ("Smatch", "canonical text", "Task 1 (structure)", "baseline: nearest training sentence"):
        assert name in done.out
    value = ok("smatch", "--json").json
    n = value["n"]
    assert (value["unparsable"], value["proven"], value["precision"]) == (n - 1, n, 1.0)
    assert 0 < value["recall"] < 1 and value["task1"]["unparsable"] == n - 1
    assert value["baselines"]["nearest_sentence"]["n"] == n
    assert value["signature"].count("template:mtup/v5_cot@") == 1
    score = json.loads(Path("runs/r1/scores/smatch_valid_smatch.json").read_text(encoding="utf-8"))
    assert score["f1"] == value["f1"] and len(score["pairs"]) == n
    assert value["html"] == "runs/r1/report.html" and "Task 1" in Path(value["html"]).read_text(
        encoding="utf-8"
    )
    assert "sft smatch" in error("eval")


def test_answers_that_never_ended_are_said() -> None:
    graph_run()
    path = Path("runs/r1/predictions/valid.jsonl")
    path.write_text(
        path.read_text(encoding="utf-8").replace('"stopped": true', '"stopped": false', 1), encoding="utf-8"
    )
    assert "! 1 answers did not end by themselves" in ok("smatch").out


def label_run(template: str, wrong: int = 1) -> None:
    if template == "labels_v1":
        rows = [(f"{who} {what} ở đây", what) for who in FACTS for what in ("ăn", "ngủ", "chạy")]
        put("data/raw/a.csv", csv(rows, ("text", "label")))
    else:
        put("data/raw/a.csv", csv(statements()))
    ok("prep", "--template", template, "--val-split", "0.3")
    folder = Path("data/prepared") / template
    rows_ = prepared.load(folder).rows["valid"]
    found = {row.id: {"readable": True, "label": row.meta["label"]} for row in rows_}
    finished_run(folder, found | {row.id: {} for row in rows_[:wrong]})


@pytest.mark.parametrize("template", ["true_false_v1", "labels_v1"])
def test_eval_of_labels_stands_beside_its_baselines(template: str) -> None:
    label_run(template)
    done = ok("eval")
    for text in ("r1, valid rows", "accuracy 0.", "95 % interval [", "unparsed 1", "confusion:", "majority class", "bag of words"):  # fmt: skip
        assert text in done.out
    value = ok("eval", "--json").json
    assert value.keys() >= EVAL
    assert value["unparsed"] == 1 and value["accuracy"] == (value["n"] - 1) / value["n"]
    assert sum(sum(row.values()) for row in value["confusion"].values()) == value["n"]
    assert value["baselines"].keys() == {"majority", "bag_of_words"}
    assert value["signature"].startswith("eval|task:")
    assert Path("runs/r1/scores/eval_valid.json").is_file()
    assert "eval" in error("smatch")


def test_eval_of_free_answers() -> None:
    put("data/raw/a.csv", csv([(f"{who} ăn gì?", f"{who} ăn cỏ.") for who in FACTS], ("question", "answer")))
    ok("prep", "--template", "answer_v1", "--val-split", "0.3")
    folder = Path("data/prepared/answer_v1")
    rows = prepared.load(folder).rows["valid"]
    finished_run(
        folder, {row.id: {"readable": True, "text": row.messages[-1].content.lower()} for row in rows}
    )
    done = ok("eval")
    assert "exact match 1.0000" in done.out and "nearest training question" in done.out
    assert ok("eval", "--json").json["baselines"]["nearest_question"]["token_f1"] < 1


def test_new_inputs_never_take_the_file_of_a_split() -> None:
    from sft import heldout
    from sft.cli.predict import new_target

    label_run("true_false_v1")
    run = heldout.finished(Path.cwd())
    names = {
        name: new_target(run, Path(f"{name}.csv"), base=False).name
        for name in ("a", "valid", "test_60", "validity")
    }
    assert names == {
        "a": "a.jsonl", "valid": "new_valid.jsonl", "test_60": "new_test_60.jsonl", "validity": "validity.jsonl",
    }  # fmt: skip
    assert new_target(run, Path("a.csv"), base=True).name == "a.base.jsonl"


def test_a_run_is_chosen_by_name() -> None:
    label_run("true_false_v1")
    graph_run_folder = Path("runs/r1").rename("runs/labels")
    graph_run()
    assert graph_run_folder.is_dir()
    assert ok("smatch", "--json").json["run"] == "r1"
    assert ok("eval", "--run", "labels", "--json").json["run"] == "labels"
    assert "did you mean labels?" in error("eval", "--run", "label")


# the program as a whole


def test_help_version_and_no_arguments() -> None:
    assert ok("--version").out.startswith("sft 0.")
    assert "Usage: sft" in ok("--help").out and "Usage: sft prep" in ok("prep", "-h").out
    bare = sft()
    assert bare.code == 2 and "Usage: sft" in bare.err + bare.out


def test_the_language_is_a_flag_or_the_environment() -> None:
    assert program("--lang", "en", "prep", SFT_LANG="").stderr.startswith("error: no template chosen")
    for ran in (
        program("--lang", "vi", "prep"),
        program("prep", SFT_LANG="vi"),
        program("--lang=vi", "prep"),
    ):
        assert ran.returncode == 2 and "Traceback" not in ran.stderr


def test_a_debug_run_shows_the_traceback() -> None:
    assert "Traceback" in program("--debug", "prep", SFT_LANG="en").stderr
    assert "Traceback" not in program("prep", SFT_LANG="en").stderr


def test_a_closed_pipe_is_no_failure() -> None:
    code = "from sft.cli import app\nimport sys\nsys.argv = ['sft', 'models', 'list']\napp()"
    ran = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert ran.stdout is not None and ran.stderr is not None
    ran.stdout.close()
    said = ran.stderr.read()
    assert ran.wait() == 0 and said == ""
    ran.stderr.close()


def test_looking_needs_none_of_the_training_packages() -> None:
    code = (
        "import sys\nfor name in ('torch', 'transformers', 'trl', 'peft', 'datasets', 'unsloth', 'numpy', 'scipy'):\n"
        "    sys.modules[name] = None\n"
        "from sft.cli import app\nsys.argv = ['sft', *sys.argv[1:]]\napp()"
    )
    put("data/raw/a.txt", amr())
    for command in ("prep --template v5_cot", "plan --rows 100", "models list", "presets list", "templates check", "smatch data/raw/a.txt data/raw/a.txt"):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", code, *command.split()], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
