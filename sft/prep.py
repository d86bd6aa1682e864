"""Records → prepared rows: derive what the template needs, render, split, check, write. Nothing is dropped silently.

Every record read ends as a row or as a reject with a reason: ``read == kept + rejected``.
"""

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sft import __version__, columns, findings, keys, labels, prepared, splits, templates
from sft.amr import penman, task1
from sft.errors import DataError
from sft.i18n import _
from sft.records import Finding, Message, Record, Reject, Row
from sft.text import write_json, write_jsonl, write_text

NORMALISATION = "NFC, LF, invisible characters removed, no-break space to space, cells stripped"
_GRAPH_TASKS = ("amr", "mtup")
_DERIVED = {"task1": "graph", "task2": "graph"}  # variable of the template → the variable it is derived from
_SEGMENTED = re.compile(r"(?<=\w)_(?=\w)")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose for a preparation."""

    template: templates.Template
    val_split: float = 0.1
    seed: int = 42
    mapping: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Built:
    """Rows before they are split; `quirks` counts rows per kind of graph quirk, `mapping` is the columns taken."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    quirks: Counter[str] = field(default_factory=Counter)
    quirk_examples: dict[str, str] = field(default_factory=dict)
    mapping: dict[str, str] = field(default_factory=dict)
    raw: list[Record] = field(default_factory=list)
    labels: tuple[str, ...] = ()

    @property
    def read(self) -> int:
        """Return how many records were read."""
        return len(self.rows) + len(self.rejects)


def wanted(template: templates.Template) -> list[str]:
    """Return the variables that must come from the data: derived ones give way to what they are derived from."""
    names = [_DERIVED.get(name, name) for name in template.variables if name != "labels"]
    return list(dict.fromkeys(names))


def build(items: Iterable[Record | Reject], options: Options) -> Built:
    """Turn records into rows by the template; each that cannot be one becomes a reject with its reason."""
    template = options.template
    built = Built()
    records: list[Record] = []
    for item in items:
        if isinstance(item, Reject):
            built.rejects.append(item)
        elif bool(item.messages) != (template.task == "chat"):
            detail = _("a conversation") if item.messages else _("not a conversation")
            built.rejects.append(Reject(item.id, item.where, "wrong_kind", detail))
        else:
            records.append(item)
    records = list(_unique(records))
    built.raw = records
    if template.task != "chat" and records:
        built.mapping = columns.guess(columns.union(records), wanted(template), options.mapping)
    values = [(record, _values(record, built, template)) for record in records]
    if template.task == "label":
        built.labels = tuple(sorted({v["label"] for _record, v in values if v.get("label")}))
    for record, fields in values:
        row = _row(record, fields, built, template)
        if isinstance(row, Row):
            built.rows.append(row)
        else:
            built.rejects.append(row)
    return built


def _unique(records: Iterable[Record]) -> Iterator[Record]:
    """Make ids unique over all sources: a second file may number its rows the same way."""
    seen: Counter[str] = Counter()
    for record in records:
        seen[record.id] += 1
        count = seen[record.id]
        yield record if count == 1 else replace(record, id=f"{record.id}~{count}")


def _values(record: Record, built: Built, template: templates.Template) -> dict[str, str]:
    if template.task == "chat":
        return {}
    return columns.values(record.fields, built.mapping, wanted(template), template.task)


def _row(record: Record, fields: dict[str, str], built: Built, template: templates.Template) -> Row | Reject:
    if template.task == "chat":
        return _chat_row(record, template)
    empty = [name for name, value in fields.items() if not value]
    if empty:
        return Reject(record.id, record.where, f"empty_{empty[0]}")
    meta: dict[str, Any] = {"where": record.where}
    if template.task in _GRAPH_TASKS:
        fields["sentence"] = _SEGMENTED.sub(" ", fields["sentence"])
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
    for kind in sorted({problem.kind for problem in reading.problems}):
        built.quirks[kind] += 1
        built.quirk_examples.setdefault(kind, record.where)
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

    A training or validation row whose key also occurs in `held_out` is rejected as ``in_test``.
    """
    test_keys = {row.meta["key"] for row in held_out}
    crossing = [row for row in built.rows if row.meta["key"] in test_keys]
    built.rejects += [
        Reject(row.id, row.meta["where"], "in_test", row.meta["question"][:80]) for row in crossing
    ]
    built.rows = [row for row in built.rows if row.meta["key"] not in test_keys]
    row_labels = [str(row.meta["label"]) for row in built.rows] if _labelled(built.rows) else None
    sides = splits.split([row.meta["key"] for row in built.rows], options.val_split, options.seed, row_labels)
    out: dict[str, list[Row]] = {"train": [], "valid": []}
    for row, side in zip(built.rows, sides, strict=True):
        out[side].append(row)
    if held_out:
        out["test"] = list(held_out)
    return out


def _labelled(rows: Sequence[Row]) -> bool:
    return bool(rows) and all("label" in row.meta for row in rows)


def check(built: Built, sets: Mapping[str, Sequence[Row]]) -> list[Finding]:
    """Return what is odd about the rows: graph quirks, duplicates, contradictions, leaks, balance, shortcuts."""
    found = [
        Finding(
            kind,
            "info",
            count,
            _("graphs with this quirk, read with a declared meaning"),
            (built.quirk_examples[kind],),
        )
        for kind, count in sorted(built.quirks.items())
    ]
    closed = _labelled(built.rows)
    items = [
        findings.Item(
            row.id, keys.key(row.meta["question"] if closed else row.messages[-2].content), _target(row), name
        )
        for name, rows in sets.items()
        for row in rows
    ]
    found += findings.check(items, closed=closed)
    if closed:
        return found + _label_columns(built)
    contradictory = findings.contradictions(items)
    return found + ([contradictory] if contradictory else [])


def _label_columns(built: Built) -> list[Finding]:
    """Look for raw columns that give the label away; only the columns of the mapping reach a prompt."""
    by_id = {row.id: str(row.meta["label"]) for row in built.rows}
    target = {built.mapping.get("answer"), built.mapping.get("label")}
    records = [record for record in built.raw if record.id in by_id]
    rows = [
        {name: value for name, value in record.fields.items() if name not in target} for record in records
    ]
    used = [column for column in built.mapping.values() if column not in target]
    finding = findings.label_columns([by_id[record.id] for record in records], rows, used)
    return [finding] if finding else []


def _target(row: Row) -> str:
    return str(row.meta.get("label") or " ".join(row.messages[-1].content.split()))


def write(
    out: Path,
    built: Built,
    sets: Mapping[str, Sequence[Row]],
    found: Sequence[Finding],
    options: Options,
    sources: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Write the prepared set aside and put it in place at once; the manifest is its last file. Return the manifest."""
    if not sets["train"]:
        reasons = Counter(reject.reason for reject in built.rejects)
        raise DataError(
            _("no row is left to train on; rejected: {reasons}").format(
                reasons=", ".join(f"{name} {n}" for name, n in reasons.most_common()) or "0"
            ),
            hint=_("see the reasons above; another template or --map may fit better"),
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    try:
        aside.chmod(0o755)
        for name, rows in sets.items():
            write_jsonl(aside / f"{name}.jsonl", (row.as_dict() for row in rows))
        write_jsonl(aside / "rejected.jsonl", (_reject_dict(reject) for reject in built.rejects))
        report = summary(built, sets, found, options, sources)
        write_json(aside / "report.json", report)
        write_text(aside / "report.md", markdown(report))
        manifest = {key: value for key, value in report.items() if key != "findings"}
        manifest["sha256"] = prepared.rows_digest(aside)
        write_json(aside / prepared.MANIFEST, manifest)
        _swap(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return manifest


def _swap(aside: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    aside.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _reject_dict(reject: Reject) -> dict[str, str]:
    return {
        "id": reject.id,
        "where": reject.where,
        "reason": reject.reason,
        "detail": reject.detail,
        "excerpt": reject.excerpt,
    }


def summary(
    built: Built,
    sets: Mapping[str, Sequence[Row]],
    found: Sequence[Finding],
    options: Options,
    sources: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the report as data."""
    label_counts = {
        name: dict(sorted(Counter(str(row.meta["label"]) for row in rows).items()))
        for name, rows in sets.items()
        if _labelled(rows)
    }
    return {
        "sft": __version__,
        "template": options.template.id,
        "task": options.template.task,
        "sources": list(sources),
        "columns": built.mapping,
        "split": {"rule": "blake2b(seed, key) < share", "val_split": options.val_split, "seed": options.seed},
        "normalisation": NORMALISATION,
        "read": built.read + len(sets.get("test", ())),
        "kept": sum(len(rows) for rows in sets.values()),
        "rows": {name: len(rows) for name, rows in sets.items()},
        "rejected": dict(sorted(Counter(reject.reason for reject in built.rejects).items())),
        "labels": label_counts,
        "label_set": list(built.labels) or list(options.template.labels),
        "findings": [finding.as_dict() for finding in found],
    }


def markdown(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown for people."""
    lines = [
        f"# {_('Prepared set')}: {report['template']}",
        "",
        f"| {_('source')} | {_('rows')} | sha256 |",
        "|---|---|---|",
    ]
    lines += [f"| {s['path']} ({s['detail']}) | {s['rows']} | {s['sha256'][:8]} |" for s in report["sources"]]
    counts = ", ".join(f"{name} {count}" for name, count in report["rows"].items())
    lines += [
        "",
        _("Read {read}, kept {kept}: {counts}.").format(
            read=report["read"], kept=report["kept"], counts=counts
        ),
        "",
    ]
    if report["rejected"]:
        lines += [
            f"## {_('Rejected')}",
            "",
            *(f"* {reason}: {n}" for reason, n in report["rejected"].items()),
            "",
        ]
    for name, table in report["labels"].items():
        lines += [f"* {name}: " + ", ".join(f"{label} {n}" for label, n in table.items())]
    lines += ["", f"## {_('Findings')}", ""]
    for finding in report["findings"]:
        where = f" ({', '.join(finding['examples'][:3])})" if finding["examples"] else ""
        hint = f" {finding['hint']}" if finding["hint"] else ""
        lines.append(
            f"* **{finding['severity']}** `{finding['id']}` × {finding['count']}: {finding['message']}{where}.{hint}"
        )
    if not report["findings"]:
        lines.append(_("None."))
    return "\n".join(lines) + "\n"


def prompts(
    items: Iterable[Record | Reject], template: templates.Template, label_set: Sequence[str] = ()
) -> tuple[list[Row], list[Reject]]:
    """Return rows without an answer, for prediction on new inputs, and what was refused."""
    refused = [item for item in items if isinstance(item, Reject) and item.reason != "no_graph"]
    records = [item for item in items if isinstance(item, Record)]
    # A sentence without a graph is refused as training data; to predict its graph it is just what is needed.
    records += [
        Record(item.id, item.where, {"sentence": item.excerpt})
        for item in items
        if isinstance(item, Reject) and item.reason == "no_graph"
    ]
    if template.task == "chat":
        return [
            Row(r.id, _chat_prompt(r, template), {"where": r.where}) for r in records if r.messages
        ], refused
    needed = [name for name in template.prompt_variables if name != "labels"]
    mapping = columns.guess(columns.union(records), needed) if records else {}
    rows = []
    for record in _unique(records):
        fields = columns.values(record.fields, mapping, needed, template.task)
        if not all(fields.values()):
            refused.append(Reject(record.id, record.where, "empty_input"))
            continue
        if "sentence" in fields:
            fields["sentence"] = _SEGMENTED.sub(" ", fields["sentence"])
        fields["labels"] = ", ".join(label_set)
        rows.append(
            Row(record.id, templates.render(template, fields, prompt_only=True), {"where": record.where})
        )
    return rows, refused


def _chat_prompt(record: Record, template: templates.Template) -> tuple[Message, ...]:
    messages = (
        record.messages if record.messages[0].role == "system" else (*template.messages, *record.messages)
    )
    return messages[:-1] if messages[-1].role == "assistant" else messages
