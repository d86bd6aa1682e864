"""Records as JSON lines: the header values, the top and the triples of one graph a line.

    {"id": "a.1", "snt": "mèo ngủ .", "top": "n", "triples": [["n", ":instance", "ngủ"], …]}

Header lines that are not written ``# ::key value`` one by one are kept in ``header``, comments that stand alone in
``before`` and ``after``, the words of a record without a graph in ``text``. A header that no longer says what the
values say is made anew from these.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sft.amr.graph import Graph
from sft.amr.penman import header as values_of
from sft.amr.penman import parse, to_penman
from sft.amr.triples import from_triples, to_triples
from sft.errors import DataError, GraphError, raise_all
from sft.i18n import _

_COMMENT = re.compile("#[^\n]*")
_OWN = ("top", "triples", "header", "before", "after", "text")


@dataclass(frozen=True, slots=True)
class Entry:
    """One record on its way from one form to another; `text` are the words of a record without a graph."""

    number: int
    line: int
    metadata: Mapping[str, str]
    header: tuple[str, ...]
    graph: Graph | None
    text: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return the ``::id`` of the record, '' without one."""
        return self.metadata.get("id", "")

    def with_graph(self, graph: Graph) -> "Entry":
        """Return the record with another graph."""
        return replace(self, graph=graph)


def write_line(entry: Entry) -> str:
    """Return the record as one line of JSON, line end included."""
    values = {key: value for key, value in entry.metadata.items() if key not in _OWN}
    graph = entry.graph
    value: dict[str, Any] = dict(values)
    value |= {"top": graph.root.var if graph else None, "triples": to_triples(graph) if graph else []}
    value |= {"header": list(entry.header)} if entry.header != _plain(values) else {}
    for name in ("before", "after"):
        value |= {name: list(getattr(entry, name))} if getattr(entry, name) else {}
    value |= {"text": entry.text} if entry.text else {}
    return json.dumps(value, ensure_ascii=False) + "\n"


def read_lines(text: str, where: str = "") -> list[Entry]:
    """Return the records of JSON lines, those of the file `where`. Raises `DataError` naming every line that is none."""
    entries: list[Entry] = []
    faults: list[DataError | GraphError] = []
    for line, content in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        known = len(faults)
        if content.strip():
            try:
                entries.append(_entry(len(entries) + 1, line, json.loads(content)))
            except json.JSONDecodeError as error:
                faults.append(_fault(_("not JSON: {reason}").format(reason=error.msg)))
            except (DataError, GraphError) as error:
                faults.append(error)
            if len(faults) > known:
                faults[-1].where = f"{where}:{line}" if where else _("line {line}").format(line=line)
    raise_all(_("{n} lines are no graphs"), *faults)
    if not entries:
        raise DataError(_("the file is empty"), hint=_("each line must be one JSON object"))
    return entries


def _fault(message: str) -> DataError:
    return DataError(message, hint=_("each line must be one JSON object"))


def _entry(number: int, line: int, value: Any) -> Entry:
    if not isinstance(value, dict) or not isinstance(value.get("triples"), list):
        raise _fault(_("no object with a list of triples"))
    values = {}
    for key, given in value.items():
        if key not in _OWN:
            if not isinstance(given, str | int | float) or isinstance(given, bool):
                raise _fault(_("the value of {key!r} is no text").format(key=key))
            values[key] = str(given).strip()
    header = _header(_strings(value, "header"), values)
    graph = _graph(value) if value["triples"] else None
    words = value.get("text", "")
    if not isinstance(words, str):
        raise _fault(_("the value of {key!r} is no text").format(key="text"))
    before, after = (_strings(value, name) for name in ("before", "after"))
    return Entry(number, line, _values(header), header, graph, "" if graph else words, before, after)


def _graph(value: Mapping[str, Any]) -> Graph:
    """Return the graph of a line. Raises `GraphError` when its words cannot stand in PENMAN text."""
    top = value.get("top") or ""
    if not isinstance(top, str):
        raise GraphError(_("the value of {key!r} is no text").format(key="top"))
    graph = from_triples(value["triples"], top)
    text = to_penman(graph)
    try:
        same = to_penman(parse(text)) == text
    except GraphError:
        same = False
    if not same:
        raise GraphError(
            _("a variable, role or word of this graph cannot be written in PENMAN: {text}").format(
                text=text[:80]
            ),
            hint=_("blanks, brackets and slashes stand in quoted constants only"),
        )
    return graph


def _header(lines: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the header lines: those given while they say what the values say, else lines made from the values."""
    said = {key: value for key, value in _values(lines).items() if key not in _OWN}
    if lines and said == values:
        return lines
    made = _plain(values)
    if _values(made) != values or not all(map(_COMMENT.fullmatch, made)):
        raise _fault(_("a key or value of this record cannot stand in a header line"))
    return made


def _plain(values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"# ::{key} {value}".rstrip() for key, value in values.items())


def _values(lines: Sequence[str]) -> dict[str, str]:
    return {key: value for each in lines for key, value in values_of(each).items()}


def _strings(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = value.get(name, [])
    blank = name != "header"  # between comments that stand alone
    fits = isinstance(given, list) and all(
        isinstance(each, str) and (_COMMENT.fullmatch(each) or (blank and not each)) for each in given
    )
    if not fits:
        raise _fault(_("the value of {key!r} is no list of lines that begin with #").format(key=name))
    return tuple(given)
