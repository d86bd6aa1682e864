"""`sft plan` where something is odd: what is asked for, what is there, and what it would lead to."""

import json
from pathlib import Path

import pytest
from workspace import Ran, csv, error, put, sft, statements

from sft import backends, base, prepared
from sft.models import Model


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(*arguments: str) -> Ran:
    done = sft("plan", *arguments)
    assert done.code == 0, done
    return done


@pytest.mark.parametrize("free", ["inf", "1e300", "nan", "0"])
def test_free_memory_is_a_number_that_a_card_may_have(free: str) -> None:
    assert "--free" in error("plan", "--rows", "9", "--free", free)


def test_a_set_without_validation_rows_is_split_as_the_training_splits_it() -> None:
    """Without the tokenizer of the model too: the plan said all rows, and the training held out a tenth of them."""
    put("data/raw/a.csv", csv(statements()))
    assert sft("prep", "--template", "true_false_v1", "--val-split", "0").code == 0
    assert not prepared.load(Path("data/prepared/true_false_v1")).rows["valid"]
    counted = plan("--val-split", "0.25", "--model", "qwen2.5-7b", "--json").json
    put("sft.toml", "[train]\nval_split = 0.25\n")
    value = plan("--model", "qwen2.5-7b", "--json").json
    assert value["tokens"] is None and value["rows"] == counted["rows"] < 40
    assert value["n_evals"] == counted["n_evals"] > 0


def test_nothing_held_out_is_no_evaluation() -> None:
    assert plan("--rows", "900", "--val-split", "0", "--json").json["n_evals"] == 0
    assert plan("--rows", "900", "--json").json["n_evals"] == 5


def test_a_limit_says_of_how_many_rows_it_takes_some() -> None:
    out = plan("--rows", "7000", "--use-case", "quick_test").out
    assert out.startswith("model smollm2-135m, 100 of 7000 rows (limit), of at most 2048 tokens\n")
    assert plan("--rows", "100", "--use-case", "quick_test").out.startswith("model smollm2-135m, 100 rows of")


def test_too_many_chunks_are_refused() -> None:
    said = error("plan", "--rows", "99999999999", "--chunk-size", "1")
    assert "--chunk-size: 99999999999 chunks are too many" in said and "e.g. 100000000" in said


def test_memory_of_any_model_whose_config_is_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"model_type": "qwen2", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config |= {"intermediate_size": 128, "vocab_size": 500}
    put("cache/config.json", json.dumps(config))

    def snapshot(model: Model, *, weights: bool, local: bool) -> base.Base:
        assert local and not weights
        return base.Base(model, tmp_path / "cache")

    command = ("--rows", "900", "--model", "nobody/no-such-model", "--free", "8", "--json")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    assert plan(*command).json["memory"]["memory"] is None
    monkeypatch.setattr(base, "fetch", snapshot)
    assert plan(*command).json["memory"]["memory"]["total"] > 0


def test_without_training_packages_the_backend_that_was_asked_for_is_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backends, "_installed", lambda _name: False)
    command = ("--rows", "900", "--model", "qwen2.5-3b", "--free", "80", "--batch-size", "2", "--json")
    assert plan(*command).json["backend"] == "hf"
    hf, unsloth = (plan(*command, "--backend", name).json for name in ("hf", "unsloth"))
    assert (hf["backend"], unsloth["backend"]) == ("hf", "unsloth")
    assert hf["memory"]["memory"]["activations"] > unsloth["memory"]["memory"]["activations"]


def test_what_is_kept_is_said_for_a_number_of_rows_too_and_needs_evaluations() -> None:
    out = plan("--rows", "900", "--best", "loss", "--patience", "2").out
    assert "the adapter with the best validation loss of 5 evaluations is kept" in out
    assert "it stops after 2 evaluations (" in out
    assert "the best task metric" in plan("--rows", "900", "--best", "task").out
    said = error("plan", "--rows", "900", "--best", "loss", "--val-split", "0")
    assert 'best = "loss" needs evaluations, but there are no validation rows' in said
