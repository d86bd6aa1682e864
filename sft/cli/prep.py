"""`sft prep`: raw files to a prepared set. The one command that imports `data_prep`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import screen
from sft.errors import SettingsError
from sft.i18n import _

if TYPE_CHECKING:
    from data_prep import Source
    from sft.prep import Built
    from sft.records import Finding, Record, Reject


def prep(
    sources: Annotated[
        list[Path] | None, typer.Argument(help=_("files, folders or patterns; default: data/raw"))
    ] = None,
    template: Annotated[str | None, typer.Option(help=_("prompt template; see: sft templates list"))] = None,
    out: Annotated[
        Path | None, typer.Option(help=_("folder of the prepared set; default: data/prepared/TEMPLATE"))
    ] = None,
    val_split: Annotated[float | None, typer.Option(help=_("share of the rows for validation"))] = None,
    seed: Annotated[int | None, typer.Option(help=_("seed of the split"))] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="NAME=COLUMN", help=_("which column fills a variable")),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(help=_("held-out file: becomes the test split; shared rows leave training")),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help=_("format of the sources, when it is not found right"))
    ] = "",
    encoding: Annotated[str, typer.Option(help=_("encoding of the sources, when they are not UTF-8"))] = "",
    delimiter: Annotated[str, typer.Option(help=_("delimiter of tables, when it is not found right"))] = "",
    part: Annotated[str, typer.Option(help=_("sheet, or path inside a JSON file"))] = "",
    allow: Annotated[
        list[str] | None, typer.Option(metavar="FINDING", help=_("go on in spite of this error finding"))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("print one JSON object"))] = False,
) -> None:
    """Read raw data, render it with a template, split and check it, and write a prepared set.

    Example: sft prep --template v5_cot
    """
    from sft import prep as core
    from sft import settings, templates

    flags = {"template": template, "val_split": val_split, "seed": seed, "columns": _mapping(mapping)}
    chosen = settings.resolve_section(
        settings.PrepSettings, {k: v for k, v in flags.items() if v is not None}
    )
    if not chosen.values.template:
        raise SettingsError(
            _("no template chosen"), hint=_("e.g. --template v5_cot; see: sft templates list")
        )
    options = core.Options(
        templates.load(chosen.values.template, Path.cwd()),
        chosen.values.val_split,
        chosen.values.seed,
        chosen.values.columns,
    )
    how = {"format": format_, "encoding": encoding, "delimiter": delimiter, "part": part}
    reader = _Reader(how)
    built = core.build(reader.items(sources or [_raw_folder()]), options)
    held_out = core.build(reader.items(test), options) if test else None
    if held_out:
        built.rejects += held_out.rejects
    sets = core.split(built, options, held_out.rows if held_out else ())
    found = reader.findings() + core.check(built, sets)
    target = out or Path("data") / "prepared" / options.template.name
    blocking = [f for f in found if f.severity == "error" and f.id not in (allow or [])]
    if not blocking:
        core.write(target, built, sets, found, options, reader.told)
    _show(built, sets, found, options, target, blocking, as_json=as_json)
    if blocking:
        raise typer.Exit(1)


def _mapping(pairs: list[str] | None) -> dict[str, str] | None:
    if not pairs:
        return None
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise SettingsError(
            _("--map takes NAME=COLUMN, not {text!r}").format(text=wrong[0]),
            hint=_("e.g. --map question=Câu"),
        )
    return dict(pair.split("=", 1) for pair in pairs)


def _raw_folder() -> Path:
    from sft import settings

    raw = Path(settings.resolve_section(settings.DataSettings, {}).values.raw)
    if not raw.exists():
        raise SettingsError(
            _("no sources named, and there is no {folder}").format(folder=raw),
            hint=_("name files: sft prep FILE --template v5_cot; or make a workspace: sft init"),
        )
    return raw


class _Reader:
    """Reads the sources one after the other and keeps what was found in each."""

    def __init__(self, how: dict[str, str]) -> None:
        from data_prep import Notes

        self._how = how
        self.told: list[dict[str, Any]] = []
        self.notes = Notes()

    def items(self, paths: list[Path]) -> "Iterator[Record | Reject]":
        import data_prep

        files, left = data_prep.expand(paths)
        for path in left:
            screen.note(_("left out: {path}").format(path=path))
        for path in files:
            source = data_prep.detect(path, **self._how)
            screen.note(_("reading {source}").format(source=source))
            self.told.append(_told(source))
            for item in data_prep.read(source, self.notes):
                self.told[-1]["rows"] += 1
                yield item

    def findings(self) -> "list[Finding]":
        from sft.records import Finding

        mended = [
            Finding(kind, "info", count, _("rows mended while reading"), (self.notes.examples[kind],))
            for kind, count in sorted(self.notes.counts.items())
        ]
        hashes = [told["sha256"] for told in self.told]
        twice = [told["path"] for told in self.told if hashes.count(told["sha256"]) > 1]
        if twice:
            hint = _("leave one of them out")
            mended.append(
                Finding(
                    "same_source",
                    "warning",
                    len(twice),
                    _("sources with the same content"),
                    tuple(twice),
                    hint,
                )
            )
        return mended


def _told(source: "Source") -> dict[str, Any]:
    return {"path": str(source.path), "format": source.format, "encoding": source.encoding, "delimiter": source.delimiter,
            "detail": source.detail, "sha256": source.sha256, "rows": 0}  # fmt: skip


def _show(
    built: "Built",
    sets: Any,
    found: "list[Finding]",
    options: Any,
    out: Path,
    blocking: "list[Finding]",
    *,
    as_json: bool,
) -> None:
    from collections import Counter

    rejected = dict(Counter(reject.reason for reject in built.rejects).most_common())
    kept = sum(len(rows) for rows in sets.values())
    read = kept + len(built.rejects)
    value = {
        "read": read,
        "kept": kept,
        "rejected": rejected,
        "rows": {name: len(rows) for name, rows in sets.items()},
        "findings": [{"id": f.id, "severity": f.severity, "count": f.count} for f in found],
        "template": options.template.id,
        "columns": built.mapping,
        "out": None if blocking else str(out),
    }
    lines = [_("template {id}, task {task}").format(id=options.template.id, task=options.template.task)]
    if built.mapping:
        lines.append(
            _("columns: {names}").format(names=", ".join(f"{k} ← {v}" for k, v in built.mapping.items()))
        )
    sizes = ", ".join(f"{name} {len(rows)}" for name, rows in sets.items())
    lines.append(
        _("read {read} = kept {kept} ({sizes}) + rejected {n}").format(
            read=read, kept=kept, sizes=sizes, n=len(built.rejects)
        )
    )
    for reason, count in rejected.items():
        first = next(r for r in built.rejects if r.reason == reason)
        detail = f": {first.detail}" if first.detail else ""
        lines.append(f"  - {reason} × {count}  ({first.where}{detail})")
    lines += [_("findings:"), *screen.findings(found)] if found else []
    if blocking:
        screen.note(_("error: not written: {names}").format(names=", ".join(f.id for f in blocking)))
        screen.note(
            _("hint: {text}").format(
                text=_("mend the data, or go on with --allow {name}").format(name=blocking[0].id)
            )
        )
    else:
        lines.append(_("written: {out}").format(out=out))
    screen.result(value, lines, as_json=as_json)
