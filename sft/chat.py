"""Conversation → text → token ids and labels, in one place.

Supervised = the content of every assistant turn and the turn-end token behind it; nothing else. The mask is found
in the joint tokenisation by character spans, never by searching for marker strings, and never from a prompt
tokenised apart. The generation prompt is a token prefix of the training row; where a tokenizer breaks that, `encode`
raises. No row is ever truncated here.
"""

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from sft.errors import DataError, SettingsError
from sft.i18n import _
from sft.records import Message

IGNORE = -100  # the label that torch's cross entropy leaves out


class Encoding(Protocol):
    """What a fast tokenizer returns for one text (`tokenizers.Encoding`)."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class Tokenizer(Protocol):
    """The part of `tokenizers.Tokenizer` used here."""

    def encode(self, sequence: str, *, add_special_tokens: bool = True) -> Any:
        """Tokenise one text."""

    def encode_batch(self, input: list[str], *, add_special_tokens: bool = True) -> Any:
        """Tokenise many texts."""

    def token_to_id(self, token: str) -> int | None:
        """Return the id of a token, None when it is not one."""

    def get_added_tokens_decoder(self) -> Mapping[int, Any]:
        """Return the added tokens by id, each with `content` and `special`."""


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """One chat format; see ``chat_formats.toml`` for the meaning of each field."""

    name: str
    header: str
    turn_end: str
    bos: str = ""
    after: str = ""
    answer_prefix: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    system: str = "turn"

    def head(self, role: str) -> str:
        """Return the text that opens a turn of `role`, the answer prefix included."""
        name = self.header.format(role=self.roles.get(role, role))
        return name + (self.answer_prefix if role == "assistant" else "")


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row as the trainer gets it: `labels` has the length of `ids` and -100 where nothing is supervised."""

    ids: list[int]
    labels: list[int]

    @property
    def supervised(self) -> int:
        """Return how many tokens are supervised."""
        return len(self.labels) - self.labels.count(IGNORE)


@functools.cache
def formats() -> Mapping[str, ChatFormat]:
    """Return every chat format by name."""
    raw = tomllib.loads(Path(__file__).with_name("chat_formats.toml").read_text(encoding="utf-8"))
    return {name: ChatFormat(name=name, **value) for name, value in raw.items()}


def chat_format(name: str) -> ChatFormat:
    """Return one chat format. Raises `SettingsError` for an unknown name."""
    known = formats()
    if name not in known:
        raise SettingsError(
            _("unknown chat format {name!r}").format(name=name),
            hint=_("one of: {names}").format(names=", ".join(known)),
        )
    return known[name]


def _turns(messages: Sequence[Message], fmt: ChatFormat) -> list[Message]:
    """Return the turns as the format has them: a system text may have to move into the first user turn."""
    turns = list(messages)
    if fmt.system == "user" and turns and turns[0].role == "system":
        if len(turns) < 2 or turns[1].role != "user":
            raise DataError(
                _("the {name} format has no system role and there is no user turn to put it in").format(
                    name=fmt.name
                ),
                hint=_("drop the system message or start with a user turn"),
            )
        turns[:2] = [Message("user", f"{turns[0].content}\n\n{turns[1].content}")]
    return turns


def layout(messages: Sequence[Message], fmt: ChatFormat) -> tuple[str, list[tuple[int, int]]]:
    r"""Return the text of a conversation and the character spans that are supervised.

    A span covers an assistant's content and the turn end behind it.

    >>> layout([Message("user", "Chào"), Message("assistant", "Xin chào")], chat_format("zephyr"))
    ('<|user|>\nChào</s>\n<|assistant|>\nXin chào</s>\n', [(32, 44)])
    """
    text = fmt.bos
    spans: list[tuple[int, int]] = []
    for message in _turns(messages, fmt):
        text += fmt.head(message.role)
        start = len(text)
        text += message.content + fmt.turn_end
        if message.role == "assistant":
            spans.append((start, len(text)))
        text += fmt.after
    return text, spans


def prompt_text(messages: Sequence[Message], fmt: ChatFormat) -> str:
    """Return the generation prompt: the conversation so far and the header of the assistant's turn."""
    return layout(messages, fmt)[0] + fmt.head("assistant")


def encode(messages: Sequence[Message], tokenizer: Tokenizer, fmt: ChatFormat) -> Encoded:
    """Return the ids and labels of one conversation. See `encode_all` for the errors."""
    return next(encode_all([("", messages)], tokenizer, fmt))


def prompt_ids(messages: Sequence[Message], tokenizer: Tokenizer, fmt: ChatFormat) -> list[int]:
    """Return the ids of the generation prompt."""
    ids: list[int] = tokenizer.encode(prompt_text(messages, fmt), add_special_tokens=False).ids
    return ids


def encode_all(
    rows: Iterable[tuple[str, Sequence[Message]]], tokenizer: Tokenizer, fmt: ChatFormat, batch: int = 1024
) -> Iterator[Encoded]:
    """Yield the ids and labels of many conversations ``(row id, messages)``, in order.

    Raises `DataError` naming the row when a content holds chat markup or a special token, when a token straddles the
    edge of the supervised part, or when the generation prompt is not a token prefix; the faulty rows of one batch
    are told together. Raises `SettingsError` when the turn end is not one token. Rows without a supervised token come
    out with ``supervised == 0``: the caller counts and rejects them.
    """
    heads = _head_ids(tokenizer, fmt)
    markup = _markup(tokenizer, fmt)
    remaining = iter(rows)
    while chunk := list(islice(remaining, batch)):
        yield from _encode_batch(chunk, tokenizer, fmt, heads, markup)


@dataclass(frozen=True, slots=True)
class _Heads:
    """What the prefix check needs: the assistant header's text and ids, and whether specials split the text."""

    text: str
    ids: list[int]
    splits: bool


def _head_ids(tokenizer: Tokenizer, fmt: ChatFormat) -> _Heads:
    if tokenizer.token_to_id(fmt.turn_end) is None:
        raise SettingsError(
            _("the tokenizer has no single token {token}, which ends a turn in {name}").format(
                token=fmt.turn_end, name=fmt.name
            ),
            hint=_("name the chat format that this model was trained with: --chat-format"),
        )
    head = fmt.head("assistant")
    ids: list[int] = tokenizer.encode(head, add_special_tokens=False).ids
    # A special token at the front of the header cuts the text for the tokenizer: what stands before it cannot
    # change how the header is tokenised, so comparing the header alone proves the whole prompt.
    special = head.startswith("<|im_start|>") and tokenizer.token_to_id("<|im_start|>") == ids[0]
    return _Heads(head, ids, special)


def _markup(tokenizer: Tokenizer, fmt: ChatFormat) -> re.Pattern[str]:
    """Return what no content may hold: it would end or fake a turn, or become another token than its letters."""
    roles = ("system", "user", "assistant")
    openings = {fmt.header.format(role=fmt.roles.get(role, role)).strip() for role in roles}
    opening = fmt.header.partition("{role}")[0]
    openings |= {opening} if len(opening) > 2 else set()  # zephyr's "<|" alone may be text
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
    marks = sorted({fmt.turn_end, fmt.bos, *openings, *special} - {""}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, marks)))


def _encode_batch(
    rows: Sequence[tuple[str, Sequence[Message]]],
    tokenizer: Tokenizer,
    fmt: ChatFormat,
    heads: _Heads,
    markup: re.Pattern[str],
) -> Iterator[Encoded]:
    done: list[Encoded] = []
    faults: list[DataError] = []
    laid = []
    for row_id, messages in rows:
        try:
            _check_markup(messages, markup)
            laid.append((row_id, *layout(messages, fmt)))
        except DataError as error:
            faults.append(DataError(error.message, where=row_id, hint=error.hint))
    encodings = tokenizer.encode_batch([text for _id, text, _spans in laid], add_special_tokens=False)
    for (row_id, text, spans), encoding in zip(laid, encodings, strict=True):
        try:
            done.append(_encoded(text, spans, encoding, tokenizer, heads))
        except DataError as error:
            faults.append(DataError(error.message, where=row_id, hint=error.hint))
    if faults:
        raise _together(faults)
    yield from done


def _together(faults: Sequence[DataError], shown: int = 10) -> DataError:
    if len(faults) == 1:
        return faults[0]
    return DataError(
        _("{n} rows cannot be encoded").format(n=len(faults)),
        parts=tuple(faults[:shown]),
        hint=faults[0].hint,
    )


def _encoded(
    text: str, spans: Sequence[tuple[int, int]], encoding: Encoding, tokenizer: Tokenizer, heads: _Heads
) -> Encoded:
    ids, offsets = encoding.ids, encoding.offsets
    labels = [IGNORE] * len(ids)
    position = 0
    for start, end in spans:
        while position < len(ids) and offsets[position][1] <= start:
            position += 1
        first = position
        while position < len(ids) and offsets[position][1] <= end:
            position += 1
        _check_edges(offsets, first, position, start, end)
        _check_prefix(text[:start], ids[:first], tokenizer, heads)
        labels[first:position] = ids[first:position]
    return Encoded(ids, labels)


def _check_edges(offsets: Sequence[tuple[int, int]], first: int, last: int, start: int, end: int) -> None:
    if first < last and offsets[first][0] >= start and offsets[last - 1][1] == end:
        return
    raise DataError(
        _("a token straddles the edge of the answer, so it cannot be supervised exactly"),
        hint=_("an answer must not begin or end with blanks or line breaks"),
    )


def _check_prefix(prompt: str, ids: list[int], tokenizer: Tokenizer, heads: _Heads) -> None:
    if heads.splits:
        same = ids[-len(heads.ids) :] == heads.ids
    else:
        same = tokenizer.encode(prompt, add_special_tokens=False).ids == ids
    if not same:
        raise DataError(
            _("the generation prompt is not a token prefix of the training row"),
            hint=_("the answer's first characters merge with the header: check its beginning for blanks"),
        )


def _check_markup(messages: Sequence[Message], markup: re.Pattern[str]) -> None:
    for message in messages:
        found = markup.search(message.content)
        if found:
            raise DataError(
                _("the {role} turn holds chat markup {mark!r}").format(role=message.role, mark=found[0]),
                hint=_("clean the raw text: the model would not read it as text"),
            )


def show(encoded: Encoded, tokenizer: Any) -> list[tuple[str, bool]]:
    """Return a row as ``(text, supervised)`` pieces, decoded from the ids that the trainer gets."""
    pieces: list[tuple[str, bool]] = []
    start = 0
    for end in range(1, len(encoded.ids) + 1):
        if end == len(encoded.ids) or (encoded.labels[end] == IGNORE) != (encoded.labels[start] == IGNORE):
            text = tokenizer.decode(encoded.ids[start:end], skip_special_tokens=False)
            pieces.append((text, encoded.labels[start] != IGNORE))
            start = end
    return pieces
