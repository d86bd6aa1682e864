"""Get a graph out of a model's answer, and say where it came from and what was repaired."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sft.amr.graph import Graph
from sft.amr.penman import read
from sft.amr.problems import Problem
from sft.amr.task1 import from_task1
from sft.amr.tokens import TOKEN

_WITH_VARIABLES = re.compile(r'\(\s*[^\s()/:"]+\s*/')
_WITHOUT_VARIABLES = re.compile(r"\([^():]+:[A-Za-z][\w-]*\s*[^\s:)]")


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
    first such bracket, repaired; the ``task1`` part, or any text that is a graph without variables, with
    deterministic variables. Otherwise a graph of None: the caller counts it.
    """
    wanted = [(name, parts[name]) for name in ("task2", "graph") if name in parts]
    for name, part in wanted:
        span = _first_span(part) or _first_start(part)
        if span:
            return _extracted(name, part, span[0], len(part))
    span = _first_span(raw)
    if span:
        # What goes on with a bracket or a role closed early: then the rest is a defect to report.
        closed = raw[span[1] :].lstrip()[:1] not in (")", ":")
        return _extracted("balanced", raw, span[0], span[1] if closed else len(raw))
    span = _first_start(raw)
    if span:
        return _extracted("repaired", raw, *span)
    for name, text in (("task1", parts.get("task1", "")), *wanted, ("", raw)):
        if name == "task1" or text.startswith("(") or _WITHOUT_VARIABLES.search(text):
            reading = from_task1(text)
            if reading.graph:
                return Extracted(reading.graph, name if name == "task1" else "task1_raw", reading.problems)
    return Extracted(None, "", read(raw).problems)


def _extracted(source: str, text: str, start: int, end: int) -> Extracted:
    reading = read(text[start:end], text.count("\n", 0, start) + 1)
    return Extracted(reading.graph, source, reading.problems)


def _first_span(text: str) -> tuple[int, int] | None:
    """Return the first balanced graph with variables."""
    return next((span for span in _spans(text) if _WITH_VARIABLES.match(text, span[0])), None)


def _first_start(text: str) -> tuple[int, int] | None:
    found = _WITH_VARIABLES.search(text)
    return (found.start(), len(text)) if found else None


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
