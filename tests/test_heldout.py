"""The held-out rows of a run, and which prediction file counts for them."""

import json
import shutil
from pathlib import Path

import pytest
from workspace import csv, finished_run, put, sft, statements

from sft import heldout, prepared, runs
from sft.errors import DataError, SettingsError

FOLDER = Path("data/prepared/true_false_v1")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put("data/raw/a.csv", csv(statements()))
    assert sft("prep", "--template", "true_false_v1", "--val-split", "0.2").code == 0
    return tmp_path


def perfect(folder: Path = FOLDER) -> dict[str, dict[str, object]]:
    data = prepared.load(folder)
    return {
        row.id: {"readable": True, "label": row.meta["label"]} for rows in data.rows.values() for row in rows
    }


def test_the_newest_finished_run_is_opened_with_its_rows(workspace: Path) -> None:
    finished_run(FOLDER, perfect(), "a")
    finished_run(FOLDER, perfect(), "b")
    held = heldout.open_run(workspace)
    assert (held.run.name, held.split, held.template.name) == ("b", "valid", "true_false_v1")
    assert [row.id for row in held.rows] == held.run.data["valid_ids"]
    assert [row.id for row in held.train] == held.run.data["train_ids"]
    assert held.predictions() == workspace / "runs/b/predictions/valid.jsonl"
    assert held.predictions(base=True).name == "valid.base.jsonl"
    assert heldout.open_run(workspace, "a").run.name == "a"


def test_what_a_run_held_out_counts_not_what_the_set_did(workspace: Path) -> None:
    """A run may hold out another share than the prepared set: its own ids decide."""
    run = finished_run(FOLDER, perfect())
    data = json.loads((run / "run.json").read_text(encoding="utf-8"))
    moved = data["train_ids"].pop()
    runs.update(run, train_ids=data["train_ids"], valid_ids=[*data["valid_ids"], moved])
    held = heldout.open_run(workspace)
    assert moved in {row.id for row in held.rows} and moved not in {row.id for row in held.train}


def test_a_test_split_is_preferred_and_splits_are_named(workspace: Path) -> None:
    put("t.csv", csv([("Voi bơi qua sông.", "Đúng"), ("Voi bay qua sông.", "Sai")]))
    assert sft("prep", "--template", "true_false_v1", "--test", "t.csv").code == 0
    finished_run(FOLDER, perfect())
    held = heldout.open_run(workspace)
    assert (held.split, len(held.rows)) == ("test", 2)
    assert heldout.open_run(workspace, split="valid").split == "valid"
    with pytest.raises(SettingsError, match="unknown split 'train'"):
        heldout.open_run(workspace, split="train")


def test_a_limit_samples_by_seed_and_has_files_of_its_own(workspace: Path) -> None:
    finished_run(FOLDER, perfect())
    whole, some = heldout.open_run(workspace), heldout.open_run(workspace, limit=3)
    assert (some.split, len(some.rows), some.predictions().name) == ("valid_3", 3, "valid_3.jsonl")
    assert {row.id for row in some.rows} < {row.id for row in whole.rows}
    assert heldout.open_run(workspace, limit=3).rows == some.rows
    assert heldout.open_run(workspace, limit=999).split == "valid"


def test_a_run_without_held_out_rows_says_so(workspace: Path) -> None:
    run = finished_run(FOLDER, perfect())
    runs.update(run, valid_ids=[])
    with pytest.raises(DataError, match="no valid rows") as caught:
        heldout.open_run(workspace)
    assert "--val-split" in caught.value.hint
    with pytest.raises(DataError, match="no test rows"):
        heldout.open_run(workspace, split="test")


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_an_unfinished_run_has_no_adapter(workspace: Path, status: str) -> None:
    finished_run(FOLDER, perfect(), status=status)
    with pytest.raises(DataError, match=f"this run is {status}") as caught:
        heldout.open_run(workspace, "r1")
    assert "goes on" in caught.value.hint
    with pytest.raises(DataError, match="no finished run"):
        heldout.open_run(workspace)


def test_a_set_made_anew_is_not_the_one_the_run_knows(workspace: Path) -> None:
    finished_run(FOLDER, perfect())
    assert sft("prep", "--template", "true_false_v1", "--val-split", "0.3").code == 0
    with pytest.raises(DataError, match="made anew"):
        heldout.open_run(workspace)
    shutil.rmtree(FOLDER)
    with pytest.raises(DataError, match="no such folder"):
        heldout.open_run(workspace)


def test_a_record_that_lost_what_it_was_trained_on_is_one_error(workspace: Path) -> None:
    finished_run(FOLDER, perfect())
    path = runs.find(workspace, "r1").folder / runs.LOCK_FILE
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({name: record[name] for name in record if name != "data"}), encoding="utf-8")
    with pytest.raises(DataError, match="does not say what the run was trained on") as caught:
        heldout.open_run(workspace)
    assert caught.value.where == str(path)


def test_a_workspace_may_be_moved(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished_run(FOLDER, perfect())
    moved = workspace.with_name(workspace.name + "-moved")
    workspace.rename(moved)
    monkeypatch.chdir(moved)
    assert heldout.open_run(moved).data.folder == moved / FOLDER


# Prediction files


def test_predictions_come_back_in_the_order_of_the_rows(workspace: Path) -> None:
    finished_run(FOLDER, perfect())
    held = heldout.open_run(workspace)
    path = held.predictions()
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(reversed(lines)) + "\n", encoding="utf-8")
    found = heldout.read(path, held.rows, held.template.id)
    assert found is not None and [line["id"] for line in found] == [row.id for row in held.rows]
    assert heldout.facts(path)["template"] == held.template.id


def test_predictions_for_other_rows_or_of_another_template_do_not_count(workspace: Path) -> None:
    finished_run(FOLDER, perfect())
    held = heldout.open_run(workspace)
    path = held.predictions()
    assert heldout.read(path, held.rows[:-1]) is None
    assert heldout.read(path, [*held.rows, held.train[0]]) is None
    assert heldout.read(path, held.rows, "qa/answer_v1@12345678") is None
    assert heldout.read(path, held.rows) is not None
    assert heldout.read(held.predictions(base=True), held.rows) is None
    path.with_suffix(".facts.json").unlink()  # written last: without it the predictions are not complete
    assert heldout.read(path, held.rows) is None


@pytest.mark.parametrize("line", ["{}", "[]", "7", '{"id": "a:1"}'])
def test_a_damaged_prediction_is_named_by_its_line(workspace: Path, line: str) -> None:
    finished_run(FOLDER, perfect())
    held = heldout.open_run(workspace)
    path = held.predictions()
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="not a prediction") as caught:
        heldout.read(path, held.rows)
    assert caught.value.where == f"{path}:{len(held.rows) + 1}"
    assert "remove the file" in caught.value.hint
