"""`sft data` as it is typed."""

from pathlib import Path

import pytest
from workspace import csv, error, put, sft, statements


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put("data/raw/tf.csv", csv(statements(40)))
    assert sft("prep", "--template", "qa/true_false_v1", "--out", "data/prepared/one").code == 0


def test_show_marks_what_is_supervised_and_says_which_set() -> None:
    done = sft("data", "show", "--n", "2")
    assert done.code == 0
    assert "data/prepared/one" in done.err and "--model" in done.err
    assert done.out.count("── train ") == 2
    assert "⟦Đúng<|im_end|>⟧" in done.out or "⟦Sai<|im_end|>⟧" in done.out
    value = sft("data", "show", "one", "--row", "2", "--split", "valid", "--json").json
    assert [(row["split"], row["tokens"]) for row in value["rows"]] == [("valid", None)]
    assert "".join(piece["text"] for piece in value["rows"][0]["pieces"]) == value["rows"][0]["text"]
    name = value["rows"][0]["id"]
    assert sft("data", "show", "--row", name, "--json").json["rows"] == value["rows"]


@pytest.mark.train
def test_show_with_a_tokenizer_counts_and_lists_tokens(embedded_folder: Path) -> None:
    value = sft("data", "show", "--row", "1", "--mask", "--model", str(embedded_folder), "--json").json
    (row,) = value["rows"]
    assert row["tokens"] == len(row["mask"]) and row["supervised_tokens"] >= 2
    done = sft("data", "show", "--row", "1", "--mask", "--model", str(embedded_folder))
    assert "⟦<|im_end|>⟧" in done.out
    assert "tokens" in sft("data", "stats", "--model", str(embedded_folder), "--json").json["splits"]["train"]


def test_show_says_what_is_not_there() -> None:
    assert "no split 'test'" in error("data", "show", "--split", "test")
    assert "no row '999'" in error("data", "show", "--row", "999")
    assert "no such folder" in error("data", "show", "other")


def test_diff_ends_with_one_where_the_sets_differ() -> None:
    same = sft("data", "diff", "one", "data/prepared/one")
    assert (same.code, same.out.strip()) == (0, "no difference: 40 rows")
    put("data/raw/tf.csv", csv(statements(38)))
    assert (
        sft("prep", "--template", "qa/true_false_v1", "--seed", "7", "--out", "data/prepared/two").code == 0
    )
    done = sft("data", "diff", "one", "two")
    assert done.code == 1
    assert "split.seed: 42 → 7" in done.out and "only in the first × 2" in done.out
    value = sft("data", "diff", "one", "two", "--json").json
    assert value["rows"]["only_a"]["count"] == 2 and not value["equal"]


def test_stats_counts_what_prep_wrote() -> None:
    done = sft("data", "stats")
    assert done.code == 0 and "TRUE" in done.out and "tf.csv" in done.out
    value = sft("data", "stats", "--json").json
    assert sum(value["rows"].values()) == 40
    assert value["model"] is None
    assert sum(sum(part["labels"].values()) for part in value["splits"].values()) == 40
