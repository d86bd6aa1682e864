"""Prepared sets as lines for people: rows with their supervised part marked, differences, statistics."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from sft.cli import screen
from sft.i18n import _

if TYPE_CHECKING:
    from sft.rows_shown import Picture
    from sft.set_diff import Diff

_SPREAD = ("p50", "p95", "p99", "max")


def pictures(shown: Iterable["Picture"], *, mask: bool) -> Iterator[str]:
    """Yield rows; the supervised part is green on a terminal and stands between ⟦ and ⟧ elsewhere."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for picture in shown:
        head = f"── {picture.split} {picture.id}"
        if picture.tokens:
            head += "  " + _("{n} tokens, {supervised} of them supervised").format(
                n=len(picture.tokens), supervised=picture.supervised
            )
        yield head
        yield from _tokens(picture, colour=colour) if mask else _text(picture, colour=colour)


def _marked(text: str, *, colour: bool) -> str:
    return typer.style(text, fg=typer.colors.GREEN) if colour else f"⟦{text}⟧"


def _text(picture: "Picture", *, colour: bool) -> list[str]:
    whole = "".join(_marked(text, colour=colour) if marked else text for text, marked in picture.pieces)
    return whole.rstrip("\n").split("\n")


def _tokens(picture: "Picture", *, colour: bool) -> Iterator[str]:
    width = max((len(str(token)) for _text, token, _marked in picture.tokens), default=1)
    for number, (text, token, marked) in enumerate(picture.tokens):
        shown = json.dumps(text, ensure_ascii=False)[1:-1]
        yield f"{number:5}  {token:{width}}  " + (_marked(shown, colour=colour) if marked else shown)


def difference(found: "Diff") -> Iterator[str]:
    """Yield what differs between two sets."""
    if found.equal:
        yield _("no difference: {n} rows").format(n=found.same)
        return
    for name, (one, two) in found.settings.items():
        yield f"  {name}: {_value(one)} → {_value(two)}"
    titles = {
        "only_a": _("only in the first"),
        "only_b": _("only in the second"),
        "text": _("same id, another text"),
        "meta": _("same text, other data about it"),
        "moved": _("in another split"),
    }
    for kind, each in found.rows.items():
        if each.count:
            splits = ", ".join(f"{name} {n}" for name, n in each.splits.items())
            yield f"  {titles[kind]} × {each.count} ({splits}): {', '.join(each.examples)}"
    if found.order:
        yield _("  the same rows in another order")
    yield _("rows that are the same in both: {n}").format(n=found.same)


def _value(value: object) -> str:
    return (
        "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )


def statistics(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables of a set."""
    splits = value["splits"]
    yield _("rows: {rows}").format(rows=", ".join(f"{name} {n}" for name, n in value["rows"].items()))
    if value["rejected"]:
        reasons = ", ".join(f"{reason} {n}" for reason, n in value["rejected"].items())
        yield _("rejected: {reasons}").format(reasons=reasons)
    labels = list(dict.fromkeys(label for part in splits.values() for label in part["labels"]))
    if labels:
        yield _("labels")
        rows = [[label, *(part["labels"].get(label, 0) for part in splits.values())] for label in labels]
        yield from screen.table([_("label"), *splits], rows)
    titles = {
        "prompt": _("prompt"), "answer": _("answer"), "total": _("whole row"), "supervised": _("supervised"),
    }  # fmt: skip
    for unit, heading in (("characters", _("characters")), ("tokens", _("tokens"))):
        if all(unit in part for part in splits.values()) and splits:
            yield heading if unit == "characters" else f"{heading} ({value['model']})"
            yield from _lengths(splits, unit, titles)
    if any("tokens" in part for part in splits.values()):
        yield from _cuts(splits)
    for split, part in splits.items():
        if any(part["repeated"].values()):
            yield _(
                "{split}: {rows} rows repeat an earlier row, {prompts} an earlier prompt, {across} of them of another split"
            ).format(split=split, **part["repeated"])
    yield _("sources")
    sources = [(s["path"], s["rows"], str(s["sha256"])[:8]) for s in value["sources"]]
    yield from screen.table([_("source"), _("rows"), "sha256"], sources)
    found = ", ".join(f"{each['id']} × {each['count']}" for each in value["findings"])
    yield _("findings of the preparation: {found}").format(found=found or _("none"))


def _lengths(splits: Mapping[str, Any], unit: str, titles: Mapping[str, str]) -> list[str]:
    rows: list[Sequence[Any]] = [
        [split, titles[name], *(part[unit][name][each] for each in _SPREAD)]
        for split, part in splits.items()
        for name in titles
        if name in part[unit]
    ]
    return screen.table([_("split"), "", *_SPREAD], rows)


def _cuts(splits: Mapping[str, Any]) -> list[str]:
    rows = [
        [split, *(f"{n / max(1, part['rows']):.1%}" for n in part["tokens"]["cut"].values())]
        for split, part in splits.items()
    ]
    limits = next(iter(splits.values()))["tokens"]["cut"]
    return [_("longer than so many tokens"), *screen.table([_("split"), *limits], rows)]
