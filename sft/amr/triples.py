"""A graph as a list of triples in text order, from which the tree comes back as it was.

A node gives ``[variable, ":instance", concept]``, then for each child ``[variable, role, target]``, followed at once by
the triples of that child when the child is written out there. So a target whose `:instance` triple comes next is a
node, any other target that is a variable is a reference, all else is a constant as written, quotes included. A
constant that is spelt like a variable of the graph is ``{"constant": text}``.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sft.amr.graph import Child, Const, Graph, Node, Ref
from sft.errors import GraphError
from sft.i18n import _

Triple = tuple[str, str, str | dict[str, str]]
INSTANCE = ":instance"
_KEPT_OF = (":part-of", ":consist-of", ":prep-on-behalf-of", ":prep-out-of")  # these are no inverses


def to_triples(graph: Graph) -> list[Triple]:
    """Return the triples of `graph`; the first is that of its top.

    >>> from sft.amr.penman import parse
    >>> to_triples(parse("(m / mở :agent (ô / ông :poss m) :polarity -)"))[1:]
    [('m', ':agent', 'ô'), ('ô', ':instance', 'ông'), ('ô', ':poss', 'm'), ('m', ':polarity', '-')]
    """
    variables = {node.var for node in graph.nodes()}
    found: list[Triple] = []
    stack: list[Node | Triple] = [graph.root]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple):
            found.append(item)
            continue
        found.append((item.var, INSTANCE, item.concept))
        for role, child in reversed(item.children):
            if isinstance(child, Node):
                stack.extend((child, (item.var, role, child.var)))
            else:
                stack.append((item.var, role, _target(child, variables)))
    return found


def _target(leaf: Ref | Const, variables: set[str]) -> str | dict[str, str]:
    if isinstance(leaf, Ref) and leaf.var in variables:
        return leaf.var
    text = leaf.var if isinstance(leaf, Ref) else leaf.text
    return {"constant": text} if text in variables else text


def from_triples(triples: Sequence[Any], top: str = "") -> Graph:
    """Return the graph of triples in any order; without `top` the source of the first is the top.

    A colon may be missing before a role, numbers may stand for constants. What can be reached only against a relation
    is written with the inverse role. Raises `GraphError` naming every triple that is none, or what hangs loose.

    >>> from sft.amr.penman import to_penman
    >>> to_penman(from_triples([["m", "instance", "mở"], ["c", "instance", "cửa"], ["m", "theme", "c"]]))
    '(m / mở :theme (c / cửa))'
    """
    rows = [_row(number, triple) for number, triple in enumerate(triples, 1)]
    faults = [row for row in rows if isinstance(row, GraphError)]
    if faults:
        raise faults[0] if len(faults) == 1 else GraphError(_("no triples"), parts=tuple(faults))
    return _Planner([row for row in rows if isinstance(row, _Row)], top).graph()


@dataclass(frozen=True, slots=True)
class _Row:
    source: str
    role: str
    target: str
    constant: bool = False


def _row(number: int, triple: Any) -> _Row | GraphError:
    """Return one triple, or what is wrong with it."""
    wrong = GraphError(
        _("triple {n} is no [source, role, target]: {value!r}").format(n=number, value=triple),
        hint=_("three texts; a constant may be a number or an object with the key constant"),
    )
    if not isinstance(triple, list | tuple) or len(triple) != 3:
        return wrong
    source, role, target = triple
    if not (isinstance(source, str) and isinstance(role, str) and source and role.strip(":")):
        return wrong
    role = role if role.startswith(":") else f":{role}"
    if isinstance(target, dict) and list(target) == ["constant"] and isinstance(target["constant"], str):
        return _Row(source, role, target["constant"], constant=True) if target["constant"] else wrong
    if isinstance(target, int | float) and not isinstance(target, bool):
        return _Row(source, role, str(target))
    return _Row(source, role, target) if isinstance(target, str) and target else wrong


@dataclass(slots=True)
class _Planner:
    """Decide where each node is written out, then write the tree."""

    rows: list[_Row]
    top: str
    concepts: dict[str, str] = field(default_factory=dict)
    homes: dict[str, tuple[int, bool]] = field(
        default_factory=dict
    )  # node -> its row, and whether turned round

    def graph(self) -> Graph:
        self._names()
        self._settle()
        edges: dict[str, list[tuple[int, str, str]]] = {name: [] for name in self.concepts}
        for number, row in enumerate(self.rows):
            if row.role != INSTANCE and self.homes.get(row.source) != (number, True):
                edges[row.source].append((number, row.role, row.target))
        for name, (number, turned) in self.homes.items():
            if turned:
                row = self.rows[number]
                edges[row.target].append((number, _inverse(row.role), name))
        order, stack = [], [self.top]
        while stack:
            name = stack.pop()
            order.append(name)
            edges[name].sort(key=lambda edge: edge[0])
            stack += [target for number, _role, target in reversed(edges[name]) if self._here(number, target)]
        nodes: dict[str, Node] = {}
        for name in reversed(order):
            children = tuple(
                (role, self._child(number, target, nodes)) for number, role, target in edges[name]
            )
            nodes[name] = Node(name, self.concepts[name], children)
        return Graph(nodes[self.top])

    def _here(self, number: int, target: str) -> bool:
        return self.homes.get(target, (-1, False))[0] == number and not self.rows[number].constant

    def _child(self, number: int, target: str, nodes: dict[str, Node]) -> Child:
        if self._here(number, target):
            return nodes[target]
        return Ref(target) if target in self.concepts and not self.rows[number].constant else Const(target)

    def _names(self) -> None:
        """Collect the concepts; refuse a variable with two or none, and a top that is none."""
        named = [row for row in self.rows if row.role == INSTANCE]
        self.concepts = {row.source: row.target for row in named}
        twice = [name for name, count in Counter(row.source for row in named).items() if count > 1]
        self.top = self.top or (self.rows[0].source if self.rows else "")
        without = [
            name for name in (self.top, *(row.source for row in self.rows)) if name not in self.concepts
        ]
        for message, names in (
            (_("variables with two :instance triples: {names}"), twice),
            (_("variables without an :instance triple: {names}"), without),
        ):
            if names:
                raise GraphError(
                    message.format(names=", ".join(dict.fromkeys(names))),
                    hint=_("each variable has one triple [variable, ':instance', concept]"),
                )

    def _settle(self) -> None:
        """Give each node but the top the row at which it is written out."""
        placed = {self.top}
        leading: dict[str, list[int]] = {name: [] for name in self.concepts}
        for number, row in enumerate(self.rows):
            if row.role == INSTANCE or row.constant or row.target not in self.concepts:
                continue
            leading[row.source].append(number)
            after = self.rows[number + 1] if number + 1 < len(self.rows) else row
            next_is_node = after.role == INSTANCE and after.source == row.target
            if next_is_node and row.source in placed and row.target not in placed:
                self._place(row.target, number, placed)
        waiting = deque(name for name in self.concepts if name in placed)
        while True:
            while waiting:
                for number in leading[waiting.popleft()]:
                    target = self.rows[number].target
                    if target not in placed:
                        self._place(target, number, placed)
                        waiting.append(target)
            open_rows = (number for name in self.concepts if name not in placed for number in leading[name])
            turned = next((number for number in open_rows if self.rows[number].target in placed), -1)
            if turned < 0:
                break
            name = self.rows[turned].source
            self.homes[name] = (turned, True)
            placed.add(name)
            waiting.append(name)
        loose = [name for name in self.concepts if name not in placed]
        if loose:
            raise GraphError(
                _("nothing connects these variables to the top: {names}").format(names=", ".join(loose)),
                hint=_("one graph is one connected record"),
            )

    def _place(self, name: str, number: int, placed: set[str]) -> None:
        self.homes[name] = (number, False)
        placed.add(name)


def _inverse(role: str) -> str:
    return role[:-3] if role.endswith("-of") and role not in _KEPT_OF else f"{role}-of"
