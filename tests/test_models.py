import json

import pytest

from sft import chat, models
from sft.errors import SettingsError


@pytest.mark.parametrize("model", models.known().values(), ids=lambda m: m.alias)
def test_the_stated_count_is_the_count_of_the_shape(model):
    assert models.parameters(model.shape) == model.parameters


@pytest.mark.parametrize("model", models.known().values(), ids=lambda m: m.alias)
def test_tokens_agree_with_the_chat_format_and_padding_is_never_the_turn_end(model):
    assert chat.chat_format(model.format).turn_end == model.turn_end
    assert model.pad and model.pad != model.turn_end
    assert model.licence and model.context >= 2048


def test_the_table_holds_the_promised_names():
    wanted = (
        "smollm2-135m qwen2.5-0.5b qwen2.5-1.5b qwen2.5-3b qwen2.5-7b qwen3-0.6b qwen3-1.7b qwen3-4b qwen3-8b"
    )
    assert set(wanted.split()) | {"qwen3-14b", "tinyllama-1.1b"} == set(models.known())


def test_lora_counts_of_rank_16():
    counts = {name: models.lora_parameters(model.shape, 16) for name, model in models.known().items()}
    millions = {
        name: round(counts[name] / 1e6, 1)
        for name in ("qwen2.5-0.5b", "qwen2.5-1.5b", "qwen3-1.7b", "qwen2.5-3b", "qwen2.5-7b")
    }
    assert list(millions.values()) == [8.8, 18.5, 17.4, 29.9, 40.4]
    shape = models.known()["qwen2.5-3b"].shape
    assert models.lora_parameters(shape, 128) == 8 * models.lora_parameters(shape, 16)


def test_linear_parameters_with_the_head_are_the_n_of_the_flop_formulas():
    billions = [
        round(models.linear_parameters(models.known()[f"qwen2.5-{size}b"].shape, head=True) / 1e9, 3)
        for size in ("0.5", "1.5", "3", "7")
    ]
    assert billions == [0.494, 1.544, 3.086, 7.07]


def test_only_the_non_commercial_model_carries_that_note():
    noted = [name for name, model in models.known().items() if "non-commercial" in model.note]
    assert noted == ["qwen2.5-3b"]


def test_resolve_takes_alias_and_hub_id_in_any_case():
    assert models.resolve("Qwen2.5-3B") is models.resolve("qwen/qwen2.5-3b-instruct")
    other = models.resolve("vilm/vinallama-2.7b-chat")
    assert (other.alias, other.id, other.shape, other.format) == ("", "vilm/vinallama-2.7b-chat", None, "")


@pytest.mark.parametrize("name", ["qwen2.5-3", "qwen25-3b", "./no-such-folder", "", "a b/c"])
def test_an_unknown_name_is_an_error_that_helps(name):
    with pytest.raises(SettingsError) as caught:
        models.resolve(name)
    assert "sft models list" in caught.value.hint


def test_did_you_mean():
    with pytest.raises(SettingsError) as caught:
        models.resolve("qwen2.5-3bb")
    assert caught.value.hint.startswith("did you mean qwen2.5-3b?")


def folder_with(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(tmp_path)


QWEN3 = {
    "model_type": "qwen3",
    "hidden_size": 1024,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 3072,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
    "max_position_embeddings": 40960,
}


def test_a_folder_tells_its_shape(tmp_path):
    model = models.resolve(folder_with(tmp_path, QWEN3))
    assert model.shape == models.known()["qwen3-0.6b"].shape
    assert model.parameters == 596_049_920 and model.context == 40960
    assert model.alias == "" and model.name == str(tmp_path)


def test_a_model_of_the_hub_is_described_by_its_config_and_one_of_the_table_by_the_table(tmp_path):
    folder_with(tmp_path, QWEN3)
    known = models.known()["qwen3-0.6b"]
    found = models.described(models.resolve("nobody/qwen3-like"), tmp_path)
    assert (found.id, found.shape, found.parameters) == ("nobody/qwen3-like", known.shape, known.parameters)
    other = models.known()["qwen2.5-3b"]
    assert models.described(other, tmp_path) is other


def test_head_dim_and_kv_heads_have_the_architecture_s_defaults():
    config = {
        k: v for k, v in QWEN3.items() if k not in ("head_dim", "num_key_value_heads", "tie_word_embeddings")
    }
    shape = models.shape_of(config | {"model_type": "llama"})
    assert (shape.head_dim, shape.kv_heads, shape.tied, shape.qk_norm) == (64, 16, False, False)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "gemma2"},
        {"hidden_size": None},
        {"vocab_size": "many"},
        {"num_hidden_layers": 0},
        {"model_type": "llama", "attention_bias": True},
    ],
)
def test_what_cannot_be_counted_has_no_shape(tmp_path, change):
    model = models.resolve(folder_with(tmp_path, QWEN3 | change))
    assert model.shape is None and model.parameters is None


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_folder_without_a_readable_config_is_an_error(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError):
        models.resolve(str(tmp_path))


def test_an_adapter_folder_is_named_as_such(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SettingsError, match="adapter"):
        models.resolve(str(tmp_path))
