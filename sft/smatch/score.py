"""Score graphs and corpora: every number is exact, or comes with the interval it lies in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sft
from sft.amr.graph import Graph
from sft.smatch.branch import solve
from sft.smatch.pairs import Problem
from sft.smatch.triples import MODES, Convention, Triples, flatten

__all__ = [
    "MODES",
    "CorpusScore",
    "PairScore",
    "score_corpus",
    "score_pair",
    "signature",
]


@dataclass(frozen=True, slots=True)
class PairScore:
    """The match of one prediction with its gold graph, in triples.

    `matched` (= `lower`) is reached by `mapping`, (predicted variable, gold variable) pairs; no mapping exceeds
    `upper`. `stage` names what settled it: unparsable, no gold, assignment, climb, bound, branch; open when nothing did.
    """

    matched: int
    pred: int
    gold: int
    lower: int
    upper: int
    proven: bool
    stage: str
    mapping: tuple[tuple[str, str], ...] = ()

    @property
    def precision(self) -> float:
        """Return the matched share of the predicted triples; 0 when there are none."""
        return self.matched / self.pred if self.pred else 0.0

    @property
    def recall(self) -> float:
        """Return the matched share of the gold triples; 0 when there are none."""
        return self.matched / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Return the F1 of this pair; 0 when neither side has a triple."""
        return _f1(self.matched, self.pred, self.gold)


@dataclass(frozen=True, slots=True)
class CorpusScore:
    """The score of a corpus: micro precision, recall and F1 from the summed triples, macro ones as means of the pairs.

    `proven` counts the pairs whose match is proven best; `interval` holds F1 from below and above (equal when all
    are); `unparsable` counts predictions without a graph: they match nothing, their gold counts.
    """

    mode: str
    n: int
    precision: float
    recall: float
    f1: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    matched: int
    pred_triples: int
    gold_triples: int
    proven: int
    interval: tuple[float, float]
    unparsable: int
    pairs: tuple[PairScore, ...]


def score_pair(
    pred: Graph | None, gold: Graph | None, mode: str = "smatch", time_limit: float | None = None
) -> PairScore:
    """Return the exact match of `pred` with `gold`; None is a graph that could not be read.

    With a `time_limit` in seconds the result may be an interval: ``proven`` is then False and ``lower < upper``.

    >>> from sft.amr.graph import Graph, Node
    >>> score_pair(Graph(Node("c", "xe")), Graph(Node("d", "chó"))).f1
    0.5
    """
    convention = Convention(mode)
    return match(_triples(pred, convention), _triples(gold, convention), time_limit)


def _triples(graph: Graph | None, convention: Convention) -> Triples | None:
    return None if graph is None else convention.triples(*flatten(graph))


def match(pred: Triples | None, gold: Triples | None, time_limit: float | None = None) -> PairScore:
    """Return the exact match of two triple sets of one convention, as `score_pair` does."""
    if pred is None or gold is None:
        sizes = (pred.size if pred else 0, gold.size if gold else 0)
        return PairScore(0, *sizes, 0, 0, True, "no gold" if pred else "unparsable")
    turned = len(pred.names) > len(gold.names)  # the smaller graph goes on the rows
    first, second = (gold, pred) if turned else (pred, gold)
    found = solve(Problem(first, second), time_limit)
    names = [(first.names[i], second.names[j]) for i, j in enumerate(found.mapping) if j >= 0]
    mapping = tuple([(b, a) for a, b in names] if turned else names)
    proven = found.lower == found.upper
    return PairScore(
        found.lower, pred.size, gold.size, found.lower, found.upper, proven, found.stage, mapping
    )


def score_corpus(
    pairs: Iterable[tuple[Graph | None, Graph | None]],
    mode: str = "smatch",
    time_limit: float | None = None,
    progress: Callable[[int], None] | None = None,
    jobs: int = 1,
) -> CorpusScore:
    """Score (prediction, gold) pairs; `progress` is called with the number of pairs done.

    `jobs` processes share a long corpus (see `sft.smatch.parallel.match_all`); the score is the same.
    """
    from sft.smatch.parallel import match_all

    convention = Convention(mode)
    sides = [(_triples(pred, convention), _triples(gold, convention)) for pred, gold in pairs]
    return summarise(match_all(sides, time_limit, progress, jobs), mode)


def summarise(pairs: Iterable[PairScore], mode: str) -> CorpusScore:
    """Sum pair scores up to a corpus score."""
    pairs = tuple(pairs)
    matched = sum(p.matched for p in pairs)
    pred = sum(p.pred for p in pairs)
    gold = sum(p.gold for p in pairs)
    upper = sum(p.upper for p in pairs)
    return CorpusScore(
        mode=mode,
        n=len(pairs),
        precision=matched / pred if pred else 0.0,
        recall=matched / gold if gold else 0.0,
        f1=_f1(matched, pred, gold),
        macro_precision=sum([p.precision for p in pairs]) / max(len(pairs), 1),
        macro_recall=sum([p.recall for p in pairs]) / max(len(pairs), 1),
        macro_f1=sum([p.f1 for p in pairs]) / max(len(pairs), 1),
        matched=matched,
        pred_triples=pred,
        gold_triples=gold,
        proven=sum(p.proven for p in pairs),
        interval=(_f1(matched, pred, gold), _f1(upper, pred, gold)),
        unparsable=sum(p.stage == "unparsable" for p in pairs),
        pairs=pairs,
    )


def _f1(matched: int, pred: int, gold: int) -> float:
    return 2 * matched / (pred + gold) if pred + gold else 0.0


def signature(mode: str, n: int, *, proven: bool = True, **extra: object) -> str:
    """Return the line that says how a score was made.

    >>> signature("amr", 150, text="canonical").rsplit("|", 1)[0]
    'smatch|mode:amr|n:150|exact:proven|text:canonical'
    """
    parts = ["smatch", f"mode:{mode}", f"n:{n}", "exact:proven" if proven else "exact:interval"]
    parts += [f"{key}:{value}" for key, value in extra.items()]
    return "|".join([*parts, f"sft:{sft.__version__}"])
