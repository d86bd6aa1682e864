"""Scores that runs keep, and the tests between them."""

from pathlib import Path

import pytest
from lone_runs import SMATCH, graphs, make
from workspace import csv, finished_run, put, sft, statements

from sft import prepared, runs
from sft.errors import DataError
from sft.runs import diff as run_diff
from sft.runs import scores as run_scores
from sft.text import write_json


def test_every_kind_of_score_has_one_figure(tmp_path: Path) -> None:
    folder = make(tmp_path / "runs/a")
    write_json(folder / "scores/smatch_valid_smatch.json", SMATCH)
    label = {"accuracy": 0.75, "interval": [0.5, 0.9], "macro_f1": 0.7, "n": 8, "signature": "eval"}
    write_json(folder / "scores/eval_test.json", label)
    text = {
        "exact_match": 0.1,
        "exact_interval": [0, 0.2],
        "token_f1": 0.3,
        "token_f1_interval": [0.2, 0.4],
        "n": 9,
    }
    write_json(folder / "scores/eval_valid.json", text | {"signature": "eval|task:answer"})
    found = run_scores.of(runs.load(folder))
    assert [(s.name, s.metric, s.value, s.interval, s.n) for s in found] == [
        ("eval_test", "accuracy", 0.75, (0.5, 0.9), 8),
        ("eval_valid", "token F1", 0.3, (0.2, 0.4), 9),
        ("smatch_valid_smatch", "Smatch F1", 0.5, (0.4, 0.6), 2),
    ]
    assert found[2].as_dict()["signature"] == "smatch|n:2"
    assert run_scores.of(runs.load(make(tmp_path / "runs/b"))) == []


HEAD = '{"f1": 1, "interval95": [0, 1], "n": 1, "signature": "", "pairs": '
PAIR = '[{"id": "a", "matched": %s, "pred": 1, "gold": 1, "upper": 1, "proven": true}]}'


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "{}", '{"f1": 1}', '{"f1": 1, "interval95": 3, "n": 1, "signature": ""}',
        '{"f1": 1, "interval95": [null, 1], "n": 1, "signature": ""}', HEAD + "5}", HEAD + '[{"id": "a"}]}',
        HEAD + PAIR % -1, HEAD + PAIR % 0.5, HEAD + PAIR % "null",
    ],
)  # fmt: skip
def test_a_file_that_is_no_score_is_named(tmp_path: Path, text: str) -> None:
    folder = make(tmp_path / "runs/a")
    path = put(folder / "scores/x.json", text)
    with pytest.raises(DataError, match="is no score file") as caught:
        run_scores.of(runs.load(folder))
    assert caught.value.where == str(path)


def test_graphs_are_compared_pair_by_pair(tmp_path: Path) -> None:
    (run_a, a), (run_b, b) = graphs(tmp_path, "a", *[9] * 12, 5), graphs(tmp_path, "b", *[4] * 12, 5)
    found = run_scores.paired(tmp_path, (run_a, run_b), (a, b))
    assert found["difference"] == pytest.approx((9 * 12 + 5) / 130 - (4 * 12 + 5) / 130)
    assert (found["better"], found["worse"], found["equal"]) == (12, 0, 1)
    assert found["p"] < 0.01 and found["interval95"][0] > 0


def test_other_rows_are_no_test(tmp_path: Path) -> None:
    (run_a, a), (run_b, b) = graphs(tmp_path, "a", 9, 9), graphs(tmp_path, "b", 9, 9, 9)
    (run_c, c) = graphs(tmp_path, "c", 9, 9, gold=11)  # the same ids, other graphs
    for other, score in ((run_b, b), (run_c, c)):
        with pytest.raises(DataError, match="not scored on the same rows"):
            run_scores.paired(tmp_path, (run_a, other), (a, score))


@pytest.mark.parametrize("name", ["eval_valid_old", "eval_mine", "smatch_valid", "accuracy"])
def test_a_score_of_a_name_of_ones_own_has_no_test(tmp_path: Path, name: str) -> None:
    label = {"accuracy": 0.75, "interval": [0.5, 0.9], "n": 8, "signature": "eval"}
    for run in "ab":
        write_json(make(tmp_path / "runs" / run) / f"scores/{name}.json", label)
    (told,) = run_diff.paired(tmp_path, [run_diff.look(tmp_path / "runs" / run) for run in "ab"])
    assert told["reason"] == "its name does not say which rows it is of"


def test_labels_are_compared_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put("data/raw/a.csv", csv(statements()))
    assert sft("prep", "--template", "true_false_v1", "--val-split", "0.3").code == 0
    place = Path("data/prepared/true_false_v1")
    data = prepared.load(place)
    right = {r.id: {"readable": True, "label": r.meta["label"]} for rows in data.rows.values() for r in rows}
    held = [row.id for row in data.rows["valid"]]
    wrong = right | {key: {"readable": False, "label": None} for key in held[:6]}
    finished_run(place, right, "good")
    finished_run(place, wrong, "bad")
    for name in ("good", "bad"):
        assert sft("eval", "--run", name).code == 0
    both = (runs.find(tmp_path, "good"), runs.find(tmp_path, "bad"))
    found = run_scores.paired(tmp_path, both, (run_scores.of(both[0])[0], run_scores.of(both[1])[0]))
    assert found == {
        "difference": 6 / len(held), "p": 2 / 2**6, "better": 6, "worse": 0, "equal": len(held) - 6,
        "test": "McNemar, exact",
    }  # fmt: skip
    runs.update(both[1].folder, valid_ids=held[:-1])
    with pytest.raises(DataError, match="not scored on the same rows"):
        run_scores.paired(tmp_path, (both[0], runs.load(both[1].folder)), (run_scores.of(both[0])[0],) * 2)
    runs.update(both[1].folder, valid_ids=held)
    (both[1].folder / "predictions/valid.jsonl").unlink()
    with pytest.raises(DataError, match="predictions are gone"):
        run_scores.paired(tmp_path, both, (run_scores.of(both[0])[0],) * 2)
