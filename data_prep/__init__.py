"""Raw files of any known format → records. One file per format; adding one is adding a file.

A format is a module of this folder whose name does not begin with an underscore. It has `looks_like(sample)`,
`describe(sample)` and `records(source)`, and a constant `GENERIC`: true for a plain container (a table, JSON rows)
that steps back when a reader of a special shape claims the file. Formats are told by content, never by the suffix.

>>> sorted(formats())[:2]
['amr', 'chat']
"""

import importlib
import os
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from data_prep import _objects, _table
from data_prep._source import Sample, Source, scan
from data_prep._tidy import Notes, tidy
from sft.errors import DataError, SettingsError
from sft.i18n import _
from sft.records import Record, Reject

__all__ = ["Format", "Notes", "Sample", "Source", "detect", "expand", "formats", "read"]

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
    path: Path, *, format: str = "", encoding: str = "", delimiter: str = "", part: str = ""
) -> Source:
    """Look at `path` and return what it is; a given `format`, `encoding`, `delimiter` or `part` is taken as said.

    `part` names the JSON path or sheet when a file has several. Raises `DataError` when the format is unknown or
    ambiguous, the file is empty, or a byte does not fit its encoding.
    """
    known = formats()
    if format and format not in known:
        raise SettingsError(
            _("unknown format {name!r}").format(name=format),
            hint=_("one of: {names}").format(names=", ".join(known)),
        )
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(delimiter) > 1 or (delimiter and delimiter in '"\r\n'):
        raise SettingsError(
            _("the delimiter must be one character, not {text!r}").format(text=delimiter),
            hint=_("e.g. --delimiter ';' or --delimiter tab"),
        )
    found = scan(path, encoding)
    if not found.binary and not found.text.strip():
        raise DataError(_("the file is empty"), where=str(path), hint=_("name a file with rows in it"))
    sample = Sample(path, found.text, found.encoding, found.binary, found.whole)
    rows, place, problem = _objects.peek(sample, part)
    if found.binary and not place:
        raise DataError(
            _("an Excel workbook or a zip archive cannot be read"),
            where=str(path),
            hint=_("save the sheet as CSV UTF-8, or unpack the archive"),
        )
    sample = replace(sample, rows=rows, part=place, problem=problem, delimiter=delimiter)
    if (
        not delimiter
        and not place
        and not problem
        and format in {"", "csv_table"}
        and not _special(known, sample)
    ):
        sample = replace(sample, delimiter=_table.sniff(found.text, str(path)))
    name = format or _only(known, sample)
    detail = known[name].describe(sample)
    return Source(
        path,
        name,
        found.encoding,
        sample.delimiter if name == "csv_table" else "",
        found.sha256,
        detail,
        place or part,
    )


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
    raise DataError(message, where=str(sample.path), hint=_("if it is one of them, say which: --format NAME"))


def read(source: Source, notes: Notes | None = None) -> Iterator[Record | Reject]:
    """Yield every row of `source`, cleaned, as a `Record` or a `Reject`: no row is lost in silence.

    What was mended is counted in `notes`. Raises `DataError` for a fault of the whole file (header, structure, no
    row at all).
    """
    item = None
    for item in tidy(formats()[source.format].records(source), notes if notes is not None else Notes()):
        yield item
    if item is None:
        raise DataError(
            _("no rows in this file"),
            where=str(source.path),
            hint=_("found: {what}").format(what=source.detail or source),
        )


def expand(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the data files under `paths`, and the files left out of folders.

    A folder gives its files at any depth, in sorted order, without hidden ones and README, LICENSE and the like.
    A name with ``*``, ``?`` or ``[`` that is no file is a pattern. Each file comes once. Raises `DataError` naming
    every path that does not exist and every folder or pattern with nothing in it.
    """
    files: dict[Path, None] = {}
    skipped: dict[Path, None] = {}
    faults: list[DataError] = []
    for path in paths:
        given = [path] if path.exists() else _matches(path)
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
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise DataError(_("{n} sources cannot be read").format(n=len(faults)), parts=tuple(faults))
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
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            # The companions of parallel files are read with their seq.in.
            beside = name in {"label", "seq.out"} and "seq.in" in names
            skip = beside or name.startswith(".") or name.lower().startswith(_NOT_DATA)
            (left if skip else kept).append(Path(root, name))
    return kept, left
