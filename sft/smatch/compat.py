"""The number the original `smatch` tool (1.0.4) would give with perfect search: its triples, its faults included.

Only for comparison with published scores. The original climbs hills from random starts, so its own figure lies at or
below this one and changes from run to run.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from sft.i18n import _
from sft.smatch.parallel import Sides, match_all
from sft.smatch.score import CorpusScore, summarise
from sft.smatch.triples import KEPT_OF, Edge, Plain, Triples

MODE = "smatch-compat"


def faults() -> tuple[str, ...]:
    """Return what this count does wrong on purpose, one line each."""
    return (
        _("a triple written twice counts twice, and matches once per copy on the other side"),
        _("a constant under an inverted role or :mod is dropped, so :mod 7 equals :mod 9"),
        _("a constant is compared by its first word only"),
        _("a quoted word that equals a variable is read as that variable"),
        _("the Unicode form of a text counts: NFC differs from NFD"),
    )


def score_corpus_compat(
    pairs: Iterable[tuple[Plain | None, Plain | None]],
    time_limit: float | None = None,
    progress: Callable[[int], None] | None = None,
    jobs: int = 1,
) -> CorpusScore:
    """Score (prediction, gold) pairs of flat graphs as the original counts; the mode of the result is ``smatch-compat``.

    Unlike the original, which stops at the first graph it cannot read, unparsable predictions count as zero.
    """
    sides: list[Sides] = []
    for pred, gold in pairs:
        ours, theirs = [None if plain is None else _Stock(*plain) for plain in (pred, gold)]
        most_ours, most_theirs = [1 if side is None else side.most for side in (ours, theirs)]
        sides.append((
            None if ours is None else ours.triples(most_ours, most_theirs, turned=False),
            None if theirs is None else theirs.triples(most_ours, most_theirs, turned=True),
        ))
    return summarise(match_all(sides, time_limit, progress, jobs), MODE)


class _Stock:
    """The triples the original tool makes of a graph, with how often each occurs."""

    def __init__(self, names: list[str], concepts: list[tuple[int, str]], edges: list[Edge]) -> None:
        self.names = names
        self.unary: Counter[tuple[str, int]] = Counter({("^", 0): 1})
        self.relations: Counter[tuple[str, int, int]] = Counter()
        index = {name: node for node, name in enumerate(names)}
        for node, concept in concepts:
            self.unary[f"/{_label(''.join(concept.split()))}", node] += 1
        for source, text, target in edges:
            self._add(source, text, target, index)
        self.most = max([*self.unary.values(), *self.relations.values()])

    def _add(self, source: int, text: str, target: int | str, index: dict[str, int]) -> None:
        if isinstance(target, str):
            word = (target.replace('"', "", 1).replace('"', "_") + " ").split(" ")[0]
            target = index.get(word, word)
        role, inverted = text, False
        if text.endswith("-of") and text not in KEPT_OF:
            role, inverted = text[:-3], True
        elif text == ":mod":
            role, inverted = ":domain", True
        role = _label(role)
        if isinstance(target, str):
            if not inverted:
                self.unary[f"{role} {_label(target)}", source] += 1
        elif source == target:
            self.unary[f"@{role}", source] += 1
        elif inverted:
            self.relations[role, target, source] += 1
        else:
            self.relations[role, source, target] += 1

    def triples(self, most_pred: int, most_gold: int, *, turned: bool) -> Triples:
        """Return the triples as a set in which m and n copies of one triple share m times n members.

        Copy a of the prediction and copy b of the gold become the member "a b", so that the set match is the
        product the original counts. `turned`: this is the gold side.
        """
        unary: dict[str, list[int]] = {}
        relations: dict[str, list[tuple[int, int]]] = {}
        for (key, node), count in self.unary.items():
            for member in _members(count, most_pred, most_gold, turned):
                unary.setdefault(key + member, []).append(node)
        for (role, i, k), count in self.relations.items():
            for member in _members(count, most_pred, most_gold, turned):
                relations.setdefault(role + member, []).append((i, k))
        side = Triples(self.names, unary, relations)
        side.size = self.unary.total() + self.relations.total()
        return side


def _members(count: int, most_pred: int, most_gold: int, turned: bool) -> list[str]:
    if most_pred == most_gold == 1:
        return [""]
    ours, theirs = (most_pred, count) if turned else (count, most_gold)
    return [f" {a} {b}" for a in range(ours) for b in range(theirs)]


def _label(text: str) -> str:
    return text.replace('"', "").lower().rstrip("_")
