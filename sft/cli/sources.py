"""The raw files a command is given: found, detected, read one after the other, with what was seen in each.

How a file is read: flag > its table [[prep.source]] of sft.toml > [prep] of sft.toml > what looking at it finds.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import screen
from sft.errors import DataError, SettingsError, SftError, raise_all
from sft.i18n import _

if TYPE_CHECKING:
    from data_prep import Source
    from sft.prep.spool import Folder, Spooled
    from sft.records import Finding
    from sft.settings import SourceSettings

Answers = Annotated[
    str | None,
    typer.Option(
        "--answers", metavar="first|each", help=_("of several answers to one question: the first, or each")
    ),
]
Turns = Annotated[
    str | None,
    typer.Option(
        "--turns",
        metavar="refuse|merge|last",
        help=_("assistant turns in a row: refuse, merge, keep the last"),
    ),
]
Impossible = Annotated[
    str | None,
    typer.Option(
        "--impossible",
        metavar="reject|refusal",
        help=_("question its passage does not answer: reject it, or train a refusal"),
    ),
]
RepairMojibake = Annotated[
    bool, typer.Option("--repair-mojibake", help=_("turn back mojibake where nothing was lost"))
]

_PLACES = ("format", "encoding", "delimiter", "part")
_RULES = ("answers", "turns", "impossible")


class Reader:
    """Reads the sources one after the other and keeps what was found in each.

    `how` holds the flags by name; one that is empty was not given. `columns` says for each source which column fills
    which variable, where sft.toml does; `given` which files each argument stands for, `told` what is known of each file.
    """

    def __init__(self, how: Mapping[str, Any]) -> None:
        from data_prep import Notes

        self._how = {name: value for name, value in how.items() if value}
        self._sources: list[tuple[str, Source]] = []
        self.given: dict[Path, list[Path]] = {}
        self._origins: dict[str, str] = {}
        self.columns: dict[str, Mapping[str, str]] = {}
        self.told: list[dict[str, Any]] = []
        self.notes = Notes()

    def find(self, sides: Mapping[str, list[Path]]) -> None:
        """Look at every file before one is read: what is wrong with several of them is said at once.

        `sides` has the arguments by the split they become, "" where the rule decides.
        """
        faults: list[SftError] = []
        files = {side: self._expand(given, faults) for side, given in sides.items()}
        files[""] = self._not_held_out(files, faults)
        tables = self._tables([path for each in files.values() for path in each])
        for side, each in files.items():
            for path in each:
                try:
                    self._sources.append((side, self._detect(path, tables[path])))
                except (DataError, SettingsError) as error:
                    faults.append(error)
        raise_all(_("{n} sources cannot be read"), *faults, hint=_("mend them or leave them out"))
        for name in ("encoding", "delimiter", "part"):
            if name in self._how and not any(source.takes(name) for _side, source in self._sources):
                message = _("--{name} means nothing for these sources").format(name=name)
                raise SettingsError(message, hint=_("leave it out"))

    def _expand(self, given: list[Path], faults: list[SftError]) -> list[Path]:
        import data_prep

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
        return list(files)

    @staticmethod
    def _not_held_out(files: Mapping[str, list[Path]], faults: list[SftError]) -> list[Path]:
        """Return the sources without those named as held-out files too: such a file often lies beside the others."""
        held = {path.resolve() for side, each in files.items() if side for path in each}
        kept = [path for path in files[""] if path.resolve() not in held]
        for path in files[""]:
            if path.resolve() in held:
                screen.note(_("held out, so no source: {path}").format(path=path))
        if files[""] and not kept:
            message = _("no source is left: all are held out by --test or --valid")
            faults.append(DataError(message, hint=_("name other files to train on")))
        return kept

    def _tables(self, files: list[Path]) -> "dict[Path, list[tuple[SourceSettings, str]]]":
        """Return the tables of sft.toml about each file. Raises `SettingsError` for one that fits no raw file at all."""
        from sft import presets, settings, sources

        tables = settings.sources()
        raw = Path(settings.resolve_section(settings.DataSettings, {}).values.raw)
        lost = [
            SettingsError(
                _("no raw file fits {pattern!r}").format(pattern=table.files),
                where=where,
                hint=_("mend the pattern, or take the table away"),
            )
            for table, where in tables
            if not any(sources.fits(table.files, path) for path in files) and not _somewhere(table.files, raw)
        ]
        presets.raise_all(lost)
        return {path: [each for each in tables if sources.fits(each[0].files, path)] for path in files}

    def _detect(self, path: Path, tables: "list[tuple[SourceSettings, str]]") -> "Source":
        import data_prep
        from sft import settings, sources

        said, origin = sources.merged(tables)
        flags = {name: self._how[name] for name in (*_RULES, "repair_mojibake") if name in self._how}
        prep = settings.resolve_section(settings.PrepSettings, flags).values
        rules = data_prep.Rules(
            **{name: self._how.get(name) or said.get(name) or getattr(prep, name) for name in _RULES},
            numbered_from=said.get("numbered_from", 1),
            repair_mojibake=prep.repair_mojibake,
        )
        if str(path).startswith("hf:"):
            screen.note(_("looking for {name} on the hub, or in the cache").format(name=path))
        places = {name: self._how.get(name) or said.get(name, "") for name in _PLACES}
        self.columns |= {str(path): said["columns"]} if "columns" in said else {}
        self._origins |= {str(path): origin} if origin else {}
        return data_prep.detect(path, **places, rules=rules)

    def spool(self, folder: "Folder") -> "list[Spooled]":
        """Read every source into `folder`, but for those that an interrupted start has read already."""
        return [self._spooled(side, source, folder) for side, source in self._sources]

    def _spooled(self, side: str, source: "Source", folder: "Folder") -> "Spooled":
        import data_prep
        from sft.prep import spool

        self._say(source)
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

    def _say(self, source: "Source") -> None:
        """Say what a file was taken for, as it would be written in sft.toml where that is not the usual."""
        from sft.presets import as_toml

        screen.note(_("reading {source}").format(source=source))
        origin = self._origins.get(str(source.path))
        if origin:
            screen.note("  " + _("as said in {where}").format(where=origin))
        elif source.chosen:
            found = {"files": str(source.path), **source.chosen}
            pairs = "; ".join(f"{key} = {as_toml(value)}" for key, value in found.items())
            screen.note("  " + _("to fix it in sft.toml: [[prep.source]] {settings}").format(settings=pairs))

    def findings(self) -> "list[Finding]":
        """Return what was mended or noticed while reading, and sources that are the same file twice."""
        from sft import sources

        same = sources.same([(told["path"], told["sha256"]) for told in self.told])
        return sources.noted(self.notes.counts, self.notes.examples) + same


def _somewhere(pattern: str, raw: Path) -> bool:
    """Tell whether a pattern stands for anything: other commands may be given other files."""
    import data_prep
    from sft import sources

    for place in (Path(pattern), raw):
        try:
            found, _left = data_prep.expand([place])
        except DataError:
            continue
        if place is not raw or any(sources.fits(pattern, path) for path in found):
            return True
    return False


def _told(source: "Source") -> dict[str, Any]:
    return {"path": str(source.path), "format": source.format, "encoding": source.encoding, "delimiter": source.delimiter,
            "part": source.part, "rules": asdict(source.rules), "detail": source.detail, "sha256": source.sha256,
            "rows": 0}  # fmt: skip
