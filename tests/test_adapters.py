"""What is read of an adapter folder without torch."""

from pathlib import Path

import pytest
from adapter_folder import weights, write_adapter

from sft import adapters
from sft.errors import DataError


def test_facts_measures_and_shapes_are_read(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", content=weights(8, ("q_proj",)))
    assert adapters.facts(folder)["model"] == "qwen2.5-3b"
    assert adapters.config(folder)["lora_alpha"] == 32
    name = "base_model.model.model.layers.0.some.q_proj.lora_{}.weight"
    assert adapters.shapes(folder) == {name.format("A"): (8, 2), name.format("B"): (2, 8)}


def test_safetensors_itself_writes_what_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    folder = write_adapter(tmp_path / "a")
    save_file({"x": torch.zeros(3, 4), "y": torch.zeros(5)}, folder / adapters.WEIGHTS, {"format": "pt"})
    assert adapters.shapes(folder) == {"x": (3, 4), "y": (5,)}


@pytest.mark.parametrize(
    "content", [b"1", b"12345678", weights()[:100], weights()[:-1], weights() + b"0", bytes(8) + b"{}"]
)
def test_weights_that_are_cut_short_or_no_weights_are_named(tmp_path: Path, content: bytes) -> None:
    folder = write_adapter(tmp_path / "a", content=content)
    with pytest.raises(DataError, match="missing or damaged") as caught:
        adapters.shapes(folder)
    assert caught.value.where == str(folder / "adapter_model.safetensors")


def test_a_folder_without_facts_or_with_half_of_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no sft\.json"):
        adapters.facts(tmp_path)
    folder = write_adapter(tmp_path / "a")
    for text in ("{", "[]", '{"model": "x"}'):
        (folder / "sft.json").write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="missing or damaged"):
            adapters.facts(folder)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(DataError, match="missing or damaged"):
        adapters.config(folder)
