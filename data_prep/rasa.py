"""Rasa NLU Markdown: intents as headings, utterances as list items.

    ## intent:hoi_gia
    - giá [trà sữa](mon:tra_sua) bao nhiêu

becomes ``text`` "giá trà sữa bao nhiêu" and ``intent`` "hoi_gia": the markup of spans is taken off. Other sections
(lookup, synonym, regex) hold no utterances and are passed over.
"""

import re
from collections.abc import Iterator

from data_prep._objects import row_id
from data_prep._source import Sample, Source, lines
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = False
_HEADING = re.compile(r"^##\s*(\w+)\s*:\s*(\S.*?)\s*$", re.MULTILINE)
_SPAN = re.compile(r"\[([^\[\]]+)\](?:\([^()]*\)|\{[^{}]*\})")


def looks_like(sample: Sample) -> bool:
    """Tell Rasa's Markdown by an intent heading."""
    return any(kind == "intent" for kind, _name in _HEADING.findall(sample.text))


def describe(sample: Sample) -> str:
    """Name the first intents."""
    names = list(dict.fromkeys(name for kind, name in _HEADING.findall(sample.text) if kind == "intent"))
    return _("intents: {names}").format(names=" · ".join(names[:8]) + (" …" if len(names) > 8 else ""))


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every utterance under an intent; a line that is neither item nor heading is refused as ``bad_line``."""
    kind = intent = ""
    number = 0
    for line_number, raw in lines(source):
        line = raw.strip()
        heading = _HEADING.match(line)
        if heading:
            kind, intent = heading.groups()
        if heading or not line or line.startswith("<!--") or kind not in {"intent", ""}:
            continue
        number += 1
        key, where = row_id(source, number), f"{source.path}:{line_number}"
        if line[:1] not in "-*+" or not kind:
            yield Reject(key, where, "bad_line", excerpt=line[:80])
        else:
            yield Record(key, where, {"text": _SPAN.sub(r"\1", line[1:]), "intent": intent})
