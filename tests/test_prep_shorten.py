"""Rows that are too long: refused, or shortened in the context alone, at the end of a sentence."""

from typing import Any

import pytest
from conftest import byte_level
from hypothesis import given
from hypothesis import strategies as st
from workspace import options, prepare, records

from sft import chat
from sft.prep import shorten
from sft.tokenizer import Loaded

SENTENCES = ["Mèo ngủ trong vườn.", "Chó chạy ngoài đồng!", "Gà gáy lúc sáng sớm?", "Vịt bơi trên ao."]


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    tokenizer: Any = byte_level(("<|im_start|>", "<|im_end|>", "<|endoftext|>"))
    return Loaded(tokenizer, chat.chat_format("chatml"), "", "<|im_end|>", 1, "<|endoftext|>", 2)


def row(*sentences: str, question: str = "Con gì ngủ?", answer: str = "Mèo.") -> dict[str, str]:
    return {"context": " ".join(sentences), "question": question, "answer": answer}


def limit(loaded: Loaded, *sentences: str) -> int:
    done = prepare(options("context_v1"), records([row(*sentences)]))
    return sum(shorten.lengths(done.rows, loaded)[0])


def test_longer_rows_are_refused_and_counted(loaded: Loaded) -> None:
    tokens = limit(loaded, *SENTENCES[:2])
    rows = [row(*SENTENCES[:2]), row(*SENTENCES), row(SENTENCES[0], question="Ai?")]
    done = prepare(options("context_v1", max_tokens=tokens, loaded=loaded), records(rows))
    (reject,) = done.rejects
    assert (reject.reason, reject.id) == ("too_long", "a:2")
    assert f"limit {tokens}" in reject.detail and len(done.rows) == 2


def test_the_context_is_cut_at_the_end_of_a_sentence(loaded: Loaded) -> None:
    for kept in (1, 2, 3):
        tokens = limit(loaded, *SENTENCES[:kept])
        chosen = options("context_v1", max_tokens=tokens, too_long="shorten-context", loaded=loaded)
        done = prepare(chosen, records([row(*SENTENCES), row(SENTENCES[0], question="Ai?")]))
        cut = done.rows[0]
        assert " ".join(SENTENCES[:kept]) in cut.messages[1].content
        assert SENTENCES[kept] not in cut.messages[1].content
        assert "Con gì ngủ?" in cut.messages[1].content and cut.messages[-1].content == "Mèo."
        assert done.rejects == []
        gone = len(" ".join(SENTENCES)) - len(" ".join(SENTENCES[:kept]))
        assert done.made.outcome() == {"shortened": {"rows": 1, "characters": gone}}
        marked = {row.id: row.meta.get("context_cut") for rows in done.sets.values() for row in rows}
        assert marked == {"a:1": gone, "a:2": None}


def test_a_row_that_no_cut_makes_fit_is_refused(loaded: Loaded) -> None:
    long = "Vì sao con mèo ngủ ngon như vậy vào một buổi trưa nắng? " * 4
    rows = [
        row(*SENTENCES, question=long),
        row("Một câu dài không có chỗ nào để cắt " * 9),
        row(SENTENCES[0]),
    ]
    tokens = limit(loaded, SENTENCES[0])
    chosen = options("context_v1", max_tokens=tokens, too_long="shorten-context", loaded=loaded)
    done = prepare(chosen, records(rows))
    assert [(reject.reason, reject.id) for reject in done.rejects] == [
        ("too_long", "a:1"),
        ("too_long", "a:2"),
    ]


@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=8), st.integers(20, 120))
def test_what_stays_fits_and_begins_as_the_context_did(
    loaded: Loaded, sentences: list[str], tokens: int
) -> None:
    chosen = options("context_v1", max_tokens=tokens, too_long="shorten-context", loaded=loaded)
    rows = [row(*sentences), row(SENTENCES[0], question="Ai?")]
    done = prepare(chosen, records(rows))
    assert all(sum(count) <= tokens for count in shorten.lengths(done.rows, loaded))
    for kept in done.rows:
        if kept.id == "a:1":
            text = kept.messages[1].content
            assert any(" ".join(sentences[:n]) in text for n in range(1, len(sentences) + 1))
            assert "Con gì ngủ?" in text
