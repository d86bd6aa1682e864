"""`sft prep`: raw files to a prepared set."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import screen
from sft.errors import SettingsError, TemplateError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.prep import Built, Options
    from sft.records import Finding, Reject

_WIDE = 100  # characters of a rejected row that are shown


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
    from sft import checks, prepared
    from sft import prep as core
    from sft.cli.sources import Reader

    flags = {"template": template, "val_split": val_split, "seed": seed, "columns": _mapping(mapping)}
    options = _options(flags)
    target = out or Path("data") / "prepared" / options.template.name
    prepared.require_place(target)
    reader = Reader({"format": format_, "encoding": encoding, "delimiter": delimiter, "part": part})
    reader.find(sources or [_raw_folder()], test or [])
    built = core.build(reader.items(), options)
    held_out = core.build(reader.items(test=True), options, built.labels) if test else None
    if held_out:
        if not held_out.rows:
            raise core.nothing_left(_("no held-out row is left"), held_out)
        built.absorb(held_out)
    sets = core.split(built, options, held_out.rows if held_out else ())
    found = reader.findings() + checks.check(built, sets)
    blocking = [f for f in found if f.severity == "error" and f.id not in (allow or [])]
    replaced = target.exists()
    if not blocking:
        core.write(target, built, sets, found, options, reader.told)
    _show(built, sets, found, options, target, blocking, replaced=replaced, as_json=as_json)
    if blocking:
        raise typer.Exit(1)


def _options(flags: dict[str, Any]) -> "Options":
    from sft import prep as core
    from sft import settings, templates

    chosen = settings.resolve_section(
        settings.PrepSettings, {k: v for k, v in flags.items() if v is not None}
    )
    if not chosen.values.template:
        raise SettingsError(
            _("no template chosen"), hint=_("e.g. --template v5_cot; see: sft templates list")
        )
    try:
        template = templates.load(chosen.values.template, Path.cwd())
    except TemplateError as error:
        if not error.where and flags["template"] is None:
            error.where = chosen.origins["template"]  # the line of sft.toml
        raise
    return core.Options(template, chosen.values.val_split, chosen.values.seed, chosen.values.columns)


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

    chosen = settings.resolve_section(settings.DataSettings, {})
    raw, origin = Path(chosen.values.raw), chosen.origins["raw"]
    if not raw.exists():
        raise SettingsError(
            _("no sources named, and there is no {folder}").format(folder=raw),
            where="" if origin == settings.DEFAULT else origin,
            hint=_("name files: sft prep FILE --template v5_cot; or make a workspace: sft init"),
        )
    return raw


def _show(
    built: "Built",
    sets: Any,
    found: "list[Finding]",
    options: Any,
    out: Path,
    blocking: "list[Finding]",
    *,
    replaced: bool,
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
        "columns": built.mappings,
        "out": None if blocking else str(out),
    }
    lines = [_("template {id}, task {task}").format(id=options.template.id, task=options.template.task)]
    lines += _columns(built.mappings)
    sizes = ", ".join(f"{name} {len(rows)}" for name, rows in sets.items())
    lines.append(
        _("read {read} = kept {kept} ({sizes}) + rejected {n}").format(
            read=read, kept=kept, sizes=sizes, n=len(built.rejects)
        )
    )
    lines += _rejects(built.rejects, rejected)
    lines += [_("findings:"), *screen.findings(found)] if found else []
    if blocking:
        screen.note(_("error: not written: {names}").format(names=", ".join(f.id for f in blocking)))
        screen.note(
            _("hint: {text}").format(
                text=_("mend the data, or go on with --allow {name}").format(name=blocking[0].id)
            )
        )
    else:
        written = _("written: {out} (in place of the set of before)") if replaced else _("written: {out}")
        lines.append(written.format(out=out))
        if built.rejects:
            lines.append(_("each rejected row: {path}").format(path=out / "rejected.jsonl"))
    screen.result(value, lines, as_json=as_json)


def _columns(mappings: "Mapping[str, Mapping[str, str]]") -> "Iterator[str]":
    """Yield which column fills which variable, once for all sources that agree."""
    shown: dict[str, list[str]] = {}
    for source, mapping in mappings.items():
        text = ", ".join(f"{name} ← {column}" for name, column in mapping.items())
        if any(name != column for name, column in mapping.items()):
            shown.setdefault(text, []).append(source)
    for text, sources in shown.items():
        line = _("columns: {names}").format(names=text)
        yield line if len(sources) == len(mappings) else f"{line}  ({', '.join(sources)})"


def _rejects(rejects: "list[Reject]", counts: dict[str, int]) -> "Iterator[str]":
    """Yield each reason with its count and the first such row: where it is, what is wrong, what it looks like."""
    for reason, count in counts.items():
        such = [reject for reject in rejects if reject.reason == reason]
        first = such[0]
        place = f"{first.where} {first.id}" if such[-1].where == first.where and count > 1 else first.where
        yield f"  - {reason} × {count}  ({place}{': ' if first.detail else ''}{first.detail})"
        yield from (f"      {line}" for line in _shown(first.excerpt))


def _shown(excerpt: str) -> list[str]:
    """Return an excerpt as it is shown: its beginning, or the part around the place that a caret marks."""
    source, _break, caret = excerpt.partition("\n")
    if caret.strip() != "^":
        return [source[:_WIDE]] if source.strip() else []
    start = max(0, caret.index("^") - _WIDE * 3 // 4)
    return [source[start : start + _WIDE], caret[start:]]
