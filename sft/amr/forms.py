"""One file of graphs in another form: PENMAN on one line or indented, Task 1, canonical spelling, JSON triples.

One record in is one record out, in the same order and with its header lines; a record without a graph keeps its
header and its text.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sft.amr.checks import Found, placed
from sft.amr.graph import Const, Graph
from sft.amr.lines import Entry, read_lines, write_line
from sft.amr.penman import blocks, canonical, read_block, to_penman
from sft.amr.sources import Source, Sources, sources
from sft.amr.task1 import from_task1, to_task1
from sft.amr.variables import leaves, rename_variables, written
from sft.errors import DataError, SettingsError
from sft.i18n import _
from sft.records import Severity

FORMS: dict[str, Callable[[Graph], str]] = {
    "oneline": to_penman,
    "penman": lambda graph: to_penman(graph, 4),
    "task1": to_task1,
    "canonical": lambda graph: to_penman(canonical(graph), 4),
    "triples": to_penman,  # not called: a line of JSON holds the header too
}
SOURCES = ("penman", "task1", "triples")
_VARIABLE_FIRST = re.compile(r"\(\s*[^\s()/:\"]*\s*/")


@dataclass(frozen=True, slots=True)
class Converted:
    """The text in its new form, the form it was read in, and what the reader met.

    `found` lists every defect (repaired), every quirk, and what was renamed; `without` are the places of records
    that hold no graph.
    """

    text: str
    source: str
    graphs: int
    found: tuple[Found, ...]
    without: tuple[Found, ...]

    def counts(self, severity: str) -> dict[str, int]:
        """Return how often each kind of this severity was met, the most frequent first."""
        counted = Counter(found.kind for found in self.found if found.severity == severity)
        return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def convert(text: str, to: str, source: str = "", where: str = "") -> Converted:
    r"""Return the records of `text` in the form `to`: oneline, penman, task1, canonical or triples.

    `source` is penman, task1 or triples; without it the text tells. `where` names the file. Broken records are read
    by the tolerant reader. Raises `DataError` when there is no record or a line of triples is malformed,
    `SettingsError` for another form.

    >>> print(convert("#::snt mèo ngủ .\n(n / ngủ :agent (m / mèo))", "task1").text)
    #::snt mèo ngủ .
    (ngủ :agent (mèo))
    <BLANKLINE>
    """
    for name, names in ((to, tuple(FORMS)), (source or "penman", SOURCES)):
        if name not in names:
            raise SettingsError(
                _("unknown form {name!r}").format(name=name),
                hint=_("one of: {names}").format(names=", ".join(names)),
            )
    source = source or detect(text)
    found: list[Found] = []
    without: list[Found] = []
    if source == "triples":
        entries = read_lines(text, where)
        without = [_at(each, "no_graph", "error", _("no graph")) for each in entries if not each.graph]
    else:
        entries = list(_read(sources(text), source, found, without))
    if to == "triples":
        made = "".join(map(write_line, entries))
    else:
        entries = entries if to == "task1" else [_apart(each, found) for each in entries]
        made = assemble(entries, lambda entry: FORMS[to](entry.graph) if entry.graph else entry.text)
        if source == "triples" and [block.number for block in blocks(made)][-1:] != [len(entries)]:
            raise DataError(
                _("a comment or text of these lines begins a record of its own"),
                where=where,
                hint=_("give each record its own line"),
            )
    return Converted(made, source, len(entries), tuple(found), tuple(without))


def detect(text: str) -> str:
    """Return the form that `text` is written in: triples when it begins with a brace, else by most of its graphs.

    >>> detect("(n / ngủ)"), detect("(ngủ :agent (mèo))"), detect('{"top": "n", "triples": []}')
    ('penman', 'task1', 'triples')
    """
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        return "triples"
    bodies = [record.block.body for record in sources(text).records]
    starts = [body[at:] for body in bodies if (at := body.find("(")) >= 0]
    return "penman" if 2 * sum(map(bool, map(_VARIABLE_FIRST.match, starts))) >= len(starts) else "task1"


def _read(given: Sources, form: str, found: list[Found], without: list[Found]) -> Iterator[Entry]:
    for record in given.records:
        block = record.block
        reading = (
            read_block(block, None) if form == "penman" else from_task1(block.body, block.body_line, None)
        )
        met = placed(reading.problems, given, record)
        if reading.graph:
            found += met
        else:
            without += [each for each in met if each.kind == "no_graph"]
        last = record is given.records[-1]
        yield entry_of(record, reading.graph, given.after if last else ())


def entry_of(record: Source, graph: Graph | None, after: tuple[str, ...] = ()) -> Entry:
    """Return a record with a graph; without one it keeps its words."""
    block = record.block
    text = "" if graph else record.words
    return Entry(block.number, block.line, block.metadata, record.header, graph, text, record.before, after)


def _at(entry: Entry, kind: str, severity: Severity, message: str) -> Found:
    return Found(kind, severity, message, entry.line, 1, entry.number, entry.id)


def _apart(entry: Entry, found: list[Found]) -> Entry:
    """Rename the variables when a constant is spelt like one: in text it would become a reference."""
    if entry.graph is None:
        return entry
    variables = {node.var for node in entry.graph.nodes()}
    same = [
        leaf.text
        for leaf in leaves(entry.graph)
        if isinstance(leaf, Const) and written(leaf.text) in variables
    ]
    if not same:
        return entry
    message = _("constant {text!r} is spelt like a variable: variables renamed").format(text=same[0])
    found.append(_at(entry, "variables_renamed", "warning", message))
    return entry.with_graph(rename_variables(entry.graph))


def assemble(entries: Sequence[Entry], words: Callable[[Entry], str]) -> str:
    """Return the records as text, a blank line between them; each is read as one record again.

    `words` gives what stands under the header lines of a record.
    """
    parts: list[str] = []
    bare = False  # a header without a graph would take the graph of a record without header
    for entry in entries:
        body = words(entry)
        header = list(entry.header)
        if not entry.metadata and (bare or entry.graph is None):
            header.append("# ::snt")
        bare = not body
        parts += ["\n".join(entry.before)] if entry.before else []
        parts.append("\n".join([*header, *([body] if body else [])]))
    parts += ["\n".join(entries[-1].after)] if entries and entries[-1].after else []
    return "".join(f"{part}\n\n" for part in parts).removesuffix("\n")
