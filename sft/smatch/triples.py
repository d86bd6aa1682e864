"""Graphs as sets of triples, in the three conventions a score may follow.

`smatch` counts what the original tool counts, `amr` what the standard of smatchpp counts, `none` what is written.
Repaired in all three: a triple counts once; what is a variable is decided before quotes go; a quoted
constant is compared whole; a constant under an inverted role (or ``:mod``) counts; ``~e.3`` marks are ignored;
text is NFC.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from sft.amr.graph import Graph, Node, Ref
from sft.errors import SettingsError
from sft.i18n import _

MODES = ("smatch", "amr", "none")

Target = int | str
Edge = tuple[int, str, Target]
# variables, (node, concept) pairs, edges
Plain = tuple[list[str], list[tuple[int, str]], list[Edge]]
Triple = tuple[Target, str, Target]

_MARK = re.compile(r"~[A-Za-z]*\.?\d+(?:,\d+)*$")
_SPACE = re.compile(r"\s+")
KEPT_OF = (":prep-on-behalf-of", ":prep-out-of", ":consist-of")

# Frames that stand for one relation: concept -> (source role, target role, relation).
# From the reification table of the public AMR guidelines.
_FRAMES = {
    "accompany-01": (":arg1", ":arg0", ":accompanier"),
    "age-01": (":arg1", ":arg2", ":age"),
    "be-destined-for-91": (":arg1", ":arg2", ":destination"),
    "be-from-91": (":arg1", ":arg2", ":source"),
    "be-located-at-91": (":arg1", ":arg2", ":location"),
    "be-temporally-at-91": (":arg1", ":arg2", ":time"),
    "benefit-01": (":arg0", ":arg1", ":beneficiary"),
    "concern-02": (":arg0", ":arg1", ":topic"),
    "exemplify-01": (":arg1", ":arg0", ":example"),
    "last-01": (":arg1", ":arg2", ":duration"),
    "own-01": (":arg1", ":arg0", ":poss"),
} | {
    f"have-{name}-91": (":arg1", ":arg2", f":{name}")
    for name in (
        *("concession", "condition", "degree", "extent", "frequency", "instrument", "li", "manner", "mod"),
        *("name", "ord", "part", "polarity", "purpose", "quant", "subevent", "value"),
    )
}


class Triples:
    """One graph as sets, indexed for matching; nodes are numbered in text order, 0 is the top.

    `names` are the variables; `unary` maps a key (concept, attribute, root, self-loop) to the nodes that have it;
    `relations` maps a role to its (source, target) pairs; `fixed` are triples between constants; `size` counts all.
    """

    __slots__ = ("fixed", "names", "relations", "size", "unary")

    def __init__(
        self,
        names: list[str],
        unary: dict[str, list[int]],
        relations: dict[str, list[tuple[int, int]]],
        fixed: frozenset[str] = frozenset(),
    ) -> None:
        self.names = names
        self.unary = unary
        self.relations = relations
        self.fixed = fixed
        size = len(fixed)
        for key, nodes in unary.items():
            if len(nodes) > 1:
                unary[key] = nodes = list(dict.fromkeys(nodes))
            size += len(nodes)
        for role, pairs in relations.items():
            if len(pairs) > 1:
                relations[role] = pairs = list(dict.fromkeys(pairs))
            size += len(pairs)
        self.size = size


def triples(graph: Graph, mode: str = "smatch") -> Triples:
    """Return the triples of `graph` in convention `mode`. Raises `SettingsError` for an unknown mode.

    >>> from sft.amr.graph import Const, Graph, Node
    >>> t = triples(Graph(Node("m", "mở", ((":agent", Node("ô", "ông")), (":polarity", Const("-"))))))
    >>> t.size, t.relations
    (5, {':agent': [(0, 1)]})
    """
    return Convention(mode).triples(*flatten(graph))


def flatten(graph: Graph) -> Plain:
    """Number the nodes of `graph` in text order; return variables, (node, concept) pairs, and the edges node by node."""
    index: dict[str, int] = {}
    nodes = list(graph.nodes())
    for node in nodes:
        index.setdefault(node.var, len(index))
    edges: list[Edge] = []
    for node in nodes:
        source = index[node.var]
        for role, child in node.children:
            if isinstance(child, Node):
                edges.append((source, role, index[child.var]))
            elif isinstance(child, Ref):
                edges.append((source, role, index.get(child.var, child.var)))
            else:
                edges.append((source, role, child.text))
    return list(index), [(index[node.var], node.concept) for node in nodes], edges


def canonical(plain: Plain) -> Plain:
    """Return a graph with the canonical spelling of concepts and constants (`sft.amr.variables.canonical`).

    What is spelled so already comes back as the same object.

    >>> canonical((["x"], [(0, "xe đạp")], [(0, ":mod", "3")]))
    (['x'], [(0, 'xe_đạp')], [(0, ':mod', '3')])
    """
    from sft.amr.variables import spell, spell_constant

    names, concepts, edges = plain
    new = [(node, _spelled(text, spell)) for node, text in concepts]
    linked = [(s, role, _spelled(t, spell_constant) if isinstance(t, str) else t) for s, role, t in edges]
    return plain if new == concepts and linked == edges else (names, new, linked)


def _spelled(text: str, spell: Callable[[str], str]) -> str:
    return text if text.isascii() and " " not in text and "_" not in text else spell(text)


class Convention:
    """One counting convention; remembers how each role, concept and constant is standardised."""

    def __init__(self, mode: str) -> None:
        if mode not in MODES:
            raise SettingsError(
                _("unknown triple convention {mode!r}").format(mode=mode),
                hint=_("use one of: {names}").format(names=", ".join(MODES)),
            )
        self.mode = mode
        self._roles: dict[str, tuple[str, bool]] = {}
        self._concepts: dict[str, str] = {}
        self._constants: dict[str, str] = {}

    def triples(
        self, names: list[str], concepts: Iterable[tuple[int, str]], edges: Iterable[Edge]
    ) -> Triples:
        """Return the triples of a graph given as variables, (node, concept) pairs and edges."""
        labelled = [(node, self.concept(text)) for node, text in concepts]
        oriented = list(self.orient(edges))
        fixed: frozenset[str] = frozenset()
        top = "^"
        if self.mode == "amr":
            top = "^" + labelled[0][1][1:]
            links = dereified(labelled, oriented)
            if links:
                labelled = [(node, key) for node, key in labelled if node not in links]
                oriented = [edge for edge in oriented if edge[0] not in links] + list(links.values())
        unary: dict[str, list[int]] = {top: [0]}
        relations: dict[str, list[tuple[int, int]]] = {}
        for node, key in labelled:
            unary.setdefault(key, []).append(node)
        for source, role, target in oriented:
            if isinstance(target, int):
                if isinstance(source, str):
                    unary.setdefault(f"<{role} {source}", []).append(target)
                elif source == target:
                    unary.setdefault(f"@{role}", []).append(source)
                else:
                    relations.setdefault(role, []).append((source, target))
            elif isinstance(source, int):
                unary.setdefault(f"{role} {target}", []).append(source)
            else:
                fixed |= {f"{source} {role} {target}"}
        return Triples(names, unary, relations, fixed)

    def orient(self, edges: Iterable[Edge]) -> Iterator[Triple]:
        """Yield the triple each edge counts as, in the order of `edges`."""
        roles, constants = self._roles, self._constants
        for source, text, target in edges:
            role, inverted = roles.get(text) or self._role(text)
            if isinstance(target, str):
                target = constants.get(target) or self._constant(target)
            if inverted:
                yield target, role, source
            else:
                yield source, role, target

    def _role(self, text: str) -> tuple[str, bool]:
        role, inverted = _clean(text), False
        if self.mode == "smatch":
            if role.endswith("-of") and role not in KEPT_OF:
                role, inverted = role[:-3], True
            elif role == ":mod":
                role, inverted = ":domain", True
            role = role.lower().rstrip("_")
        elif self.mode == "amr":
            role = _unquoted(role.lower())
            role = {":domain": ":mod-of", ":domain-of": ":mod"}.get(role, role)
            while role.endswith("-of"):
                role, inverted = role[:-3], not inverted
        self._roles[text] = (role, inverted)
        return role, inverted

    def concept(self, text: str) -> str:
        """Return the key of a concept: ``/`` and what it is compared as."""
        key = self._concepts.get(text)
        if key is None:
            concept = _clean(text)
            if self.mode == "smatch":
                concept = _SPACE.sub("", concept).replace('"', "").lower().rstrip("_")
            elif self.mode == "amr":
                concept = _unquoted(concept.lower())
            key = self._concepts[text] = "/" + concept
        return key

    def _constant(self, text: str) -> str:
        value = _clean(text)
        if self.mode == "smatch":
            value = value.replace('"', "").lower().rstrip("_")
        elif self.mode == "amr":
            value = _unquoted(value.lower())
        self._constants[text] = value
        return value


def _clean(text: str) -> str:
    """Drop an alignment mark, make white space single and the text NFC."""
    if "~" in text:
        text = _MARK.sub("", text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return _SPACE.sub(" ", text)


def _unquoted(text: str) -> str:
    return text.replace('"', "").replace("'", "")


def dereified(labelled: Iterable[tuple[int, str]], oriented: Iterable[Triple]) -> dict[int, Triple]:
    """Return the nodes that only link two ends, each with the one relation that stands for it."""
    frames = {node: _FRAMES[key[1:]] for node, key in labelled if node and key[1:] in _FRAMES}
    if not frames:
        return {}
    oriented = list(oriented)
    for _source, _role, target in oriented:
        if isinstance(target, int):
            frames.pop(target, None)
    outgoing: dict[Target, list[tuple[str, Target]]] = {node: [] for node in frames}
    for source, role, target in oriented:
        if source in outgoing:
            outgoing[source].append((role, target))
    links: dict[int, Triple] = {}
    for node, (first, second, relation) in frames.items():
        ends = dict(outgoing[node])
        if len(outgoing[node]) == 2 and first in ends and second in ends:
            links[node] = (ends[first], relation, ends[second])
    return links
