"""Get a graph out of a model's answer, and say where it came from and what was repaired."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sft.amr.graph import Child, Const, Graph, Node, Ref
from sft.amr.penman import read
from sft.amr.problems import Log, Problem
from sft.amr.task1 import from_task1
from sft.amr.tokens import TOKEN
from sft.amr.variables import leaves

_WITH_VARIABLES = re.compile(r'\(\s*[^\s()/:"]+\s*/')
_WITHOUT_VARIABLES = re.compile(r"\([^():]+:[A-Za-z][\w-]*\s*[^\s:)]")
_ALONE = re.compile(r"\s*\([^():]+\)?\s*")
_ANYTHING = re.compile(r"\([^()]")
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_NUMBER_NODE = re.compile(rf":(?:quant|value)\s*\(\s*\S+\s*/\s*{_NUMBER.pattern}\s*\)")


@dataclass(frozen=True, slots=True)
class Extracted:
    """A graph or None, the step that gave it, and the problems found on the way.

    `source` is the name of the part (``task2``, ``graph``, ``task1``), ``balanced`` or ``repaired`` when it was found
    in the raw text, ``task1_raw`` when that held only a graph without variables, and '' without a graph.
    """

    graph: Graph | None
    source: str
    problems: tuple[Problem, ...] = ()

    @property
    def repaired(self) -> bool:
        """Tell whether anything was mended (quirks that gold data has do not count)."""
        return any(problem.repaired for problem in self.problems)


def extract_graph(raw: str, parts: Mapping[str, str]) -> Extracted:
    """Return the graph of an answer: the first of these that yields one.

    The ``task2`` or ``graph`` part; the first balanced graph with variables anywhere in `raw`; what begins at the
    first such bracket, repaired; the ``task1`` part, or any text that is a graph without variables, with
    deterministic variables. Otherwise a graph of None: the caller counts it.

    ``:quant (x / 25)`` becomes ``:quant 25`` (also ``:value``): in the VLSP gold 443 of 444 such numbers are
    constants, and on 150 outputs of a 3B model this alone gave .493 → .503 F1.
    """
    wanted = {name: parts[name] for name in ("task2", "graph") if name in parts}
    for name, text in {**wanted, "": raw}.items():
        place = _place(text, _WITH_VARIABLES)
        source = name or ("balanced" if place and place.balanced else "repaired")
        found = _mended(source, text, place.start, len(text) if name else place.end) if place else None
        if found:
            return found
    for name, text in {"task1": parts.get("task1", ""), **wanted, "": raw}.items():
        place = _place(text, _WITHOUT_VARIABLES)
        if place is None and (name == "task1" or _ALONE.fullmatch(text)):
            place = _place(text, _ANYTHING)
        reading = from_task1(text[place.start : place.end], _line(text, place.start)) if place else None
        if reading and reading.graph:
            return Extracted(reading.graph, name if name == "task1" else "task1_raw", reading.problems)
    log = Log()
    log.add("no_graph", 0)
    return Extracted(None, "", log.problems(raw, 1))


def _mended(source: str, text: str, start: int, end: int) -> Extracted | None:
    line = _line(text, start)
    reading = read(text[start:end], line)
    if reading.graph is None:
        return None
    graph, count = _numbers_as_constants(reading.graph)
    log = Log()
    if count:
        first = _NUMBER_NODE.search(text, start, end)
        log.add("number_as_node", first.start() - start if first else 0, n=count)
    return Extracted(graph, source, reading.problems + log.problems(text[start:end], line))


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _numbers_as_constants(graph: Graph) -> tuple[Graph, int]:
    """Return the graph with childless number nodes under a quantity role as constants, and how many there were."""
    referred = {leaf.var for leaf in leaves(graph) if isinstance(leaf, Ref)}
    count = 0

    def number(role: str, node: Node) -> bool:
        plain = not node.children and node.var not in referred
        return plain and role in (":quant", ":value") and _NUMBER.fullmatch(node.concept) is not None

    done: list[Node] = []
    for node in reversed(list(graph.nodes())):
        children: list[tuple[str, Child]] = []
        for role, child in node.children:
            new: Child = done.pop() if isinstance(child, Node) else child
            if isinstance(new, Node) and number(role, new):
                new = Const(new.concept)
                count += 1
            children.append((role, new))
        done.append(Node(node.var, node.concept, tuple(children)))
    return (Graph(done.pop(), graph.metadata, graph.line) if count else graph), count


@dataclass(frozen=True, slots=True)
class _Place:
    start: int
    end: int
    balanced: bool


def _place(text: str, pattern: "re.Pattern[str]") -> _Place | None:
    """Return where the first balanced graph that begins like `pattern` stands, else where the first one begins."""
    span = next((span for span in _spans(text) if pattern.match(text, span[0])), None)
    if span:
        # What goes on with a bracket or a role closed early: then the rest is a defect to report.
        early = text[span[1] :].lstrip()[:1] in (")", ":")
        return _Place(span[0], len(text) if early else span[1], True)
    found = pattern.search(text)
    return _Place(found.start(), len(text), False) if found else None


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the outermost balanced bracket pairs, as the lexer sees brackets: not those inside quotes."""
    depth = start = 0
    for match in TOKEN.finditer(text):
        if match[2]:
            start = start if depth else match.start(2)
            depth += 1
        elif match[7] and depth:
            depth -= 1
            if depth == 0:
                yield start, match.end(7)
