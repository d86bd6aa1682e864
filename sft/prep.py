"""Records → prepared rows: derive what the template needs, render, split, check, write. Nothing is dropped silently.

Every record read ends as a row or as a reject with a reason: ``read == kept + rejected``.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from sft import account, columns, keys, labels, prepared, splits, templates
from sft.amr import penman, task1
from sft.errors import DataError
from sft.i18n import _
from sft.records import Finding, Record, Reject, Row

GRAPH_TASKS = ("amr", "mtup")
_DERIVED = {"task1": "graph", "task2": "graph"}  # variable of the template → the variable it is derived from
SEGMENTED = re.compile(r"(?<=\w)_(?=\w)")
UNSEGMENTED = "segmented"
_Named = TypeVar("_Named", Record, Row)


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose for a preparation."""

    template: templates.Template
    val_split: float = 0.1
    seed: int = 42
    mapping: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Built:
    """Rows before they are split; `quirks` counts rows per kind of graph quirk, with the first one of each.

    `mappings` holds for each source which column fills which variable, `labels` the label set of the prompts.
    """

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    quirks: Counter[str] = field(default_factory=Counter)
    quirk_examples: dict[str, tuple[str, str]] = field(default_factory=dict)
    mappings: dict[str, dict[str, str]] = field(default_factory=dict)
    raw: list[Record] = field(default_factory=list)
    labels: tuple[str, ...] = ()

    def quirk(self, kind: str, where: str, message: str) -> None:
        """Count one row with a quirk that is read with a declared meaning."""
        self.quirks[kind] += 1
        self.quirk_examples.setdefault(kind, (where, message))

    def absorb(self, held_out: "Built") -> None:
        """Take over what was refused and noted in a held-out file; its rows go another way."""
        self.rejects += held_out.rejects
        self.quirks += held_out.quirks
        self.quirk_examples = held_out.quirk_examples | self.quirk_examples
        self.mappings |= held_out.mappings

    @property
    def read(self) -> int:
        """Return how many records were read."""
        return len(self.rows) + len(self.rejects)


def wanted(template: templates.Template) -> list[str]:
    """Return the variables that must come from the data: derived ones give way to what they are derived from."""
    names = [_DERIVED.get(name, name) for name in template.variables if name != "labels"]
    return list(dict.fromkeys(names))


def build(items: Iterable[Record | Reject], options: Options, label_set: Sequence[str] = ()) -> Built:
    """Turn records into rows by the template; each that cannot be one becomes a reject with its reason.

    `label_set` is that of the training data when the rows are held out: their prompts must name the same labels.
    Raises `DataError` or `SettingsError` naming every source that lacks a column.
    """
    template = options.template
    built = Built()
    records: list[Record] = []
    for item in items:
        if isinstance(item, Reject):
            built.rejects.append(item)
        elif bool(item.messages) != (template.task == "chat"):
            built.rejects.append(wrong_kind(item))
        else:
            records.append(item)
    built.raw = records = list(unique(records))
    if template.task != "chat":
        built.mappings = columns.by_source(records, wanted(template), options.mapping)
    values = [(record, _values(record, built.mappings, template)) for record in records]
    if template.task == "label":
        found = {fields["label"] for _record, fields in values if all(fields.values())}
        built.labels = tuple(label_set) or tuple(sorted(found))
    for record, fields in values:
        row = _row(record, fields, built, template)
        if isinstance(row, Row):
            built.rows.append(row)
        else:
            built.rejects.append(row)
    return built


def wrong_kind(record: Record) -> Reject:
    """Refuse a conversation where rows are wanted, or the other way round."""
    detail = _("a conversation") if record.messages else _("not a conversation")
    return Reject(record.id, record.where, "wrong_kind", detail)


def unique(items: Iterable[_Named], taken: Iterable[str] = ()) -> Iterator[_Named]:
    """Make ids unique over all sources: a second file may number its rows the same way."""
    seen = set(taken)
    for item in items:
        name, number = item.id, 1
        while name in seen:
            number += 1
            name = f"{item.id}~{number}"
        seen.add(name)
        yield item if name == item.id else replace(item, id=name)


def _values(
    record: Record, mappings: Mapping[str, Mapping[str, str]], template: templates.Template
) -> dict[str, str]:
    if template.task == "chat":
        return {}
    return columns.values(record.fields, mappings[columns.source_of(record)], wanted(template), template.task)


def _row(record: Record, fields: dict[str, str], built: Built, template: templates.Template) -> Row | Reject:
    if template.task == "chat":
        return _chat_row(record, template)
    empty = [name for name, value in fields.items() if not value]
    if empty:
        return Reject(record.id, record.where, f"empty_{empty[0]}")
    meta: dict[str, Any] = {"where": record.where}
    if template.task in GRAPH_TASKS:
        fields["sentence"], joints = SEGMENTED.subn(" ", fields["sentence"])
        if joints:
            built.quirk(UNSEGMENTED, record.where, _("words joined by “_” are written with a blank"))
        meta |= {"sentence": fields["sentence"], "graph": fields["graph"]}
        refused = _graph_fields(record, fields, built)
        if refused:
            return refused
    elif template.task == "true_false":
        label = labels.canonical(fields["answer"], template.labels)
        if label is None:
            detail = _("known: {names}").format(
                names=", ".join([*template.labels, *template.labels.values()])
            )
            return Reject(record.id, record.where, "unknown_label", detail, fields["answer"][:80])
        meta["label"], fields["answer"] = label, template.labels[label]
    elif template.task == "label":
        meta["label"], fields["labels"] = fields["label"], ", ".join(built.labels)
    question = fields.get("sentence") or fields.get("question") or fields.get("text") or ""
    meta["question"] = question
    meta["key"] = keys.key(fields.get("context") or question)
    return Row(record.id, templates.render(template, fields), meta)


def _graph_fields(record: Record, fields: dict[str, str], built: Built) -> Reject | None:
    """Fill in ``task1``, ``task2`` and a one-line ``graph`` with variables by rule; gold with a defect is refused."""
    body = fields["graph"]
    reading = penman.read(body)
    errors = [problem for problem in reading.problems if problem.severity == "error"]
    if errors or reading.graph is None:
        kind = errors[0].kind if errors else "no_graph"
        detail = errors[0].message if errors else ""
        excerpt = errors[0].caret(body) if errors else body[:80]
        return Reject(record.id, record.where, kind, detail, excerpt)
    for kind, problem in {problem.kind: problem for problem in reversed(reading.problems)}.items():
        built.quirk(kind, record.where, problem.message)
    fields["graph"] = fields["task2"] = penman.to_penman(penman.rename_variables(reading.graph))
    fields["task1"] = task1.to_task1(reading.graph)
    back = task1.from_task1(fields["task1"]).graph
    if back is None or penman.to_penman(penman.rename_variables(back)) != fields["task2"]:
        return Reject(record.id, record.where, "task1_not_lossless", excerpt=fields["task1"][:80])
    return None


def _chat_row(record: Record, template: templates.Template) -> Row:
    messages = record.messages
    if messages[0].role != "system":
        messages = (*template.messages, *messages)
    question = next((m.content for m in messages if m.role == "user"), "")
    return Row(record.id, messages, {"where": record.where, "question": question, "key": keys.key(question)})


def split(built: Built, options: Options, held_out: Sequence[Row] = ()) -> dict[str, list[Row]]:
    """Assign rows to train and valid by the hash of their key; `held_out` rows become the test split.

    A training or validation row whose key also occurs in `held_out` is rejected as ``in_test``. A held-out row whose
    id a training row has gets another: predictions are found by id.
    """
    test_keys = {row.meta["key"] for row in held_out}
    crossing = [row for row in built.rows if row.meta["key"] in test_keys]
    detail = _("the held-out file has it too")
    built.rejects += [
        Reject(row.id, row.meta["where"], "in_test", detail, row.meta["question"][:80]) for row in crossing
    ]
    built.rows = [row for row in built.rows if row.meta["key"] not in test_keys]
    row_labels = [str(row.meta["label"]) for row in built.rows] if labelled(built.rows) else None
    sides = splits.split([row.meta["key"] for row in built.rows], options.val_split, options.seed, row_labels)
    out: dict[str, list[Row]] = {"train": [], "valid": []}
    for row, side in zip(built.rows, sides, strict=True):
        out[side].append(row)
    if held_out:
        out["test"] = list(unique(held_out, [row.id for row in built.rows]))
    return out


def labelled(rows: Sequence[Row]) -> bool:
    """Tell rows with a label each."""
    return bool(rows) and all("label" in row.meta for row in rows)


def write(
    out: Path,
    built: Built,
    sets: Mapping[str, Sequence[Row]],
    found: Sequence[Finding],
    options: Options,
    sources: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Write the prepared set and return its manifest. Raises `DataError` when there is nothing to train on."""
    if not sets["train"]:
        raise nothing_left(_("no row is left to train on"), built)
    told = [dict(source) | {"columns": built.mappings.get(str(source["path"]), {})} for source in sources]
    report = account.summary(
        options.template,
        {"val_split": options.val_split, "seed": options.seed},
        sets,
        built.rejects,
        found,
        told,
        built.labels,
    )
    return prepared.write(out, sets, built.rejects, report, account.markdown(report))


def nothing_left(message: str, built: Built) -> DataError:
    """Return the error that names each reason for which rows were refused, with its first place."""
    parts = []
    for reason, count in Counter(reject.reason for reject in built.rejects).most_common():
        first = next(reject for reject in built.rejects if reject.reason == reason)
        detail = f": {first.detail}" if first.detail else ""
        parts.append(DataError(f"{reason} × {count}{detail}", where=first.where))
    return DataError(
        _("{message}: all {n} were rejected").format(message=message, n=len(built.rejects)),
        parts=tuple(parts),
        hint=_("mend the rows named above; another template, --map or --format may fit better"),
    )
