"""The audit before training: every row is encoded or named, and the counts add up."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft import audit, chat, tokens
from sft.errors import DataError
from sft.records import Message, Row
from sft.tokenizer import Loaded

SPECIAL = ("<|im_start|>", "<|im_end|>")
ADDED = {"special": True, "normalized": False, "single_word": False, "lstrip": False, "rstrip": False}


@dataclass(frozen=True)
class Encoding:
    ids: list[int]
    offsets: list[tuple[int, int]]


class Letters:
    """A tokenizer of single characters and the two ChatML tokens."""

    def encode(self, sequence: str, *, add_special_tokens: bool = True) -> Encoding:
        spans = [m.span() for m in re.finditer(r"<\|im_start\|>|<\|im_end\|>|.", sequence, re.DOTALL)]
        return Encoding([self._id(sequence[a:b]) for a, b in spans], spans)

    def encode_batch_fast(self, input: list[str], *, add_special_tokens: bool = True) -> list[Encoding]:
        return [self.encode(text) for text in input]

    def token_to_id(self, token: str) -> int | None:
        return self._id(token) if token in SPECIAL else None

    def get_added_tokens_decoder(self) -> Mapping[int, object]:
        return {n: SimpleNamespace(content=token, **ADDED) for n, token in enumerate(SPECIAL)}

    @staticmethod
    def _id(piece: str) -> int:
        return SPECIAL.index(piece) if piece in SPECIAL else 10 + ord(piece)


LOADED = Loaded(Letters(), chat.chat_format("chatml"), "test", "<|im_end|>", 1, "<|im_start|>", 0)


def encode(rows: Sequence[Row], max_length: int) -> audit.Set:
    pairs = [(row.id, row.messages) for row in rows]
    encoded = dict(enumerate(chat.encode_all(pairs, LOADED.tokenizer, LOADED.format)))
    return audit.take(tokens.Plain.of([row.id for row in rows], encoded), range(len(rows)), max_length)


def row(name: str, answer: str, question: str = "hỏi") -> Row:
    return Row(name, (Message("user", question), Message("assistant", answer)), {})


def test_rows_keep_their_order_and_count_their_tokens() -> None:
    found = encode([row("a", "đúng"), row("b", "sai")], 100)
    assert found.ids == ["a", "b"]
    assert [item.supervised for item in found] == [5, 4]  # the answer and the turn end
    assert sum(found.lengths) == sum(len(item.ids) for item in found)
    assert not found.rejected


def test_long_and_empty_rows_are_left_out_with_their_reason_and_never_cut() -> None:
    whole = len(encode([row("b", "sai")], 1000)[0].ids)
    found = encode([row("a", "s" * 40), row("b", "sai"), row("c", "")], whole)
    assert found.ids == ["b"]
    assert [(r.id, r.reason) for r in found.rejected] == [("a", "too_long"), ("c", "no_supervised_token")]
    assert found.rejected[0].detail == f"{whole + 37} tokens, limit {whole}"
    assert len(found[0].ids) == whole


@given(st.lists(st.integers(0, 30), max_size=20), st.integers(20, 60))
def test_no_row_vanishes(lengths: list[int], limit: int) -> None:
    rows = [row(str(n), "x" * length) for n, length in enumerate(lengths)]
    found = encode(rows, limit)
    assert sorted(found.ids + [r.id for r in found.rejected]) == sorted(r.id for r in rows)
    assert all(len(item.ids) <= limit for item in found)
    assert len(found) == len(list(found)) == len(found.ids)


def test_nothing_to_train_on_is_an_error_with_the_reasons() -> None:
    audit.require(encode([row("a", "đúng")], 100))
    with pytest.raises(DataError, match="no_supervised_token, too_long") as caught:
        audit.require(encode([row("a", "đúng" * 40), row("b", "")], 100))
    assert "--max-length" in caught.value.hint
    with pytest.raises(DataError, match="the split is empty"):
        audit.require(encode([], 100))


def test_the_summary_adds_up() -> None:
    rows = [row(str(n), "x" * n) for n in range(8)]
    trained = encode(rows, 60)
    valid = encode([row("v", "y" * 9), row("w", "y" * 90)], 60)
    facts = audit.summary(trained, valid)
    assert (facts["rows"], facts["valid_rows"]) == (7, 1)
    assert facts["rejected"] == {"no_supervised_token": 1, "too_long": 1}
    assert facts["rejected_ids"] == {"no_supervised_token": ["0"], "too_long": ["w"]}
    assert facts["supervised_tokens"] == sum(range(2, 9))
    assert facts["supervised"] == {"min": 2, "p50": 5, "p95": 8, "p99": 8, "max": 8}
    assert facts["answer_tokens_max"] == 10  # a validation answer counts: it will be generated too
    assert facts["length"]["max"] == max(len(item.ids) for item in trained)
    assert facts["longer_than"] == {"256": 0, "512": 0, "1024": 0, "2048": 0}
    assert facts["tokens"] == sum(trained.lengths)


def test_only_five_ids_of_a_reason_are_listed_and_all_are_counted() -> None:
    facts = audit.summary(encode([row(str(n), "") for n in range(9)], 60), encode([], 60))
    assert facts["rejected"] == {"no_supervised_token": 9}
    assert facts["rejected_ids"]["no_supervised_token"] == ["0", "1", "2", "3", "4"]
    assert facts["length"] == {"min": 0, "p50": 0, "p95": 0, "p99": 0, "max": 0}
