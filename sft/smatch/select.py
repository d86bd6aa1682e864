"""The best of several candidates for one sentence, without gold: the one that agrees most with the others.

Minimum Bayes risk with exact Smatch: each candidate's mean F to all others; the highest mean wins. With two candidates
both means are the same number, so the first that can be read wins: only three or more make a choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from sft.amr.graph import Graph
from sft.errors import DataError
from sft.i18n import _
from sft.smatch.parallel import match_all
from sft.smatch.score import PairScore
from sft.smatch.triples import Convention, Triples, flatten


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidate chosen for one sentence (its place among the candidates, from 0).

    `agreement` is its mean F to the others, of which one that cannot be read counts 0; `means` holds that of every
    candidate; `parsable` counts those that can be read. With none of them the first stands, at agreement 0.
    """

    index: int
    agreement: float
    means: tuple[float, ...]
    parsable: int


def select(
    candidates: Sequence[Sequence[Graph | None]],
    mode: str = "smatch",
    jobs: int = 1,
) -> list[Choice]:
    """Return the choice for every sentence; `candidates` holds one list of graphs per system, all in one order.

    None is a graph that could not be read: it wins only when all are. Ties go to the earliest list. Graphs that differ
    in the names of variables only are scored once; `jobs` processes share many pairs. Raises `DataError` for fewer
    than two lists or lists of unequal length.

    >>> from sft.amr.graph import Graph, Node
    >>> xe, chó = Graph(Node("x", "xe")), Graph(Node("c", "chó"))
    >>> [choice.index for choice in select([[chó, None], [xe, xe], [xe, chó]])]
    [1, 1]
    """
    lengths = [len(graphs) for graphs in candidates]
    if len(lengths) < 2 or len(set(lengths)) > 1:
        raise DataError(
            _("lists of {numbers} graphs cannot be chosen from").format(numbers=", ".join(map(str, lengths))),
            hint=_("two or more lists with one graph or None per sentence, in the same order"),
        )
    convention = Convention(mode)
    keys: dict[str, int] = {}  # a graph without its variable names -> its number
    sides: list[Triples] = []
    rows: list[list[int]] = []  # per sentence the numbers of its candidates, -1 for none
    for graphs in zip(*candidates, strict=True):
        row = []
        for graph in graphs:
            names, *shape = flatten(graph) if graph else ([], [])
            key = repr(shape)
            if graph and key not in keys:
                keys[key] = len(sides)
                sides.append(convention.triples(names, *shape))
            row.append(keys[key] if graph else -1)
        rows.append(row)
    pairs = list(dict.fromkeys(pair for row in rows for pair in combinations(sorted(set(row) - {-1}), 2)))
    scores = match_all([(sides[a], sides[b]) for a, b in pairs], jobs=jobs)
    agreement = {pair: _f(score) for pair, score in zip(pairs, scores, strict=True)}
    return [_choose(row, agreement) for row in rows]


def _f(score: PairScore) -> Fraction:
    return Fraction(2 * score.matched, score.pred + score.gold)  # a graph has a top, so never 0


def _choose(row: Sequence[int], agreement: dict[tuple[int, int], Fraction]) -> Choice:
    def f(a: int, b: int) -> Fraction:
        if min(a, b) < 0:
            return Fraction(0)
        return Fraction(1) if a == b else agreement[min(a, b), max(a, b)]

    others = len(row) - 1
    means = [
        sum((f(a, b) for j, b in enumerate(row) if j != i), Fraction(0)) / others for i, a in enumerate(row)
    ]
    best = max(range(len(row)), key=lambda i: (row[i] >= 0, means[i], -i))
    return Choice(best, float(means[best]), tuple(map(float, means)), sum(number >= 0 for number in row))
