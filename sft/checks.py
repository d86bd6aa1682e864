"""What is odd about the rows of a preparation: findings for people, before anyone trains on them."""

from collections.abc import Mapping, Sequence

from sft import findings, keys
from sft.i18n import _
from sft.prep import SEGMENTED, UNSEGMENTED, Built, labelled
from sft.records import Finding, Row, Severity

_MANY = 0.05  # share of the rows from which words joined by "_" are the work of a word segmenter


def check(built: Built, sets: Mapping[str, Sequence[Row]]) -> list[Finding]:
    """Return what is odd about the rows: graph quirks, duplicates, contradictions, leaks, balance, shortcuts."""
    found = [
        Finding(kind, "info", count, built.quirk_examples[kind][1], (built.quirk_examples[kind][0],))
        for kind, count in sorted(built.quirks.items())
    ]
    found += _mostly_rejected(built)
    closed = labelled(built.rows)
    rows = [row for side in sets.values() for row in side]
    items = [
        findings.Item(
            row.id, keys.key(row.meta["question"] if closed else row.messages[-2].content), _target(row), name
        )
        for name, side in sets.items()
        for row in side
    ]
    found += findings.check(items, closed=closed)
    if not any("graph" in row.meta for row in rows):
        found += _segmented(rows)
    if closed:
        return found + _label_columns(built)
    contradictory = findings.contradictions(items, closed=False)
    return found + ([contradictory] if contradictory else [])


def _mostly_rejected(built: Built) -> list[Finding]:
    """Say that more was refused than kept: the template, the columns or the file may be the wrong one."""
    if len(built.rejects) <= len(built.rows):
        return []
    message = _("more rows were rejected than kept")
    hint = _("look at the reasons: another template, --map or --format may fit better")
    return [Finding("mostly_rejected", "warning", len(built.rejects), message, (), hint)]


def _segmented(rows: Sequence[Row]) -> list[Finding]:
    """Find inputs of a word segmenter: what users will type has no ``_``. A few rows are rather names and code."""
    joined = [row.id for row in rows if SEGMENTED.search(str(row.meta["question"]))]
    if not joined:
        return []
    severity: Severity = "warning" if len(joined) >= _MANY * len(rows) else "info"
    message = _("words joined by “_” reach the prompt as they are")
    hint = _("write them with blanks in the source, as users will: the model reads two different texts")
    return [Finding(UNSEGMENTED, severity, len(joined), message, tuple(joined[:5]), hint)]


def _label_columns(built: Built) -> list[Finding]:
    """Look for raw columns that give the label away; only the columns of the mapping reach a prompt."""
    by_id = {row.id: str(row.meta["label"]) for row in built.rows}
    pairs = {pair for mapping in built.mappings.values() for pair in mapping.items()}
    target = {column for name, column in pairs if name in {"answer", "label"}}
    records = [record for record in built.raw if record.id in by_id]
    rows = [
        {name: value for name, value in record.fields.items() if name not in target} for record in records
    ]
    used = sorted({column for _name, column in pairs} - target)
    finding = findings.label_columns([by_id[record.id] for record in records], rows, used)
    return [finding] if finding else []


def _target(row: Row) -> str:
    return str(row.meta.get("label") or " ".join(row.messages[-1].content.split()))
