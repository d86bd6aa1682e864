"""Read and write PENMAN: records of a file, one tolerant reader, a strict one on top of it, and the printer.

`read` never raises: it returns the graph it could make out and a `Problem` for every defect and quirk; `parse` is
`read` that refuses defects. Both use one lexer (`sft.amr.tokens`); clean text takes a short cut through it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sft.amr.frames import FRAMES, misspelt
from sft.amr.graph import Const, Graph, Node, Ref
from sft.amr.problems import PER_KIND, Log, Problem
from sft.amr.settle import settle
from sft.amr.tokens import TOKEN, blank_comments, is_plain, is_plain_role, is_variable_like
from sft.amr.tree import plant
from sft.amr.variables import canonical, rename_variables, spaced
from sft.errors import GraphError
from sft.i18n import _

__all__ = [
    "Block", "Problem", "Reading", "blocks", "canonical", "parse", "read", "read_block", "rename_variables",
    "to_penman",
]  # fmt: skip
_LONG = 100_000  # no sentence has a graph of this size; its words would only fill the caches
_KEY = re.compile(r"(?:^|\s)::([A-Za-z][\w-]*)(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What came out of a text: the graph, or None when there is none, and everything odd about it."""

    graph: Graph | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """One record of a file: header values, the text of the graph ('' when missing), its number from 1.

    `line` is where the record starts, `body_line` where `body` starts.
    """

    line: int
    metadata: Mapping[str, str]
    body: str
    number: int
    body_line: int


def blocks(text: str) -> Iterator[Block]:
    r"""Yield the records of a file: runs of lines between lines that are blank after strip.

    A header line is ``#::snt …`` or ``# ::id … ::snt …``. A header with `snt` or `id` and no graph is a record with
    an empty body; other comment blocks are none. A header separated from its graph by a blank line still owns it.

    >>> [(b.line, b.metadata.get("snt"), b.body) for b in blocks("#::snt nó ngủ .\r\n(n / ngủ)\r\n\t\r\n#::snt ơ\n")]
    [(1, 'nó ngủ .', '(n / ngủ)'), (4, 'ơ', '')]
    """
    number = 0
    for record in _joined(_records(text)):
        if record.lines or not record.metadata.keys().isdisjoint(("snt", "id")):
            number += 1
            body = "\n".join(record.lines).rstrip()
            yield Block(record.line, record.metadata, body, number, record.body_line or record.line)


@dataclass(slots=True)
class _Record:
    line: int
    metadata: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    body_line: int = 0

    def add(self, line: str, number: int) -> None:
        if not self.lines:
            self.body_line = number
        # Lines that were skipped (comments, blank ones) keep their place, so that positions stay true.
        self.lines.extend([""] * (number - self.body_line - len(self.lines)))
        self.lines.append(line)


def _records(text: str) -> Iterator[_Record]:
    if "\n" not in text and "\r" in text:
        text = text.replace("\r", "\n")
    record: _Record | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip().removeprefix("\ufeff")
        if not line:
            if record:
                yield record
            record = None
            continue
        values = header(line) if line.startswith("#") else {}
        starts = {"snt", "id"} & values.keys()
        if record and starts and (record.lines or starts & record.metadata.keys()):
            yield record
            record = None
        record = record or _Record(number)
        record.metadata.update(values)
        if not line.startswith("#"):
            record.add(raw.rstrip().removeprefix("\ufeff"), number)
    if record:
        yield record


def _joined(records: Iterator[_Record]) -> Iterator[_Record]:
    """Give a body without header to the header before it, when that has no graph or the body continues one."""
    last: _Record | None = None
    for record in records:
        orphan = bool(last and last.metadata and record.lines and not record.metadata)
        if last and orphan and (not last.lines or not record.lines[0].lstrip().startswith("(")):
            for offset, line in enumerate(record.lines):
                last.add(line, record.body_line + offset)
            continue
        if last:
            yield last
        last = record
    if last:
        yield last


def header(line: str) -> dict[str, str]:
    """Return the ``::key value`` pairs of a comment line.

    >>> header("# ::id a.1 ::date 2012 ::preferred")
    {'id': 'a.1', 'date': '2012', 'preferred': ''}
    """
    text = line.lstrip("#")
    keys = list(_KEY.finditer(text))
    ends = [*(key.start() for key in keys), len(text)][1:]
    return {key[1]: text[key.end() : end].strip() for key, end in zip(keys, ends, strict=False)}


def read(body: str, line: int = 1, limit: int | None = PER_KIND) -> Reading:
    """Return the first graph of `body` and every problem; `line` is the file line on which `body` begins.

    At most `limit` problems of a kind are listed, with None all of them.

    Never raises, whatever the text. Policy: the graph starts at the first bracket and ends where that closes;
    missing brackets are closed at the end; the first definition of a variable keeps it, a later one is renamed, or
    is a reference when it repeats the concept and has no children; stray text is dropped.
    """
    text = blank_comments(body)
    root = _clean(text) if len(text) < _LONG else None
    if root is not None:
        return Reading(Graph(root, {}, line))
    log = Log(limit)
    draft = plant(text, log)
    if draft is None:
        log.add("no_graph", 0)
        return Reading(None, log.problems(body, line))
    root = settle(draft, log)
    return Reading(Graph(root, {}, line), log.problems(body, line))


def _clean(text: str) -> Node | None:
    """Read text that has no problem at all; None when anything is out of the ordinary."""
    tokens = TOKEN.findall(text)
    variables = {token[2] for token in tokens}
    done: Node | None = None
    stack: list[tuple[str, str, str, list[tuple[str, Node | Ref | Const]]]] = []
    children: list[tuple[str, Node | Ref | Const]] = []
    seen = 0
    for role, bracket, var, _slash, concept, atom, closing in tokens:
        if bracket:
            if not (var and is_plain(concept) and concept and var[0].isalpha() and is_plain(var)) or misspelt(
                concept
            ):
                return None
            if (not is_plain_role(role) or role[1:] in FRAMES) if stack else (role or done):
                return None
            seen += 1
            stack.append((role, var, concept, children))
            children = []
        elif atom:
            if not stack or not is_plain_role(role) or role[1:] in FRAMES or not is_plain(atom):
                return None
            if atom in variables:
                children.append((role, Ref(atom)))
            elif is_variable_like(atom):
                return None
            else:
                children.append((role, Const(atom)))
        elif closing:
            if role or not stack:
                return None
            role, var, concept, siblings = stack.pop()
            if role == ":wiki" and children:
                return None
            node = Node(var, concept, tuple(children))
            if stack:
                siblings.append((role, node))
                children = siblings
            else:
                done = node
        elif role:
            return None
    return done if not stack and seen == len(variables) - ("" in variables) else None


def read_block(block: Block, limit: int | None = PER_KIND) -> Reading:
    """Read a record: as `read`, with the header values and the record's line in the graph."""
    reading = read(block.body, block.body_line, limit)
    if reading.graph is None:
        return reading
    return Reading(Graph(reading.graph.root, block.metadata, block.line), reading.problems)


def parse(body: str, line: int = 1, where: str = "") -> Graph:
    """Return the graph of `body`; the first line of `body` is line `line` of the file `where`.

    Raises `GraphError` naming every defect (in `parts`, when there are several); quirks of gold data pass.
    """
    reading = read(body, line)
    errors = tuple(
        GraphError(
            problem.message,
            where=f"{where}:{problem.line}" if where else _("line {line}").format(line=problem.line),
            hint=_("mend column {column}, or let the tolerant reader repair it").format(
                column=problem.column
            ),
        )
        for problem in reading.problems
        if problem.severity == "error"
    )
    if len(errors) == 1:
        raise errors[0]
    if errors or reading.graph is None:
        raise GraphError(
            _("graph does not parse: {n} problems").format(n=len(errors)), where=errors[0].where, parts=errors
        )
    return reading.graph


def to_penman(graph: Graph, indent: int | None = None, blank: str = "_") -> str:
    """Return the graph as PENMAN, on one line or with `indent` blanks a level; blanks in concepts become `blank`.

    >>> print(to_penman(parse("(m / mang :agent(c / chị) :time tối)"), indent=4))
    (m / mang
        :agent (c / chị)
        :time tối)
    """
    out: list[str] = []
    stack: list[str | tuple[Node, int]] = [(graph.root, 1)]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        node, depth = item
        out.append(f"({node.var} / {spaced(node.concept, blank)}")
        stack.append(")")
        lead = " " if indent is None else "\n" + " " * (indent * depth)
        for role, child in reversed(node.children):
            if isinstance(child, Node):
                stack.extend(((child, depth + 1), f"{lead}{role} "))
            else:
                stack.append(
                    f"{lead}{role} {child.var if isinstance(child, Ref) else spaced(child.text, blank)}"
                )
    return "".join(out)
