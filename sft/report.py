"""Predicted and gold graphs → an exact Smatch that can be defended: views, Task 1, baselines, interval, signature."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sft.baselines import Nearest
from sft.records import Row
from sft.smatch.intervals import SAMPLES, bootstrap, compare
from sft.smatch.items import Item, item, sides
from sft.smatch.parallel import Sides, match_all
from sft.smatch.score import CorpusScore, PairScore, signature, summarise
from sft.smatch.triples import Convention, canonical, flatten

if TYPE_CHECKING:
    from sft.amr.problems import Problem

Told = Callable[[int], None]
Pairs = Sequence[tuple[Item, Item]]


@dataclass(frozen=True, slots=True)
class Scored:
    """A score as `sft smatch` reports it (`value`) with the pairs it is made of and the match of each."""

    value: dict[str, Any]
    pairs: Pairs
    matches: tuple[PairScore, ...]


def score(
    pairs: Pairs,
    mode: str,
    *,
    time_limit: float | None = None,
    told: Told | None = None,
    align: str = "order",
    **extra: Any,
) -> Scored:
    """Score aligned pairs: as read (the headline), strictly (a repaired prediction counts as unparsable), canonical.

    The keys of the headline are those of ``sft smatch --json``. `align` says how the pairs were made, ``order`` or
    ``id``; it goes into the signature, as does `extra`.
    """
    convention = Convention(mode)
    main = summarise(match_all(sides(pairs, convention), time_limit, told, jobs=0), mode)
    strict = [
        PairScore(0, 0, done.gold, 0, 0, True, "unparsable") if pred.repaired else done
        for (pred, _gold), done in zip(pairs, main.pairs, strict=True)
    ]
    proven = main.proven == main.n
    value = {
        **headline(main),
        "interval95": list(bootstrap(main.pairs)),
        "repaired": sum(pred.repaired for pred, _gold in pairs),
        "gold_repaired": sum(gold.repaired for _pred, gold in pairs),
        "gold_unparsable": sum(gold.plain is None for _pred, gold in pairs),
        "unparsable_at": [pred.where or pred.id for pred, _gold in pairs if pred.plain is None],
        "gold_unparsable_at": [gold.where or gold.id for _pred, gold in pairs if gold.plain is None],
        "strict": headline(summarise(strict, mode)),
        "canonical": headline(_canonical(pairs, main, convention, time_limit)),
        "signature": signature(mode, main.n, proven=proven, text="as-read", align=align, **extra),
    }
    return Scored(value, pairs, main.pairs)


def _canonical(
    pairs: Pairs, main: CorpusScore, convention: Convention, time_limit: float | None
) -> CorpusScore:
    """Score the canonical spelling of both sides; pairs that are spelled so already keep their match."""
    matches = list(main.pairs)
    changed: list[Sides] = []
    numbers = []
    for number, (pred, gold) in enumerate(pairs):
        ours, theirs = pred.plain and canonical(pred.plain), gold.plain and canonical(gold.plain)
        if ours is not pred.plain or theirs is not gold.plain:
            numbers.append(number)
            changed.append((ours and convention.triples(*ours), theirs and convention.triples(*theirs)))
    for number, match in zip(numbers, match_all(changed, time_limit, jobs=0), strict=True):
        matches[number] = match
    return summarise(matches, main.mode)


def table(scored: Scored) -> list[dict[str, Any]]:
    """Return one row a pair, in file order: what ``sft smatch --pairs`` prints and a run's score file keeps."""
    return [
        {"id": gold.id or str(number), "f1": match.f1, "precision": match.precision, "recall": match.recall,
         "matched": match.matched, "upper": match.upper, "pred": match.pred, "gold": match.gold,
         "parsed": pred.plain is not None, "repaired": pred.repaired, "proven": match.proven}
        for number, ((pred, gold), match) in enumerate(zip(scored.pairs, scored.matches, strict=True), 1)
    ]  # fmt: skip


def html(scored: Scored, answers: "Sequence[tuple[str, Sequence[Problem]]]" = ()) -> str:
    """Return the page that shows every pair; `answers` are what a model wrote and what is wrong with it, when it did."""
    from sft.amr import penman
    from sft.smatch import page

    def side(item: Item, number: int, told: "Sequence[tuple[str, Sequence[Problem]]]" = ()) -> page.Side:
        reading = penman.read(item.text, item.line)
        text, problems = told[number] if told else (item.text, reading.problems)
        return page.Side(reading.graph, text, tuple(problems), item.repaired, item.line, item.where)

    pairs = [
        page.Pair(
            gold.id or str(number + 1),
            gold.sentence or pred.sentence,
            side(pred, number, answers),
            side(gold, number),
            match,
        )
        for number, ((pred, gold), match) in enumerate(zip(scored.pairs, scored.matches, strict=True))
    ]
    return page.render(scored.value, pairs)


def paired(a: Scored, b: Scored) -> dict[str, Any]:
    """Return how system A differs from B on the same gold: F1, its 95 % interval, p-value, and pairs won."""
    found = compare(a.matches, b.matches)
    better = sum(x.f1 > y.f1 for x, y in zip(a.matches, b.matches, strict=True))
    worse = sum(x.f1 < y.f1 for x, y in zip(a.matches, b.matches, strict=True))
    return {
        "f1": found.f1,
        "interval95": list(found.interval),
        "p": found.p,
        "better": better,
        "worse": worse,
        "equal": len(a.matches) - better - worse,
        "test": f"approximate randomisation, {SAMPLES} samples, seed 0",
        "samples": SAMPLES,
    }


def headline(score: CorpusScore) -> dict[str, Any]:
    """Return the figures of one corpus score."""
    return {
        "f1": score.f1,
        "precision": score.precision,
        "recall": score.recall,
        "macro_precision": score.macro_precision,
        "macro_recall": score.macro_recall,
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
    return [_gold(row, row) for row in rows]


def _gold(row: Row, source: Row) -> Item:
    """Return the gold graph of `source` under the id and sentence of `row`."""
    sentence = f"# ::snt {row.meta['sentence']}"
    return item(str(source.meta["graph"]), row.id, where=str(source.meta["where"]), header=sentence)


def predicted_items(lines: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the graphs of a prediction file's rows."""
    return [
        item(line.get("graph") or "", str(line["id"]), repaired=bool(line.get("repairs"))) for line in lines
    ]


def task1_items(lines: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the graphs that the Task 1 parts stand for."""
    from sft.amr.task1 import from_task1

    read = [from_task1(line.get("task1") or "").graph for line in lines]
    return [
        Item(str(line["id"]), None if graph is None else flatten(graph))
        for line, graph in zip(lines, read, strict=True)
    ]


def nearest_items(train: Sequence[Row], rows: Sequence[Row]) -> list[Item]:
    """Return the honest baseline: for each row the gold graph of the most similar training sentence."""
    index = Nearest([str(row.meta["question"]) for row in train])
    return [_gold(row, train[index(str(row.meta["question"]))]) for row in rows]


def brief(pairs: Pairs, mode: str, time_limit: float | None = None) -> dict[str, Any]:
    """Return the headline figures alone: for Task 1, baselines and the base model."""
    return headline(summarise(match_all(sides(pairs, Convention(mode)), time_limit, jobs=0), mode))


def aspects(pairs: Pairs, mode: str, time_limit: float | None = None) -> dict[str, Any]:
    """Return the headline figures of every fine-grained aspect: unlabelled, concepts, names, negation and the others."""
    from sft.smatch.aspects import score_aspects

    scores = score_aspects(sides(pairs, Convention(mode)), mode, time_limit)
    return {name: headline(score) for name, score in scores.items()}


def compat(pairs: Pairs, time_limit: float | None = None) -> dict[str, Any]:
    """Return what the original tool would count, with an exact search, and the faults in that count."""
    from sft.smatch.compat import faults, score_corpus_compat

    score = score_corpus_compat([(pred.plain, gold.plain) for pred, gold in pairs], time_limit)
    return headline(score) | {"faults": list(faults())}
