"""What is odd about the rows of a preparation: findings for people, before anyone trains on them.

A check is a function that returns findings, and gets one of two things. Checks of texts get the rows as an iterable of
`sft.findings.Item` (id, key, label, split, question, answer, context, source, where): it streams from disk, may be
gone through several times, and must not be made a list unless by `sft.findings.sample`. Checks of what is equal to what
get the `Made` with its compact `Table` of hashes. A finding of severity "error" stops the preparation unless it is
allowed; every id stands in `KNOWN`.
"""

from collections.abc import Iterable

from sft import crossings, findings
from sft.errors import SettingsError
from sft.i18n import _
from sft.made import Made
from sft.records import Finding, Severity
from sft.rows import SEGMENTED, UNSEGMENTED

_MANY = 0.05  # share of the rows from which words joined by "_" are the work of a word segmenter
_EXAMPLES = 5
# Findings that can be errors, so that --allow may name them.
KNOWN = frozenset({
    "empty_target", "label_columns", "leak_context", "leak_group", "leak_heldout", "leak_question",
})  # fmt: skip


def require_known(names: Iterable[str]) -> None:
    """Raise `SettingsError` for a finding that does not exist or never stops a preparation."""
    unknown = [name for name in names if name not in KNOWN]
    if unknown:
        raise SettingsError(
            _("--allow: no error finding {name!r}").format(name=unknown[0]),
            hint=_("one of: {names}").format(names=", ".join(sorted(KNOWN))),
        )


def check(made: Made) -> list[Finding]:
    """Return what is odd about the rows: graph quirks, duplicates, contradictions, leaks, balance, shortcuts."""
    quirks = made.quirks
    found = [
        Finding(kind, "info", count, quirks.examples[kind][1], (quirks.examples[kind][0],))
        for kind, count in sorted(quirks.counts.items())
    ]
    found += _mostly_rejected(made)
    found += crossings.check(made)
    items = made.items()
    found += findings.check(items, closed=made.closed)
    if "sentence" not in made.options.template.variables:
        found += _segmented(items)
    if made.closed:
        found += _label_columns(made)
    return found


def _mostly_rejected(made: Made) -> list[Finding]:
    """Say that more was refused than kept: the template, the columns or the file may be the wrong one."""
    refused = sum(made.rejects.counts.values())
    if refused <= made.read - refused:
        return []
    message = _("more rows were rejected than kept")
    hint = _("look at the reasons: another template, --map or --format may fit better")
    return [Finding("mostly_rejected", "warning", refused, message, (), hint)]


def _segmented(items: Iterable[findings.Item]) -> list[Finding]:
    """Find inputs of a word segmenter: what users will type has no ``_``. A few rows are rather names and code."""
    count = joined = 0
    examples: list[str] = []
    for item in items:
        count += 1
        if SEGMENTED.search(item.question):
            joined += 1
            examples += [item.id] if joined <= _EXAMPLES else []
    if not joined:
        return []
    severity: Severity = "warning" if joined >= _MANY * count else "info"
    message = _("words joined by “_” reach the prompt as they are")
    hint = _("write them with blanks in the source, as users will: the model reads two different texts")
    return [Finding(UNSEGMENTED, severity, joined, message, tuple(examples), hint)]


def _label_columns(made: Made) -> list[Finding]:
    """Look for raw columns that give the label away; only the columns of the mapping reach a prompt."""
    pairs = {pair for mapping in made.mappings.values() for pair in mapping.items()}
    target = {column for name, column in pairs if name in {"answer", "label"}}
    names = {code: name for name, code in made.table.labels.items()}
    chosen = set(made.table.ranked(made.table.kept(), findings.SEED, "columns")[: findings.PROBED])
    labels: list[str] = []
    rows: list[dict[str, str]] = []
    for row, record in made.records():
        if row in chosen:
            labels.append(names[made.table.label[row]])
            rows.append({name: value for name, value in record.fields.items() if name not in target})
    used = sorted({column for _name, column in pairs} - target)
    finding = findings.label_columns(labels, rows, used)
    return [finding] if finding else []
