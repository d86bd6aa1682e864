"""What a preparation did, as data (``report.json``, the manifest) and as Markdown for people. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sft import __version__
from sft.i18n import _
from sft.records import Finding, Reject, Row
from sft.templates import Template

NORMALISATION = "NFC, LF, invisible characters removed, no-break space to space, cells stripped"
_SPLIT_RULE = "blake2b(seed, key) < share"


def summary(
    template: Template,
    split: Mapping[str, Any],
    sets: Mapping[str, Sequence[Row]],
    rejects: Sequence[Reject],
    found: Iterable[Finding],
    sources: Sequence[Mapping[str, Any]],
    label_set: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the report as data: ``read == kept + sum(rejected.values())``.

    `split` holds ``val_split`` and ``seed``; `sources` say of each file path, format, rows, sha256 and columns.
    """
    label_counts = {
        name: dict(sorted(Counter(str(row.meta["label"]) for row in rows).items()))
        for name, rows in sets.items()
        if rows and all("label" in row.meta for row in rows)
    }
    kept = sum(len(rows) for rows in sets.values())
    return {
        "sft": __version__,
        "template": template.id,
        "task": template.task,
        "sources": list(sources),
        "split": {"rule": _SPLIT_RULE, **split},
        "normalisation": NORMALISATION,
        "read": kept + len(rejects),
        "kept": kept,
        "rows": {name: len(rows) for name, rows in sets.items()},
        "rejected": dict(Counter(reject.reason for reject in rejects).most_common()),
        "labels": label_counts,
        "label_set": list(label_set) or list(template.labels),
        "findings": [finding.as_dict() for finding in found],
    }


def markdown(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [f"# {_('Prepared set')}: {report['template']}", "", *_sources(report["sources"]), ""]
    counts = ", ".join(f"{name} {count}" for name, count in report["rows"].items())
    text = _("Read {read} rows, kept {kept}: {counts}.")
    lines += [text.format(read=report["read"], kept=report["kept"], counts=counts), ""]
    if report["rejected"]:
        lines += [f"## {_('Rejected')}", ""]
        lines += [f"* {reason}: {n}" for reason, n in report["rejected"].items()]
        lines += ["", _("Each one stands in rejected.jsonl with its place and the reason."), ""]
    if report["labels"]:
        lines += [f"## {_('Labels')}", ""]
        lines += [
            f"* {name}: " + ", ".join(f"{label} {n}" for label, n in table.items())
            for name, table in report["labels"].items()
        ]
        lines += [""]
    lines += [f"## {_('Findings')}", "", *map(_finding, report["findings"])]
    return "\n".join(lines if report["findings"] else [*lines, _("None.")]) + "\n"


def _sources(sources: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield f"| {_('source')} | {_('rows')} | {_('columns')} | sha256 |"
    yield "|---|---|---|---|"
    for source in sources:
        columns = "; ".join(f"{name} ← {column}" for name, column in source["columns"].items())
        yield f"| {source['path']} ({source['detail']}) | {source['rows']} | {columns} | {source['sha256'][:8]} |"


def _finding(finding: Mapping[str, Any]) -> str:
    where = f" ({', '.join(finding['examples'][:3])})" if finding["examples"] else ""
    hint = f"; {finding['hint']}" if finding["hint"] else ""
    return f"* **{finding['severity']}** `{finding['id']}` × {finding['count']}: {finding['message']}{where}{hint}"
