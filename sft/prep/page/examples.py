"""The few rows of a preparation that its page shows as text: examples of findings, of rejects, of what is trained on."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sft.prep.made import Made
from sft.prep.rows import Maker, Quirks
from sft.prep.table import SIDES, TRAIN
from sft.records import Finding, Message

_TOGETHER = 6  # rows of one example that are compared
_EXAMPLE = (320, 80)  # characters of a text that are shown, from its begin and from its end
_SAMPLE = (1200, 500)

Text = tuple[str, int, str]  # begin, how many characters are left out, end


@dataclass(frozen=True, slots=True)
class Examples:
    """What the page shows beside the report, ready for JSON.

    `findings` has the examples of each finding of the report, in its order: one row, or several that are compared.
    `rejects` has the first reject of each reason, `samples` whole rows as they are trained on.
    """

    findings: Sequence[Sequence[Sequence[Mapping[str, Any]]]] = ()
    rejects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    samples: Sequence[Mapping[str, Any]] = ()


def gather(made: Made, found: Sequence[Finding]) -> Examples:
    """Read the examples of a preparation from its drafts."""
    wanted = sorted({row for finding in found for group in finding.rows for row in group[:_TOGETHER]})
    maker = Maker(made.options, Quirks())
    shown = {row: _row(made, maker, row) for row in wanted}
    groups = [[[shown[row] for row in group[:_TOGETHER]] for group in finding.rows] for finding in found]
    firsts = {
        reason: {"id": first.id, "where": first.where, "detail": first.detail, "excerpt": first.excerpt}
        for reason, first in made.first_rejects().items()
    }
    return Examples(groups, firsts, [_sample(made, row) for row in _telling(made)])


def _row(made: Made, maker: Maker, row: int) -> dict[str, Any]:
    """Return a row for a reader: where it stands, what it asks, what it answers."""
    draft = made.draft(row)
    facts = maker.facts(draft)
    texts = {"question": facts.question, "context": facts.context, "answer": facts.answer}
    return {
        "id": facts.id,
        "where": draft.where,
        "side": SIDES[made.table.side[row]],
        "label": facts.label,
        "texts": {name: cut(text, *_EXAMPLE) for name, text in texts.items() if text},
    }


def _telling(made: Made) -> Iterator[int]:
    """Yield the first of the shortest trained rows, of those of middle length, and of the longest."""
    rows = array("I", (row for row in made.table.kept() if made.table.side[row] == TRAIN))
    sizes = array("I", (sum(made.size(row)) for row in rows))
    ordered = sorted(sizes)
    places = (sizes.index(ordered[at]) for at in (0, len(rows) // 2, len(rows) - 1)) if rows else ()
    yield from (rows[place] for place in dict.fromkeys(places))


def _sample(made: Made, row: int) -> dict[str, Any]:
    """Return a row as it is trained on: its turns, and whether each is learnt."""
    rendered = made.draft(row).row(made.options.template, made.label_set)
    return {"id": rendered.id, "size": made.size(row), "turns": [_turn(turn) for turn in rendered.messages]}


def _turn(turn: Message) -> tuple[str, bool, Text]:
    return turn.role, turn.role == "assistant", cut(turn.content, *_SAMPLE)


def cut(text: str, head: int, tail: int) -> Text:
    """Return begin and end of a text that is too long to be shown, and how many characters are between them.

    >>> cut("abcdefgh", 3, 1), cut("abcd", 3, 1)
    (('abc', 4, 'h'), ('abcd', 0, ''))
    """
    left = len(text) - head - tail
    return (text, 0, "") if left <= 0 else (text[:head], left, text[-tail:])
