"""What a preparation did, as data (``report.json``, the manifest) and as Markdown for people. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sft import __version__
from sft.i18n import _
from sft.records import Finding
from sft.templates import Template

NORMALISATION = "NFC, LF, invisible characters removed, no-break space to space, cells stripped"
_SPLIT_RULE = "blake2b(seed, key) < share"


@dataclass(frozen=True, slots=True)
class Counts:
    """The rows of a preparation: ``read == kept + sum(rejected.values())``; copies of a row come on top in `rows`.

    `drift` is how far the share of each label in validation is from its share in training, in points.
    """

    read: int
    kept: int
    rows: Mapping[str, int]
    rejected: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    copies: int = 0
    drift: Mapping[str, float] = field(default_factory=dict)


def summary(
    template: Template,
    split: Mapping[str, Any],
    counts: Counts,
    found: Iterable[Finding],
    sources: Sequence[Mapping[str, Any]],
    label_set: Sequence[str] = (),
    choices: Mapping[str, Any] | None = None,
    lengths: Mapping[str, Any] | None = None,
    histograms: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the report as data.

    `split` holds ``val_split`` and ``seed``; `sources` say of each file path, format, rows, sha256 and columns;
    `choices` hold what is not the default, and what it came to; `histograms` how prompts, answers and both are spread,
    as `sft.checks.lengths.histogram` counts, in the unit of `lengths`.
    """
    return {
        "sft": __version__,
        "template": template.id,
        "task": template.task,
        "sources": list(sources),
        "split": {"rule": _SPLIT_RULE, **split},
        "choices": dict(choices or {}),
        "normalisation": NORMALISATION,
        "read": counts.read,
        "kept": counts.kept,
        "copies": counts.copies,
        "rows": dict(counts.rows),
        "rejected": dict(counts.rejected),
        "labels": {side: dict(labels) for side, labels in counts.labels.items()},
        "drift": dict(counts.drift),
        "label_set": list(label_set) or list(template.labels),
        "lengths": dict(lengths or {}),
        "histograms": dict(histograms or {}),
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
    if report["choices"]:
        lines += [f"## {_('Choices')}", "", *choices(report["choices"]), ""]
    if report["labels"]:
        lines += [f"## {_('Labels')}", ""]
        lines += [
            f"* {name}: " + ", ".join(f"{label} {n}" for label, n in table.items())
            for name, table in report["labels"].items()
        ]
        if report["drift"]:
            points = ", ".join(f"{label} {drift:+.1f}" for label, drift in report["drift"].items())
            lines += [f"* {_('validation against training, in points')}: {points}"]
        lines += [""]
    if report["lengths"]:
        lines += [f"## {_('Lengths')}", "", *_lengths(report["lengths"]), ""]
    lines += [f"## {_('Findings')}", "", *map(_finding, report["findings"])]
    return "\n".join(lines if report["findings"] else [*lines, _("None.")]) + "\n"


def _lengths(lengths: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of lengths, and the share of answers that each limit would cut."""
    yield f"| {lengths['unit']} | p50 | p95 | p99 | max |"
    yield "|---|---|---|---|---|"
    for name in ("prompt", "answer", "total"):
        yield (
            "| "
            + " | ".join([name, *(str(lengths[name][key]) for key in ("p50", "p95", "p99", "max"))])
            + " |"
        )
    if "cut" in lengths:
        yield ""
        shares = ", ".join(f"{limit}: {share:.1%}" for limit, share in lengths["cut"].items())
        yield _("Rows longer than a limit, whose answers would be cut: {shares}").format(shares=shares)


def choices(chosen: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line of Markdown for each choice that is not the default and for what came of it."""
    for name, value in chosen.items():
        if name == "shares":
            total = sum(part["taken"] for part in value)
            said = "; ".join(
                _("{source}: {taken} of {rows} rows = {share:.0%} of {total}").format(
                    **part | {"share": part["taken"] / max(1, total), "total": total}
                )
                for part in value
            )
        elif isinstance(value, Mapping):
            said = ", ".join(f"{key}={_plain(each)}" for key, each in value.items())
        else:
            said = _plain(value)
        yield f"* {name}: {said}"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


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
