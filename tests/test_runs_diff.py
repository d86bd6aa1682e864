"""What sets runs apart."""

from pathlib import Path

from lone_runs import graphs, make

from sft.runs import diff as run_diff


def test_only_what_differs_is_told(tmp_path: Path) -> None:
    make(tmp_path / "runs/a", use_case="demo")
    lock = {"settings": {"lr": 1e-4, "seed": 5, "epochs": 2.0}, "model": "tiny", "data": "ab"}
    make(tmp_path / "runs/b", use_case="demo", lock=lock, packages={"torch": "3.0"})
    looks = [run_diff.look(tmp_path / "runs" / name) for name in "ab"]
    assert run_diff.settings(looks) == {
        "lr": [2e-4, 1e-4], "packages.torch": ["2.9", "3.0"], "epochs": [None, 2.0], "data": [None, "ab"],
    }  # fmt: skip
    assert run_diff.settings([looks[0], looks[0]]) == {}


def test_a_run_is_looked_at_with_its_log_and_scores(tmp_path: Path) -> None:
    graphs(tmp_path, "a", 9, 8)
    make(
        tmp_path / "runs/a",
        "interrupted",
        [{"step": 3, "loss": 1.0, "seconds": 6.0}],
        ended="2026-01-01T00:01",
    )
    look = run_diff.look(tmp_path / "runs/a")
    value = look.as_dict()
    assert (value["status"], value["step"], value["total_steps"], value["left"]) == (
        "interrupted",
        3,
        8,
        10.0,
    )
    assert [score["metric"] for score in value["scores"]] == ["Smatch F1"]
    assert value["ended"] == "2026-01-01T00:01" and look.age >= 0
    bare = make(tmp_path / "runs/b", plan={}, model={})
    assert run_diff.look(bare, scores=False).as_dict()["model"] is None


def test_every_two_runs_are_tested_or_it_is_said_why_not(tmp_path: Path) -> None:
    for name, matched in (("a", (9, 9)), ("b", (8, 9)), ("c", (8,))):
        graphs(tmp_path, name, *matched)
    make(tmp_path / "runs/d")
    looks = [run_diff.look(tmp_path / "runs" / name) for name in "abcd"]
    found = run_diff.paired(tmp_path, looks)
    assert [(one["a"], one["b"], "reason" in one) for one in found] == [
        ("a", "b", False), ("a", "c", True), ("b", "c", True),
    ]  # fmt: skip
    assert list(run_diff.scores(looks)) == ["smatch_valid_smatch"]
    assert run_diff.scores(looks)["smatch_valid_smatch"][3] is None
