"""Everything that is odd in a file of graphs: each defect and quirk of each record, and what records are to each other."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sft.amr.graph import Graph
from sft.amr.penman import read_block, rename_variables, to_penman
from sft.amr.problems import Problem
from sft.amr.sources import Source, Sources, sources
from sft.i18n import _
from sft.records import Severity
from sft.text import mojibake

RANK: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: its place (from 1), the number and id of its record, and the source line it stands on."""

    kind: str
    severity: Severity
    message: str
    line: int
    column: int
    graph: int
    id: str = ""
    source: str = ""

    def caret(self, width: int = 110) -> str:
        """Return the source line with a ``^`` under the place; of a long line what stands around it.

        >>> print(Found("missing_target", "error", "", 7, 31, 1, source="(c / cá :mod (t / to :degree ))").caret(20))
         / to :degree ))
                       ^
        """
        start = max(0, self.column - 1 - width * 3 // 4) if len(self.source) > width else 0
        at = Problem(self.kind, 1, self.column - start, self.message, "error")
        return at.caret(self.source[start : start + width])

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        names = ("kind", "severity", "message", "line", "column", "graph", "id")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Check:
    """What was found in a text of so many records, in the order of the text."""

    graphs: int
    found: tuple[Found, ...]

    def counts(self) -> dict[str, int]:
        """Return how often each kind was found: errors first, then the most frequent."""
        severity = {found.kind: RANK[found.severity] for found in self.found}
        counted = Counter(found.kind for found in self.found)
        return dict(sorted(counted.items(), key=lambda item: (severity[item[0]], -item[1], item[0])))

    def only(self, severity: Severity) -> "Check":
        """Return the findings that are at least as severe."""
        kept = tuple(found for found in self.found if RANK[found.severity] <= RANK[severity])
        return replace(self, found=kept)


def check(text: str) -> Check:
    r"""Return every finding in a text of graphs, none left out; nothing is repaired.

    Errors are what the strict reader refuses, warnings are quirks that are read with one declared meaning and ids
    that occur twice, an info is a sentence that has different graphs. Raises `DataError` when there is no record.

    >>> done = check("#::snt nó đi .\n(đ / đi :agent (n / nó)\n\n#::snt xe đạp\n(x / xe đạp)\n")
    >>> [(found.line, found.column, found.severity, found.kind) for found in done.found]
    [(2, 24, 'error', 'missing_bracket'), (5, 2, 'warning', 'space_in_concept')]
    """
    given = sources(text)
    found = list(_misread(text, given))
    ids: dict[str, int] = {}
    sentences: dict[str, tuple[int, str]] = {}
    for record in given.records:
        reading = read_block(record.block, None)
        if not record.block.body:
            message = _("a header without a graph")
            found.append(_found("header_without_graph", "error", message, given, record))
        else:
            found += placed(reading.problems, given, record)
        number = record.block.number
        if record.id and ids.setdefault(record.id, number) != number:
            message = _("id {id!r} is that of graph {n} too").format(id=record.id, n=ids[record.id])
            found.append(_found("duplicate_id", "warning", message, given, record))
        sentence = " ".join(record.block.metadata.get("snt", "").split())
        if sentence and reading.graph:
            shape = _shape(reading.graph)
            first, other = sentences.setdefault(sentence, (number, shape))
            if other != shape:
                message = _("the sentence of graph {n} with another graph").format(n=first)
                found.append(_found("repeated_sentence", "info", message, given, record))
    return Check(len(given.records), tuple(sorted(found, key=lambda each: (each.line, each.column))))


def placed(problems: Iterable[Problem], given: Sources, record: Source) -> list[Found]:
    """Return the problems of a record with their source lines, each line taken once: a broken one may be long."""
    lines: dict[int, str] = {}
    found = []
    for problem in problems:
        if problem.line not in lines:
            lines[problem.line] = given.shown(problem.line)
        place = (problem.line, problem.column, record.block.number, record.id)
        found.append(Found(problem.kind, problem.severity, problem.message, *place, lines[problem.line]))
    return found


def _found(kind: str, severity: Severity, message: str, given: Sources, record: Source) -> Found:
    block = record.block
    return Found(kind, severity, message, block.line, 1, block.number, record.id, given.shown(block.line))


def _shape(graph: Graph) -> str:
    """Return what two graphs share that differ in the names of variables and in layout only."""
    return to_penman(rename_variables(graph))


def _misread(text: str, given: Sources) -> Iterator[Found]:
    """Yield each line that looks like UTF-8 which was read as something else and saved."""
    if not mojibake(text):
        return
    starts = {record.block.line: record for record in given.records}
    record = given.records[0]
    for number, line in enumerate(given.lines, 1):
        record = starts.get(number, record)
        piece = mojibake(line)
        if piece:
            message = _("garbled letters {text!r}: the text was saved in a wrong encoding").format(text=piece)
            place = (number, line.index(piece) + 1, record.block.number, record.id)
            yield Found("mojibake", "warning", message, *place, line.rstrip())
