"""Which rows are in which part of a pass: all of them, stratified chunks, stages from easy to hard. Needs no torch."""

import random
from array import array
from collections.abc import Hashable, Sequence

from sft.audit import Set
from sft.errors import DataError, SettingsError
from sft.i18n import _
from sft.masks import IGNORE
from sft.planner.parts import CHUNKS, Parts
from sft.prepared import Prepared

_WORD = 8  # supervised tokens: an answer that short may be a label
_LABELS = 64  # different answers at most, else they are no labels


def pools(
    parts: Parts | None, trained: Set, difficulty: Sequence[float], seed: int, *, cumulative: bool
) -> "list[Sequence[int]]":
    """Return the places of the rows that each part of a pass reads. Rows of equal difficulty stand as drawn."""
    if parts is None:
        return [range(len(trained))]
    if parts.kind == CHUNKS:
        return _cut(dealt(strata(trained), seed), parts.rows)
    ordered = array("q", range(len(trained)))
    random.Random(seed).shuffle(ordered)
    ordered = array("q", sorted(ordered, key=lambda place: difficulty[place]))
    return [ordered[:end] for end in parts.rows] if cumulative else _cut(ordered, parts.rows)


def _cut(places: "array[int]", sizes: Sequence[int]) -> "list[Sequence[int]]":
    cuts: list[Sequence[int]] = []
    start = 0
    for size in sizes:
        cuts.append(places[start : start + size])
        start += size
    return cuts


def dealt(strata: Sequence[Hashable], seed: int) -> "array[int]":
    """Return all places in an order of which every stretch holds each stratum in its share, as near as whole rows can."""
    members: dict[Hashable, list[int]] = {}
    for place, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(place)
    draw = random.Random(seed)
    keyed: list[tuple[float, float, int]] = []
    for places in members.values():
        draw.shuffle(places)
        begin = draw.random()
        keyed += [((n + begin) / len(places), draw.random(), place) for n, place in enumerate(places)]
    return array("q", [place for _at, _tie, place in sorted(keyed)])


def strata(trained: Set) -> Sequence[Hashable]:
    """Return what chunks are to hold in equal shares: the label where answers are labels, else the quarter by length."""
    if max(trained.supervised) <= _WORD:
        rows = (trained[n].labels for n in range(len(trained)))
        answers = [tuple(label for label in labels if label != IGNORE) for labels in rows]
        if len(set(answers)) <= _LABELS:
            return answers
    return quarters(trained.lengths)


def quarters(values: Sequence[float]) -> list[int]:
    """Return for each value the quarter of all values that it is in, from 0.

    >>> quarters([5, 1, 9, 7])
    [1, 0, 3, 2]
    """
    ordered = sorted(range(len(values)), key=lambda place: values[place])
    quarter = [0] * len(values)
    for rank, place in enumerate(ordered):
        quarter[place] = 4 * rank // len(values)
    return quarter


def difficulty(trained: Set, data: Prepared, by: str) -> Sequence[float]:
    """Return how hard each row is, by ``length``, ``answer`` (supervised tokens) or ``column:NAME``; () for ''.

    Raises `SettingsError` when the set kept no such column, `DataError` for values that are no numbers.
    """
    if by == "length":
        return trained.lengths
    if by == "answer":
        return trained.supervised
    if not by.startswith("column:"):
        return ()
    name = by.removeprefix("column:")
    columns = {
        row.id: row.meta.get("columns", {})
        for split in ("train", "valid")
        for row in data.rows.get(split, ())
    }
    values = [columns[row_id].get(name) for row_id in trained.ids]
    if None in values:
        raise SettingsError(
            _("the prepared set keeps no column {name!r}").format(name=name),
            where=str(data.folder),
            hint=_("keep it: sft prep --keep {name}").format(name=name),
        )
    found: list[float] = []
    faults: list[DataError] = []
    for row_id, value in zip(trained.ids, values, strict=True):
        try:
            found.append(float(str(value).replace(",", ".")))
        except ValueError:
            faults.append(
                DataError(_("{name} = {value!r} is no number").format(name=name, value=value), where=row_id)
            )
    if faults:
        raise DataError(
            _("{n} rows have no number in the column {name!r}").format(n=len(faults), name=name),
            parts=tuple(faults[:10]),
            hint=_("a curriculum goes from small to large: the column must hold numbers"),
        )
    return found
