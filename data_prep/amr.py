"""AMR graphs in PENMAN, with either header style.

    #::snt bé thả diều trên đê .
    (t / thả
        :agent(b / bé)
        :patient(d / diều))

or ``# ::id …`` and ``# ::snt …`` with a space. Graphs stay text here; whether one is well-formed is told later, where
a fault can be named. A block without ``::snt`` is refused as ``no_sentence``, one without a graph as ``no_graph``.
"""

import re
from collections.abc import Iterator

from data_prep._objects import row_id
from data_prep._source import Sample, Source, read_all
from sft.amr.penman import blocks
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = False
_HEADER = re.compile(r"^#\s*::([\w-]+)", re.MULTILINE)
_GRAPH = re.compile(r"^\(\s*[^\s()/]+\s*/", re.MULTILINE)


def looks_like(sample: Sample) -> bool:
    """Tell AMR by a ``# ::key`` line, or by a first line that opens a graph."""
    return bool(_HEADER.search(sample.text) or _GRAPH.match(sample.text.lstrip()))


def describe(sample: Sample) -> str:
    """Name the header lines found."""
    keys = list(dict.fromkeys(_HEADER.findall(sample.text)))
    return _("header lines: {keys}").format(keys=" · ".join(f"::{key}" for key in keys) or _("none"))


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every block as ``sentence`` and ``graph``; an id that stands twice gets the block's number."""
    seen: set[str] = set()
    for block in blocks(read_all(source)):
        where = f"{source.path}:{block.line}"
        key = block.metadata.get("id", "")
        if not key or key in seen:
            key = row_id(source, block.number)
        seen.add(key)
        sentence = block.metadata.get("snt", "").strip()
        if not block.body.strip():
            yield Reject(key, where, "no_graph", excerpt=sentence)  # whole: it is what `sft predict` asks for
        elif not sentence:
            yield Reject(key, where, "no_sentence", excerpt=block.body.strip().split("\n")[0][:80])
        else:
            yield Record(key, where, {"sentence": sentence, "graph": block.body})
