"""Ids from pieces: exactly those of the whole text, for each kind of tokenizer that allows it, and none for the others."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft import chat, pieces
from sft.records import Message

END = "<|im_end|>"
# Words, blanks of many kinds, signs, letters of several code points, digits of other scripts, added tokens.
PARTS = [
    *"aăĐẹ ẹ  \n\r\t\v.,:()_-'’0123…😀ごéß½٣", "\u0301", "\u0323", "\u00a0", "\u2003", "\u3000", "\u0085", "\u001c",
    "\u200c", "\u2028", "'s", "'LL", "  ", "\n\n", " \n", "\n ", "▁", "đường", " cô", "<think>", "<|im_start|>", END,
]  # fmt: skip
TEXTS = st.lists(st.lists(st.sampled_from(PARTS), max_size=25).map("".join), max_size=5)


def changed(tokenizer: Any, **parts: Any) -> Any:
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(tokenizer.to_str())
    for name, part in parts.items():
        setattr(copy, name, part)
    return copy


def byte_level(first: Any = None, *, prefix: bool = False, own: bool = True) -> Any:
    """Return a pre-tokenizer that ends in bytes, cut by its own expression or by what stands before it."""
    from tokenizers import pre_tokenizers as pre

    last = pre.ByteLevel(add_prefix_space=prefix, use_regex=own)
    return pre.Sequence([first, last]) if first else last


def split(expression: str, **options: Any) -> Any:
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Split

    return Split(Regex(expression), **{"behavior": "isolated", **options})


def llama() -> Any:
    return split(pieces._WORDS % "{1,3}")


@pytest.fixture(scope="session")
def exact(qwen: Any) -> dict[str, Any]:
    from tokenizers import Tokenizer, models, normalizers
    from tokenizers.pre_tokenizers import Digits

    state = json.loads(qwen.to_str())
    words = {
        token: number
        for number, token in enumerate(t for t in state["model"]["vocab"] if not t.startswith("<"))
    }
    longest = Tokenizer(models.WordPiece(words, unk_token="!", continuing_subword_prefix=""))
    longest.add_special_tokens([END])
    gpt = byte_level()
    return {
        "qwen": qwen,
        "llama 3": changed(qwen, pre_tokenizer=byte_level(llama(), own=False), normalizer=None),
        "gpt 2": changed(qwen, pre_tokenizer=gpt, normalizer=normalizers.Sequence([])),
        "smollm 2": changed(qwen, pre_tokenizer=byte_level(Digits(individual_digits=True))),
        "digits together": changed(qwen, pre_tokenizer=byte_level(Digits(individual_digits=False))),
        "longest match": changed(longest, pre_tokenizer=gpt),
    }


KINDS = ("qwen", "llama 3", "gpt 2", "smollm 2", "digits together", "longest match")


@pytest.mark.parametrize("kind", KINDS)
@given(batches=st.lists(TEXTS, max_size=3))
def test_ids_are_those_of_the_whole_text(exact: dict[str, Any], kind: str, batches: list[list[str]]) -> None:
    tokenizer = exact[kind]
    ids = pieces.pieces(tokenizer, END)
    assert ids is not None
    for texts in batches:  # what was learnt from one is used for the next
        whole = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        assert ids(texts) == pieces.whole(tokenizer)(texts) == whole


@pytest.mark.train
@given(batches=st.lists(TEXTS, max_size=3))
def test_ids_of_the_embedded_tokenizer(smollm: Any, batches: list[list[str]]) -> None:
    ids = pieces.pieces(smollm, END)
    assert ids is not None
    for texts in batches:
        assert ids(texts) == pieces.whole(smollm)(texts)


def refused() -> dict[str, Callable[[Any], Any]]:
    """Return how a tokenizer that allows pieces becomes one that does not, by what is changed."""
    from tokenizers import AddedToken, normalizers
    from tokenizers import pre_tokenizers as pre

    def model(**facts: Any) -> Callable[[Any], Any]:
        def change(tokenizer: Any) -> Any:
            state = json.loads(tokenizer.to_str())
            state["model"] |= facts
            return type(tokenizer).from_str(json.dumps(state))

        return change

    def added(*arguments: Any, **options: Any) -> Callable[[Any], Any]:
        def change(tokenizer: Any) -> Any:
            copy = changed(tokenizer)
            copy.add_tokens([AddedToken(*arguments, **options)])
            return copy

        return change

    def call(name: str, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
        def change(tokenizer: Any) -> Any:
            copy = changed(tokenizer)
            getattr(copy, name)(*arguments, **options)
            return copy

        return change

    def part(**parts: Any) -> Callable[[Any], Any]:
        return lambda tokenizer: changed(tokenizer, **parts)

    return {
        "a blank in front of the text": part(pre_tokenizer=byte_level(prefix=True)),
        "a blank in front of each word": part(pre_tokenizer=byte_level(llama(), own=False, prefix=True)),
        "another expression": part(pre_tokenizer=byte_level(split(r"\w+ \w+|\s+"), own=False)),
        "blanks dropped": part(pre_tokenizer=byte_level(split(pieces._WORDS % "", behavior="removed"), own=False)),
        "blanks shown": part(pre_tokenizer=pre.Metaspace()),
        "blanks of the first word shown": part(pre_tokenizer=pre.Metaspace(prepend_scheme="first")),
        "words and signs": part(pre_tokenizer=pre.BertPreTokenizer()),
        "nothing cuts": part(pre_tokenizer=None),
        "digits alone cut": part(pre_tokenizer=pre.Digits()),
        "bytes alone": part(pre_tokenizer=byte_level(own=False)),
        "letters of several kinds made one": part(normalizer=normalizers.NFKC()),
        "blanks stripped": part(normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Strip()])),
        "chance": model(dropout=0.1),
        "rows filled up": call("enable_padding"),
        "rows cut": call("enable_truncation", 8),
        "a token that takes blanks": added("<mask>", lstrip=True, normalized=False),
        "a token that takes blanks behind it": added("<mask>", rstrip=True, normalized=False),
        "a token that is a word alone": added("cô", single_word=True, normalized=False),
        "a token with a blank": added("cô giáo", normalized=False),
        "a token over the turn end": added(f"{END}\n", normalized=False),
        "a token into the turn end": added("ô<|", normalized=False),
    }  # fmt: skip


@pytest.mark.parametrize("change", refused())
def test_no_pieces_where_they_might_not_be_exact(qwen: Any, change: str) -> None:
    tokenizer = refused()[change](qwen)
    assert pieces.pieces(qwen, END) is not None
    assert pieces.pieces(tokenizer, END) is None


def test_the_turn_end_must_be_a_token_that_cuts(qwen: Any) -> None:
    from tokenizers import AddedToken

    assert pieces.pieces(qwen, "</s>") is None
    for normalized in (False, True):
        tokenizer = changed(qwen)
        tokenizer.add_tokens([AddedToken("<stop>", normalized=normalized)])
        assert (pieces.pieces(tokenizer, "<stop>") is None) == normalized


@pytest.mark.parametrize("name", ["zephyr", "gemma"])
def test_vocabularies_over_whole_texts_are_left_alone(
    tokenizers_by_format: dict[str, Any], name: str
) -> None:
    assert pieces.pieces(tokenizers_by_format[name], chat.chat_format(name).turn_end) is None


@given(texts=TEXTS)
@pytest.mark.parametrize(
    "change", ["a blank in front of the text", "blanks shown", "words and signs", "a token with a blank"]
)
def test_rows_of_other_tokenizers_are_tokenised_whole(qwen: Any, change: str, texts: list[str]) -> None:
    tokenizer, fmt = refused()[change](qwen), chat.chat_format("chatml")
    rows = [
        (str(n), (Message("user", text), Message("assistant", f"x{text}")))
        for n, text in enumerate(texts)
        if "<|" not in text
    ]
    for (_id, messages), row in zip(rows, chat.encode_all(rows, tokenizer, fmt, 2), strict=True):
        assert row.ids == tokenizer.encode(chat.layout(messages, fmt)[0], add_special_tokens=False).ids


class Counting:
    """A tokenizer that remembers what it was given."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.given: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode_batch_fast(self, input: Sequence[str], *, add_special_tokens: bool = True) -> Any:
        self.given += [piece for text in input for piece in text.split(END)]
        return self._tokenizer.encode_batch_fast(input, add_special_tokens=add_special_tokens)


def test_a_piece_is_tokenised_once(qwen: Any) -> None:
    tokenizer = Counting(qwen)
    ids = pieces.pieces(tokenizer, END)
    assert ids is not None
    for _time in range(3):
        ids([f"user\nCô giáo đọc  sách{END}\nuser\nCô đọc", f"user\nCô{END}"])
    assert sorted(tokenizer.given) == ["", "\nuser\nCô", "  sách", " giáo", " đọc", "user\nCô"]


def test_the_memory_is_emptied_when_it_is_full(qwen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = Counting(qwen)
    ids = pieces.pieces(tokenizer, END)
    assert ids is not None
    monkeypatch.setattr(pieces, "_REMEMBERED", 100_000)
    kept = ids.__self__  # type: ignore[attr-defined]
    for start in range(0, 3000, 50):
        texts = [f"user\nCâu {number} của {number % 7}" for number in range(start, start + 50)]
        assert ids(texts) == [qwen.encode(text, add_special_tokens=False).ids for text in texts]
        assert len(kept._first) + len(kept._later) < 400
    assert tokenizer.given.count("user\nCâu") > 3
