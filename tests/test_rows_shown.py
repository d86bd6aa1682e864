"""The picture of a prepared row: the same text with a tokenizer as without, the same part marked."""

from typing import Any

import pytest

from sft import chat, rows_shown
from sft.masks import IGNORE
from sft.records import Message, Row
from sft.tokenizer import Loaded

ROW = Row(
    "r1",
    (
        Message("system", "Bạn là trợ lý."),
        Message("user", "Ai đọc sách?"),
        Message("assistant", "Cô giáo 😀"),
        Message("user", "Ở đâu?"),
        Message("assistant", "Ở lớp."),
    ),
)


@pytest.fixture
def loaded(qwen: Any) -> Loaded:
    return Loaded(qwen, chat.chat_format("chatml"), "", "<|im_end|>", 2, "<|endoftext|>", 0)


def test_the_picture_is_the_same_without_a_tokenizer(loaded: Loaded) -> None:
    plain = rows_shown.picture("train", ROW, loaded.format, None)
    full = rows_shown.picture("train", ROW, loaded.format, loaded)
    assert plain.pieces == full.pieces
    assert [text for text, marked in plain.pieces if marked] == ["Cô giáo 😀<|im_end|>", "Ở lớp.<|im_end|>"]
    assert plain.as_dict(mask=False)["tokens"] is None
    value = full.as_dict(mask=True)
    assert value["text"] == chat.layout(ROW.messages, loaded.format)[0]
    assert value["tokens"] == len(value["mask"])
    assert value["supervised_tokens"] == sum(token["supervised"] for token in value["mask"])


def test_each_token_has_its_id_its_mark_and_some_text(loaded: Loaded) -> None:
    encoded = chat.encode(ROW.messages, loaded.tokenizer, loaded.format)
    tokens = rows_shown.picture("train", ROW, loaded.format, loaded).tokens
    assert [token for _text, token, _marked in tokens] == encoded.ids
    assert [marked for _text, _token, marked in tokens] == [label != IGNORE for label in encoded.labels]
    assert all(text for text, _token, _marked in tokens)


def test_without_a_tokenizer_the_format_is_what_is_known_of_the_model() -> None:
    assert rows_shown.format_of("qwen2.5-0.5b", None).name == "chatml"
    assert rows_shown.format_of("some/unknown-model", None).name == "chatml"
