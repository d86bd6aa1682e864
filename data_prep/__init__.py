"""Raw files of any known format → records. One file per format; adding one is adding a file.

A format is a module of this folder whose name does not begin with an underscore. It has `looks_like(sample)`,
`describe(sample)` and `records(source)`, and a constant `GENERIC`: true for a plain container (a table, JSON rows)
that steps back when a reader of a special shape claims the file. Formats are told by content, never by the suffix.

To add one, put such a module here: it is found by itself, named in ``--format``, fuzzed and tested with the others. It
yields every row as written; cleaning, several answers, options and the like come behind it (`_tidy`, `_shape`), the same for
all.

>>> sorted(formats())[:2]
['amr', 'chat']
"""

import importlib
import itertools
import os
import pkgutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from data_prep import _hub, _objects, _table
from data_prep._rules import DEFAULT, Rules
from data_prep._shape import shape
from data_prep._source import Sample, Scan, Source, scan
from data_prep._tidy import Notes, tidy
from sft.errors import DataError, SettingsError, raise_all
from sft.i18n import _
from sft.records import Record, Reject

__all__ = ["Format", "Notes", "Rules", "Sample", "Source", "detect", "expand", "formats", "read"]

_NOT_DATA = ("readme", "license", "licence", "notice", "changelog")


class Format(Protocol):
    """What a format module has."""

    GENERIC: bool

    def looks_like(self, sample: Sample) -> bool:
        """Tell whether the file is of this format."""

    def describe(self, sample: Sample) -> str:
        """Return what was found, in a few words for the user."""

    def records(self, source: Source) -> Iterator[Record | Reject]:
        """Yield every row as written, a `Reject` for each that cannot be read."""


def formats() -> dict[str, Format]:
    """Return the format modules by name."""
    names = sorted(
        m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_") and not m.ispkg
    )
    return {name: cast(Format, importlib.import_module(f"{__name__}.{name}")) for name in names}


def detect(
    path: Path,
    *,
    format: str = "",
    encoding: str = "",
    delimiter: str = "",
    part: str = "",
    rules: Rules = DEFAULT,
) -> Source:
    """Look at `path` and return what it is; a given `format`, `encoding`, `delimiter` or `part` is taken as said.

    `path` may name a data set, ``hf:owner/name``; `part` names the JSON path, sheet or split when there are several.
    Raises `DataError` when the format is unknown or ambiguous, the file is empty, or a byte does not fit its encoding.
    """
    known = formats()
    if format and format not in known:
        raise SettingsError(
            _("unknown format {name!r}").format(name=format),
            hint=_("one of: {names}").format(names=", ".join(known)),
        )
    delimiter = _delimiter(delimiter)
    if _hub.is_name(path) or _hub.is_folder(path):
        found = _hub.load(path, part)
        scanned = Scan(found.sha256, "", "", _hub.BINARY, whole=False)
        sample = Sample(path, binary=_hub.BINARY, part=found.split)
        sample = replace(sample, rows=tuple(itertools.islice(_hub.rows(sample), 20)))
    else:
        scanned = _scanned(path, encoding)
        sample = Sample(path, scanned.text, scanned.encoding, scanned.binary, scanned.whole)
        rows, place, problem = _objects.peek(sample, part)
        if problem and part.startswith("$"):
            raise DataError(problem, where=str(path), hint=_("repair or export it again"))
        sample = replace(sample, rows=rows, part=place, problem=problem, delimiter=delimiter)
    if _may_be_table(sample, format) and not _special(known, sample):
        sample = replace(sample, delimiter=_table.sniff(sample.text, str(path)))
    name = format or _only(known, sample)
    return Source(
        path,
        name,
        scanned.encoding,
        sample.delimiter if name == "csv_table" else "",
        scanned.sha256,
        known[name].describe(sample),
        sample.part or part,
        scanned.binary,
        rules,
    )


def _delimiter(said: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(said, said)
    if len(delimiter) > 1 or (delimiter and delimiter in '"\r\n'):
        raise SettingsError(
            _("the delimiter must be one character, not {text!r}").format(text=delimiter),
            hint=_("e.g. --delimiter ';' or --delimiter tab"),
        )
    return delimiter


def _scanned(path: Path, encoding: str) -> Scan:
    """Scan a file; what no reader takes is refused here, with what to do."""
    found = scan(path, encoding)
    if found.binary == "zip":
        message, hint = _("a zip archive cannot be read"), _("unpack it, and name the files in it")
        raise DataError(message, where=str(path), hint=hint)
    if found.binary == "xls":
        message = _("an Excel file of the old kind (.xls), or another binary document, cannot be read")
        raise DataError(message, where=str(path), hint=_("save it as .xlsx or as CSV UTF-8"))
    if not found.binary and not found.text.strip():
        raise DataError(_("the file is empty"), where=str(path), hint=_("name a file with rows in it"))
    return found


def _may_be_table(sample: Sample, format: str) -> bool:
    settled = sample.delimiter or sample.binary or sample.part or sample.problem
    return not settled and format in {"", "csv_table"}


def _special(known: dict[str, Format], sample: Sample) -> list[str]:
    return [name for name, module in known.items() if not module.GENERIC and module.looks_like(sample)]


def _only(known: dict[str, Format], sample: Sample) -> str:
    """Return the one format that claims the file."""
    hits = _special(known, sample) or [n for n, m in known.items() if m.GENERIC and m.looks_like(sample)]
    if len(hits) == 1:
        return hits[0]
    if hits:
        message = _("the format may be {names}").format(names=_(" or ").join(hits))
    elif sample.problem:
        message = sample.problem
    else:
        message = _("no known format fits; tried {names}").format(names=", ".join(known))
    hint = _("if it is one of them, say which: --format NAME")
    if not hits and sample.problem:
        hint = _("mend or export the file again; --format NAME reads it as what you say")
    elif not hits and any(char in sample.text.partition("\n")[0] for char in _table.DELIMITERS):
        hint = _(
            "if it is a table, quote the cells that hold its delimiter; --format csv_table lists such rows"
        )
    raise DataError(message, where=str(sample.path), hint=hint)


def read(source: Source, notes: Notes | None = None) -> Iterator[Record | Reject]:
    """Yield every row of `source`, cleaned, as a `Record` or a `Reject`: no row is lost in silence.

    What was mended is counted in `notes`. Raises `DataError` for a fault of the whole file (header, structure, no
    row at all).
    """
    notes = Notes() if notes is None else notes
    number, reasons = 0, Counter[str]()
    rows = shape(formats()[source.format].records(source), source.rules, notes)
    for item in tidy(rows, notes, repair=source.rules.repair_mojibake):
        number += 1
        if isinstance(item, Reject):
            reasons[item.reason] += 1
        yield item
    notes.add_refused(str(source.path), number, reasons)
    if not number:
        raise DataError(
            _("no rows in this file"),
            where=str(source.path),
            hint=_("found: {what}").format(what=source.detail or source),
        )


def expand(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the data files under `paths`, and the files left out of folders.

    A folder gives its files at any depth, in sorted order, without hidden ones and README, LICENSE and the like; one that
    is a data set of the `datasets` library, and a name ``hf:owner/name``, stand for themselves. A name with ``*``, ``?``
    or ``[`` that is no file is a pattern. Each file comes once. Raises `DataError` naming every path that does not exist
    and every folder or pattern with nothing in it.
    """
    files: dict[Path, None] = {}
    skipped: dict[Path, None] = {}
    faults: list[DataError] = []
    for path in paths:
        given = [path] if path.exists() or _hub.is_name(path) else _matches(path)
        if not given:
            faults.append(DataError(_("no such file or folder"), where=str(path), hint=_("check the path")))
        for each in given:
            kept, left = _walk(each) if each.is_dir() else ([each], [])
            files.update(dict.fromkeys(kept))
            skipped.update(dict.fromkeys(left))
            if not kept:
                faults.append(
                    DataError(
                        _("no data files in this folder"),
                        where=str(each),
                        hint=_("put the raw files there, or name them"),
                    )
                )
    raise_all(_("{n} sources cannot be read"), *faults, hint=_("check the paths"))
    return list(files), list(skipped)


def _matches(path: Path) -> list[Path]:
    """Return what a pattern stands for, sorted; nothing for a name without pattern characters."""
    if not any(char in str(path) for char in "*?["):
        return []
    try:
        return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    except (ValueError, NotImplementedError):  # not a valid pattern
        return []


def _walk(folder: Path) -> tuple[list[Path], list[Path]]:
    kept: list[Path] = []
    left: list[Path] = []
    for root, folders, names in os.walk(folder):
        if _hub.is_folder(Path(root)):
            folders.clear()
            kept.append(Path(root))
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            # The companions of parallel files are read with their seq.in.
            beside = name in {"label", "seq.out"} and "seq.in" in names
            skip = beside or name.startswith(".") or name.lower().startswith(_NOT_DATA)
            (left if skip else kept).append(Path(root, name))
    return kept, left
