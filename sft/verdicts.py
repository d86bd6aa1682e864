"""Read a generated yes/no verdict: "Đúng. Vì …", "Khẳng định trên không chính xác", "Đúng hoặc Sai" (an echo).

A verdict counts where an answer stands: at the head of a clause, behind nothing but words that announce it, and
before a mark or a word that gives the reason. Negations are counted ("không phải là sai" affirms). An adverb
inside an explanation ("dùng thuốc đúng cách") is no verdict. `sft.labels.parse` is the way in.
"""

import functools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

Phrase = tuple[str, ...]


def _phrases(text: str) -> frozenset[Phrase]:
    """Return the phrases of a ``|``-separated list as word tuples."""
    return frozenset(tuple(phrase.split()) for phrase in text.split("|"))


# Strong words are verdicts for every pair. Weak ones begin many plain sentences ("có thể", "không nên") and may
# be negations cut off by the length limit, so they count only for a pair that is worded with them.
_YES = _phrases("đúng|đúng đắn|đúng sự thật|chính xác|true|correct")
_NO = _phrases("sai|sai lầm|sai sự thật|false|incorrect|untrue|wrong")
_WEAK_YES = _phrases("có|phải|yes")
_WEAK_NO = _phrases("không|no")
_NEGATORS = _phrases("không|chưa|chẳng|chả|not|isn t")

_ANSWER = "đáp án|câu trả lời|trả lời|lựa chọn|phương án|answer|final answer"
_ANNOUNCED = "|".join(
    f"{noun} {word}" for noun in _ANSWER.split("|") for word in ("đúng", "đúng nhất", "chính xác")
)
_NOUNS = _phrases(
    f"{_ANSWER}|{_ANNOUNCED}|correct answer|mệnh đề|khẳng định|nhận định|phát biểu|nhận xét|câu hỏi|câu nói|câu"
    "|thông tin|tuyên bố|ý kiến|điều|kết quả|kết luận|đánh giá|statement|claim|sentence|it|this|that|verdict|result"
)
# The nouns that name the statement and nothing else: they tell a verdict at the end of a longer sentence.
_STATEMENTS = _phrases("mệnh đề|khẳng định|nhận định|phát biểu|đáp án|câu trả lời|statement|claim|answer")
# What may stand between a negation and its verdict: "không phải là một nhận định đúng".
_LINKS = _NOUNS | _phrases(
    "hề|phải|là|thì|hoàn toàn|thật sự|thực sự|hẳn|được coi|được xem|thể|một|rất|tuyệt đối|entirely|completely|a|an"
)
# What may stand before a verdict without making it part of an explanation.
_LEADS = _LINKS | _phrases(
    "này|trên|đó|đây|sau|đã cho|nêu trên|ở trên|y khoa|y tế|cuối cùng|của|tôi|mình|em|bạn|cho|theo|chọn|nghĩ|rằng|vậy|nên"
    "|vì vậy|vì thế|do đó|do vậy|tóm lại|như vậy|dạ|vâng|chắc chắn|quá|rõ ràng|the|is|s|boxed|text|my|so|therefore"
    "|nhãn|label|assistant|final|i|think|say"
)
_COPULAS = _phrases("là|thì|is")
# What may follow: a reason or a closing particle.
_AFTER = _phrases(
    "vì|do|bởi|tại|theo|như|chứ|nhưng|nên|mà|rồi|vậy|thế|ạ|nhé|nha|đấy|đó|đâu|lắm|hoàn|because|since|as|100"
)
_AFTER_WEAK = _phrases("vì|bởi|ạ|nhé|nha|đâu|because|since")
# A clause longer than this is searched at its head only: runaway repetition must not cost quadratic time.
_LONGEST = 80

_DOUBT = re.compile(
    r"\b(?:(?:không|chưa|chẳng) (?:chắc|biết|rõ|thể)|có thể|có lẽ|liệu|nếu|giả sử|maybe|might|if)\b"
)
_TAG_QUESTION = re.compile(r"\b(?:có )?(?:đúng|phải|sai)(?: hay)? không\b(?=\s*(?:$|[?.,;:!()]))")
_OTHER = re.compile(r"[^\w\s.,;:!?()/|–—…=→-]|_")
_CLAUSE = re.compile(r"([.,;:!?()/|–—…=→]|(?<!\w)-|-(?!\w))")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict in a clause: affirmative or not, and the words it stands on."""

    value: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Pair:
    """The vocabulary of one yes/no pair, and the patterns made from it."""

    yes: frozenset[Phrase]
    no: frozenset[Phrase]
    weak: bool
    echo: re.Pattern[str]
    capital: re.Pattern[str]


@functools.lru_cache(maxsize=32)
def pair(yes_word: str, no_word: str) -> Pair:
    """Return the vocabulary of a pair of words, given as comparison keys."""
    given_yes, given_no = tuple(yes_word.split()), tuple(no_word.split())
    weak = given_yes in _WEAK_YES or given_no in _WEAK_NO
    yes = _YES | ({given_yes} - _WEAK_YES)
    no = _NO | ({given_no} - _WEAK_NO)
    one, other = (
        (_pattern(yes | _WEAK_YES), _pattern(no | _WEAK_NO)) if weak else (_pattern(yes), _pattern(no))
    )
    either = r"\s*(?:/|\||\bhoặc(?: là)?\b|\bhay(?: là)?\b|\bor\b)\s*"
    listed = r"[\s.;,(]+[a-d1-4][.)]\s*"  # "A. Đúng  B. Sai"
    joint = f"(?:{either}|{listed})"
    return Pair(
        yes=yes,
        no=no,
        weak=weak,
        echo=re.compile(rf"\b(?:{one}{joint}{other}|{other}{joint}{one})\b"),
        capital=re.compile(rf"(?i:\b({_pattern(yes | no)}))[ \t]+(?!(?i:hoặc|hay|và|or|and)\b)(?=(\w+))"),
    )


def _pattern(phrases: Collection[Phrase]) -> str:
    joined = sorted((" ".join(p) for p in phrases), key=lambda p: (-len(p), p))
    return "(?:" + "|".join(map(re.escape, joined)) + ")"


def read(text: str, words: Pair) -> bool | None:
    """Return the verdict of the first line of `text` that has one; None when none has."""
    plain = words.echo.sub(" ; ", words.capital.sub(_break_before_capital, _OTHER.sub(" ", text)).lower())
    lines = (_line(_clauses(line), words) for line in plain.split("\n"))
    return next((verdict for verdict in lines if verdict is not None), None)


def _line(clauses: Sequence[tuple[list[str], str]], words: Pair) -> bool | None:
    """Return the verdict of one line, None when it has none or contradicts itself.

    The first clause with a verdict decides, unless the next one is nothing but the opposite ("Đúng, Sai").
    """
    aside: bool | None = None
    for index, (clause, end) in enumerate(clauses):
        if not words.weak and tuple(clause) in _WEAK_YES | _WEAK_NO:
            aside = tuple(clause) in _WEAK_YES
        verdict = None if end == "?" else _verdict(clause, end, words)
        if verdict is None:
            continue
        following = clauses[index + 1][0] if index + 1 < len(clauses) else []
        bare = max(_verdicts_at(following, 0, words), key=lambda v: v.end, default=None)
        opposed = bare is not None and bare.end == len(following) and bare.value != verdict
        return None if opposed or aside not in {None, verdict} else verdict
    return None


def _clauses(line: str) -> list[tuple[list[str], str]]:
    """Return the words of each clause of a line with the mark that ends it; "…, đúng không" asks and is cut out."""
    pieces = [*_CLAUSE.split(_TAG_QUESTION.sub(";", line)), ""]
    pairs = zip(pieces[::2], pieces[1::2], strict=True)
    return [(piece.split(), end) for piece, end in pairs if piece.strip()]


def _break_before_capital(found: re.Match[str]) -> str:
    """End the clause after a verdict when a new sentence begins without a mark: "Sai Bệnh này …"."""
    word, following = found.group(1), found.group(2)
    if not following[0].isupper() or (word.isupper() and following.isupper()):
        return found.group(0)
    return word + ". "


def _verdict(clause: Sequence[str], end: str, words: Pair) -> bool | None:
    """Return what a clause says: at its head, or behind a word for the statement, with or without "là"."""
    head = [v for start in _reach(clause, 0, _LEADS) for v in _verdicts_at(clause, start, words)]
    if head:
        found = max(head, key=lambda v: (v.end, -v.start))
        announces = end == ":" and tuple(clause) != tuple(clause[found.start : found.end])
        return None if announces and any(tuple(clause[-n:]) in _NOUNS for n in (2, 3, 4, 5)) else found.value
    if len(clause) > _LONGEST:
        return None
    nouns = [(i, end) for i in range(len(clause)) for end in _steps(clause, i, _STATEMENTS)]
    starts = [start for _noun, end in nouns for start in _reach(clause, end, _LEADS)]
    if nouns:
        copulas = [i for i in range(nouns[0][1], len(clause)) if (clause[i],) in _COPULAS]
        starts += [start for i in copulas for start in _reach(clause, i + 1, _LINKS)]
    for start in sorted(set(starts)):
        for verdict in _verdicts_at(clause, start, words):
            return None if _DOUBT.search(" ".join(clause[:start])) else verdict.value
    return None


def _steps(clause: Sequence[str], at: int, phrases: Collection[Phrase]) -> Iterator[int]:
    """Yield where each of the `phrases` that begins at word `at` ends."""
    for length in range(1, min(5, len(clause) - at) + 1):
        if tuple(clause[at : at + length]) in phrases:
            yield at + length


def _reach(clause: Sequence[str], at: int, phrases: Collection[Phrase]) -> list[int]:
    """Return every word position that `phrases`, one after the other, lead to from `at`; linear in the clause."""
    reached, waiting = {at}, [at]
    while waiting:
        for position in _steps(clause, waiting.pop(), phrases):
            if position not in reached:
                reached.add(position)
                waiting.append(position)
    return sorted(reached)


def _verdicts_at(clause: Sequence[str], at: int, words: Pair) -> Iterator[Verdict]:
    """Yield the verdicts that begin at word `at`, with their negations before them."""
    states, waiting = {(at, False)}, [(at, False)]
    while waiting:
        position, negated = waiting.pop()
        for end, value in _cores(clause, position, words):
            yield Verdict(value ^ negated, at, end)
        for after in _steps(clause, position, _NEGATORS):
            for onward in _reach(clause, after, _LINKS):
                state = (onward, not negated)
                if state not in states:
                    states.add(state)
                    waiting.append(state)


def _cores(clause: Sequence[str], at: int, words: Pair) -> Iterator[tuple[int, bool]]:
    """Yield (end, affirmative) of each verdict word at `at` that something fit to follow a verdict follows."""
    groups = [(words.yes, True, _AFTER), (words.no, False, _AFTER)]
    if words.weak:
        groups += [(_WEAK_YES, True, _AFTER_WEAK), (_WEAK_NO, False, _AFTER_WEAK)]
    for phrases, value, after in groups:
        for end in _steps(clause, at, phrases):
            again = tuple(clause[end : 2 * end - at]) == tuple(clause[at:end])
            if end == len(clause) or (clause[end],) in after or again:
                yield end, value
