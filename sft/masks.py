"""Which tokens of a row are supervised, in its joint tokenisation: each answer and the turn end behind it.

`by_ids` is the quick way: the turn end is a token of its own that cuts the text for the tokenizer, so the tokens of
turn end, assistant's header and answer cannot depend on what stands before them. Where the ids behind the last turn
end are those of the header, the prompt is a token prefix of the row and the answer begins behind it. What is not as
plain as that is looked at character by character, `by_characters`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sft.errors import DataError
from sft.i18n import _

IGNORE = -100  # the label that torch's cross entropy leaves out


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row as the trainer gets it: `labels` has the length of `ids` and -100 where nothing is supervised."""

    ids: list[int]
    labels: list[int]

    @property
    def supervised(self) -> int:
        """Return how many tokens are supervised."""
        return len(self.labels) - self.labels.count(IGNORE)


def by_ids(ids: list[int], answers: Sequence[int], turns: int, lead: Sequence[int]) -> Encoded | None:
    """Label a row of `turns` turns whose `answers` are the assistant's; None where the ids do not show them plainly.

    `lead` holds the ids of turn end, what stands behind it, and the assistant's header.

    >>> by_ids([5, 9, 7, 3, 4, 9], answers=[1], turns=2, lead=[9, 7])
    Encoded(ids=[5, 9, 7, 3, 4, 9], labels=[-100, -100, -100, 3, 4, 9])
    """
    end = lead[0]
    ends = [-1]
    for _turn in range(turns):
        try:
            ends.append(ids.index(end, ends[-1] + 1))
        except ValueError:
            return None
    if end in ids[ends[-1] + 1 :]:
        return None
    labels: list[int] = []
    for turn in answers:
        before, last = ends[turn], ends[turn + 1] + 1
        first = before + len(lead)
        if before < 0 or ids[before:first] != lead:
            return None
        labels += [IGNORE] * (first - len(labels))
        labels += ids[first:last]
    labels += [IGNORE] * (len(ids) - len(labels))
    return Encoded(ids, labels)


def by_characters(
    ids: list[int], offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]
) -> tuple[Encoded, list[int]]:
    """Label the tokens inside `spans` of characters; return the first token of each span too.

    Raises `DataError` when a token straddles the edge of a span.
    """
    labels = [IGNORE] * len(ids)
    firsts: list[int] = []
    position = 0
    for start, end in spans:
        while position < len(ids) and offsets[position][1] <= start:
            position += 1
        first = position
        while position < len(ids) and offsets[position][1] <= end:
            position += 1
        if not (first < position and offsets[first][0] >= start and offsets[position - 1][1] == end):
            raise DataError(
                _("a token straddles the edge of the answer, so it cannot be supervised exactly"),
                hint=_("an answer must not begin or end with blanks or line breaks"),
            )
        labels[first:position] = ids[first:position]
        firsts.append(first)
    return Encoded(ids, labels), firsts
