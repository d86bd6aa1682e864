"""Predicted and gold graphs → an exact Smatch that can be defended: views, Task 1, baselines, interval, signature."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft.amr import penman, task1
from sft.amr.graph import Graph
from sft.baselines import Nearest
from sft.errors import DataError
from sft.i18n import _
from sft.records import Row
from sft.smatch.score import CorpusScore, PairScore, bootstrap, score_corpus, signature, summarise
from sft.text import read_text


@dataclass(frozen=True, slots=True)
class Item:
    """One graph to be scored: None when unparsable; `repaired` when the reader had to mend a defect."""

    id: str
    graph: Graph | None
    repaired: bool = False
    where: str = ""
    sentence: str = ""


Told = Callable[[int], None]


def read_graphs(path: Path) -> list[Item]:
    """Read a file of graphs with the tolerant reader; every record counts, also one without a readable graph.

    Raises `DataError` when the file holds no record.
    """
    items = []
    for block in penman.blocks(read_text(path)):
        reading = penman.read_block(block)
        repaired = any(problem.severity == "error" for problem in reading.problems)
        items.append(
            Item(
                block.metadata.get("id", ""),
                reading.graph,
                repaired and reading.graph is not None,
                f"{path}:{block.line}",
                block.metadata.get("snt", ""),
            )
        )
    if not items:
        raise DataError(
            _("no graph in this file"), where=str(path), hint=_("records are separated by blank lines")
        )
    return items


def same_ids(pred: Sequence[Item], gold: Sequence[Item]) -> bool:
    """Tell whether both sides have the same ids, each once: then ids pair them, whatever their order."""
    ours, theirs = {item.id for item in pred}, {item.id for item in gold}
    return "" not in ours and ours == theirs and len(ours) == len(pred) == len(gold)


def align(
    pred: Sequence[Item], gold: Sequence[Item], pred_name: str, gold_name: str
) -> list[tuple[Item, Item]]:
    """Pair predictions with gold: by id when both have the same unique ids, else by order.

    Raises `DataError` on unequal numbers, naming what is missing where ids or sentences tell.
    """
    if same_ids(pred, gold):
        by_id = {item.id: item for item in pred}
        return [(by_id[item.id], item) for item in gold]
    if len(pred) == len(gold):
        return list(zip(pred, gold, strict=True))
    missing, extra = _left_over(gold, pred), _left_over(pred, gold)
    detail = "".join(
        _("; {what}: {names}").format(what=what, names=", ".join(names[:5]) + ("…" if len(names) > 5 else ""))
        for what, names in ((_("missing"), missing), (_("not in gold"), extra))
        if names
    )
    raise DataError(
        _("{pred} has {n} graphs, {gold} has {m}{detail}").format(
            pred=pred_name, n=len(pred), gold=gold_name, m=len(gold), detail=detail
        ),
        hint=_(
            "one record per sentence in the same order; an answer without a graph stays as a header with no graph"
        ),
    )


def _left_over(items: Sequence[Item], others: Sequence[Item]) -> list[str]:
    """Name the `items` that `others` lacks: by id, else by sentence; nothing when neither tells."""
    for key in (lambda item: item.id, lambda item: " ".join(item.sentence.split())):
        if all(key(item) for item in (*items, *others)):
            spare = Counter(key(item) for item in others)
            left = []
            for item in items:
                if spare[key(item)]:
                    spare[key(item)] -= 1
                else:
                    left.append(item.id or f"{item.where} “{key(item)[:40]}”")
            return left
    return []


def score(
    pairs: Sequence[tuple[Item, Item]],
    mode: str,
    *,
    time_limit: float | None = None,
    told: Told | None = None,
    align: str = "order",
    **extra: Any,
) -> dict[str, Any]:
    """Score aligned pairs: as read (the headline), strictly (a repaired prediction counts as unparsable), canonical.

    The keys of the headline are those of ``sft smatch --json``. `align` says how the pairs were made, ``order`` or
    ``id``; it goes into the signature, as does `extra`.
    """
    graphs = [(pred.graph, gold.graph) for pred, gold in pairs]
    main = score_corpus(graphs, mode, time_limit, told, jobs=0)
    strict = [
        PairScore(0, 0, done.gold, 0, 0, True, "unparsable") if pred.repaired else done
        for (pred, _gold), done in zip(pairs, main.pairs, strict=True)
    ]
    clean = [(_canonical(pred), _canonical(gold)) for pred, gold in graphs]
    repaired = sum(pred.repaired for pred, _gold in pairs)
    proven = main.proven == main.n
    return {
        **headline(main),
        "interval95": list(bootstrap(main.pairs)),
        "repaired": repaired,
        "gold_repaired": sum(gold.repaired for _pred, gold in pairs),
        "gold_unparsable": sum(gold.graph is None for _pred, gold in pairs),
        "unparsable_at": [pred.where or pred.id for pred, _gold in pairs if pred.graph is None],
        "gold_unparsable_at": [gold.where or gold.id for _pred, gold in pairs if gold.graph is None],
        "strict": headline(summarise(strict, mode)),
        "canonical": headline(score_corpus(clean, mode, time_limit, jobs=0)),
        "signature": signature(mode, main.n, proven=proven, text="as-read", align=align, **extra),
        "pairs": [
            {"id": gold.id or str(number), "matched": pair.matched, "pred": pair.pred, "gold": pair.gold, "f1": pair.f1,
             "proven": pair.proven}
            for number, ((_pred, gold), pair) in enumerate(zip(pairs, main.pairs, strict=True), 1)
        ],
    }  # fmt: skip


def _canonical(graph: Graph | None) -> Graph | None:
    return None if graph is None else penman.canonical(graph)


def headline(score: CorpusScore) -> dict[str, Any]:
    """Return the figures of one corpus score."""
    return {
        "f1": score.f1,
        "precision": score.precision,
        "recall": score.recall,
        "macro_f1": score.macro_f1,
        "matched": score.matched,
        "pred_triples": score.pred_triples,
        "gold_triples": score.gold_triples,
        "n": score.n,
        "unparsable": score.unparsable,
        "proven": score.proven,
        "bounds": list(score.interval),
        "mode": score.mode,
    }


def gold_items(rows: Sequence[Row]) -> list[Item]:
    """Return the gold graphs of prepared rows."""
    return [
        Item(row.id, penman.read(str(row.meta["graph"])).graph, where=str(row.meta["where"])) for row in rows
    ]


def predicted_items(lines: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the graphs of a prediction file's rows."""
    return [
        Item(
            str(line["id"]),
            penman.read(line["graph"]).graph if line.get("graph") else None,
            bool(line.get("graph") and line.get("repairs")),
        )
        for line in lines
    ]


def task1_items(lines: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the graphs that the Task 1 parts stand for."""
    return [
        Item(str(line["id"]), task1.from_task1(line["task1"]).graph if line.get("task1") else None)
        for line in lines
    ]


def nearest_items(train: Sequence[Row], rows: Sequence[Row]) -> list[Item]:
    """Return the honest baseline: for each row the gold graph of the most similar training sentence."""
    index = Nearest([str(row.meta["question"]) for row in train])
    return [
        Item(row.id, penman.read(str(train[index(str(row.meta["question"]))].meta["graph"])).graph)
        for row in rows
    ]


def brief(pairs: Sequence[tuple[Item, Item]], mode: str, time_limit: float | None = None) -> dict[str, Any]:
    """Return the headline figures alone: for Task 1, baselines and the base model."""
    return headline(score_corpus([(pred.graph, gold.graph) for pred, gold in pairs], mode, time_limit))


def aspects(pairs: Sequence[tuple[Item, Item]], mode: str, time_limit: float | None = None) -> dict[str, Any]:
    """Return the headline figures of every fine-grained aspect: unlabelled, concepts, names, negation and the others."""
    from sft.smatch.aspects import score_aspects

    scores = score_aspects([(pred.graph, gold.graph) for pred, gold in pairs], mode, time_limit)
    return {name: headline(score) for name, score in scores.items()}


def compat(pairs: Sequence[tuple[Item, Item]]) -> dict[str, Any]:
    """Return what the original tool would count, with an exact search, and the faults in that count."""
    from sft.smatch.compat import faults, score_corpus_compat

    score = score_corpus_compat([(pred.graph, gold.graph) for pred, gold in pairs])
    return headline(score) | {"faults": list(faults())}
