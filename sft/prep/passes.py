"""Records → prepared rows in three passes over files, so that memory does not grow with the text.

1. `sft.prep.spool`: every source is read once. 2. `build`: each record becomes a draft on disk and a line of the compact
table, or a reject; then the choices are carried out on the table. 3. `write`: the rows that stay are rendered into the
prepared set. Every record read ends as a row or as a reject with a reason: ``read == kept + rejected``.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sft import columns, keys, prepared, splits
from sft.checks import repeats
from sft.checks.survey import Survey
from sft.checks.ties import hash64
from sft.errors import DataError, SettingsError
from sft.i18n import _
from sft.prep import account, choices, decide, page, shorten
from sft.prep.choices import Options, check, side_of
from sft.prep.made import SHOWN, Made, Rejects
from sft.prep.rows import GRAPH_TASKS, TARGETS, Draft, Maker, Names, wanted
from sft.prep.spool import Spooled, put
from sft.prep.table import RULE, SIDES, TEST, TRAIN, Table
from sft.records import Finding, Record, Reject


def build(sources: Sequence[Spooled], options: Options, folder: Path) -> Made:
    """Turn spooled records into drafts in `folder`, and carry out the choices: `draft`, then `settle`."""
    made = draft(sources, options, folder)
    settle(made)
    return made


def draft(sources: Sequence[Spooled], options: Options, folder: Path) -> Made:
    """Turn spooled records into drafts in `folder`; nothing is decided yet.

    Raises `DataError` or `SettingsError` naming every source that lacks a column.
    """
    check(options)
    splits.require_share(options.val_split)
    own = ("question", "context") if "context" in options.template.variables else ("question",)
    table = Table(dict.fromkeys(name for name in [*own, *options.group_by] if name != choices.NEAR))
    made = Made(options, sources, folder / "drafts", Rejects(folder / "refused.jsonl"), table)
    task = options.template.task
    made.survey = Survey(closed=task in ("true_false", "label"), prose=task not in GRAPH_TASKS)
    if options.template.task != "chat":
        made.mappings = _mappings(sources, options)
    _check_columns(sources, options)
    _draft_all(made)
    _settle_labels(made)
    return made


def settle(made: Made) -> None:
    """Carry out the choices: fate and side of every row."""
    options = made.options
    if options.loaded is not None:
        _measure(made)
    made.repeats = repeats.look(made.survey)
    near = repeats.clusters(made.survey, made.repeats) if choices.NEAR in options.group_by else None
    held_out = {n: SIDES.index(source.side) for n, source in enumerate(made.sources) if source.side}
    made.decided = decide.decide(
        made.table, options, [source.name for source in made.sources], held_out, near
    )
    sides, fate = made.table.side, made.table.fate
    made.survey.assign("" if fate[row] else SIDES[side] for row, side in enumerate(sides))


def _measure(made: Made) -> None:
    """Count the tokens of every row, and cut or refuse those over the limit that no file or column holds out."""
    made.lengths = shorten.Lengths(len(made.table))
    measured = made.lengths.measure(made.drafts(), made.options, made.label_set)
    drafts = ((row, draft) for row, draft in measured if made.table.given[row] in (RULE, TRAIN))
    for row, cut in shorten.cuts(drafts, made.lengths, made.options, made.label_set):
        if cut is None:
            made.table.reject(row, shorten.TOO_LONG)
        else:
            made.cuts[row] = cut
    shorter = ((row, made.draft(row)) for row in made.cuts)
    deque(made.lengths.measure(shorter, made.options, made.label_set), maxlen=0)


def _mappings(sources: Sequence[Spooled], options: Options) -> dict[str, dict[str, str]]:
    """Return which column of each source fills which variable."""
    heads = [
        Record("", f"{source.name}:0", dict.fromkeys(source.columns, ""))
        for source in sources
        if source.columns
    ]
    return columns.by_source(heads, wanted(options.template), options.mapping, options.source_mapping)


def _check_columns(sources: Sequence[Spooled], options: Options) -> None:
    """Raise `SettingsError` for a column to split or group by that the sources do not have."""
    own = {"question", "source", choices.NEAR, *({"context"} & set(options.template.variables))}
    known = list(dict.fromkeys(name for source in sources for name in source.columns))
    for flag, name in [
        *(("--group-by", name) for name in options.group_by),
        *(("--keep", name) for name in options.keep),
        ("--split-column", options.split_column),
    ]:
        if not name or name in known or (flag == "--group-by" and name in own):
            continue
        raise SettingsError(
            _("{flag}: no column {name!r}; the sources have {names}").format(
                flag=flag, name=name, names=", ".join(known) or _("none")
            ),
            hint=_("check the name; --group-by also takes question, context, source and near"),
        )
    lacking = [
        s.name
        for s in sources
        if options.split_column and not s.side and options.split_column not in s.columns
    ]
    if lacking:
        raise DataError(
            _("no column {name!r} to split by").format(name=options.split_column),
            where=lacking[0],
            hint=_("prepare this source by itself, or name held-out files with --test and --valid"),
        )


def _draft_all(made: Made) -> None:
    maker, names = Maker(made.options, made.quirks), Names()
    at = 0
    with ExitStack() as stack:
        drafts = stack.enter_context(made.path.open("wb", buffering=1 << 20))
        refused = stack.enter_context(made.rejects.path.open("wb", buffering=1 << 16))
        for number, source in enumerate(made.sources):
            mapping = made.mappings.get(source.name, {})
            for raw, item in source.stream():
                draft, given = _drafted(item, maker, mapping, source, made.options)
                if isinstance(draft, Reject):
                    made.rejects.note(draft)
                    put(refused, list(asdict(draft).values()))
                    continue
                name = names.unique(draft.id)
                draft = draft if name == draft.id else replace(draft, id=name)
                made.table.add(*_facts(draft, item, made, number), (number, given, at, raw))
                at += draft.put(drafts)
                _note(made, maker, draft, item, mapping)


def _note(made: Made, maker: Maker, draft: Draft, item: Record | Reject, mapping: Mapping[str, str]) -> None:
    """Let the checks take note of a row."""
    made.survey.add(maker.facts(draft))
    made.variables.add(draft.id, draft.fields)
    if isinstance(item, Record) and item.fields:
        target = {column for name, column in mapping.items() if name in TARGETS}
        beside = {name: value for name, value in item.fields.items() if name not in target}
        made.columns.add(draft.id, beside, str(draft.meta.get("label", "")))


def _drafted(
    item: Record | Reject, maker: Maker, mapping: Mapping[str, str], source: Spooled, options: Options
) -> tuple[Draft | Reject, int]:
    """Return the draft or the reject of an item, and the side that is given for it."""
    if isinstance(item, Reject):
        return item, RULE
    draft = maker(item, mapping)
    if isinstance(draft, Reject):
        return draft, RULE
    given: int | None = SIDES.index(source.side)
    if options.split_column and not source.side:
        cell = item.fields.get(options.split_column, "")
        given = side_of(cell)
        if given is None:
            detail = _("column {name}: {value!r} is not train, valid or test").format(
                name=options.split_column, value=cell[:SHOWN]
            )
            return Reject(item.id, item.where, "unknown_split", detail, cell[:SHOWN]), RULE
    if given in (RULE, TRAIN):
        refused = maker.too_short_or_long(draft)
        if refused:
            return refused, RULE
    return draft, given or RULE


def _facts(
    draft: Draft, item: Record | Reject, made: Made, source: int
) -> tuple[tuple[int, int, int], list[int], str | None]:
    """Return what the table keeps of a row: hashes, ties, label."""
    options, meta = made.options, draft.meta
    label = meta.get("label")
    answer = label if label is not None else " ".join(draft.answer(options.template).split())
    about = "context" in options.template.variables
    cells = item.fields if isinstance(item, Record) else {}
    ties = []
    for name in made.table.ties:
        if name == "question":
            ties.append(hash64("question", draft.asked))
        elif name == "context" and about:
            ties.append(hash64("context", meta["key"]))
        else:
            value = cells.get(name, made.sources[source].name if name == "source" else "")
            ties.append(hash64("group", keys.key(value)) if value else 0)
    hashes = (hash64(draft.key), hash64(answer), splits.rank(meta["key"], options.seed))
    return hashes, ties, label


def _settle_labels(made: Made) -> None:
    """Take the labels of the rows that are not held out: a prompt names what training knows."""
    if made.options.template.task != "label":
        return
    used = {
        label for label, given in zip(made.table.label, made.table.given, strict=True) if given != TEST
    } or set(made.table.label)
    made.labels = tuple(sorted(name for name, code in made.table.labels.items() if code in used))


def require(made: Made) -> None:
    """Raise `DataError` when no row is left to train on, or none of a held-out file that has been named."""
    sizes = made.sizes()
    if any(source.side and not sizes.get(source.side) for source in made.sources):
        raise nothing_left(_("no held-out row is left"), made)
    if not sizes["train"]:
        raise nothing_left(_("no row is left to train on"), made)


def write(
    out: Path, made: Made, found: Sequence[Finding], told: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Write the prepared set and return its manifest. Raises `DataError` when there is nothing to train on."""
    require(made)
    report = summary(made, found, told)
    sets = {side: made.rows(side) for side in made.sizes()}
    examples = page.gather(made, found)
    pages = {"report.md": account.markdown(report), "report.html": page.render(report, examples)}
    return prepared.write(out, sets, made.rejected_rows(), report, pages)


def summary(made: Made, found: Sequence[Finding], told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the report as data."""
    options = made.options
    return account.summary(
        options.template,
        {"val_split": options.val_split, "seed": options.seed},
        account.Counts(
            made.read,
            made.kept,
            made.sizes(),
            made.rejected,
            made.label_counts(),
            len(made.decided.copies),
            decide.drift(made.table),
        ),
        found,
        [
            dict(source)
            | {"kept": kept, "side": own.side, "columns": made.mappings.get(str(source["path"]), {})}
            for source, own, kept in zip(told, made.sources, made.kept_of(), strict=False)
        ],
        made.labels,
        options.told() | made.outcome(),
        made.length_table(),
        made.histograms(),
    )


def nothing_left(message: str, made: Made) -> DataError:
    """Return the error that names each reason for which rows were refused, with its first place."""
    first = made.first_rejects()
    parts = []
    for reason, count in made.rejected.items():
        detail = f": {first[reason].detail}" if first[reason].detail else ""
        parts.append(DataError(f"{reason} × {count}{detail}", where=first[reason].where))
    return DataError(
        _("{message}: all {n} were rejected").format(message=message, n=sum(made.rejected.values())),
        parts=tuple(parts),
        hint=_("mend the rows named above; another template, --map or --format may fit better")
        if made.rejects.counts
        else _("every row can be used, but the choices leave none: loosen them"),
    )
