"""Get a graph out of a model's answer, and say where it came from and what was repaired."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sft.amr.graph import Graph
from sft.amr.penman import Reading, read
from sft.amr.problems import Problem
from sft.amr.task1 import from_task1
from sft.amr.tokens import TOKEN

_WITH_VARIABLES = re.compile(r'\(\s*[^\s()/:"]+\s*/')


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
        """Tell whether any defect had to be mended (quirks that gold data has do not count)."""
        return any(problem.severity == "error" for problem in self.problems)


def extract_graph(raw: str, parts: Mapping[str, str]) -> Extracted:
    """Return the graph of an answer: the first of these that yields one.

    The ``task2`` or ``graph`` part; the first balanced graph with variables anywhere in `raw`; what begins at the
    first such bracket, repaired; the ``task1`` part, or a graph without variables in `raw`, with deterministic
    variables. Otherwise a graph of None: the caller counts it.
    """
    for name in ("task2", "graph"):
        part = parts.get(name, "")
        reading = _best(part) if _WITH_VARIABLES.search(part) else None
        if reading and reading.graph:
            return Extracted(reading.graph, name, reading.problems)
    balanced = _balanced(raw)
    if balanced:
        return Extracted(balanced.graph, "balanced", balanced.problems)
    start = _WITH_VARIABLES.search(raw)
    if start:
        reading = read(raw[start.start() :], raw.count("\n", 0, start.start()) + 1)
        if reading.graph:
            return Extracted(reading.graph, "repaired", reading.problems)
    for name, text in (("task1", parts.get("task1", "")), ("task1_raw", raw)):
        reading = from_task1(text)
        if reading.graph:
            return Extracted(reading.graph, name, reading.problems)
    return Extracted(None, "", reading.problems)


def _best(part: str) -> Reading | None:
    return _balanced(part) or read(part)


def _balanced(text: str) -> Reading | None:
    """Read the first balanced graph with variables."""
    for start, end in _spans(text):
        if _WITH_VARIABLES.match(text, start):
            return read(text[start:end], text.count("\n", 0, start) + 1)
    return None


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
