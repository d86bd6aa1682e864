"""Build the page that shows why a score is what it is: the frame of `sft.web` with the scored pairs inside."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sft.amr.graph import Graph
from sft.amr.problems import Problem
from sft.i18n import _
from sft.smatch.captions import captions
from sft.smatch.explain import Line, explain
from sft.smatch.score import PairScore
from sft.web import frame

_SCRIPTS = ("pairs.js", "summary.js", "list.js", "text.js", "drawing.js", "pair.js", "main.js")
_FIGURES = (
    "f1",
    "precision",
    "recall",
    "macro_f1",
    "matched",
    "pred_triples",
    "gold_triples",
    "n",
    "unparsable",
)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair: its graph (None when unparsable), its text as delivered, and what the reader found.

    `line` is the file line on which `text` begins, as the places of `problems` count (a problem on line 0 has no
    known place); `where` names the record for people, as ``file:line``.
    """

    graph: Graph | None
    text: str = ""
    problems: tuple[Problem, ...] = ()
    repaired: bool = False
    line: int = 1
    where: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One prediction beside its gold graph, and their score."""

    id: str
    sentence: str
    pred: Side
    gold: Side
    score: PairScore


def render(value: Mapping[str, Any], pairs: Sequence[Pair]) -> str:
    """Return the page for the scores `value` (see `sft.report.score`) of `pairs`, in the language in force.

    Of `value` it also shows, where present: `task1`, `baselines`, `aspects`, `compat`, and the names `pred`, `gold`,
    `run`, `split`.
    """
    texts = captions()
    data = {"texts": texts, "summary": _summary(value), "pairs": _pairs(pairs, value["mode"])}
    name = str(value.get("run") or value.get("pred") or "")
    title = f"Smatch {value['f1']:.4f}" + (f" – {name}" if name else "")
    return frame("sft.smatch", _SCRIPTS, title, texts["noscript"].format(f1=f"{value['f1']:.4f}"), data)


def _summary(value: Mapping[str, Any]) -> dict[str, Any]:
    keys = (
        *_FIGURES,
        "interval95",
        "bounds",
        "repaired",
        "proven",
        "gold_repaired",
        "gold_unparsable",
        "mode",
    )
    shown = {key: value[key] for key in (*keys, "signature")}
    shown |= {key: str(value[key]) for key in ("pred", "gold", "run", "split") if value.get(key)}
    shown["views"] = [[_titled(name, view), _figures(view)] for name, view in _views(value)]
    shown["aspects"] = [
        [_titled(name, view), _figures(view)] for name, view in value.get("aspects", {}).items()
    ]
    shown["faults"] = list(value.get("compat", {}).get("faults", ()))
    return shown


def _views(value: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Yield the readings of the same answers and what they are compared with, each with its name."""
    baselines = value.get("baselines", {})
    named = (
        (_("as read"), value),
        (_("canonical text"), value.get("canonical")),
        (_("repaired = zero"), value.get("strict")),
        (_("Task 1 (structure)"), value.get("task1")),
        (_("baseline: nearest training sentence"), baselines.get("nearest_sentence")),
        (_("untrained base model"), baselines.get("base_model")),
        (_("as the original tool counts"), value.get("compat")),
    )
    return [(name, view) for name, view in named if view]


def _titled(name: str, view: Mapping[str, Any]) -> str:
    """Return the name of a view; with it what is not proven, as its figures are then lower bounds."""
    left = view["n"] - view["proven"]
    return _("{name} ({k} pairs open)").format(name=name, k=left) if left else name


def _figures(view: Mapping[str, Any]) -> dict[str, Any]:
    return {key: view[key] for key in _FIGURES}


def _pairs(pairs: Sequence[Pair], mode: str) -> list[dict[str, Any]]:
    seen = Counter(pair.id for pair in pairs)
    found = []
    for number, pair in enumerate(pairs, 1):
        done = explain(pair.pred.graph, pair.gold.graph, pair.score, mode)
        score = pair.score
        item: dict[str, Any] = {
            # What a link names: the id where it tells the pair, else the place in the file.
            "key": pair.id if pair.id and seen[pair.id] == 1 else f"#{number}",
            "id": pair.id,
            "sentence": pair.sentence,
            "counts": [score.matched, score.pred, score.gold, score.upper],
            "proven": score.proven,
            "pred": _side(pair.pred, done.pred),
            "gold": _side(pair.gold, done.gold),
            "mapping": done.mapping,
        }
        found.append(item)
    return found


def _side(side: Side, lines: Sequence[Line]) -> dict[str, Any]:
    """Return one side; its text is kept where there is something to see in it, as the lines can be printed."""
    shown: dict[str, Any] = {"lines": [_line(line) for line in lines]}
    if side.graph is None or side.repaired or side.problems:
        shown |= {"text": side.text, "line": side.line, "repaired": side.repaired}
        shown["problems"] = [
            [p.kind, p.line, p.column, p.message, p.severity, p.repaired] for p in side.problems
        ]
    if side.where:
        shown["where"] = side.where
    return shown


def _line(line: Line) -> list[Any]:
    """Return [depth, role, mark] and the end: [variable, concept, mark] of a node, a node's number, or a constant."""
    head: list[Any] = [line.depth, line.role, int(line.link)]
    if line.concept is not None:
        return [*head, line.text, line.concept, int(line.label)]
    return [*head, line.text if line.node < 0 else line.node]
