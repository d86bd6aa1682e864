"""Which rows stay and on which side: the choices of the user carried out on the compact table, in a fixed order.

1. Rows that a held-out file has too leave training. 2. Repeated rows, if they are to be dropped. 3. The shares of the
sources. 4. The split. 5. Classes sampled down (training only). 6. The limit. 7. Classes sampled up (training only, as
copies). Everything is drawn by seed and content: other rows and another order of reading change as little as possible.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sft import splits
from sft.checks.ties import clusters, equal
from sft.prep.choices import NEAR, Options
from sft.prep.table import RULE, TEST, TRAIN, VALID, Table

GENERIC = (
    3  # rows of other contexts, options or turns from which on a question is one that is asked of anything
)
DUPLICATE, OVER_LIMIT, OVER_SHARE, BALANCED_OUT = "duplicate", "over_limit", "over_share", "balanced_out"
IN_TEST, IN_VALID = "in_test", "in_valid"


@dataclass(slots=True)
class Decided:
    """What came of the choices: `copies` as ``(row, number)``, `shares` the arithmetic; `ties` held, `roots` the groups."""

    copies: list[tuple[int, int]] = field(default_factory=list)
    roots: "array[int]" = field(default_factory=lambda: array("I"))
    shares: list[dict[str, object]] = field(default_factory=list)
    ties: Mapping[str, Sequence[int]] = field(default_factory=dict)


def decide(
    table: Table,
    options: Options,
    names: Sequence[str],
    held_out: Mapping[int, int],
    near: Sequence[int] | None = None,
) -> Decided:
    """Settle fate and side of every row of `table`.

    `held_out` gives the side of each source that is a held-out file, `near` for each row the first one that it is almost
    the same as, where such rows are to stay together.
    """
    ties = _in_force(table, options)
    if near is not None:
        ties[NEAR] = array("Q", (first + 1 for first in near))
    decided = Decided(ties=ties)
    _held_out(table, ties, held_out)
    if options.duplicates == "drop":
        _drop_duplicates(table)
    if options.shares:
        decided.shares = _share(table, options, names)
    decided.roots = clusters(len(table), _pairs(ties.values(), table))
    _split(table, options, decided.roots)
    if options.balance == "down":
        _balance_down(table, options.seed)
    if options.limit is not None:
        _limit(table, options, names)
    if options.balance == "up":
        decided.copies = _balance_up(table, options.seed)
    return decided


def _in_force(table: Table, options: Options) -> dict[str, Sequence[int]]:
    """Return what keeps rows together.

    A question that is asked of many contexts, or with many sets of options, or opens many chats, ties only what is asked
    alike, unless `options` group by questions.
    """
    ties: dict[str, Sequence[int]] = dict(table.ties)
    if "question" in ties and "question" not in options.group_by:
        specific = array("Q", table.ties["question"])
        for rows in equal(specific, table.kept()):
            if len({table.input[row] for row in rows}) >= GENERIC:
                for row in rows:
                    specific[row] = table.input[row]
        ties["question"] = specific
    return ties


def _pairs(ties: Iterable[Sequence[int]], table: Table) -> Iterator[tuple[int, int]]:
    """Yield what ties rows together, as pairs."""
    for tie in ties:
        for group in equal(tie, table.kept()):
            yield from ((group[0], row) for row in group[1:])


def open_rows(table: Table) -> Iterable[int]:
    """Yield the rows that choices act on: those that no held-out file and no split column holds out."""
    return (row for row in table.kept() if table.given[row] in (RULE, TRAIN))


def _held_out(table: Table, ties: Mapping[str, Sequence[int]], held_out: Mapping[int, int]) -> None:
    """Refuse what a held-out file has too: the test file wins over the validation file, both over training."""
    for side, reason, losers in ((TEST, IN_TEST, (RULE, TRAIN, VALID)), (VALID, IN_VALID, (RULE, TRAIN))):
        if side not in held_out.values():
            continue
        for name in ("question", "context"):
            if name not in ties:
                continue
            tie = ties[name]
            known = {tie[row] for row in table.kept() if held_out.get(table.source[row]) == side} - {0}
            for row in list(table.kept()):
                if tie[row] in known and table.given[row] in losers:
                    table.reject(row, reason)


def _drop_duplicates(table: Table) -> None:
    """Refuse rows that repeat input and answer of an earlier one. Other answers to one input are left for the user."""
    for rows in equal(table.input, open_rows(table)):
        first: dict[int, int] = {}
        for row in rows:
            twin = first.setdefault(table.answer[row], row)
            if twin != row:
                table.reject(row, DUPLICATE, twin)


def _share(table: Table, options: Options, names: Sequence[str]) -> list[dict[str, object]]:
    """Draw the largest set with the wanted shares that repeats no row; return the arithmetic."""
    of = _share_of(options, names)
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row in open_rows(table):
        rows[of[table.source[row]]].append(row)
    total = sum(share.weight for share in options.shares)
    parts = [share.weight / total for share in options.shares]
    whole = min(len(rows[number]) / part for number, part in enumerate(parts))
    told: list[dict[str, object]] = []
    for number, (share, part) in enumerate(zip(options.shares, parts, strict=True)):
        take = int(whole * part + 1e-6)
        for row in table.ranked(rows[number], options.seed, "share")[take:]:
            table.reject(row, OVER_SHARE)
        told.append({"source": share.name, "share": round(part, 6), "rows": len(rows[number]), "taken": take})
    return told


def _share_of(options: Options, names: Sequence[str]) -> list[int]:
    """Return for each source the number of the share it belongs to, -1 for a held-out one."""
    return [
        next((number for number, share in enumerate(options.shares) if name in share.sources), -1)
        for name in names
    ]


def _split(table: Table, options: Options, roots: Sequence[int]) -> None:
    """Give every row its side. Where the data name validation rows, no other row is moved there."""
    given = VALID in {table.given[row] for row in table.kept()}
    rows = []
    for row in table.kept():
        if table.given[row] in (VALID, TEST):
            table.side[row] = table.given[row]
        elif given:
            table.side[row] = TRAIN
        else:
            rows.append(row)
    order = sorted(table.labels)
    code = {table.labels[name]: number for number, name in enumerate(order)}
    labelled = bool(rows) and all(table.label[row] >= 0 for row in rows)
    labels = [code[table.label[row]] for row in rows] if labelled else None
    sides = splits.sides(
        [roots[row] for row in rows], [table.group[row] for row in rows], options.val_split, labels
    )
    for row, valid in zip(rows, sides, strict=True):
        table.side[row] = VALID if valid else TRAIN


def _classes(table: Table) -> dict[int, list[int]]:
    """Return the training rows of each label."""
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row in open_rows(table):
        if table.side[row] == TRAIN:
            rows[table.label[row]].append(row)
    return rows


def _balance_down(table: Table, seed: int) -> None:
    """Refuse training rows until every label has as many as the rarest."""
    classes = _classes(table)
    fewest = min(map(len, classes.values()), default=0)
    for rows in classes.values():
        for row in table.ranked(rows, seed, "balance")[fewest:] if len(rows) > fewest else ():
            table.reject(row, BALANCED_OUT)


def _balance_up(table: Table, seed: int) -> list[tuple[int, int]]:
    """Return the copies of training rows that give every label as many as the most frequent has."""
    classes = _classes(table)
    most = max(map(len, classes.values()), default=0)
    copies: list[tuple[int, int]] = []
    for rows in classes.values():
        rounds, rest = divmod(most - len(rows), len(rows))
        copies += [(row, number + 2) for number in range(rounds) for row in rows]
        if rest:
            copies += [(row, rounds + 2) for row in table.ranked(rows, seed, "balance")[:rest]]
    return sorted(copies)


def _limit(table: Table, options: Options, names: Sequence[str]) -> None:
    """Keep `limit` rows, each side, label and share in proportion; a larger limit keeps what a smaller one kept."""
    of = _share_of(options, names) if options.shares else [0] * len(names)
    strata: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)
    for row in open_rows(table):
        strata[table.side[row], table.label[row], of[table.source[row]]].append(row)
    places: list[tuple[float, int]] = []
    for rows in strata.values():
        ranked = table.ranked(rows, options.seed, "limit")
        places += [((place + 0.5) / len(rows), row) for place, row in enumerate(ranked)]
    places.sort()
    for _place, row in places[options.limit :]:
        table.reject(row, OVER_LIMIT)


def drift(table: Table) -> dict[str, float]:
    """Return how far the share of each label among validation rows is from its share in training, in points."""
    counts: dict[int, defaultdict[int, int]] = {TRAIN: defaultdict(int), VALID: defaultdict(int)}
    for row in table.kept():
        if table.side[row] in counts and table.label[row] >= 0:
            counts[table.side[row]][table.label[row]] += 1
    sums = {side: sum(table_.values()) for side, table_ in counts.items()}
    if not all(sums.values()):
        return {}
    return {
        name: round(100 * (counts[VALID][code] / sums[VALID] - counts[TRAIN][code] / sums[TRAIN]), 2)
        for name, code in sorted(table.labels.items())
    }
