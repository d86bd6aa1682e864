"""Gold spellings to canonical labels, and generated answers back to labels.

A template holds the one word per label that prompt, target and reader share: ``{"TRUE": "Đúng", "FALSE": "Sai"}``.
`canonical` reads what data files write, strictly. `parse` and `parse_label` read what models write: whole words,
longest match first, negations counted ("không đúng", "không phải là sai"), the first line that decides. What does
not decide is None: an unreadable answer is never counted as a label.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sft.keys import key
from sft.text import clean

# Spellings of data files, as keys. The letters are those of Vietnamese exam sheets (Đ/S) and of English ones.
_GOLD_YES = frozenset((
    "true", "t", "đúng", "đ", "có", "yes", "y", "1", "1 0", "chính xác", "correct", "right", "phải",
))  # fmt: skip
_GOLD_NO = frozenset((
    "false", "f", "sai", "s", "không", "no", "n", "0", "0 0", "incorrect", "wrong", "không đúng",
    "không chính xác", "không phải",
))  # fmt: skip

# Verdicts of generated text. Strong words are verdicts for every pair; weak ones ("có", "không") begin many
# plain sentences and cut-off negations, so they count only for a pair that is worded with them.
_STRONG_YES = ("đúng đắn", "đúng", "chính xác", "true", "correct")
_STRONG_NO = ("sai lầm", "sai", "false", "incorrect", "untrue", "wrong")
_WEAK_YES = ("có", "phải", "yes")
_WEAK_NO = ("không", "no")

_NEGATOR = "(?:không|chưa|chẳng|chả|not|isn t)"
_NOUN = (
    "(?:(?:đáp án|câu trả lời|trả lời|lựa chọn|phương án|answer)(?: (?:đúng nhất|đúng|chính xác|cuối cùng))?"
    "|correct answer|final answer|mệnh đề|khẳng định|nhận định|phát biểu|nhận xét|câu hỏi|câu nói|câu|thông tin"
    "|tuyên bố|ý kiến|điều|kết quả|kết luận|đánh giá|statement|claim|sentence|it|this|that|verdict|result)"
)
# What may stand between a negation and its verdict: "không phải là một nhận định đúng".
_LINK = (
    "(?:hề|phải|là|thì|hoàn toàn|thật sự|thực sự|hẳn|được coi|được xem|thể|một|rất|tuyệt đối|mấy"
    f"|entirely|completely|a|an|{_NOUN})"
)
# What may stand before a verdict without making it part of an explanation.
_LEAD = (
    f"(?:{_NOUN}|{_LINK}|này|trên|đó|đây|sau|sau đây|đã cho|nêu trên|ở trên|y khoa|y tế|của tôi|của bạn|cho|theo tôi"
    "|tôi|chọn|cho rằng|nghĩ|rằng|vậy|vậy nên|vì vậy|vì thế|do đó|do vậy|tóm lại|như vậy|nên|dạ|vâng|vậy thì"
    "|chắc chắn|quá|rõ ràng|the|is|s|boxed|text|my|so|therefore|nhãn|label|assistant|final|i|think|say)"
)
_STRONG_END = r"(?=$| (?:vì|do|bởi|tại|theo|như|chứ|nhưng|mà|rồi|vậy|thế|ạ|nhé|nha|đấy|đó|hoàn toàn|because|since|as|100)\b)"
_WEAK_END = r"(?=$| (?:vì|bởi|ạ|nhé|nha|đâu|because|since)\b)"
_DOUBT = re.compile(
    r"\b(?:(?:không|chưa|chẳng) (?:chắc|biết|rõ|thể)|có thể|có lẽ|liệu|nếu|giả sử|maybe|might|if)\b"
)
_TAG_QUESTION = re.compile(r"\b(?:có )?(?:đúng|phải|sai)(?: hay)? không\b(?=\s*(?:$|[?.,;:!()]))")

_THOUGHT = re.compile(r"\A.*</think>|<think>.*", re.DOTALL)
_MARKUP = re.compile(r"<\|[^|<>]*\|>|</?[A-Za-z][^<>\n]*>")
_OTHER = re.compile(r"[^\w\s.,;:!?()/|–—…=→-]|_")
_CLAUSE = re.compile(r"([.,;:!?()/|–—…=→]|(?<!\w)-|-(?!\w))")


def _visible(answer: str) -> str:
    """Return the answer without thoughts, chat markup and tags, NFC, with Ð as Đ."""
    text = _MARKUP.sub("\n", _THOUGHT.sub("", clean(answer)))
    return text.replace("Ð", "Đ").replace("ð", "đ")


def _any(phrases: Iterable[str]) -> str:
    """Return a pattern of whole phrases, longest first."""
    return "(?:" + "|".join(sorted(map(re.escape, set(phrases)), key=lambda p: (-len(p), p))) + ")"


def _polarity(words: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the (affirmative, negative) labels when the label set is such a pair."""
    yes = [
        n for n, w in words.items() if key(n) in _GOLD_YES or (key(n) not in _GOLD_NO and key(w) in _GOLD_YES)
    ]
    no = [
        n for n, w in words.items() if key(n) in _GOLD_NO or (key(n) not in _GOLD_YES and key(w) in _GOLD_NO)
    ]
    return (yes[0], no[0]) if len(words) == 2 and len(yes) == len(no) == 1 else None


def canonical(raw: str, words: Mapping[str, str]) -> str | None:
    """Return the label that a gold spelling means, None when it means none of them.

    A label's own name and word always count; a yes/no pair also takes the usual spellings of data files.

    >>> [canonical(raw, {"TRUE": "Đúng", "FALSE": "Sai"}) for raw in ("True", "sai ", "1", "Không", "?")]
    ['TRUE', 'FALSE', 'TRUE', 'FALSE', None]
    """
    wanted = key(raw)
    own = [label for label, word in words.items() if wanted in (key(label), key(word))]
    if own:
        return own[0] if len(own) == 1 else None
    pair = _polarity(words)
    if pair is None:
        return None
    if wanted in _GOLD_YES:
        return pair[0]
    return pair[1] if wanted in _GOLD_NO else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """The patterns of one yes/no pair; True stands for the affirmative label."""

    yes: re.Pattern[str]
    verdict: re.Pattern[str]
    remote: re.Pattern[str]
    echo: re.Pattern[str]
    capital: re.Pattern[str]
    weak: bool


@functools.lru_cache(maxsize=32)
def _reader(yes_word: str, no_word: str) -> _Reader:
    weak_words = {*_WEAK_YES, *_WEAK_NO}
    weak = bool({yes_word, no_word} & weak_words) or yes_word.isdigit()
    yes = [*_STRONG_YES, yes_word] if yes_word not in weak_words else [*_STRONG_YES]
    no = [*_STRONG_NO, no_word] if no_word not in weak_words else [*_STRONG_NO]
    cores = f"(?:(?P<strong>{_any([*yes, *no])}){_STRONG_END}"
    cores += rf"|(?P<weak>{_any(weak_words)}){_WEAK_END})" if weak else ")"
    verdict = rf"(?P<neg>(?:{_NEGATOR} (?:{_LINK} )*)*){cores}"
    one, other = _any([*yes, *(_WEAK_YES if weak else ())]), _any([*no, *(_WEAK_NO if weak else ())])
    joint = r"\s*(?:/|\||\bhoặc(?: là)?\b|\bhay(?: là)?\b|\bor\b)\s*"
    return _Reader(
        yes=re.compile(rf"\A{_any([*yes, *_WEAK_YES])}\Z"),
        verdict=re.compile(rf"\A(?:{_LEAD} )*{verdict}"),
        remote=re.compile(rf"\b{_NOUN} (?P<between>.*)\b(?:là|thì|is) (?:{_LINK} )*{verdict}"),
        echo=re.compile(rf"\b(?:{one}{joint}{other}|{other}{joint}{one})\b"),
        capital=re.compile(rf"(?i:\b({_any([*yes, *no])}))[ \t]+(?!(?i:hoặc|hay|và|or|and)\b)(?=(\w+))"),
        weak=weak,
    )


def parse(answer: str, words: Mapping[str, str]) -> str | None:
    """Return the label a generated answer gives, None when it gives none or more than one.

    >>> words = {"TRUE": "Đúng", "FALSE": "Sai"}
    >>> [parse(a, words) for a in ("**Đúng**. Vì …", "Không đúng", "Đúng hoặc Sai", "Không sai.")]
    ['TRUE', 'FALSE', None, 'TRUE']
    """
    pair = _polarity(words)
    if pair is None:
        by_word = {word: label for label, word in words.items()}
        found = parse_label(answer, list(by_word))
        return by_word[found] if found is not None else parse_label(answer, list(words))
    reader = _reader(key(words[pair[0]]), key(words[pair[1]]))
    for line in _visible(answer).split("\n"):
        decided = _line(line, reader)
        if decided is not None:
            return pair[0] if decided else pair[1]
    return None


def _line(line: str, reader: _Reader) -> bool | None:
    """Return the verdict of one line: its first clause that holds one, unless the next clause says the opposite."""
    clauses = _clauses(line, reader)
    bare_weak: bool | None = None
    for index, (clause, end) in enumerate(clauses):
        if not reader.weak and clause in {"có", "không", "yes", "no"}:
            bare_weak = clause in _WEAK_YES
        verdict = None if end == "?" else _clause(clause, end, reader)
        if verdict is None:
            continue
        following = clauses[index + 1][0] if index + 1 < len(clauses) else ""
        bare = reader.verdict.match(following)
        opposed = bare and bare.end() == len(following) and _value(bare, reader) != verdict
        return None if opposed or bare_weak not in (None, verdict) else verdict
    return None


def _clauses(line: str, reader: _Reader) -> list[tuple[str, str]]:
    """Return the clauses of a line with the mark that ends each; an echo of the choice ("Đúng/Sai") is cut out."""
    text = reader.capital.sub(_break_before_capital, _OTHER.sub(" ", line)).lower()
    text = _TAG_QUESTION.sub(";", reader.echo.sub(";", text))
    pieces = _CLAUSE.split(text) + [""]
    pairs = zip(pieces[::2], pieces[1::2], strict=True)
    return [(" ".join(p.split()), end) for p, end in pairs if p.strip()]


def _break_before_capital(found: re.Match[str]) -> str:
    """End the clause after a verdict when a new sentence begins without a mark: "Sai Bệnh này …"."""
    word, following = found.group(1), found.group(2)
    if not following[0].isupper() or (word.isupper() and following.isupper()):
        return found.group(0)
    return word + ". "


def _clause(clause: str, end: str, reader: _Reader) -> bool | None:
    found = reader.verdict.match(clause)
    if found is None:
        found = reader.remote.search(clause)
        if found is None or _DOUBT.search(clause[: found.start("neg")]):
            return None
    elif end == ":" and re.search(rf"{_NOUN}\Z", clause):
        return None  # "Đáp án đúng: …" announces the verdict
    return _value(found, reader)


def _value(found: re.Match[str], reader: _Reader) -> bool:
    groups = found.groupdict()
    core = groups["strong"] or groups.get("weak") or ""
    negations = len(re.findall(rf"\b{_NEGATOR}\b", groups["neg"]))
    return (reader.yes.match(core) is not None) ^ (negations % 2 == 1)


def parse_label(answer: str, labels: Sequence[str]) -> str | None:
    """Return the one of `labels` that a generated answer names, None when it names none or two.

    The whole answer first, then line by line: whole words, a label inside a longer one does not count, "không
    phải X" is no naming of X. Single letters (A, B, C, D) must stand where an answer stands.

    >>> parse_label("Nhãn: đặt_vé_khứ_hồi", ["đặt_vé", "đặt_vé_khứ_hồi"])
    'đặt_vé_khứ_hồi'
    """
    text = _visible(answer).strip()
    if text in labels:
        return text
    if labels and all(len(label) == 1 for label in labels):
        return _letter(text, labels)
    by_key: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        by_key.setdefault(key(label), []).append(label)
    whole = by_key.get(key(text)) if text else None
    if whole:
        return whole[0] if len(whole) == 1 else None
    for line in text.split("\n"):
        named = _named(f" {key(line)} ", by_key)
        if named:
            return named[0] if len(named) == 1 else None
    return None


def _named(line: str, by_key: Mapping[str, list[str]]) -> list[str]:
    """Return the labels a line of key words names; a longer match hides the shorter ones inside it."""
    out: list[str] = []
    for phrase in sorted(by_key, key=lambda p: (-len(p), p)):
        spelled = f" {phrase} "
        if phrase and spelled in line:
            negated = re.search(rf" (?:không phải|không phải là|not){re.escape(spelled)}", line)
            out += by_key[phrase] if negated is None else []
            line = line.replace(spelled, " \0 ")
    return out


def _letter(text: str, labels: Sequence[str]) -> str | None:
    """Read a choice letter: at the head of a line before a mark, or after "đáp án", "chọn", "answer"."""
    known = {label.upper(): label for label in labels}
    choice = rf"({_any(known)})"
    head = re.compile(rf"\A[\W_]*{choice}(?=[\W_]*\Z|\s*[.:)\],;*/]|\s+(?:và|hoặc|hay|or|and)\b)")
    lead = re.compile(rf"(?i:đáp án|trả lời|chọn|phương án|answer)(?i:(?:\s|\W|là|đúng|is)*)\b{choice}\b")
    also = re.compile(rf"\A\W*(?:và|hoặc|hay|or|and|,|/|;)\s*{choice}(?![^\W_])|[;\n,]\s*{choice}[.):]")
    for line in text.split("\n"):
        upper = line.upper() if len(line.strip(" .()*")) == 1 else line
        found = head.search(upper) or lead.search(upper)
        if found:
            again = also.search(upper[found.end() :])
            return None if again and found.group(1) not in again.groups() else known[found.group(1)]
    return None
