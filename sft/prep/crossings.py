"""What stands on both sides of a split: questions, contexts, groups. Nothing may, unless the user allows it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sft.i18n import _
from sft.prep.made import Made
from sft.prep.table import TEST, TRAIN, VALID
from sft.records import Finding

_EXAMPLES = 5


def check(made: Made) -> list[Finding]:
    """Return an error for each kind of thing that crosses, with the rows that are held out and should not be trained on."""
    found: list[Finding] = []
    for side, known_sides in ((VALID, (TRAIN,)), (TEST, (TRAIN, VALID))):
        for name, tie in made.decided.ties.items():
            rows = list(_across(made, tie, side, known_sides))
            if rows:
                finding = _finding(name, side, rows, made)
                pairs = ((row, _twin(made, tie, row, known_sides)) for row in rows[:_EXAMPLES])
                found.append(replace(finding, rows=tuple(pairs)))
    return found


def _across(made: Made, tie: Sequence[int], side: int, known_sides: Iterable[int]) -> Iterator[int]:
    """Yield the rows of a side whose tie stands on one of the other sides too."""
    sides = made.table.side
    if side not in sides:
        return
    held = {tie[row] for row in made.table.kept() if sides[row] == side} - {0}
    crossing = {tie[row] for row in made.table.kept() if sides[row] in known_sides and tie[row] in held}
    for row in made.table.kept() if crossing else ():
        if sides[row] == side and tie[row] in crossing:
            yield row


def _twin(made: Made, tie: Sequence[int], row: int, known_sides: Iterable[int]) -> int:
    """Return the first row on the other sides that a row is tied to."""
    sides = made.table.side
    return next(
        other for other in made.table.kept() if sides[other] in known_sides and tie[other] == tie[row]
    )


def _finding(name: str, side: int, rows: Sequence[int], made: Made) -> Finding:
    examples = tuple(made.draft(row).id for row in rows[:_EXAMPLES])
    n = len(rows)
    if name == "question" and side == TEST:
        kind, message = (
            "leak_heldout",
            _("{n} test rows have a question that is trained on or validated with"),
        )
    elif name == "question":
        kind, message = "leak_question", _("{n} validation rows have a question that is trained on")
    elif name == "context":
        kind, message = "leak_context", _("{n} held-out rows have a context that is trained on")
    else:
        kind, message = "leak_group", _("{n} held-out rows share their {name} with rows that are trained on")
    hint = (
        _("the split of the data lets them cross: leave out --split-column, or take them out of training")
        if made.options.split_column
        else _("take them out of training, or the held-out score says nothing")
    )
    return Finding(kind, "error", n, message.format(n=n, name=name), examples, hint)
