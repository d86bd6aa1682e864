"""What `sft smatch` says of a score, in lines for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sft.cli import screen
from sft.i18n import _
from sft.smatch.items import doubt

_PLACES = 5  # of the graphs that did not parse


def lines(value: Mapping[str, Any]) -> list[str]:
    """Return the report of one score, the value of `sft.report.score` with what the command added to it."""
    out = []
    if "run" in value:
        out.append(_("{run}, {split} rows").format(run=value["run"], split=value["split"]))
    elif "pred" in value:
        out.append(_("{pred} against {gold}").format(pred=value["pred"], gold=value["gold"]))
    head = [_("view"), "F1", "P", "R", _("parsable %"), _("triples")]
    out += screen.table(head, _rows(value))
    out += [*_figures(value), *_warnings(value)]
    if "compat" in value:
        out.append(_("What the original tool's count does wrong") + ":")
        out += [f"  {fault}" for fault in value["compat"]["faults"]]
    if "pairs" in value:
        out += _pairs(value["pairs"])
    if "html" in value:
        out.append(_("every pair: {path}").format(path=value["html"]))
    return [*out, value["signature"]]


def is_open(value: Mapping[str, Any]) -> bool:
    """Tell whether the score or anything shown beside it has pairs that are not proven."""
    return any(score["proven"] < score["n"] for _name, score in _views(value))


def _views(value: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the score and all that stands beside it, each with its name."""
    yield _("Smatch"), value
    yield _("  canonical text"), value["canonical"]
    if value["repaired"]:
        yield _("  repaired = zero"), value["strict"]
    if "task1" in value:
        yield _("Task 1 (structure)"), value["task1"]
    names = {
        "nearest_sentence": _("baseline: nearest training sentence"),
        "base_model": _("untrained base model"),
    }
    for key, score in value.get("baselines", {}).items():
        yield names[key], score
    for name, score in value.get("aspects", {}).items():
        yield _("  aspect: {name}").format(name=name), score
    if "compat" in value:
        yield _("as the original tool counts"), value["compat"]


def _rows(value: Mapping[str, Any]) -> Iterator[list[str]]:
    head, *others = [_row(name, score) for name, score in _views(value)]
    yield head
    macro = [f"{value[f'macro_{key}']:.4f}" for key in ("f1", "precision", "recall")]
    yield [_("  macro (mean of the graphs)"), *macro, "", ""]
    yield from others


def _row(name: str, score: Mapping[str, Any]) -> list[str]:
    parsable = 100 * (score["n"] - score["unparsable"]) / score["n"]
    empty = not score["pred_triples"] + score["gold_triples"]  # nothing to find and nothing found: no score
    figures = ["–" if empty else f"{score[key]:.4f}" for key in ("f1", "precision", "recall")]
    triples = f"{score['matched']}/{score['pred_triples']}/{score['gold_triples']}"
    return [name, *figures, f"{parsable:.1f}", triples]


def _figures(value: Mapping[str, Any]) -> Iterator[str]:
    n, (low, high) = value["n"], value["interval95"]
    yield _(
        "n {n}, unparsable {bad} ({bad_share:.1f} %), repaired {mended} ({mended_share:.1f} %), proven {proven}/{n}; "
        "95 % interval of F1 [{low:.3f}, {high:.3f}]"
    ).format(
        n=n,
        bad=value["unparsable"],
        bad_share=100 * value["unparsable"] / n,
        mended=value["repaired"],
        mended_share=100 * value["repaired"] / n,
        proven=value["proven"],
        low=low,
        high=high,
    )


def _warnings(value: Mapping[str, Any]) -> Iterator[str]:
    if value.get("crossed_ids"):
        yield doubt(value["crossed_ids"])
    if value["gold_unparsable"] or value["gold_repaired"]:
        yield _("! gold: {bad} unparsable, {mended} repaired").format(
            bad=value["gold_unparsable"], mended=value["gold_repaired"]
        )
    for what, where in (
        (_("unparsable"), value["unparsable_at"]),
        (_("gold unparsable"), value["gold_unparsable_at"]),
    ):
        if where:
            more = f", … ({len(where)})" if len(where) > _PLACES else ""
            yield _("! {what}: {places}").format(what=what, places=", ".join(where[:_PLACES]) + more)
    for name, score in _views(value):
        if score["proven"] < score["n"]:
            where = "" if score is value else f"{name.strip()}: "
            yield (
                "! "
                + where
                + _("{k} pairs are open: F1 lies in [{low:.4f}, {high:.4f}]").format(
                    k=score["n"] - score["proven"], low=score["bounds"][0], high=score["bounds"][1]
                )
            )
    if value.get("not_stopped"):
        yield _("! {k} answers did not end by themselves").format(k=value["not_stopped"])


def _pairs(pairs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line a graph, worst first; an open pair shows the interval of its match."""
    rows = []
    for pair in sorted(pairs, key=lambda pair: pair["f1"]):
        figures = [f"{pair[key]:.4f}" for key in ("f1", "precision", "recall")]
        matched = str(pair["matched"]) if pair["proven"] else f"{pair['matched']}–{pair['upper']}"
        state = "" if pair["parsed"] else _("unparsable")
        state = _("repaired") if pair["repaired"] else state
        rows.append([pair["id"], *figures, matched, pair["pred"], pair["gold"], state])
    return screen.table([_("graph"), "F1", "P", "R", _("matched"), "pred", "gold", ""], rows)


def difference(value: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the comparison of two systems, the value of `sft.report.paired`."""
    low, high = value["interval95"]
    return [
        _(
            "{a} − {b}: F1 {f1:+.4f}, 95 % interval [{low:+.4f}, {high:+.4f}], p = {p:.4f} "
            "(approximate randomisation, {samples} samples, seed 0)"
        ).format(a=names[0], b=names[1], low=low, high=high, **value),
        _("better on {better} graphs, worse on {worse}, equal on {equal}").format(**value),
    ]
