"""A prepared row as the model will see it: its text with the supervised part marked, and its tokens where there are any."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sft import chat, models
from sft.masks import IGNORE, Encoded
from sft.records import Row
from sft.tokenizer import Loaded

_FALLBACK = "chatml"


@dataclass(frozen=True, slots=True)
class Picture:
    """A row as pieces of ``(text, supervised)``; `tokens` are ``(text, id, supervised)``, empty without a tokenizer."""

    id: str
    split: str
    pieces: tuple[tuple[str, bool], ...]
    tokens: tuple[tuple[str, int, bool], ...] = ()

    @property
    def supervised(self) -> int:
        """Return how many tokens are supervised."""
        return sum(marked for _text, _id, marked in self.tokens)

    def as_dict(self, *, mask: bool) -> dict[str, Any]:
        """Return the JSON form, with every token where `mask` asks for it."""
        out: dict[str, Any] = {
            "id": self.id,
            "split": self.split,
            "text": "".join(text for text, _marked in self.pieces),
            "pieces": [{"text": text, "supervised": marked} for text, marked in self.pieces],
            "tokens": len(self.tokens) if self.tokens else None,
            "supervised_tokens": self.supervised if self.tokens else None,
        }
        if mask:
            out["mask"] = [
                {"text": text, "id": token, "supervised": marked} for text, token, marked in self.tokens
            ]
        return out


def format_of(model: str, loaded: Loaded | None) -> chat.ChatFormat:
    """Return the chat format of a model; without its tokenizer what is known of it, else ChatML."""
    return loaded.format if loaded else chat.chat_format(models.resolve(model).format or _FALLBACK)


def picture(split: str, row: Row, fmt: chat.ChatFormat, loaded: Loaded | None) -> Picture:
    """Return a row's picture. Raises `DataError` when it cannot be encoded."""
    if loaded is None:
        text, spans = chat.layout(row.messages, fmt)
        edges = [0, *(edge for span in spans for edge in span), len(text)]
        parts = [text[a:b] for a, b in pairwise(edges)]
        return Picture(row.id, split, tuple((part, n % 2 == 1) for n, part in enumerate(parts) if part))
    encoded = next(chat.encode_all([(row.id, row.messages)], loaded.tokenizer, fmt))
    return Picture(
        row.id, split, tuple(chat.show(encoded, loaded.tokenizer)), tuple(_tokens(encoded, loaded))
    )


def _tokens(encoded: Encoded, loaded: Loaded) -> list[tuple[str, int, bool]]:
    """Return each token with its text; a part of a character has the name that the vocabulary gives it."""
    out = []
    for token, label in zip(encoded.ids, encoded.labels, strict=True):
        text = loaded.tokenizer.decode([token], skip_special_tokens=False)
        if "\ufffd" in text or not text:
            text = loaded.tokenizer.id_to_token(token) or ""
        out.append((text, token, label != IGNORE))
    return out
