"""An adapter that a training begins with: where it is found, and what it must have in common with the training."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from adapter_folder import FACTS, weights, write_adapter
from workspace import options, records, statements, write_set

from sft import models, prepared, runs, tokens
from sft.backends import TARGETS
from sft.errors import DataError, SftError, TemplateError
from sft.presets import TrainSettings
from sft.training import warm

MODEL = models.resolve("qwen2.5-3b")


def template(identity: str = "qa/true_false_v1@00000000") -> Any:
    return SimpleNamespace(id=identity)


def run(workspace: Path, name: str = "first", status: str = "finished", **facts: Any) -> Path:
    folder = workspace / "runs" / name
    runs.update(folder, status=status, started="2026-01-01")
    if status == "finished":
        write_adapter(folder / "adapter", **facts)
    return folder


def refused(start: warm.Start, **changes: Any) -> list[str]:
    """Return what does not fit, one line each."""
    given = {"model": MODEL, "chat_format": "chatml", "settings": TrainSettings(), "template": template()}
    try:
        warm.require(start, **(given | changes))
    except SftError as error:
        return [part.message for part in error.parts or (error,)]
    return []


def test_a_run_by_name_or_folder_and_an_adapter_folder_are_the_same(tmp_path: Path) -> None:
    folder = run(tmp_path)
    found = warm.find(tmp_path, "first")
    assert (found.name, found.rank, found.alpha, len(found.targets)) == ("first", 16, 32, 7)
    assert found == warm.find(tmp_path, str(folder))
    copied = write_adapter(tmp_path / "elsewhere")
    other = warm.find(tmp_path, str(copied))
    assert (other.name, other.sha256) == (str(copied), found.sha256)
    told = found.as_dict()
    assert (told["from"], told["template"], told["sha256"]) == ("first", FACTS["template"], found.sha256)


def test_without_an_adapter_there_is_no_warm_start(tmp_path: Path) -> None:
    run(tmp_path, "half", "interrupted")
    with pytest.raises(DataError, match="interrupted: it has no adapter"):
        warm.find(tmp_path, "half")
    with pytest.raises(DataError, match="unknown run 'haf'") as caught:
        warm.find(tmp_path, "haf")
    assert "half" in caught.value.hint
    folder = run(tmp_path, "damaged", content=weights()[:-1])
    with pytest.raises(DataError, match="missing or damaged"):
        warm.find(tmp_path, "damaged")
    (folder / "adapter/sft.json").unlink()
    (folder / "adapter/adapter_model.safetensors").write_bytes(weights())
    with pytest.raises(DataError, match=r"no sft\.json"):
        warm.find(tmp_path, "damaged")


def test_what_fits_is_taken(tmp_path: Path) -> None:
    run(tmp_path)
    start = warm.find(tmp_path, "first")
    assert refused(start) == []
    assert refused(start, settings=TrainSettings(lora_dropout=0.1, lr=1e-5, seed=1)) == []
    assert start.revision(MODEL) == "aa" * 20
    assert start.revision(models.resolve("qwen2.5-7b")) == ""


def test_everything_that_does_not_fit_is_said_at_once(tmp_path: Path) -> None:
    run(tmp_path, alpha=16, content=weights(8, ("q_proj", "v_proj")))
    start = warm.find(tmp_path, "first")
    assert refused(start, model=models.resolve("qwen2.5-7b"), template=template("qa/choice_v1@11111111")) == [
        "the adapter belongs to the model qwen2.5-3b, this training is on qwen2.5-7b",
        "lora_r of the adapter is 8, that of this training 16",
        "lora_alpha of the adapter is 16, that of this training 32",
        f"the adapter lies on q_proj, v_proj, this training is on {', '.join(sorted(TARGETS))}",
        "the adapter was trained with qa/true_false_v1@00000000, the data was prepared with qa/choice_v1@11111111",
    ]
    assert refused(start, chat_format="gemma")[0] == (
        "the adapter was trained in the chat format chatml, this training is in gemma"
    )


def test_another_template_is_taken_only_when_it_is_named(tmp_path: Path) -> None:
    run(tmp_path)
    start, other = warm.find(tmp_path, "first"), template("qa/choice_v1@11111111")
    with pytest.raises(TemplateError) as caught:
        warm.require(start, model=MODEL, chat_format="chatml", settings=TrainSettings(), template=other)
    assert "--template qa/choice_v1" in caught.value.hint
    assert refused(start, template=other, asked=other) == []
    assert refused(start, template=template(), asked=other) == [
        "the data was prepared with qa/true_false_v1@00000000, not with qa/choice_v1@11111111"
    ]


def test_ranks_that_differ_within_an_adapter_are_no_rank(tmp_path: Path) -> None:
    both = weights(8).replace(b'"shape": [8, 2]', b'"shape": [4, 4]', 1)
    run(tmp_path, content=both)
    with pytest.raises(DataError, match="one rank"):
        warm.find(tmp_path, "first")


def test_held_out_rows_that_were_trained_on_before_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    manifest = write_set(Path("data/prepared/a"), options("qa/true_false_v1"), records(named(statements())))
    data = prepared.load(Path("data/prepared/a"))
    rows = [*data.rows["train"], *data.rows["valid"]]
    told = {"folder": "data/prepared/a", "sha256": manifest["sha256"]}
    runs.update(run(tmp_path, "first"), data=told, train_ids=[row.id for row in rows[:5]])
    runs.update(
        run(tmp_path, "second"),
        data=told,
        train_ids=[row.id for row in rows[5:8]],
        warm_start={"folder": str(tmp_path / "runs/first/adapter")},
    )
    held = [tokens.group(row) for row in rows[4:10]]
    assert warm.known(warm.find(tmp_path, "first"), tmp_path, held) == 1
    assert warm.known(warm.find(tmp_path, "second"), tmp_path, held) == 4
    assert warm.known(warm.find(tmp_path, str(write_adapter(tmp_path / "b"))), tmp_path, held) is None
    runs.update(tmp_path / "runs/first", data=told | {"sha256": "0"})
    assert warm.known(warm.find(tmp_path, "second"), tmp_path, held) is None


def named(rows: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"question": question, "answer": answer} for question, answer in rows]
