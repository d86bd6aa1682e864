"""What the checks remember of every row of a preparation: about 150 bytes, whatever the text. One pass, no text kept.

Texts are compared by 64-bit hashes of their keys; what is odd about a text is marked as it passes by. Only the
shortcut probes read words again: they get a sample of the rows, drawn by the hash of the ids, so that neither the order nor
added rows change who is in it but by chance of rank.
"""

import functools
import heapq
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sft.checks.language import ENGLISH, SCRIPT, UNACCENTED, VIETNAMESE, foreign_letters, language
from sft.checks.near import Shingles
from sft.checks.ties import hash64
from sft.keys import key, tones
from sft.splits import TRAIN
from sft.text import nfc

SAMPLE = 20_000  # rows whose words the shortcut probes see
SHORT_CONTEXT = 20  # characters below which a context tells nothing
_NAN_WORDS = frozenset(("nan", "none", "null", "na", "n/a", "<na>"))
_JOINED = re.compile(r"(?<=[^\W\d_])_(?=[^\W\d_])")
_HTML = re.compile(
    r"</?(?:a|b|br|div|em|font|h[1-6]|i|img|li|ol|p|span|strong|sub|sup|table|td|th|tr|u|ul)\b[^<>]*>"
    r"|&(?:nbsp|amp|lt|gt|quot|#\d{2,5});",
    re.IGNORECASE,
)


class Mark:
    """What is odd about a row, one bit each. Plain numbers: those of `enum` take a tenth of the whole survey."""

    HTML = 1
    JOINED = 2
    OLD_TONE = 4
    NEW_TONE = 8
    SCRIPT = 16
    ENGLISH = 32
    UNACCENTED = 64
    VIETNAMESE = 128
    ENGLISH_ANSWER = 256
    EMPTY_ANSWER = 512
    NAN_ANSWER = 1024
    ANSWER_ASKED = 2048
    EMPTY_QUESTION = 4096


_TONES = {"tone_old": Mark.OLD_TONE, "tone_new": Mark.NEW_TONE}
_LANGUAGES = {
    VIETNAMESE: Mark.VIETNAMESE,
    ENGLISH: Mark.ENGLISH,
    UNACCENTED: Mark.UNACCENTED,
    SCRIPT: Mark.SCRIPT,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """One row as the checks see it; `label` is "" where the answer is free text.

    `beside` is what is asked beside question and context, such as the options of a choice.
    """

    id: str
    question: str
    answer: str = ""
    context: str = ""
    label: str = ""
    split: str = TRAIN
    beside: str = ""


class Names:
    """Strings of many rows in one buffer: a dozen bytes each in place of sixty."""

    __slots__ = ("_ends", "_text")

    def __init__(self) -> None:
        self._text = bytearray()
        self._ends = array("Q", [0])

    def append(self, name: str) -> None:
        """Add a name."""
        self._text += name.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._text))

    def __getitem__(self, row: int) -> str:
        return bytes(self._text[self._ends[row] : self._ends[row + 1]]).decode("utf-8", "surrogatepass")


class Codes(dict[str, int]):
    """String → small number, in order of first appearance; `names` leads back."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names: list[str] = []
        for name in names:
            self[name]

    def __missing__(self, name: str) -> int:
        code = self[name] = len(self.names)
        self.names.append(name)
        return code


class Survey:
    """The rows in order of adding, one array a column; see the module. A row of side "" is left out of every check.

    `closed` says that the labels are a small fixed set; a free answer is checked as text, unless it is no `prose`.
    """

    __slots__ = (
        "answer", "answer_size", "closed", "context", "context_size", "contexts", "exact", "first_context", "ids", "input",
        "label", "labels", "marks", "prose", "question", "question_size", "questions", "sample_heap", "side", "sides",
    )  # fmt: skip

    def __init__(self, *, closed: bool, prose: bool = True) -> None:
        self.closed = closed
        self.prose = prose
        self.ids = Names()
        self.input, self.exact, self.question, self.context, self.answer = (array("Q") for _n in range(5))
        self.question_size, self.answer_size, self.context_size = (array("I") for _n in range(3))
        self.label, self.labels = array("I"), Codes()
        self.side, self.sides = array("B"), Codes("", TRAIN)
        self.marks = array("H")
        self.questions, self.contexts = Shingles(), Shingles()
        self.first_context: dict[int, int] = {}  # hash of a context → its number in `contexts`
        self.sample_heap: list[tuple[int, int, str]] = []

    def __len__(self) -> int:
        return len(self.input)

    def add(self, facts: Facts) -> None:
        """Take note of one row."""
        row, asked = len(self), key(facts.question)
        context, context_marks = _context(facts.context) if facts.context else (0, 0)
        answer = facts.label if self.closed else facts.answer
        answer_key = _short_key(answer) if self.closed else key(answer)
        self.ids.append(facts.id)
        question = hash64(asked)
        self.question.append(question)
        self.context.append(context)
        about = context ^ (hash64(key(facts.beside)) if facts.beside else 0)
        self.input.append(question ^ about)
        self.exact.append(hash64(f"{facts.question}\0{facts.context}\0{facts.beside}"))
        self.answer.append(hash64(answer_key if self.closed else answer.strip()))
        self.question_size.append(len(facts.question))
        self.answer_size.append(len(answer))
        self.context_size.append(len(facts.context.strip()))
        self.label.append(self.labels[answer if self.closed else ""])
        self.side.append(self.sides[facts.split])
        self.marks.append(self._marks(facts.question, asked, answer, answer_key) | context_marks)
        self.questions.add(asked, about)
        if context and context not in self.first_context:
            self.first_context[context] = len(self.contexts)
            self.contexts.add(key(facts.context))
        if self.closed:
            self._sample(-hash64(facts.id), row, asked)

    def _marks(self, question: str, asked: str, answer: str, answer_key: str) -> int:
        marks = text_marks(question) | _LANGUAGES.get(language(question), 0)
        if not asked:
            marks |= Mark.EMPTY_QUESTION
        if not answer.strip():
            return marks | Mark.EMPTY_ANSWER
        if answer.strip().lower() in _NAN_WORDS:
            marks |= Mark.NAN_ANSWER
        # A short answer is in many a question by chance, "có" in every other one.
        if len(answer_key) >= (2 if self.closed else 4) and f" {answer_key} " in f" {asked} ":
            marks |= Mark.ANSWER_ASKED
        if not self.closed and self.prose:
            marks |= text_marks(answer) & ~Mark.JOINED  # code is full of it
            told = language(answer)
            marks |= Mark.ENGLISH_ANSWER if told == ENGLISH else Mark.SCRIPT if told == SCRIPT else 0
        return marks

    def _sample(self, rank: int, row: int, asked: str) -> None:
        if len(self.sample_heap) < SAMPLE:
            heapq.heappush(self.sample_heap, (rank, row, asked))
        elif rank > self.sample_heap[0][0]:
            heapq.heapreplace(self.sample_heap, (rank, row, asked))

    def assign(self, sides: Iterable[str]) -> None:
        """Set the side of every row, once it is decided; "" leaves a row out."""
        decided = array("B", (self.sides[side] for side in sides))
        if len(decided) != len(self):
            raise ValueError(f"{len(decided)} sides for {len(self)} rows")
        self.side = decided

    def rows(self) -> Iterator[int]:
        """Yield the rows that count, in order."""
        return (row for row, side in enumerate(self.side) if side)

    def sample(self) -> list[tuple[int, str]]:
        """Return (row, key of the question) of the sampled rows that count, in order."""
        chosen = ((row, asked) for _rank, row, asked in self.sample_heap if self.side[row])
        return sorted(chosen)

    def label_of(self, row: int) -> str:
        """Return the label of a row."""
        return self.labels.names[self.label[row]]

    def side_of(self, row: int) -> str:
        """Return the split of a row."""
        return self.sides.names[self.side[row]]

    def marked(self, mark: int) -> list[int]:
        """Return the rows that carry a mark."""
        return [row for row in self.rows() if self.marks[row] & mark]


def survey(rows: Iterable[Facts], *, closed: bool) -> Survey:
    """Take note of all rows."""
    out = Survey(closed=closed)
    for facts in rows:
        out.add(facts)
    return out


def text_marks(text: str) -> int:
    """Return the marks of a text as it stands: markup, joined words, tone styles, foreign letters.

    >>> text_marks("khứ_hồi <br> hoà") == Mark.HTML | Mark.JOINED | Mark.NEW_TONE
    True
    """
    marks = sum(_TONES[style] for style in tones(nfc(text).lower()))
    if "_" in text and _JOINED.search(text):
        marks |= Mark.JOINED
    if ("<" in text or "&" in text) and _HTML.search(text):
        marks |= Mark.HTML
    return marks | (Mark.SCRIPT if foreign_letters(text) else 0)


@functools.lru_cache(maxsize=256)
def _context(text: str) -> tuple[int, int]:
    """Return hash and marks of a context; many questions in a row ask about one."""
    folded = key(text)
    return (hash64(folded), text_marks(text)) if folded else (0, 0)


_short_key = functools.lru_cache(maxsize=4096)(key)
