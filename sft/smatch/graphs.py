"""Score and align single graphs, given as graphs or as PENMAN text."""

from sft.amr.graph import Graph
from sft.amr.penman import parse
from sft.smatch.score import PairScore, score_pair

Given = Graph | str | None


def score(pred: Given, gold: Given, mode: str = "smatch", time_limit: float | None = None) -> PairScore:
    """Return the exact score of one prediction, as `sft.smatch.score.score_pair`; None is an unparsable graph.

    Text is read strictly: raises `GraphError` naming its defects, so that nothing is repaired in silence.

    >>> score("(n / ngủ :agent (m / mèo))", "(n / ngủ :agent (c / chó))").f1
    0.75
    """
    return score_pair(_graph(pred), _graph(gold), mode, time_limit)


def align(pred: Given, gold: Given, mode: str = "smatch") -> dict[str, str]:
    """Return which variable of `gold` each variable of `pred` stands for in a best mapping; unmatched ones are left out.

    >>> align("(x / ngủ :agent (y / mèo))", "(n / ngủ :agent (m / mèo))")
    {'x': 'n', 'y': 'm'}
    """
    return dict(score(pred, gold, mode).mapping)


def _graph(given: Given) -> Graph | None:
    return parse(given) if isinstance(given, str) else given
