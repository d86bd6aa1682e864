"""Repair a file of graphs: what the tolerant reader makes of a broken record takes its place, all else stays."""

from collections import Counter
from dataclasses import dataclass

from sft.amr.checks import Found, placed
from sft.amr.graph import Graph
from sft.amr.penman import read, read_block, to_penman
from sft.amr.sources import Source, sources

QUIRKS = frozenset({"missing_variable", "space_in_concept", "space_in_constant"})
_INDENT = 4


@dataclass(frozen=True, slots=True)
class Repair:
    """One record that was rewritten, the line of its graph, and everything that was mended in it."""

    graph: int
    id: str
    line: int
    mended: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """The mended text of so many records, what was done, and the places of the records that hold no graph at all.

    Those are kept as they are. `joined` counts the records whose blanks inside words had to become ``_`` to be read.
    """

    text: str
    graphs: int
    repairs: tuple[Repair, ...]
    without: tuple[Found, ...]
    joined: int = 0

    def counts(self) -> dict[str, int]:
        """Return how often each kind was mended, the most frequent first."""
        counted = Counter(found.kind for repair in self.repairs for found in repair.mended)
        return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def fix(text: str, *, quirks: bool = False) -> Fixed:
    r"""Return `text` with every broken record repaired; the others stay as they are, to the byte.

    A repaired record holds the graph that the tolerant reader sees, on one line or indented as it was, with its
    comment lines before it. With `quirks` records with missing variables or blanks inside words are rewritten too,
    with a variable and ``_``. Raises `DataError` when there is no record.

    >>> print(fix("#::snt nó đi .\n(đ / đi :agent (n / nó)\n\n(x / xe đạp)").text)
    #::snt nó đi .
    (đ / đi :agent (n / nó))
    <BLANKLINE>
    (x / xe đạp)
    """
    given = sources(text)
    lines: list[str] = []
    repairs: list[Repair] = []
    without: list[Found] = []
    done = joined = 0
    for record in given.records:
        reading = read_block(record.block, None)
        wanted = frozenset({"missing_variable"}) | (QUIRKS if quirks else frozenset())
        found = placed(reading.problems, given, record)
        broken = any(each.severity == "error" or (quirks and each.kind in QUIRKS) for each in found)
        if reading.graph is None:
            without += [each for each in found if each.kind == "no_graph"]
        elif broken:
            start, end = record.body
            written, kept = _written(reading.graph, record, "_" if quirks else " ")
            joined += not kept
            lines += [*given.lines[done:start], *_in_place(given.lines[start:end], written)]
            done = end
            mended = tuple(each for each in found if each.severity == "error" or each.kind in wanted)
            repairs.append(Repair(record.block.number, record.id, record.block.body_line, mended))
    lines += given.lines[done:]
    return Fixed(given.newline.join(lines), len(given.records), tuple(repairs), tuple(without), joined)


def _written(graph: Graph, record: Source, blank: str) -> tuple[list[str], bool]:
    """Return the lines of the graph, and whether blanks inside words are as wanted: some are read only as ``_``."""
    indent = _INDENT if "\n" in record.block.body else None
    text = to_penman(graph, indent, blank)
    again = read(text)
    same = again.graph is not None and to_penman(again.graph, indent, blank) == text
    if same and not any(problem.severity == "error" for problem in again.problems):
        return text.split("\n"), True
    return to_penman(graph, indent).split("\n"), False


def _in_place(old: tuple[str, ...], new: list[str]) -> list[str]:
    """Return the lines that take the place of `old`: its comments first, then `new`, with the line ends of `old`."""
    comments = [line for line in old if line.strip().startswith("#")]
    first, last = (line[len(line.rstrip("\r")) :] for line in (old[0], old[-1]))
    return [*comments, *(line + first for line in new[:-1]), new[-1] + last]
