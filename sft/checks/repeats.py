"""Rows that say the same: duplicates, near-duplicates, contradictions, and leaks of them across the split."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from sft.checks import near as similar
from sft.checks.survey import Survey
from sft.checks.ties import clusters as tied
from sft.checks.ties import equal
from sft.i18n import _
from sft.records import Finding
from sft.splits import TRAIN

EXAMPLES = 5
_LISTED = 1_000  # contradictions named one by one: each wants a decision
_TOLD = 12  # rows of one contradiction that are named
_SOME = 0.01  # share of rows from which near-duplicates are more than a curiosity


@dataclass(frozen=True, slots=True)
class Repeats:
    """What repeats in a survey: groups of rows with one input; near pairs of first rows and of contexts."""

    groups: tuple[tuple[int, ...], ...]
    near: similar.Near
    contexts: similar.Near

    def pairs(self, survey: Survey) -> Iterator[tuple[int, int]]:
        """Yield near pairs of rows that say the same: no number, sign or negation differs, nor the label."""
        return (
            (one, other)
            for one, other, deciding in self.near
            if not deciding and survey.side[one] and survey.side[other] and not _contrary(survey, one, other)
        )


def look(survey: Survey, *, near: bool = True) -> Repeats:
    """Find what repeats; sides may be decided later, and may follow `clusters`."""
    groups = tuple(map(tuple, equal(survey.input, survey.rows())))
    if not near:
        return Repeats(groups, similar.Near(), similar.Near())
    later = {row for group in groups for row in group[1:]}
    first = (row for row in survey.rows() if row not in later)
    contexts = similar.find(survey.contexts, range(len(survey.contexts)))
    return Repeats(groups, similar.find(survey.questions, first), contexts)


def clusters(survey: Survey, repeats: Repeats) -> "array[int]":
    """Return for each row the first row it must share a side with: one input, one context, or nearly so."""
    holder: dict[int, int] = {}
    for row, context in enumerate(survey.context):
        if context:
            holder.setdefault(survey.first_context[context], row)
    ties = chain(
        (pair for group in repeats.groups for pair in pairwise(group)),
        ((one, other) for one, other, _deciding in repeats.near),
        (
            (holder[one], holder[other])
            for one, other, _deciding in repeats.contexts
            if {one, other} <= holder.keys()
        ),
        (
            (holder[survey.first_context[context]], row)
            for row, context in enumerate(survey.context)
            if context
        ),
    )
    return tied(len(survey), ties)


def _contrary(survey: Survey, one: int, other: int) -> bool:
    return survey.closed and survey.label[one] != survey.label[other]


def findings(survey: Survey, repeats: Repeats, limit: int = EXAMPLES) -> list[Finding]:
    """Return everything that repeats, as findings with up to `limit` examples."""
    groups = [[row for row in group if survey.side[row]] for group in repeats.groups]
    groups = [group for group in groups if len(group) > 1]
    found = [
        duplicates(survey, groups, limit),
        contradictions(survey, groups),
        near_duplicates(survey, repeats, limit),
        near_contradictions(survey, repeats, limit),
        leak_near(survey, repeats, limit),
    ]
    return [finding for finding in found if finding is not None]


def duplicates(survey: Survey, groups: Sequence[Sequence[int]], limit: int = EXAMPLES) -> Finding | None:
    """Find rows whose input has the key of an earlier row; some are the same letter by letter."""
    again: list[int] = []
    exact = 0
    for group in groups:
        again += group[1:]
        exact += len(group) - len({survey.exact[row] for row in group})
    if not again:
        return None
    told = sorted(again)[:limit]
    together = [group for group in groups if any(row in told for row in group)]
    message = _("{n} rows repeat an earlier input, {exact} of them letter by letter")
    return Finding(
        "duplicate",
        "warning",
        len(again),
        message.format(n=len(again), exact=exact),
        _names(survey, told, limit),
        _("they stay on one side of the split; --duplicates drop leaves out those with the same answer"),
        rows=tuple((group[0], *(row for row in group[1:] if row in told)) for group in together),
    )


def contradictions(survey: Survey, groups: Iterable[Sequence[int]]) -> Finding | None:
    """Find inputs that carry more than one label, or more than one answer where these are free."""
    found = [group for group in groups if len({survey.answer[row] for row in group}) > 1]
    if not found:
        return None
    several = (
        _("{n} inputs carry more than one label")
        if survey.closed
        else _("{n} inputs have more than one answer")
    )
    hint = (
        _("decide which label is right: a model cannot learn both, and a score counts one as an error")
        if survey.closed
        else _("look at them: a model cannot learn both, and a score counts one as an error")
    )
    told = tuple(_told(survey, group) for group in found[:_LISTED])
    rows = tuple(tuple(group[:_TOLD]) for group in found[:EXAMPLES])
    return Finding(
        "contradiction", "warning", len(found), several.format(n=len(found)), told, hint, rows=rows
    )


def _told(survey: Survey, group: Sequence[int]) -> str:
    """Name the rows with their labels, or those with one answer side by side: an answer may be long."""
    more = "" if len(group) <= _TOLD else f" … ({len(group)})"
    if survey.closed:
        return " ≠ ".join(f"{survey.ids[row]} ({survey.label_of(row)})" for row in group[:_TOLD]) + more
    by_answer: defaultdict[int, list[str]] = defaultdict(list)
    for row in group[:_TOLD]:
        by_answer[survey.answer[row]].append(survey.ids[row])
    return " ≠ ".join(" = ".join(ids) for ids in by_answer.values()) + more


def near_duplicates(survey: Survey, repeats: Repeats, limit: int = EXAMPLES) -> Finding | None:
    """Find rows that say almost the same as another one, with the same label."""
    found = list(repeats.pairs(survey))
    rows = {row for pair in found for row in pair}
    if not found:
        return None
    message = _("{n} rows are nearly the same as another one ({pairs} pairs; similarity {least:.0%} or more)")
    return Finding(
        "near_duplicate",
        "warning" if len(rows) >= _SOME * len(survey) else "info",
        len(rows),
        message.format(n=len(rows), pairs=len(found), least=similar.NEAR),
        _pairs(survey, found, " ≈ ", limit),
        _("they count as one example or little more; --group-by near keeps them on one side of the split"),
        rows=tuple(sorted(found)[:limit]),
    )


def near_contradictions(survey: Survey, repeats: Repeats, limit: int = EXAMPLES) -> Finding | None:
    """Find rows that say almost the same with another label: a decisive word, or a wrong label."""
    found = [
        (one, other)
        for one, other, _deciding in repeats.near
        if survey.side[one] and survey.side[other] and _contrary(survey, one, other)
    ]
    if not found:
        return None
    message = _("{n} pairs of nearly the same input carry different labels")
    hint = _("look at them: either one word decides, or one label is wrong")
    told = _pairs(survey, found, " ≉ ", limit)
    rows = tuple(sorted(found)[:limit])
    return Finding(
        "near_contradiction", "info", len(found), message.format(n=len(found)), told, hint, rows=rows
    )


def leak_near(survey: Survey, repeats: Repeats, limit: int = EXAMPLES) -> Finding | None:
    """Find held-out rows that are nearly the same as a trained one, in their input or their context."""
    train = survey.sides[TRAIN]
    leaks = {
        row: twin
        for one, other in repeats.pairs(survey)
        for row, twin in ((one, other), (other, one))
        if survey.side[row] != train and survey.side[twin] == train
    }
    if len(repeats.contexts):
        leaks = _near_contexts(survey, repeats) | leaks
    if not leaks:
        return None
    counts = Counter(map(survey.side_of, leaks))
    sides = ", ".join(f"{side} {n}" for side, n in sorted(counts.items()))
    message = _("{n} held-out rows are nearly the same as a trained one, or their context is ({sides})")
    hint = _("--group-by near keeps such rows on one side; else read the score as too good")
    told = message.format(n=len(leaks), sides=sides)
    rows = tuple(sorted(leaks.items())[:limit])
    names = _names(survey, sorted(leaks), limit)
    return Finding("leak_near", "warning", len(leaks), told, names, hint, rows=rows)


def _near_contexts(survey: Survey, repeats: Repeats) -> dict[int, int]:
    """Return the held-out rows whose context is nearly that of a trained row, each with the first such row."""
    train = survey.sides[TRAIN]
    trained: dict[int, int] = {}
    held: set[int] = set()
    for row in survey.rows():
        if survey.context[row]:
            number = survey.first_context[survey.context[row]]
            if survey.side[row] == train:
                trained.setdefault(number, row)
            else:
                held.add(number)
    twins = {
        here: trained[twin]
        for one, other, _deciding in repeats.contexts
        for here, twin in ((one, other), (other, one))
        if twin in trained and here in held and here not in trained
    }
    return {
        row: twins[number]
        for row in survey.rows()
        if survey.context[row]
        and survey.side[row] != train
        and (number := survey.first_context[survey.context[row]]) in twins
    }


def _names(survey: Survey, rows: Sequence[int], limit: int) -> tuple[str, ...]:
    return tuple(survey.ids[row] for row in rows[:limit])


def _pairs(survey: Survey, pairs: Sequence[tuple[int, int]], sign: str, limit: int) -> tuple[str, ...]:
    name: Callable[[int], str] = survey.ids.__getitem__
    return tuple(f"{name(one)}{sign}{name(other)}" for one, other in sorted(pairs)[:limit])
