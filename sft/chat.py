"""Conversation → text → token ids and labels, in one place.

Supervised = the content of every assistant turn and the turn-end token behind it; nothing else. The mask is found
in the joint tokenisation (`sft.masks`), never by searching for marker strings. The generation prompt is a token prefix
of the training row; where a tokenizer breaks that, `encode` raises. No row is ever truncated here. Rows go through in
batches, whose words are tokenised once (`sft.pieces`); where a tokenizer does not allow that, the next batch is
tokenised on all cores while one is labelled.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Protocol

from sft.chat_formats import ChatFormat, chat_format, formats
from sft.errors import DataError, SettingsError
from sft.i18n import _
from sft.masks import IGNORE, Encoded, by_characters, by_ids
from sft.pieces import Ids, cutting, pieces, whole
from sft.records import Message

__all__ = [
    "IGNORE", "ChatFormat", "Encoded", "Tokenizer", "chat_format", "encode", "encode_all", "formats", "layout",
    "prompt_ids", "prompt_text", "show",
]  # fmt: skip

BATCH = 1024
_CHARACTERS = 1 << 20  # of one batch at most: what a tokenizer returns takes some 80 bytes a token


class Tokenizer(Protocol):
    """The part of `tokenizers.Tokenizer` used here."""

    def encode(self, sequence: str, *, add_special_tokens: bool = True) -> Any:
        """Tokenise one text."""

    def encode_batch_fast(self, input: list[str], *, add_special_tokens: bool = True) -> Any:
        """Tokenise many texts, into ids only."""

    def token_to_id(self, token: str) -> int | None:
        """Return the id of a token, None when it is not one."""

    def get_added_tokens_decoder(self) -> Mapping[int, Any]:
        """Return the added tokens by id."""


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
    rows: Iterable[tuple[str, Sequence[Message]]], tokenizer: Tokenizer, fmt: ChatFormat, batch: int = BATCH
) -> Iterator[Encoded]:
    """Yield the ids and labels of many conversations ``(row id, messages)``, in order.

    Raises `DataError` naming the row when a content holds chat markup or a special token, when a token straddles the
    edge of the supervised part, or when the generation prompt is not a token prefix; the faulty rows of one batch
    are told together. Raises `SettingsError` when the turn end is not one token. Rows without a supervised token come
    out with ``supervised == 0``: the caller counts and rejects them.
    """
    lead = _lead(tokenizer, fmt)
    markup = _markup(tokenizer, fmt)
    batches = (_lay(chunk, fmt, markup) for chunk in _chunks(rows, batch))
    known = pieces(tokenizer, fmt.turn_end) if lead else None
    pairs = ((laid, known(laid.texts)) for laid in batches) if known else _ahead(batches, whole(tokenizer))
    for laid, found in pairs:
        yield from _labelled(laid, found, tokenizer, fmt, lead)


def _lead(tokenizer: Tokenizer, fmt: ChatFormat) -> list[int]:
    """Return the ids of a turn end and of all that follows it up to an answer; none where it does not cut the text."""
    end = tokenizer.token_to_id(fmt.turn_end)
    if end is None:
        raise SettingsError(
            _("the tokenizer has no single token {token}, which ends a turn in {name}").format(
                token=fmt.turn_end, name=fmt.name
            ),
            hint=_("name the chat format that this model was trained with: --chat-format"),
        )
    added = tokenizer.get_added_tokens_decoder().get(end)
    if added is None or not cutting(added):
        return []
    text = fmt.turn_end + fmt.after + fmt.head("assistant")
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids if ids[0] == end else []


def _markup(tokenizer: Tokenizer, fmt: ChatFormat) -> re.Pattern[str]:
    """Return what no content may hold: it would end or fake a turn, or become another token than its letters."""
    roles = ("system", "user", "assistant")
    openings = {fmt.header.format(role=fmt.roles.get(role, role)).strip() for role in roles}
    opening = fmt.header.partition("{role}")[0]
    openings |= {opening} if len(opening) > 2 else set()  # zephyr's "<|" alone may be text
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
    marks = sorted({fmt.turn_end, fmt.bos, *openings, *special} - {""}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, marks)))


@dataclass(frozen=True, slots=True)
class _Laid:
    """A batch of rows as text, and the errors of those that cannot be laid out."""

    rows: list[tuple[str, Sequence[Message]]]
    texts: list[str]
    faults: list[DataError]


def _chunks(
    rows: Iterable[tuple[str, Sequence[Message]]], batch: int
) -> Iterator[list[tuple[str, Sequence[Message]]]]:
    chunk: list[tuple[str, Sequence[Message]]] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += sum(len(message.content) for message in row[1])
        if len(chunk) >= batch or size >= _CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _lay(rows: Sequence[tuple[str, Sequence[Message]]], fmt: ChatFormat, markup: re.Pattern[str]) -> _Laid:
    laid = _Laid([], [], [])
    heads = {role: fmt.head(role) for role in {m.role for _id, messages in rows for m in messages}}
    for row_id, messages in rows:
        try:
            _check_markup(messages, markup)
            turns = _turns(messages, fmt)
        except DataError as error:
            laid.faults.append(DataError(error.message, where=row_id, hint=error.hint))
            continue
        pieces = [piece for m in turns for piece in (heads[m.role], m.content, fmt.turn_end, fmt.after)]
        laid.rows.append((row_id, messages))
        laid.texts.append(fmt.bos + "".join(pieces))
    return laid


def _ahead(batches: Iterator[_Laid], ids: Ids) -> Iterator[tuple[_Laid, list[list[int]]]]:
    """Yield each batch with its ids; the next one is tokenised meanwhile, outside of Python's lock."""
    first = list(islice(batches, 2))
    if len(first) < 2:
        for laid in first:
            yield laid, ids(laid.texts)
        return
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[tuple[_Laid, Any]] = deque()
        for laid in chain(first, batches):
            waiting.append((laid, pool.submit(ids, laid.texts)))
            if len(waiting) > 1:
                done, found = waiting.popleft()
                yield done, found.result()
        for done, found in waiting:
            yield done, found.result()


def _labelled(
    laid: _Laid, found: list[list[int]], tokenizer: Tokenizer, fmt: ChatFormat, lead: list[int]
) -> Iterator[Encoded]:
    done: list[Encoded] = []
    faults = list(laid.faults)
    for (row_id, messages), ids in zip(laid.rows, found, strict=True):
        encoded = None
        if lead:
            # A system text may have moved into the turn behind it.
            moved = int(fmt.system == "user" and messages[0].role == "system") if messages else 0
            answers = [n - moved for n, m in enumerate(messages) if m.role == "assistant"]
            encoded = by_ids(ids, answers, len(messages) - moved, lead)
        try:
            done.append(encoded or _slowly(messages, tokenizer, fmt))
        except DataError as error:
            faults.append(DataError(error.message, where=row_id, hint=error.hint))
    if faults:
        raise _together(faults)
    yield from done


def _slowly(messages: Sequence[Message], tokenizer: Tokenizer, fmt: ChatFormat) -> Encoded:
    """Label a row by its characters, and compare each of its prompts, tokenised, with the row."""
    text, spans = layout(messages, fmt)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    encoded, firsts = by_characters(encoding.ids, encoding.offsets, spans)
    for (start, _end), first in zip(spans, firsts, strict=True):
        if tokenizer.encode(text[:start], add_special_tokens=False).ids != encoded.ids[:first]:
            raise DataError(
                _("the generation prompt is not a token prefix of the training row"),
                hint=_("the answer's first characters merge with the header: check its beginning for blanks"),
            )
    return encoded


def _together(faults: Sequence[DataError], shown: int = 10) -> DataError:
    if len(faults) == 1:
        return faults[0]
    return DataError(
        _("{n} rows cannot be encoded").format(n=len(faults)),
        parts=tuple(faults[:shown]),
        hint=faults[0].hint,
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
