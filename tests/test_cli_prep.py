"""The choices of `sft prep` on the command line and in sft.toml: what they do, what is said, what is refused."""

import json
from pathlib import Path

import pytest
from workspace import FACTS, Ran, csv, error, put, sft, statements

from sft import prepared
from sft.cli import prep as cli_prep
from sft.cli import screen

TEMPLATE = ("--template", "true_false_v1")
OUT = Path("data/prepared/true_false_v1")


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFT_CACHE", str(tmp_path / "cache"))


def ok(*arguments: str | Path) -> Ran:
    done = sft("prep", *arguments)
    assert done.code == 0, done
    return done


def test_choices_by_flag_and_by_file_are_told_with_their_origin() -> None:
    rows = [*statements(30), *statements(6)]
    put("data/raw/a.csv", csv(rows))
    put("sft.toml", '[prep]\ntemplate = "true_false_v1"\nduplicates = "drop"\n')
    done = ok("--limit", "20")
    assert "chosen: duplicates drop (sft.toml:3); limit 20 (flag --limit)" in done.err
    assert "  - duplicate × 6  (data/raw/a.csv:32: repeats a:1 (data/raw/a.csv:2))" in done.out
    assert "  - over_limit × 10" in done.out
    manifest = prepared.load(OUT).manifest
    assert manifest["choices"] == {"duplicates": "drop", "limit": 20}
    assert (manifest["read"], manifest["kept"]) == (36, 20)
    page = (OUT / "report.md").read_text(encoding="utf-8")
    assert "## Choices\n\n* duplicates: drop\n* limit: 20\n" in page
    assert ok("--duplicates", "keep", "--limit", "0", "--json").json["choices"] == {}


@pytest.mark.parametrize("sources", [("--sources", "a.csv:0.25", "b.csv:0.75"), ("a.csv:1", "b.csv:3")])
def test_weights_of_sources_with_their_arithmetic(sources: tuple[str, ...]) -> None:
    put("a.csv", csv(statements(40)))
    put("b.csv", csv([(f"{who} bay.", "Sai") for who in FACTS[:6]]))
    done = ok(*sources, *TEMPLATE)
    assert "shares: a.csv: 2 of 40 rows = 25% of 8; b.csv: 6 of 6 rows = 75% of 8" in done.out
    assert prepared.load(OUT).manifest["rejected"] == {"over_share": 38}


def test_weights_are_all_or_none() -> None:
    put("a.csv", csv(statements(4)))
    put("d/b.csv", csv(statements(4)))
    assert "d has no weight" in error("prep", "a.csv:1", "d", *TEMPLATE)
    assert "d/b.csv belongs to two weights" in error("prep", "d:1", "d/b.csv:2", *TEMPLATE)


def test_labels_spelt_another_way() -> None:
    put("a.csv", csv([(q, {"Đúng": "chuẩn rồi", "Sai": "láo"}[a]) for q, a in statements(12)]))
    assert sft("prep", "a.csv", *TEMPLATE).code == 2
    done = ok("a.csv", *TEMPLATE, "--labels", "TRUE=Chuẩn rồi FALSE=láo,bậy")
    assert "label_words × 12: labels spelt as --labels says" in done.out
    put("sft.toml", '[prep]\nlabels = { TRUE = ["chuẩn rồi"], FALSE = ["láo"] }\n')
    assert ok("a.csv", *TEMPLATE, "--json").json["kept"] == 12


def test_balance_shows_the_copies() -> None:
    put(
        "a.csv", csv([*[(f"Câu {n}.", "Đúng") for n in range(20)], *[(f"Lời {n}.", "Sai") for n in range(5)]])
    )
    done = ok("a.csv", *TEMPLATE, "--balance", "up", "--val-split", "0")
    assert "copies in training, to balance the labels: 15" in done.out
    assert "read 25 = kept 25 (train 40, valid 0) + rejected 0" in done.out
    value = ok("a.csv", *TEMPLATE, "--balance", "down", "--val-split", "0", "--json").json
    assert (value["rows"]["train"], value["rejected"]) == (10, {"balanced_out": 15})


def test_a_dry_run_writes_nothing() -> None:
    put("data/raw/a.csv", csv(statements(8)))
    done = ok(*TEMPLATE, "--dry-run")
    assert "read 8 = kept 8" in done.out and done.out.endswith("not written: --dry-run\n")
    assert not Path("data/prepared").exists()
    assert ok(*TEMPLATE, "--dry-run", "--json").json["out"] is None


def test_only_findings_that_exist_can_be_allowed() -> None:
    put("data/raw/a.csv", csv(statements(8)))
    said = error("prep", *TEMPLATE, "--allow", "duplicat")
    assert "no finding 'duplicat'" in said and "leak_question" in said


def test_given_sides_stop_at_a_leak_unless_it_is_allowed() -> None:
    rows = [(q, a, "test" if n > 7 else "train") for n, (q, a) in enumerate(statements(10))]
    rows.append((rows[0][0].upper(), rows[0][1], "test"))
    put("data/raw/a.csv", csv(rows, ("STT", "Câu hỏi", "Đáp án", "phần")))
    done = sft("prep", *TEMPLATE, "--split-column", "phần")
    assert done.code == 1 and "error: not written: leak_heldout" in done.err
    value = ok(*TEMPLATE, "--split-column", "phần", "--allow", "leak_heldout", "--json").json
    assert value["rows"]["test"] == 3


def test_validation_and_test_files() -> None:
    rows = statements(20)
    for name, part in (("a", rows), ("v", rows[:3]), ("t", rows[2:5])):
        put(f"{name}.csv", csv(part))
    value = ok("a.csv", *TEMPLATE, "--valid", "v.csv", "--test", "t.csv", "--json").json
    assert value["rows"] == {"train": 15, "valid": 2, "test": 3}
    assert value["rejected"] == {"in_test": 4, "in_valid": 2}


def test_tokens_need_a_tokenizer_and_a_context_to_shorten() -> None:
    put("a.csv", csv(statements(8)))
    assert "--tokenizer MODEL" in error("prep", "a.csv", *TEMPLATE, "--max-tokens", "64")
    said = error("prep", "a.csv", *TEMPLATE, "--max-tokens", "64", "--tokenizer", "no-such-model")
    assert "no-such-model" in said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--duplicates", "merge"), "--duplicates"),
        (("--balance", "sideways"), "--balance"),
        (("--too-long", "cut"), "--too-long"),
        (("--limit", "-3"), "--limit"),
        (("--min-chars", "answer"), "--min-chars takes NAME=N"),
        (("--labels", "Đúng"), "--labels takes LABEL=WORD,WORD"),
        (("--group-by", "bệnh"), "no column 'bệnh'"),
        (("--max-chars", "graph=4"), "no 'graph' to measure"),
        (("--too-long", "shorten-context"), "--too-long shorten-context does nothing without a limit"),
        (("--split-column", "STT"), "column STT: '1' is not train, valid or test"),
        (("--encoding", "ascii"), "not ascii text"),
        (("--part", "Sheet1"), "--part means nothing for these sources"),
    ],
)
def test_wrong_choices_are_named(flags: tuple[str, ...], said: str) -> None:
    put("a.csv", csv(statements(8)))
    assert said in error("prep", "a.csv", *TEMPLATE, *flags)


def test_choices_that_leave_no_row_are_blamed_and_not_the_rows() -> None:
    put("a.csv", csv(statements(8)))
    put("t.csv", csv(statements(8)))
    said = error("prep", "a.csv", *TEMPLATE, "--test", "t.csv")
    assert "in_test × 8" in said and "the choices leave none" in said


def test_rejected_rows_stand_in_the_file_with_place_and_reason() -> None:
    put("a.csv", csv([*statements(12), ("Cá bơi.", "?"), *statements(2)]))
    ok("a.csv", *TEMPLATE, "--duplicates", "drop", "--min-chars", "question=5", "--limit", "9")
    lines = [json.loads(line) for line in (OUT / "rejected.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["reason"] for line in lines].count("over_limit") == 3
    assert {line["reason"]: line["where"] for line in lines if line["reason"] != "over_limit"} == {
        "unknown_label": "a.csv:14", "duplicate": "a.csv:16",
    }  # fmt: skip
    assert all(line.keys() == {"id", "where", "reason", "detail", "excerpt"} for line in lines)


def test_long_work_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    put("data/raw/a.csv", csv([(f"Câu {n}.", "Đúng" if n % 2 else "Sai") for n in range(2500)]))
    monkeypatch.setattr(screen, "_PLAIN_EVERY", 0)
    monkeypatch.setattr(cli_prep, "_MANY", 2000)
    said = ok(*TEMPLATE).err
    for step in (
        "  1000 rows, ",
        "  2000 rows, ",
        "making rows …",
        "checking 2500 rows …",
        f"writing {OUT} …",
    ):
        assert step in said


def test_a_flag_wins_over_what_is_said_of_one_source_and_that_over_prep() -> None:
    put(
        "data/raw/a.csv",
        csv(
            [(f"câu {n} xanh", f"câu {n} đỏ", f"câu {n} vàng", "Đúng" if n % 2 else "Sai") for n in range(8)],
            ("x", "y", "z", "đáp án"),
        ),
    )
    put(
        "sft.toml",
        '[prep]\ncolumns = { question = "z" }\n[[prep.source]]\nfiles = "data/raw/a.csv"\ncolumns = { question = "y" }\n',
    )
    assert ok(*TEMPLATE, "--json").json["columns"]["data/raw/a.csv"]["question"] == "y"
    assert ok(*TEMPLATE, "--map", "question=x", "--json").json["columns"]["data/raw/a.csv"]["question"] == "x"
    put("sft.toml", '[prep]\ncolumns = { question = "z" }\n')
    assert ok(*TEMPLATE, "--json").json["columns"]["data/raw/a.csv"]["question"] == "z"
