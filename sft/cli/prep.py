"""`sft prep`: raw files to a prepared set."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import screen
from sft.cli import sources as raw
from sft.errors import SettingsError, TemplateError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.cli.sources import Reader
    from sft.prep.choices import Options
    from sft.settings import PrepSettings, Resolved
    from sft.tokenizer import Loaded

_MANY = 50_000  # rows from which each step is announced: it takes a while


def prep(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help=_("files, folders or patterns; default: data/raw")),
    ] = None,
    template: Annotated[str | None, typer.Option(help=_("prompt template; see: sft templates list"))] = None,
    out: Annotated[
        Path | None, typer.Option(help=_("folder of the prepared set; default: data/prepared/TEMPLATE"))
    ] = None,
    val_split: Annotated[float | None, typer.Option(help=_("share of the rows for validation"))] = None,
    seed: Annotated[int | None, typer.Option(help=_("seed of the split and of everything drawn"))] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="NAME=COLUMN", help=_("which column fills a variable")),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(help=_("held-out file: becomes the test split; shared rows leave training")),
    ] = None,
    valid: Annotated[
        list[Path] | None,
        typer.Option(help=_("file that becomes the validation split; shared rows leave training")),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--sources",
            metavar="SOURCE:WEIGHT",
            help=_("sources with their shares of the rows, e.g. a.csv:0.3 b.jsonl:0.7; no row is repeated"),
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help=_("keep a column with each row, e.g. for sft train --curriculum column:NAME"),
        ),
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help=_("rows with one value stay on one side; also: source, question")
        ),
    ] = None,
    split_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help=_("column that says train, valid or test"))
    ] = None,
    duplicates: Annotated[
        str | None,
        typer.Option(metavar="keep|drop", help=_("rows that repeat question and answer of an earlier one")),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(metavar='"LABEL=WORD,WORD …"', help=_("further spellings of labels in the data")),
    ] = None,
    min_chars: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=N", help=_("leave out rows with a shorter text, e.g. answer=2")),
    ] = None,
    max_chars: Annotated[
        list[str] | None, typer.Option(metavar="NAME=N", help=_("leave out rows with a longer text"))
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help=_("longest row in tokens; needs --tokenizer; 0 = no limit"))
    ] = None,
    too_long: Annotated[
        str | None,
        typer.Option(metavar="RULE", help=_("what happens to longer rows: reject or shorten-context")),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", "--model", help=_("model whose tokenizer counts; see: sft models list")),
    ] = None,
    balance: Annotated[
        str | None,
        typer.Option(
            metavar="no|down|up", help=_("training rows per label: down to the rarest, up by copies")
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help=_("keep that many rows, sampled by seed; 0 = all"))
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help=_("format of the sources, when it is not found right"))
    ] = "",
    encoding: Annotated[str, typer.Option(help=_("encoding of the sources, when they are not UTF-8"))] = "",
    delimiter: Annotated[str, typer.Option(help=_("delimiter of tables, when it is not found right"))] = "",
    part: Annotated[str, typer.Option(help=_("sheet, or path inside a JSON file"))] = "",
    answers: raw.Answers = None,
    turns: raw.Turns = None,
    impossible: raw.Impossible = None,
    repair_mojibake: raw.RepairMojibake = False,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="FINDING", help=_("go on in spite of this error finding"))
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_("do everything but write the set"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("print one JSON object"))] = False,
) -> None:
    """Read raw data, render it with a template, split and check it, and write a prepared set.

    Example: sft prep --template v5_cot
    """
    from sft import prepared
    from sft.cli import accounting
    from sft.cli.sources import Reader
    from sft.embedded import cache_folder
    from sft.prep import choices, review, spool
    from sft.prep import passes as core

    review.require_known(allow or [])
    flags: dict[str, Any] = {
        "template": template, "val_split": val_split, "seed": seed, "split_column": split_column, "group_by": group_by,
        "keep": keep,
        "duplicates": duplicates, "max_tokens": max_tokens, "too_long": too_long, "tokenizer": tokenizer,
        "balance": balance, "limit": limit,
        "columns": choices.pairs(mapping, "--map", "question=Câu", "NAME=COLUMN") if mapping else None,
        "min_chars": choices.numbers(min_chars, "--min-chars") if min_chars else None,
        "max_chars": choices.numbers(max_chars, "--max-chars") if max_chars else None,
        "labels": choices.label_words(labels) if labels else None,
    }  # fmt: skip
    chosen = _resolved(flags)
    paths, weights = choices.weighted([*(more or []), *(sources or [])])
    options = _options(chosen, flags)
    target = out or Path("data") / "prepared" / options.template.name
    prepared.require_place(target)
    reader = Reader({
        "format": format_, "encoding": encoding, "delimiter": delimiter, "part": part, "answers": answers,
        "turns": turns, "impossible": impossible, "repair_mojibake": repair_mojibake,
    })  # fmt: skip
    reader.find({"": paths or [_raw_folder()], "valid": valid or [], "test": test or []})
    options = replace(
        _with_shares(options, paths, weights, reader), source_mapping=_of_sources(reader, flags["columns"])
    )
    with spool.Folder(cache_folder() / "prep") as folder:
        folder.clean()
        spooled = reader.spool(folder)
        many = sum(source.read for source in spooled) >= _MANY
        say = screen.note if many else lambda _text: None
        say(_("making rows …"))
        made = core.build(spooled, options, folder.path)
        core.require(made)
        say(_("checking {n} rows …").format(n=made.kept))
        found = reader.findings() + review.check(made)
        blocking = [f for f in found if f.severity == "error" and f.id not in (allow or [])]
        replaced = target.exists()
        written = not blocking and not dry_run
        if written:
            say(_("writing {out} …").format(out=target))
            core.write(target, made, found, reader.told)
        accounting.show(made, found, accounting.End(target, blocking, written, replaced), as_json=as_json)
        if blocking:
            raise typer.Exit(1)


def _resolved(flags: dict[str, Any]) -> "Resolved[PrepSettings]":
    from sft import settings

    chosen = settings.resolve_section(
        settings.PrepSettings, {k: v for k, v in flags.items() if v is not None}
    )
    said = {
        name: value
        for name, value in chosen.changed().items()
        if name not in ("template", "columns", "source")
    }
    if said:
        parts = (f"{name} {_plain(value)} ({chosen.origins[name]})" for name, value in said.items())
        screen.note(_("chosen: {choices}").format(choices="; ".join(parts)))
    return chosen


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_plain(each)}" for key, each in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _options(chosen: "Resolved[PrepSettings]", flags: dict[str, Any]) -> "Options":
    from sft import templates
    from sft.prep import choices

    values = chosen.values
    if not values.template:
        raise SettingsError(
            _("no template chosen"), hint=_("e.g. --template v5_cot; see: sft templates list")
        )
    try:
        template = templates.load(values.template, Path.cwd())
    except TemplateError as error:
        if not error.where and flags["template"] is None:
            error.where = chosen.origins["template"]  # the line of sft.toml
        raise
    options = choices.Options(
        template,
        values.val_split,
        values.seed,
        values.columns,
        group_by=tuple(values.group_by),
        keep=tuple(values.keep),
        split_column=values.split_column,
        duplicates=values.duplicates,
        balance=values.balance,
        limit=values.limit,
        min_chars=values.min_chars,
        max_chars=values.max_chars,
        max_tokens=values.max_tokens,
        too_long=values.too_long,
        loaded=_tokenizer(values.tokenizer) if values.tokenizer else None,
        tokenizer=values.tokenizer,
        label_words=values.labels,
    )
    choices.check(options)
    return options


def _tokenizer(name: str) -> "Loaded":
    from sft import base, models, tokenizer

    model = models.resolve(name)
    return tokenizer.load(base.fetch(model, weights=False).folder, model)


def _with_shares(
    options: "Options", paths: Sequence[Path], weights: Sequence[float], reader: "Reader"
) -> "Options":
    """Return the options with the weights of the sources; a folder or pattern has one weight for all its files."""

    from sft.prep.choices import Share, check_shares

    shares: list[Share] = [
        Share(str(path), weight, frozenset(map(str, reader.given[path])))
        for path, weight in zip(paths, weights, strict=bool(weights))
    ]
    check_shares(shares)
    return replace(options, shares=tuple(shares))


def _of_sources(reader: "Reader", said: Mapping[str, str] | None) -> dict[str, dict[str, str]]:
    """Return what sft.toml says of the columns of single sources, but for what --map says of all."""
    return {
        source: {name: column for name, column in columns.items() if name not in (said or {})}
        for source, columns in reader.columns.items()
    }


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
