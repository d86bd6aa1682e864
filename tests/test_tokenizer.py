"""A base model's tokenizer: which chat format it gets, why, and that padding is never the turn end."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sft import chat, models, tokenizer
from sft.errors import SettingsError
from sft.models import Model
from sft.records import Message
from sft.tokenizer import recognise, render_template

OTHER = Model(alias="", id="someone/some-model")
MESSAGES = (
    Message("system", "Trả lời ngắn."),
    Message("user", "Ai?"),
    Message("assistant", "Bé."),
    Message("user", "Ở đâu?\nNói rõ."),
    Message("assistant", "Ngoài vườn."),
)
# Minimal templates of the shape of the published ones, in our own words: what they print for these messages is the same.
QWEN25 = """
{%- if messages[0].role == 'system' %}
{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- else %}
{{- '<|im_start|>system\\nYou are a default.<|im_end|>\\n' }}
{%- endif %}
{%- for m in messages %}{%- if not (loop.first and m.role == 'system') %}
{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""
# The hybrid models put an empty think block before the last answer.
QWEN3 = """
{%- set ns = namespace(last=-1) %}
{%- for m in messages %}{%- if m.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}
{%- for m in messages %}
{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.role == 'assistant' and loop.index0 > ns.last %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{{- m.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}{%- endif %}
"""
ZEPHYR = """{% for m in messages %}
{% if m['role'] == 'user' %}
{{ '<|user|>\\n' + m['content'] + eos_token }}
{% elif m['role'] == 'system' %}
{{ '<|system|>\\n' + m['content'] + eos_token }}
{% elif m['role'] == 'assistant' %}
{{ '<|assistant|>\\n' + m['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""
GEMMA = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{%- endif %}
{%- for m in messages %}
{{- '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' + m['content'] | trim + '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<start_of_turn>model\\n' }}{%- endif %}"""
LLAMA3 = """{{- bos_token }}
{%- for m in messages %}
{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"""
# A family that is not supported, one that is ChatML but for its words, and ChatML that refuses a system turn.
LLAMA2 = "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
SHOUTING = QWEN25.replace("m.role +", "m.role | upper +")
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    + QWEN25.partition("{%- endif %}")[2]
)
TEMPLATES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "chatml": (QWEN25, {"eos_token": "<|im_end|>"}),
    "chatml_nothink": (QWEN3, {"eos_token": "<|im_end|>"}),
    "zephyr": (ZEPHYR, {"eos_token": "</s>"}),
    "gemma": (GEMMA, {"bos_token": "<bos>"}),
    "llama3": (LLAMA3, {"bos_token": {"content": "<|begin_of_text|>", "lstrip": False}}),
}  # fmt: skip


# What a template prints


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_each_format_is_recognised_by_the_template_of_its_models(name: str) -> None:
    found = recognise(*TEMPLATES[name])
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", ["chatml", "zephyr", "llama3"])
def test_our_text_is_the_templates_text_for_many_turns(name: str) -> None:
    template, config = TEMPLATES[name]
    rendered = render_template(template, config, MESSAGES)
    assert rendered is not None
    assert rendered.rstrip("\n") == chat.layout(MESSAGES, chat.chat_format(name))[0].rstrip("\n")


def test_our_text_is_the_templates_text_for_one_answer_where_old_answers_are_shown_otherwise() -> None:
    rendered = render_template(*TEMPLATES["chatml_nothink"], MESSAGES[:3])
    assert rendered == chat.layout(MESSAGES[:3], chat.chat_format("chatml_nothink"))[0]


def test_our_text_is_the_templates_text_where_the_system_text_is_the_users() -> None:
    first = Message("user", f"{MESSAGES[0].content}\n\n{MESSAGES[1].content}")
    rendered = render_template(*TEMPLATES["gemma"], (first, *MESSAGES[2:]))
    assert rendered == chat.layout(MESSAGES, chat.chat_format("gemma"))[0]


@pytest.mark.train
def test_our_text_is_that_of_the_embedded_models_own_template(embedded_folder: Path) -> None:
    template = (embedded_folder / "chat_template.jinja").read_text(encoding="utf-8")
    config = json.loads((embedded_folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert render_template(template, config, MESSAGES) == chat.layout(MESSAGES, chat.chat_format("chatml"))[0]
    found = recognise(template, config)
    assert found is not None
    assert found.name == "chatml"


@pytest.mark.parametrize(
    "template", [LLAMA2, SHOUTING, NO_SYSTEM, "{{ messages }}", "", "{% broken", "{{ 1 / 0 if false }}{{ messages[9].role }}"]
)  # fmt: skip
def test_a_template_that_prints_something_else_is_not_recognised(template: str) -> None:
    assert recognise(template, {"bos_token": "<s>", "eos_token": "</s>"}) is None


def test_a_template_cannot_reach_out_of_its_sandbox() -> None:
    assert render_template("{{ ''.__class__.__mro__[1].__subclasses__() }}", {}, MESSAGES) is None
    assert recognise("{{ messages.append(1) }}", {}) is None


# Loading a folder


@pytest.fixture
def folder(tmp_path: Path, tokenizers_by_format: dict[str, Any]) -> Callable[..., Path]:
    def make(name: str = "chatml", config: Mapping[str, Any] | None = None, jinja: str | None = None) -> Path:
        tokenizers_by_format[name].save(str(tmp_path / "tokenizer.json"))
        if config is not None:
            (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
        if jinja is not None:
            (tmp_path / "chat_template.jinja").write_text(jinja, encoding="utf-8")
        return tmp_path

    return make


@pytest.mark.parametrize("name", sorted(TEMPLATES))
@pytest.mark.parametrize("place", ["config", "file", "list"])
def test_an_unknown_models_format_comes_from_its_own_template(
    folder: Callable[..., Path], name: str, place: str
) -> None:
    template, config = TEMPLATES[name]
    if place == "file":
        found = tokenizer.load(folder(name, config, template), OTHER)
    elif place == "list":
        named = [{"name": "tool_use", "template": LLAMA2}, {"name": "default", "template": template}]
        found = tokenizer.load(folder(name, config | {"chat_template": named}), OTHER)
    else:
        found = tokenizer.load(folder(name, config | {"chat_template": template}), OTHER)
    assert found.format.name == name
    assert "own chat template" in found.origin
    assert found.turn_end_id == found.tokenizer.token_to_id(found.turn_end)
    assert found.pad_id == found.tokenizer.token_to_id(found.pad)
    assert found.pad_id != found.turn_end_id


def test_the_file_goes_before_the_config(folder: Callable[..., Path]) -> None:
    assert (
        tokenizer.load(folder("chatml", {"chat_template": LLAMA2}, QWEN3), OTHER).format.name
        == "chatml_nothink"
    )


def test_a_template_of_no_known_format_is_refused_with_the_way_out(folder: Callable[..., Path]) -> None:
    where = folder("chatml", {"chat_template": LLAMA2, "eos_token": "</s>"})
    with pytest.raises(SettingsError, match="none of the known formats") as caught:
        tokenizer.load(where, OTHER)
    assert caught.value.where == str(where)
    assert "--chat-format chatml|" in caught.value.hint
    found = tokenizer.load(where, OTHER, "chatml")
    assert (found.format.name, found.origin) == ("chatml", "set by --chat-format")


def test_a_list_without_a_default_is_no_template(folder: Callable[..., Path]) -> None:
    named = {"chat_template": [{"name": "rag", "template": LLAMA2}]}
    assert "base model" in tokenizer.load(folder("chatml", named), OTHER).origin


@pytest.mark.parametrize("config", [None, {}, {"chat_template": None}])
def test_a_base_model_with_chatmls_tokens_gets_chatml(
    folder: Callable[..., Path], config: dict[str, Any] | None
) -> None:
    found = tokenizer.load(folder("chatml", config), OTHER)
    assert found.format.name == "chatml"
    assert "base model" in found.origin


def test_a_base_model_without_chatmls_tokens_is_refused(folder: Callable[..., Path]) -> None:
    with pytest.raises(SettingsError, match="no chat template and no ChatML tokens") as caught:
        tokenizer.load(folder("zephyr", {}), OTHER)
    assert "instruct model" in caught.value.hint


def test_a_known_models_format_comes_from_the_table_whatever_its_template_prints(
    folder: Callable[..., Path],
) -> None:
    found = tokenizer.load(folder("chatml", {"chat_template": QWEN3}), models.resolve("qwen2.5-0.5b"))
    assert (found.format.name, found.origin) == ("chatml", "known for qwen2.5-0.5b")
    assert found.pad == "<|endoftext|>"


@pytest.mark.parametrize("wanted", ["zephyr", "llama3"])
def test_a_format_whose_turn_end_the_tokenizer_lacks_is_refused(
    folder: Callable[..., Path], wanted: str
) -> None:
    with pytest.raises(SettingsError, match="has no token") as caught:
        tokenizer.load(folder("chatml", {}), OTHER, wanted)
    assert "--chat-format" in caught.value.hint


def test_an_unknown_format_name_is_refused(folder: Callable[..., Path]) -> None:
    with pytest.raises(SettingsError, match="unknown chat format 'chatlm'"):
        tokenizer.load(folder("chatml", {}), OTHER, "chatlm")


@pytest.mark.parametrize(
    ("config", "model", "pad"),
    [
        ({"pad_token": "<|im_end|>"}, OTHER, "<|endoftext|>"),  # the turn end is never taken
        ({"pad_token": "<|im_start|>"}, OTHER, "<|im_start|>"),
        ({"pad_token": {"content": "<|endoftext|>"}}, OTHER, "<|endoftext|>"),
        ({"pad_token": "<not there>"}, OTHER, "<|endoftext|>"),
        ({"pad_token": "<|im_end|>"}, models.resolve("smollm2-135m"), "<|endoftext|>"),
        ({}, Model("", "x", pad="<|im_end|>"), "<|endoftext|>"),
    ],
)
def test_padding_is_never_the_turn_end(
    folder: Callable[..., Path], config: dict[str, Any], model: Model, pad: str
) -> None:
    found = tokenizer.load(folder("chatml", config), model)
    assert found.pad == pad
    assert found.pad_id == found.tokenizer.token_to_id(pad)


def test_without_a_spare_token_for_padding_the_model_is_refused(tmp_path: Path) -> None:
    from conftest import byte_level

    byte_level(("<|im_start|>", "<|im_end|>")).save(str(tmp_path / "tokenizer.json"))
    config = {"pad_token": "<|im_end|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(SettingsError, match="no padding token that differs"):
        tokenizer.load(tmp_path, OTHER)


def test_what_a_saved_tokenizer_cuts_or_pads_is_switched_off(tmp_path: Path, qwen: Any) -> None:
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(qwen.to_str())
    copy.enable_truncation(8)
    copy.enable_padding(length=64)
    copy.save(str(tmp_path / "tokenizer.json"))
    loaded = tokenizer.load(tmp_path, OTHER)
    rows = [chat.encode(m, loaded.tokenizer, loaded.format) for m in (MESSAGES, MESSAGES[:3])]
    assert [chat.show(row, loaded.tokenizer)[-2][0] for row in rows] == [
        "Ngoài vườn.<|im_end|>",
        "Bé.<|im_end|>",
    ]


def test_a_folder_without_a_fast_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no tokenizer.json") as caught:
        tokenizer.load(tmp_path, OTHER)
    assert caught.value.where == str(tmp_path)


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json"])
def test_a_damaged_file_is_named(folder: Callable[..., Path], file: str) -> None:
    path = folder("chatml", {}) / file
    path.write_text('{"half": ', encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        tokenizer.load(path.parent, OTHER)
    assert caught.value.where == str(path)
    assert caught.value.hint
