"""The raw files a command is given: found, detected, read one after the other, with what was seen in each."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sft.cli import screen
from sft.errors import DataError, SftError
from sft.i18n import _

if TYPE_CHECKING:
    from data_prep import Source
    from sft.records import Finding
    from sft.spool import Folder, Spooled


class Reader:
    """Reads the sources one after the other and keeps what was found in each.

    `given` says which files each argument stands for, `told` what is known of each file.
    """

    def __init__(self, how: dict[str, str]) -> None:
        from data_prep import Notes

        self._how = how
        self._sources: list[tuple[str, Source]] = []
        self.given: dict[Path, list[Path]] = {}
        self.told: list[dict[str, Any]] = []
        self.notes = Notes()

    def find(self, sides: "Mapping[str, list[Path]]") -> None:
        """Look at every file before one is read: what is wrong with several of them is said at once.

        `sides` has the arguments by the split they become, "" where the rule decides.
        """
        import data_prep

        faults: list[SftError] = []
        for side, given in sides.items():
            files: dict[Path, None] = {}
            for path in given:
                try:
                    found, left = data_prep.expand([path])
                except DataError as error:
                    faults += error.parts or (error,)
                    continue
                self.given[path] = found
                files.update(dict.fromkeys(found))
                for other in left:
                    screen.note(_("left out: {path}").format(path=other))
            for path in files:
                try:
                    self._sources.append((side, data_prep.detect(path, **self._how)))
                except DataError as error:
                    faults.append(error)
        if len(faults) == 1:
            raise faults[0]
        if faults:
            raise DataError(
                _("{n} sources cannot be read").format(n=len(faults)),
                parts=tuple(faults),
                hint=_("mend them or leave them out"),
            )

    def spool(self, folder: "Folder") -> "list[Spooled]":
        """Read every source into `folder`, but for those that an interrupted start has read already."""
        return [self._spooled(side, source, folder) for side, source in self._sources]

    def _spooled(self, side: str, source: "Source", folder: "Folder") -> "Spooled":
        import data_prep
        from sft import spool

        screen.note(_("reading {source}").format(source=source))
        seen = data_prep.Notes()
        # The hash is of one file: parallel files have others beside it, which may have changed.
        known = spool.key(repr(source)) if source.sha256 and source.format != "parallel" else ""
        spooled, before = folder.take(
            str(source.path),
            lambda: screen.paced(data_prep.read(source, seen)),
            lambda: {kind: (count, seen.examples[kind]) for kind, count in seen.counts.items()},
            known,
        )
        if before:
            screen.note(_("  its {n} rows were read before the interruption").format(n=spooled.read))
        for kind, (count, where) in spooled.notes.items():
            self.notes.counts[kind] += count
            self.notes.examples.setdefault(kind, where)
        self.told.append(_told(source) | {"rows": spooled.read})
        return replace(spooled, side=side)

    def findings(self) -> "list[Finding]":
        """Return what was mended while reading, and sources that are the same file twice."""
        from sft.records import Finding

        said = _mended()
        found = [
            Finding(kind, "info", count, said.get(kind, kind), (self.notes.examples[kind],))
            for kind, count in sorted(self.notes.counts.items())
        ]
        hashes = [told["sha256"] for told in self.told]
        twice = tuple(told["path"] for told in self.told if hashes.count(told["sha256"]) > 1)
        if twice:
            message, hint = _("sources with the same content"), _("leave one of them out")
            found.append(Finding("same_source", "warning", len(twice), message, twice, hint))
        return found


def _mended() -> dict[str, str]:
    return {
        "nfd": _("rows with decomposed letters (NFD), composed to NFC"),
        "invisible": _("rows with invisible characters, removed"),
        "nbsp": _("rows with no-break spaces, made plain ones"),
        "carriage_return": _("rows with bare carriage returns, made line ends"),
        "look_alike": _("rows with the letter Ð (U+00D0), which only looks like Đ; left as it is"),
    }


def _told(source: "Source") -> dict[str, Any]:
    return {"path": str(source.path), "format": source.format, "encoding": source.encoding, "delimiter": source.delimiter,
            "detail": source.detail, "sha256": source.sha256, "rows": 0}  # fmt: skip
