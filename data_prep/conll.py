r"""Blocks of one token a line with its tag, in the manner of CoNLL; the intent may stand alone on the last line.

    đi	O
    huế	B-noi_den
    đặt_vé

A blank line ends a block. Token and tag are separated by a tab or blanks; of more columns the first and the last count.
Fields: ``text`` (the tokens), ``slots`` (their tags) and, where there is one, ``label``. A block with another line in it is
refused as ``bad_block``.
"""

import itertools
import re
from collections.abc import Iterator, Sequence

from data_prep._objects import row_id
from data_prep._source import Sample, Source, lines, split
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = False
_TAG = re.compile(r"(?:O|[BIESLU]-\S+)\Z")
_BREAK = "-DOCSTART-"
_LOOK = 10  # blocks looked at


def looks_like(sample: Sample) -> bool:
    """Tell such blocks by their first lines: a token and a tag each."""
    first = sample.text.lstrip().split("\n", 1)[0]
    if sample.binary or first[:1] in {"", "{", "[", "#"} or len(first) > 200:
        return False
    found = [block for _line, block in itertools.islice(_blocks(split(sample.text)), _LOOK)]
    good = sum(_read(block) is not None for block in found[: None if sample.whole else -1])
    return good * 2 > len(found) or (good > 0 and len(found) <= 2)


def describe(sample: Sample) -> str:
    """Say whether the blocks end with an intent."""
    found = next(filter(None, (_read(block) for _line, block in _blocks(split(sample.text)))), {})
    return _("a token and its tag a line, {last}").format(
        last=_("the intent last") if "label" in found else _("no intent")
    )


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a block."""
    number = 0
    for line, block in _blocks(lines(source)):
        if block[0].startswith(_BREAK) and len(block) == 1:
            continue
        number += 1
        key, where = row_id(source, number), f"{source.path}:{line}"
        fields = _read(block)
        yield (
            Record(key, where, fields)
            if fields
            else Reject(key, where, "bad_block", excerpt=" | ".join(block)[:80])
        )


def _blocks(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(first line number, lines)`` of each run of lines that are not blank."""
    for filled, group in itertools.groupby(numbered, lambda pair: bool(pair[1].strip())):
        if filled:
            pairs = list(group)
            yield pairs[0][0], [text.strip() for _number, text in pairs]


def _read(block: Sequence[str]) -> dict[str, str] | None:
    """Return the fields of a block, None when one of its lines is neither token and tag nor the intent."""
    rows = [line.split("\t") if "\t" in line else line.split() for line in block]
    label = rows.pop()[0] if len(rows) > 1 and len(rows[-1]) == 1 else ""
    if not all(len(row) > 1 and row[0].strip() and _TAG.match(row[-1].strip()) for row in rows):
        return None
    fields = {
        "text": " ".join(row[0].strip() for row in rows),
        "slots": " ".join(row[-1].strip() for row in rows),
    }
    return fields | ({"label": label} if label else {})
