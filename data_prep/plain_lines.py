"""Plain text, one sentence a line, in the field ``text``: test input without answers.

    trời hôm nay đẹp quá .
    con mèo ngủ trên mái nhà .

Any text has lines, so this is never found by looking: ask for it with ``--format plain_lines``.
"""

from collections.abc import Iterator

from data_prep._objects import row_id
from data_prep._source import Sample, Source, lines
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = True


def looks_like(sample: Sample) -> bool:
    """Claim nothing."""
    return False


def describe(sample: Sample) -> str:
    """Say what a line is."""
    return _("one sentence a line")


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield every line that is not blank."""
    filled = ((line_number, line) for line_number, line in lines(source) if line.strip())
    for number, (line_number, line) in enumerate(filled, 1):
        yield Record(row_id(source, number), f"{source.path}:{line_number}", {"text": line})
