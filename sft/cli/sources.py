"""The raw files a command is given: found, detected, read one after the other, with what was seen in each."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sft.cli import screen
from sft.errors import DataError, SftError
from sft.i18n import _

if TYPE_CHECKING:
    from data_prep import Source
    from sft.records import Finding, Record, Reject


class Reader:
    """Reads the sources one after the other and keeps what was found in each."""

    def __init__(self, how: dict[str, str]) -> None:
        from data_prep import Notes

        self._how = how
        self._sources: dict[bool, list[Source]] = {False: [], True: []}
        self.told: list[dict[str, Any]] = []
        self.notes = Notes()

    def find(self, paths: list[Path], test: list[Path]) -> None:
        """Look at every file before one is read: what is wrong with several of them is said at once."""
        import data_prep

        faults: list[SftError] = []
        for held_out, given in ((False, paths), (True, test)):
            files: dict[Path, None] = {}
            for path in given:
                try:
                    found, left = data_prep.expand([path])
                except DataError as error:
                    faults += error.parts or (error,)
                    continue
                files.update(dict.fromkeys(found))
                for other in left:
                    screen.note(_("left out: {path}").format(path=other))
            for path in files:
                try:
                    self._sources[held_out].append(data_prep.detect(path, **self._how))
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

    def items(self, *, test: bool = False) -> "Iterator[Record | Reject]":
        """Yield every row of the sources, or of the held-out files."""
        import data_prep

        for source in self._sources[test]:
            screen.note(_("reading {source}").format(source=source))
            self.told.append(_told(source))
            for item in data_prep.read(source, self.notes):
                self.told[-1]["rows"] += 1
                yield item

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
