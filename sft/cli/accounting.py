"""What `sft prep` shows at its end: rows read, kept and rejected, the choices and what came of them, findings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sft.cli import screen
from sft.i18n import _

if TYPE_CHECKING:
    from sft.prep.made import Made
    from sft.records import Finding

_WIDE = 100  # characters of a rejected row that are shown


@dataclass(frozen=True, slots=True)
class End:
    """How a preparation ended: the errors that stop it, whether the set was written, and in place of another."""

    out: Path
    blocking: "Sequence[Finding]"
    written: bool
    replaced: bool


def show(made: "Made", found: "Sequence[Finding]", end: End, *, as_json: bool) -> None:
    """Print the account."""
    template = made.options.template
    lines = [_("template {id}, task {task}").format(id=template.id, task=template.task)]
    lines += _columns(made.mappings)
    sizes = ", ".join(f"{name} {count}" for name, count in made.sizes().items())
    n = sum(made.rejected.values())
    said = _("read {read} = kept {kept} ({sizes}) + rejected {n}")
    lines.append(said.format(read=made.read, kept=made.kept, sizes=sizes, n=n))
    lines += _rejects(made)
    lines += _choices(made)
    lines += [_("findings:"), *screen.findings(found)] if found else []
    if end.blocking:
        names = ", ".join(f.id for f in end.blocking)
        screen.note(_("error: not written: {names}").format(names=names))
        hint = _("mend the data, or go on with --allow {name}").format(name=end.blocking[0].id)
        screen.note(_("hint: {text}").format(text=hint))
    elif not end.written:
        lines.append(_("not written: --dry-run"))
    else:
        written = _("written: {out} (in place of the set of before)") if end.replaced else _("written: {out}")
        lines.append(written.format(out=end.out))
        if n:
            lines.append(_("each rejected row: {path}").format(path=end.out / "rejected.jsonl"))
        lines.append(_("all of it with plots, for a browser: {path}").format(path=end.out / "report.html"))
    screen.result(_value(made, found, end), lines, as_json=as_json)


def _value(made: "Made", found: "Sequence[Finding]", end: End) -> dict[str, Any]:
    return {
        "read": made.read,
        "kept": made.kept,
        "copies": len(made.decided.copies),
        "rejected": made.rejected,
        "rows": made.sizes(),
        "findings": [{"id": f.id, "severity": f.severity, "count": f.count} for f in found],
        "template": made.options.template.id,
        "columns": made.mappings,
        "choices": made.options.told() | made.outcome(),
        "out": str(end.out) if end.written else None,
        "page": str(end.out / "report.html") if end.written else None,
    }


def _choices(made: "Made") -> Iterator[str]:
    """Yield what came of the choices: copies, shortened contexts, shares, the drift of the labels."""
    from sft.prep import account, decide

    if made.decided.copies:
        yield _("copies in training, to balance the labels: {n}").format(n=len(made.decided.copies))
    yield from (line.removeprefix("* ") for line in account.choices(made.outcome()))
    drift = decide.drift(made.table)
    if drift:
        label = max(drift, key=lambda name: abs(drift[name]))
        said = _("labels of validation against training: {points:+.1f} points at most ({label})")
        yield said.format(points=drift[label], label=label)


def _columns(mappings: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield which column fills which variable, once for all sources that agree."""
    shown: dict[str, list[str]] = {}
    for source, mapping in mappings.items():
        text = ", ".join(f"{name} ← {column}" for name, column in mapping.items())
        if any(name != column for name, column in mapping.items()):
            shown.setdefault(text, []).append(source)
    for text, sources in shown.items():
        line = _("columns: {names}").format(names=text)
        yield line if len(sources) == len(mappings) else f"{line}  ({', '.join(sources)})"


def _rejects(made: "Made") -> Iterator[str]:
    """Yield each reason with its count and the first such row: where it is, what is wrong, what it looks like."""
    firsts = made.first_rejects()
    for reason, count in made.rejected.items():
        first = firsts[reason]
        same_place = made.rejects.last_where.get(reason) == first.where and count > 1
        place = f"{first.where} {first.id}" if same_place else first.where
        yield f"  - {reason} × {count}  ({place}{': ' if first.detail else ''}{first.detail})"
        yield from (f"      {line}" for line in _shown(first.excerpt))


def _shown(excerpt: str) -> list[str]:
    """Return an excerpt as it is shown: its beginning, or the part around the place that a caret marks."""
    source, _break, caret = excerpt.partition("\n")
    if caret.strip() != "^":
        return [source[:_WIDE]] if source.strip() else []
    start = max(0, caret.index("^") - _WIDE * 3 // 4)
    return [source[start : start + _WIDE], caret[start:]]
