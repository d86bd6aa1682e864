"""Conversation → ids and labels: what is supervised, on the real embedded tokenizer and on one of each other kind."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sft import audit, chat, tokens
from sft.chat import IGNORE, Encoded
from sft.errors import DataError, SettingsError
from sft.records import Message

FORMATS = sorted(chat.formats())
SYSTEM = Message("system", "Bạn là trợ lý tiếng Việt.")
ONE = (SYSTEM, Message("user", "Ai đọc sách?"), Message("assistant", "Cô giáo đọc sách cho các em nhỏ nghe."))
MANY = (
    *ONE,
    Message("user", "Viết đồ thị.\n\n  Một dòng thôi nhé!"),
    Message("assistant", "(đ / đọc :ARG0 (c / cô_giáo)\n    :ARG1 (s / sách))"),
    Message("user", "Cảm ơn 😀"),
    Message("assistant", "Không có gì 👩‍🏫 – hẹn gặp lại, 3,5 % …"),
)
# Answers that real data has: Vietnamese in every case, emoji of several code points, code, runs of blanks, one sign.
ANSWERS = (
    "Đúng",
    "Ừ.",
    "ĐƯỜNG LÀNG NGÕ XÓM",
    "Thuở ấy, lũy tre – bờ ruộng… “đều” vẫn xanh.",
    "😀",
    "👩‍🏫👍🏽 đã xem",
    "(h / hỏi :agent (n / người) :quant 2026 :polarity -)",
    "dòng một\n\ndòng ba\n\n\n    thụt vào\ttab",
    "a\u0323",  # composed by NFC: one letter
    "-",
    "0",
    "ご飯 и хлеб",
)


def conversation(answer: str, turns: int = 1) -> tuple[Message, ...]:
    pairs = [m for n in range(turns) for m in (Message("user", f"Câu {n}?"), Message("assistant", answer))]
    return (SYSTEM, *pairs)


def supervised_runs(encoded: Encoded) -> list[list[int]]:
    """Return the maximal runs of supervised ids."""
    runs: list[list[int]] = []
    before = IGNORE
    for token, label in zip(encoded.ids, encoded.labels, strict=True):
        if label != IGNORE:
            assert label == token
            if before == IGNORE:
                runs.append([])
            runs[-1].append(token)
        before = label
    return runs


def assert_exact(messages: Sequence[Message], tokenizer: Any, fmt: chat.ChatFormat) -> Encoded:
    """Assert all that is promised of one encoded row, against the tokenizer itself."""
    encoded = chat.encode(messages, tokenizer, fmt)
    text, _spans = chat.layout(messages, fmt)
    # Nothing is added, cut or tokenised apart.
    assert encoded.ids == tokenizer.encode(text, add_special_tokens=False).ids
    assert len(encoded.labels) == len(encoded.ids)
    # Supervised is each answer and the turn end behind it.
    end = tokenizer.token_to_id(fmt.turn_end)
    runs = supervised_runs(encoded)
    answers = [m.content for m in messages if m.role == "assistant"]
    assert len(runs) == len(answers)
    for run, answer in zip(runs, answers, strict=True):
        assert run[-1] == end
        assert run.count(end) == 1
        assert tokenizer.decode(run, skip_special_tokens=False) == answer + fmt.turn_end
    # What generation starts from is a prefix of the row, for every answer.
    for index, message in enumerate(messages):
        if message.role == "assistant":
            prompt = chat.prompt_ids(messages[:index], tokenizer, fmt)
            assert encoded.ids[: len(prompt)] == prompt
            assert encoded.labels[len(prompt) - 1] == IGNORE
            assert encoded.labels[len(prompt)] != IGNORE
    assert encoded.supervised == sum(map(len, runs))
    return encoded


# The layout


def test_chatml_as_text() -> None:
    text, spans = chat.layout(MANY[:5], chat.chat_format("chatml"))
    assert text == (
        "<|im_start|>system\nBạn là trợ lý tiếng Việt.<|im_end|>\n"
        "<|im_start|>user\nAi đọc sách?<|im_end|>\n"
        "<|im_start|>assistant\nCô giáo đọc sách cho các em nhỏ nghe.<|im_end|>\n"
        "<|im_start|>user\nViết đồ thị.\n\n  Một dòng thôi nhé!<|im_end|>\n"
        "<|im_start|>assistant\n(đ / đọc :ARG0 (c / cô_giáo)\n    :ARG1 (s / sách))<|im_end|>\n"
    )
    assert [text[a:b] for a, b in spans] == [f"{MANY[i].content}<|im_end|>" for i in (2, 4)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("chatml_nothink", "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\nA<|im_end|>\n"),
        ("zephyr", "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\nA</s>\n"),
        ("llama3", "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"),
        ("gemma", "<bos><start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"),
    ],
)  # fmt: skip
def test_the_other_formats_as_text(name: str, text: str) -> None:
    fmt = chat.chat_format(name)
    messages = [Message("system", "S"), Message("user", "U"), Message("assistant", "A")]
    laid, spans = chat.layout(messages, fmt)
    assert laid == text
    assert [laid[a:b] for a, b in spans] == ["A" + fmt.turn_end]
    assert laid == chat.prompt_text(messages[:-1], fmt) + "A" + fmt.turn_end + fmt.after


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        chat.chat_format("chatlm")
    assert all(name in caught.value.hint for name in FORMATS)


def test_a_format_without_system_role_needs_a_user_turn_for_it(tokenizers_by_format: dict[str, Any]) -> None:
    fmt = chat.chat_format("gemma")
    rows = [("good", ONE), ("bad", (SYSTEM, Message("assistant", "Chào")))]
    with pytest.raises(DataError) as caught:
        list(chat.encode_all(rows, tokenizers_by_format["gemma"], fmt))
    assert caught.value.where == "bad"


# Exactness on each kind of tokenizer


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("messages", [ONE, ONE[1:], MANY], ids=["single", "without system", "many turns"])
def test_exactly_the_answers_and_their_turn_ends_are_supervised(
    name: str, messages: Sequence[Message], tokenizers_by_format: dict[str, Any]
) -> None:
    assert_exact(messages, tokenizers_by_format[name], chat.chat_format(name))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("turns", [1, 3])
def test_the_answers_of_real_data_are_supervised_exactly(
    name: str, turns: int, tokenizers_by_format: dict[str, Any]
) -> None:
    from sft.text import nfc

    for answer in ANSWERS:
        assert_exact(conversation(nfc(answer), turns), tokenizers_by_format[name], chat.chat_format(name))


@pytest.mark.train
@pytest.mark.parametrize("turns", [1, 3])
def test_the_embedded_tokenizer_supervises_exactly(smollm: Any, turns: int) -> None:
    from sft.text import nfc

    for answer in ANSWERS:
        encoded = assert_exact(conversation(nfc(answer), turns), smollm, chat.chat_format("chatml"))
        # Tokenised alone the answer has the same ids: nothing of the header leaks into it.
        alone = smollm.encode(nfc(answer), add_special_tokens=False).ids
        assert supervised_runs(encoded) == [[*alone, smollm.token_to_id("<|im_end|>")]] * turns
    assert_exact(MANY, smollm, chat.chat_format("chatml"))


LETTERS = "aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵĐƯỜ"
CONTENT = st.text(
    alphabet=st.sampled_from(LETTERS + "0123456789 \n\t.,:;!?()[]{}<>|/\\~#_-'\"…–“”😀👩‍🏫é中\u00a0"),
    max_size=40,
)


def holds_markup(text: str) -> bool:
    return any(mark in text for mark in ("<|", "|>", "<s>", "</s>"))


def check_any(user: str, answer: str, second: str, tokenizer: Any, name: str) -> None:
    """Assert that any contents are supervised exactly, or refused because an answer begins or ends with blanks."""
    from sft.text import nfc

    user, answer, second = nfc(user), nfc(answer), nfc(second)
    assume(not any(map(holds_markup, (user, answer, second))))
    messages = (
        SYSTEM,
        Message("user", user),
        Message("assistant", answer),
        ONE[1],
        Message("assistant", second),
    )
    try:
        assert_exact(messages, tokenizer, chat.chat_format(name))
    except DataError as error:
        assert "straddles" in error.message or "prefix" in error.message
        assert any(text[:1].isspace() for text in (answer, second))


@pytest.mark.parametrize("name", ["chatml", "chatml_nothink", "llama3"])
@given(user=CONTENT, answer=CONTENT, second=CONTENT)
def test_any_contents_are_supervised_exactly_or_refused(
    name: str, user: str, answer: str, second: str, tokenizers_by_format: dict[str, Any]
) -> None:
    check_any(user, answer, second, tokenizers_by_format[name], name)


@pytest.mark.parametrize("name", ["zephyr", "gemma"])
@given(user=CONTENT, answer=CONTENT, second=CONTENT)
def test_any_contents_are_supervised_exactly_without_pieces_cut_first(
    name: str, user: str, answer: str, second: str, tokenizers_by_format: dict[str, Any]
) -> None:
    # ▁ stands for a blank in these vocabularies, so only a text without it decodes to itself.
    check_any(user, answer, second, tokenizers_by_format[name], name)


@pytest.mark.train
@given(user=CONTENT, answer=CONTENT, second=CONTENT)
def test_any_contents_are_supervised_exactly_by_the_embedded_tokenizer(
    user: str, answer: str, second: str, smollm: Any
) -> None:
    check_any(user, answer, second, smollm, "chatml")


# Blanks at the edges, empty answers


@pytest.mark.parametrize("answer", ["  có", "có  ", "có\n", "có\n\n\n", "\tcó", "có \n "])
def test_blanks_at_the_edges_are_kept_and_supervised_where_the_tokenizer_allows(
    answer: str, qwen: Any
) -> None:
    encoded = assert_exact(conversation(answer), qwen, chat.chat_format("chatml"))
    assert qwen.decode(supervised_runs(encoded)[0]).startswith(answer)


@pytest.mark.parametrize("answer", ["\ncó", "\n\n", "\n  có"])
def test_a_token_over_the_edge_of_an_answer_is_an_error_with_the_row(answer: str, qwen: Any) -> None:
    rows = [("hàng-1", conversation("có")), ("hàng-2", conversation(answer))]
    with pytest.raises(DataError, match="straddles the edge") as caught:
        list(chat.encode_all(rows, qwen, chat.chat_format("chatml")))
    assert caught.value.where == "hàng-2"
    assert "blanks" in caught.value.hint


@pytest.mark.train
@pytest.mark.parametrize("answer", [" có", "có ", "có\n", "\ncó", "\n  có", "   "])
def test_blanks_at_the_edges_with_the_embedded_tokenizer(answer: str, smollm: Any) -> None:
    try:
        assert_exact(conversation(answer), smollm, chat.chat_format("chatml"))
    except DataError as error:
        assert answer[:1] == "\n" or not answer.strip()
        assert "straddles" in error.message


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_answer_has_the_turn_end_alone_and_the_audit_rejects_it(
    name: str, tokenizers_by_format: dict[str, Any]
) -> None:
    fmt, tokenizer = chat.chat_format(name), tokenizers_by_format[name]
    assert assert_exact(conversation(""), tokenizer, fmt).supervised == 1
    assert chat.encode((SYSTEM, Message("user", "Ai?")), tokenizer, fmt).supervised == 0
    rows = {"rỗng": conversation(""), "đủ": conversation("Đúng"), "hỏi": ONE[:2]}
    encoded = dict(enumerate(chat.encode_all(rows.items(), tokenizer, fmt)))
    kept = audit.take(tokens.Plain.of(list(rows), encoded), range(len(rows)), 2048)
    assert kept.ids == ["đủ"]
    assert [(reject.id, reject.reason) for reject in kept.rejected] == [
        ("rỗng", "no_supervised_token"), ("hỏi", "no_supervised_token"),
    ]  # fmt: skip


def test_a_long_row_is_never_cut(qwen: Any) -> None:
    answer = "(a / và " + ":op1 (n / người) " * 3000 + ")"
    encoded = assert_exact(conversation(answer), qwen, chat.chat_format("chatml"))
    assert len(encoded.ids) > 20_000


# Markup inside a content


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("chatml", "<|im_end|>"),
        ("chatml", "<|im_start|>"),
        ("chatml", "<|im_start|>user"),
        ("chatml", "<|endoftext|>"),
        ("chatml_nothink", "<|im_end|>"),
        ("zephyr", "</s>"),
        ("zephyr", "<s>"),
        ("zephyr", "<|user|>"),
        ("zephyr", "<|assistant|>\n"),
        ("zephyr", "<|system|>"),
        ("llama3", "<|eot_id|>"),
        ("llama3", "<|begin_of_text|>"),
        ("llama3", "<|start_header_id|>"),
        ("gemma", "<end_of_turn>"),
        ("gemma", "<start_of_turn>model"),
        ("gemma", "<bos>"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_markup_in_any_turn_is_an_error_with_the_row(
    name: str, mark: str, place: int, tokenizers_by_format: dict[str, Any]
) -> None:
    messages = list(ONE)
    messages[place] = Message(messages[place].role, f"trước {mark} sau")
    rows = [("1", ONE), ("2", messages)]
    with pytest.raises(DataError) as caught:
        list(chat.encode_all(rows, tokenizers_by_format[name], chat.chat_format(name)))
    assert caught.value.where == "2"
    assert f"the {messages[place].role} turn holds chat markup" in caught.value.message
    assert mark.strip().startswith(caught.value.message.partition("markup '")[2].rstrip("'"))


@pytest.mark.parametrize(
    "text", ["<|", "a <| b |> c", "<im_end>", "< s >", "<think>nghĩ</think>", "im_start"]
)
def test_what_only_looks_like_markup_is_text(text: str, qwen: Any) -> None:
    assert_exact(conversation(text), qwen, chat.chat_format("chatml"))


def test_all_faulty_rows_of_a_batch_are_told_together(qwen: Any) -> None:
    rows = [
        (str(n), conversation({3: "a<|im_end|>", 5: "\n\nb", 8: "<|im_start|>"}.get(n, "tốt")))
        for n in range(10)
    ]
    with pytest.raises(DataError, match="3 rows cannot be encoded") as caught:
        list(chat.encode_all(rows, qwen, chat.chat_format("chatml")))
    assert sorted(part.where for part in caught.value.parts) == ["3", "5", "8"]
    many = [(str(n), conversation("<|im_end|>")) for n in range(50)]
    with pytest.raises(DataError, match="50 rows") as caught:
        list(chat.encode_all(many, qwen, chat.chat_format("chatml")))
    assert len(caught.value.parts) == 10


# Batches, the other refusals, and the picture


@pytest.mark.parametrize("batch", [1, 2, 7, 1024])
def test_rows_come_out_in_order_whatever_the_batch(batch: int, qwen: Any) -> None:
    fmt = chat.chat_format("chatml")
    rows = [(str(n), conversation(f"Câu trả lời {n}", 1 + n % 3)) for n in range(9)]
    together = list(chat.encode_all(iter(rows), qwen, fmt, batch))
    assert together == [chat.encode(messages, qwen, fmt) for _id, messages in rows]


def test_no_rows_give_nothing(qwen: Any) -> None:
    assert list(chat.encode_all([], qwen, chat.chat_format("chatml"))) == []


def test_a_format_whose_turn_end_is_no_token_is_refused(qwen: Any) -> None:
    with pytest.raises(SettingsError, match="no single token </s>") as caught:
        list(chat.encode_all([("1", ONE)], qwen, chat.chat_format("zephyr")))
    assert "--chat-format" in caught.value.hint


def test_a_prompt_that_is_no_prefix_is_refused() -> None:
    """Where a tokenizer joins header and answer without a straddling token, the ids themselves are compared."""

    class Shifty:
        """Gives another first id when the text ends early, as a tokenizer that looks ahead would."""

        def token_to_id(self, token: str) -> int | None:
            return 1 if token == "</s>" else None

        def get_added_tokens_decoder(self) -> dict[int, Any]:
            return {}

        def encode(self, sequence: str, *, add_special_tokens: bool = True) -> Any:
            import types

            ids = [100 + len(sequence) if n == 0 else ord(c) for n, c in enumerate(sequence)]
            return types.SimpleNamespace(ids=ids, offsets=[(n, n + 1) for n in range(len(ids))])

        def encode_batch_fast(self, input: list[str], *, add_special_tokens: bool = True) -> Any:
            return [self.encode(text) for text in input]

    with pytest.raises(DataError, match="not a token prefix") as caught:
        list(chat.encode_all([("x", ONE)], Shifty(), chat.chat_format("zephyr")))
    assert caught.value.where == "x"


@pytest.mark.parametrize("name", FORMATS)
def test_the_picture_of_a_row_is_its_text_with_the_answers_marked(
    name: str, tokenizers_by_format: dict[str, Any]
) -> None:
    fmt, tokenizer = chat.chat_format(name), tokenizers_by_format[name]
    pieces = chat.show(chat.encode(MANY, tokenizer, fmt), tokenizer)
    assert [piece for piece, marked in pieces if marked] == [
        m.content + fmt.turn_end for m in MANY if m.role == "assistant"
    ]
    text = "".join(piece for piece, _marked in pieces)
    if (
        name == "zephyr"
    ):  # this vocabulary puts a blank before the text and behind a special token, on both sides
        text = text.replace("</s> ", "</s>").removeprefix(" ")
    assert text == chat.layout(MANY, fmt)[0]
    assert [marked for _piece, marked in pieces] == [n % 2 == 1 for n in range(len(pieces))]


@pytest.mark.train
def test_the_picture_with_the_embedded_tokenizer(smollm: Any) -> None:
    fmt = chat.chat_format("chatml")
    pieces = chat.show(chat.encode(MANY, smollm, fmt), smollm)
    assert "".join(piece for piece, _marked in pieces) == chat.layout(MANY, fmt)[0]
    assert chat.show(Encoded([], []), smollm) == []


# The quick way to the labels is the plain one


def plain(messages: Sequence[Message], tokenizer: Any, fmt: chat.ChatFormat) -> Encoded | None:
    """Return the labels as the offsets of all tokens give them, one token after the other; None where that is no row."""
    text, spans = chat.layout(messages, fmt)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    labels = [IGNORE] * len(encoding.ids)
    for start, end in spans:
        inside = [n for n, (a, b) in enumerate(encoding.offsets) if b > start and b <= end]
        if not inside or encoding.offsets[inside[0]][0] < start or encoding.offsets[inside[-1]][1] != end:
            return None
        prompt = tokenizer.encode(text[:start], add_special_tokens=False).ids
        if prompt != encoding.ids[: inside[0]]:
            return None
        for n in inside:
            labels[n] = encoding.ids[n]
    return Encoded(encoding.ids, labels)


PIECES = [*"aăđ ẹnh\n\t0.,:()😀ご", "\u0323", "  ", "\n\n", "cô_giáo", "</", "<|im"]
TEXT = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(st.sampled_from(FORMATS), st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), st.booleans())
def test_labels_are_those_of_the_offsets_of_all_tokens(
    tokenizers_by_format: dict[str, Any], name: str, turns: list[tuple[str, str]], system: bool
) -> None:
    fmt, tokenizer = chat.chat_format(name), tokenizers_by_format[name]
    pairs = [m for ask, answer in turns for m in (Message("user", ask), Message("assistant", answer))]
    messages = ([SYSTEM] if system else []) + pairs
    expected = plain(messages, tokenizer, fmt)
    if expected is None:
        with pytest.raises(DataError):
            chat.encode(messages, tokenizer, fmt)
    else:
        assert chat.encode(messages, tokenizer, fmt) == expected


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_batches_keep_the_order_and_change_nothing(qwen: Any, batch: int) -> None:
    fmt = chat.chat_format("chatml")
    rows = [(str(n), conversation(f"Câu trả lời số {n}", 1 + n % 3)) for n in range(10)]
    assert list(chat.encode_all(rows, qwen, fmt, batch)) == [chat.encode(m, qwen, fmt) for _id, m in rows]


def test_a_fault_in_a_later_batch_comes_after_the_rows_before_it(qwen: Any) -> None:
    rows = [(str(n), conversation("Đúng" if n != 5 else "a<|im_end|>b")) for n in range(9)]
    seen = chat.encode_all(rows, qwen, chat.chat_format("chatml"), 2)
    assert len([next(seen) for _n in range(4)]) == 4
    with pytest.raises(DataError) as caught:
        next(seen)
    assert caught.value.where == "5"
