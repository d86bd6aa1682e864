"""Rasa NLU Markdown: intents as headings, utterances as list items.

    ## intent:hoi_gia
    - giá [trà sữa](mon:tra_sua) bao nhiêu

becomes ``text`` "giá trà sữa bao nhiêu" and ``intent`` "hoi_gia": the markup of spans is taken off. The sections lookup,
synonym and regex hold no utterances and are passed over, as are comments; lines of any other section are refused.
"""

import re
from collections.abc import Iterator

from data_prep._objects import row_id
from data_prep._source import Sample, Source, lines
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = False
_NO_UTTERANCES = frozenset({"lookup", "synonym", "regex"})
_HEADING = re.compile(r"^##[ \t]*(\w+)[ \t]*:[ \t]*(\S.*?)\s*$", re.MULTILINE)
_SPAN = re.compile(r"\[([^\[\]]+)\](?:\([^()]*\)|\{[^{}]*\})")


def looks_like(sample: Sample) -> bool:
    """Tell Rasa's Markdown by an intent heading."""
    return bool(_intents(sample.text))


def describe(sample: Sample) -> str:
    """Name the first intents."""
    names = list(dict.fromkeys(_intents(sample.text)))
    return _("intents: {names}").format(names=" · ".join(names[:8]) + (" …" if len(names) > 8 else ""))


def _intents(text: str) -> list[str]:
    return [name for kind, name in _HEADING.findall(text) if kind.lower() == "intent"]


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every utterance under an intent; a line that is neither item nor heading is refused as ``bad_line``."""
    kind = intent = ""
    number = 0
    for line_number, line in _uncommented(lines(source)):
        heading = _HEADING.match(line)
        if heading:
            kind, intent = heading[1].lower(), heading[2]
        elif line.startswith("##") and not line.startswith("###"):
            kind = ""  # what follows a heading that does not read is not of the intent before
        if heading or kind in _NO_UTTERANCES:
            continue
        number += 1
        key, where = row_id(source, number), f"{source.path}:{line_number}"
        if line[:1] not in "-*+" or kind != "intent":
            yield Reject(key, where, "bad_line", excerpt=line[:80])
        else:
            yield Record(key, where, {"text": _SPAN.sub(r"\1", line[1:]), "intent": intent})


def _uncommented(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither blank nor in a comment, stripped; the first of a comment that never ends as well."""
    opened: tuple[int, str] | None = None
    for number, raw in numbered:
        line = raw.strip()
        if opened or line.startswith("<!--"):
            opened = opened or (number, line)
            _inside, closed, line = line.partition("-->")
            if not closed:
                continue
            opened, line = None, line.strip()
        if line:
            yield number, line
    if opened:
        yield opened
