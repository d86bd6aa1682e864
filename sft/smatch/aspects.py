"""Fine-grained scores: the same exact match on a part of the triples, or a comparison of bags.

Matched by Smatch: `unlabelled` (all roles alike), `no_senses` (``mở-01`` is ``mở``), `reentrancies` (relations into
nodes with several), `roles` (participants: ``:ARG0``, ``:agent`` …). Compared as bags, without a mapping: `concepts`,
`named_entities` (type and name), `negation` (what is negated), `wiki` (links). After Damonte et al. (2017), with the
thematic roles of Vietnamese AMR and names written as nodes.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from sft.smatch.parallel import Sides, match_all
from sft.smatch.score import CorpusScore, PairScore, summarise
from sft.smatch.triples import Triples

_SENSE = re.compile(r"-\d+$")
_PARTICIPANT = re.compile(
    r":(?:arg\d+|(?:co-)?(?:agent|theme|patient|pivot|topic|goal|source|beneficiary|recipient|experiencer|stimulus"
    r"|result|product|attribute|asset|instrument)(?:-arg\d+)?)$",
    re.IGNORECASE,
)
_OP = re.compile(r":op(\d+)$", re.IGNORECASE)

Bag = Counter[tuple[str, ...]]


def score_aspects(
    sides: Sequence[Sides], mode: str = "smatch", time_limit: float | None = None
) -> dict[str, CorpusScore]:
    """Score (prediction, gold) triples on every aspect; one absent from both sides has n pairs and no triples.

    `mode` is the convention the triples follow.
    """
    result = {}
    for name, part in _PARTS.items():
        cut = [(a and part(a), b and part(b)) for a, b in sides]
        result[name] = summarise(match_all(cut, time_limit, jobs=0), mode)
    for name, bag in _BAGS.items():
        bags = [(None if a is None else bag(a), None if b is None else bag(b)) for a, b in sides]
        result[name] = summarise([_overlap(pred, gold) for pred, gold in bags], mode)
    return {name: result[name] for name in ASPECTS}


def _overlap(pred: Bag | None, gold: Bag | None) -> PairScore:
    ours, theirs = pred or Counter(), gold or Counter()
    matched = (ours & theirs).total()
    stage = "bag" if pred is not None and gold is not None else "unparsable" if pred is None else "no gold"
    return PairScore(matched, ours.total(), theirs.total(), matched, matched, True, stage)


def _unlabelled(side: Triples) -> Triples:
    """Give every relation and attribute one role."""
    unary: dict[str, list[int]] = {}
    for key, nodes in side.unary.items():
        if key[0] in ":<@":
            role, _, value = key.partition(" ")
            key = f"{role[: role.index(':') + 1]} {value}"
        unary.setdefault(key, []).extend(nodes)
    pairs = [pair for pairs in side.relations.values() for pair in pairs]
    return Triples(side.names, unary, {":": pairs} if pairs else {}, side.fixed)


def _no_senses(side: Triples) -> Triples:
    """Drop the sense number of every concept."""
    unary: dict[str, list[int]] = {}
    for key, nodes in side.unary.items():
        unary.setdefault(_SENSE.sub("", key) if key[0] in "/^" else key, []).extend(nodes)
    return Triples(side.names, unary, dict(side.relations), side.fixed)


def _reentrancies(side: Triples) -> Triples:
    """Keep the relations into nodes that several lead to, with the concepts of their ends."""
    arrivals = Counter(target for pairs in side.relations.values() for _source, target in pairs)
    return _cut(side, lambda _role, target: arrivals[target] > 1)


def _roles(side: Triples) -> Triples:
    """Keep the relations to participants, with the concepts of their ends."""
    return _cut(side, lambda role, _target: _PARTICIPANT.match(role) is not None)


def _cut(side: Triples, keep: Callable[[str, int], bool]) -> Triples:
    relations: dict[str, list[tuple[int, int]]] = {}
    for role, pairs in side.relations.items():
        kept = [(source, target) for source, target in pairs if keep(role, target)]
        if kept:
            relations[role] = kept
    ends = {node for pairs in relations.values() for pair in pairs for node in pair}
    unary: dict[str, list[int]] = {}
    for key, nodes in side.unary.items():
        kept_nodes = [node for node in nodes if node in ends]
        if key[0] == "/" and kept_nodes:
            unary[key] = kept_nodes
    return Triples(side.names, unary, relations)


def _labels(side: Triples) -> dict[int, str]:
    """Return the concept of every node."""
    return {node: key[1:] for key, nodes in side.unary.items() if key[0] == "/" for node in nodes}


def _concepts(side: Triples) -> Bag:
    return Counter((key,) for key, nodes in side.unary.items() if key[0] == "/" for _node in nodes)


def _negation(side: Triples) -> Bag:
    labels = _labels(side)
    return Counter((labels.get(node, ""),) for node in side.unary.get(":polarity -", ()))


def _values(side: Triples, wanted: Callable[[str], object]) -> dict[int, list[tuple[str, str]]]:
    """Return the (role, constant or concept) pairs of every node for the roles wanted."""
    labels = _labels(side)
    values: dict[int, list[tuple[str, str]]] = {}
    for key, nodes in side.unary.items():
        role, _, value = key.partition(" ")
        if key[0] == ":" and wanted(role):
            for node in nodes:
                values.setdefault(node, []).append((role, value))
    for role, pairs in side.relations.items():
        if wanted(role):
            for source, target in pairs:
                values.setdefault(source, []).append((role, labels.get(target, "")))
    return values


def _wiki(side: Triples) -> Bag:
    linked = _values(side, lambda role: role == ":wiki")
    return Counter((value,) for values in linked.values() for _role, value in values)


def _named_entities(side: Triples) -> Bag:
    labels, parts = _labels(side), _values(side, _OP.match)
    bag: Bag = Counter()
    for source, target in side.relations.get(":name", ()):
        words = sorted((int(role[3:]), value) for role, value in parts.get(target, ()))
        bag[labels.get(source, ""), " ".join([value for _number, value in words])] += 1
    return bag


_PARTS: dict[str, Callable[[Triples], Triples]] = {
    "unlabelled": _unlabelled,
    "no_senses": _no_senses,
    "reentrancies": _reentrancies,
    "roles": _roles,
}
_BAGS: dict[str, Callable[[Triples], Bag]] = {
    "concepts": _concepts,
    "named_entities": _named_entities,
    "negation": _negation,
    "wiki": _wiki,
}
ASPECTS = (
    "unlabelled",
    "no_senses",
    "concepts",
    "named_entities",
    "negation",
    "reentrancies",
    "roles",
    "wiki",
)
