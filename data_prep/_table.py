r"""Delimited text: tell the delimiter, check the header, read the rows, recover behind a stray quote.

The csv module reads the cells, in strict mode. Where a quote is never closed, or closes in the middle of a cell, only
the line it stands on is refused and reading goes on with the next one, so a stray quote cannot swallow its neighbours.
"""

import csv
import itertools
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence

from data_prep._source import split
from sft.errors import DataError
from sft.i18n import _
from sft.text import clean, mojibake

DELIMITERS = ",;\t|"
_LOOK = 50  # records looked at to tell the delimiter
_HEAD_LINES = 1000  # lines looked at to tell the labels
_DUNDER = re.compile(r"__\w+__\Z")
_KNOWN_DUNDER = {
    "__id__",
    "__index_level_0__",
}  # keys of real data sets; other dunder names are Python internals
_SEPARATOR = re.compile(r"sep=(.)\Z")  # Excel's own first line


def sniff(text: str, path: str) -> str:
    """Return the delimiter of `text`, '' when it is no table. Raises `DataError` when two fit equally well.

    Each candidate reads the first records; the one under which most rows are as wide as the header wins, then the
    widest header.
    """
    first = _SEPARATOR.match(text.split("\n", 1)[0].rstrip("\r"))
    if first:
        return first.group(1)
    scores = sorted(((*_fit(text, char), char) for char in DELIMITERS), reverse=True)
    best, second = scores[:2]
    if best[1] < 2 or best[0] < 0.5:
        return ""
    if best[:2] == second[:2]:
        names = _(" or ").join(repr(char) for _share, _width, char in scores if (_share, _width) == best[:2])
        raise DataError(
            _("the delimiter may be {names}").format(names=names),
            where=path,
            hint=_("say which: --delimiter ';'"),
        )
    return best[2]


def _fit(text: str, delimiter: str) -> tuple[float, int]:
    """Return the share of rows as wide as the header, in tenths, and that width."""
    reader = csv.reader((line for _number, line in split(text)), delimiter=delimiter)
    widths: list[int] = []
    try:
        for row in itertools.islice((row for row in reader if row), _LOOK):
            widths.append(len(row))
    except csv.Error:
        pass
    if not widths or widths[0] < 2:
        return 0.0, 0
    rows = widths[1:]
    return (round(sum(w == widths[0] for w in rows) / len(rows), 1) if rows else 1.0), widths[0]


def unnamed(at: int) -> str:
    """Return what the column at position `at` is called when its header is empty: the same in every language.

    >>> unnamed(0)
    'column 1'
    """
    return f"column {at + 1}"


def is_unnamed(name: str) -> bool:
    """Tell a name that `unnamed` gave."""
    number = name.rpartition(" ")[2]
    return number.isdecimal() and len(number) < 6 and name == unnamed(int(number) - 1)


def header(cells: Sequence[str], where: str) -> list[str]:
    """Return the column names of a header row, cleaned.

    Empty names at the end are cut (their cells must be empty too); an empty first one, as an exported row index
    has, becomes ``column 1``. Raises `DataError` for any other empty name, a name that stands twice, or the
    internals of a Python class.
    """
    # Cleaning would take away what a repair needs; the rows below are damaged alike.
    names = [cell.strip() if mojibake(cell) else clean(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()
    if len(names) > 1 and not names[0]:
        names[0] = unnamed(0)
    if not names or "" in names:
        raise DataError(
            _("column {number} has no name in the header").format(number=names.index("") + 1 if names else 1),
            where=where,
            hint=_("the first row must name every column"),
        )
    inner = [name for name in names if _DUNDER.match(name) and name not in _KNOWN_DUNDER]
    if inner:
        raise DataError(
            _("columns {names} are the insides of a Python object, not data").format(
                names=", ".join(inner[:3])
            ),
            where=where,
            hint=_("the export went wrong: export the rows themselves again"),
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            _("column name stands twice: {names}").format(names=", ".join(twice)),
            where=where,
            hint=_("rename one"),
        )
    return names


class Tape:
    """Lines that can be given back: what a refused record took is read again from its second line."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._back: deque[tuple[int, str]] = deque()
        self.taken: list[tuple[int, str]] = []

    def __iter__(self) -> "Tape":
        return self

    def __next__(self) -> str:
        pair = self._back.popleft() if self._back else next(self._lines)
        self.taken.append(pair)
        return pair[1]

    def give_back(self) -> None:
        """Put back all lines taken but the first."""
        self._back.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def records(lines: Iterator[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str] | str, str]]:
    """Yield ``(line, cells, raw first line)`` for each record; in place of cells, the reason it was refused.

    Blank lines and Excel's first line ``sep=;`` are no records. The first record yielded is the header.
    """
    head = list(itertools.islice(lines, _HEAD_LINES))
    labels = _labels([line for _number, line in head], delimiter)
    tape = Tape(itertools.chain(head, lines))
    reader = csv.reader(tape, delimiter=delimiter, strict=True)
    width = 0
    while True:
        tape.taken.clear()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            tape.give_back()
            yield tape.taken[0][0], _refusal(error), tape.taken[0][1]
            continue
        number, first = tape.taken[0]
        if not row or (number == 1 and _SEPARATOR.match(first.rstrip("\r\n"))):
            continue
        if (
            width
            and len(tape.taken) > 1
            and _swallowed([line for _n, line in tape.taken], delimiter, width, labels)
        ):
            tape.give_back()
            yield number, "stray_quote", first
            continue
        width = width or len(row)
        yield number, row, first


def _refusal(error: csv.Error) -> str:
    known = {"field limit": "cell_too_long", "new-line character": "stray_line_end"}
    return next((reason for said, reason in known.items() if said in str(error)), "stray_quote")


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line when quotes are not looked at; a whole quoted cell loses its two."""
    return [re.sub(r'\A"([^"]*)"\Z', r"\1", cell) for cell in line.rstrip("\r\n").split(delimiter)]


def _labels(lines: Sequence[str], delimiter: str) -> set[str]:
    """Return the texts that end most lines, as labels do; none where the last column is free text."""
    counts = Counter(_cells(line, delimiter)[-1] for line in lines)
    labels = {text: count for text, count in counts.items() if text and '"' not in text and count >= 3}
    return set(labels) if sum(labels.values()) > 0.3 * len(lines) else set()


def _swallowed(raw: Sequence[str], delimiter: str, width: int, labels: set[str]) -> bool:
    """Tell a record that two stray quotes glued from several rows.

    One of its lines is a whole row when quotes are not looked at, and no chance one: it ends with a label though the
    record goes on, or it begins with the number that its place calls for.
    """
    rows = [_cells(line, delimiter) for line in raw]
    start = rows[0][0]
    for place, cells in enumerate(rows):
        if len(cells) != width:
            continue
        if place + 1 < len(rows) and cells[-1] in labels:
            return True
        if place and start.isdecimal() and cells[0].isdecimal() and int(start) + place == int(cells[0]):
            return True
    return False
