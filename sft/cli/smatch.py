"""`sft smatch`: exact Smatch of two files, or of a run's held-out rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import screen
from sft.cli.predict import Batch, Limit, Run, Split
from sft.errors import DataError, SettingsError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.heldout import HeldOut
    from sft.report import Item

    Pairs = list[tuple[Item, Item]]

_PLACES = 5  # of the graphs that did not parse
_MOMENT = 2  # seconds without a progress line


def smatch(
    pred: Annotated[
        Path | None, typer.Argument(help=_("predicted graphs; default: the newest run's held-out rows"))
    ] = None,
    gold: Annotated[Path | None, typer.Argument(help=_("gold graphs"))] = None,
    mode: Annotated[str, typer.Option(metavar="smatch|amr|none", help=_("triple convention"))] = "smatch",
    run: Run = "",
    split: Split = "",
    base: Annotated[bool, typer.Option("--base", help=_("score the untrained base model beside it"))] = False,
    time_limit: Annotated[
        float | None, typer.Option(metavar="SECONDS", help=_("per pair; an open pair gives an interval"))
    ] = None,
    aspects: Annotated[
        bool,
        typer.Option("--aspects", help=_("fine-grained scores: unlabelled, concepts, names, negation …")),
    ] = False,
    compat: Annotated[
        bool,
        typer.Option(
            "--compat", help=_("beside it, what the original smatch tool would count, with its faults")
        ),
    ] = False,
    limit: Limit = None,
    batch_size: Batch = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("print one JSON object"))] = False,
) -> None:
    """Score graphs exactly, with a proof; what cannot be parsed counts as zero, nothing is dropped.

    Example: sft smatch predicted.txt gold.txt
    """
    from sft import report
    from sft.smatch.triples import MODES

    if mode not in MODES:
        raise SettingsError(
            _("unknown mode {name!r}").format(name=mode),
            hint=_("one of: {names}").format(names=", ".join(MODES)),
        )
    if pred is not None and gold is None:
        raise SettingsError(_("two files are needed: PRED GOLD"), hint="sft smatch predicted.txt gold.txt")
    if pred is not None and gold is not None:
        value, pairs = _files(pred, gold, mode, time_limit)
    else:
        value, pairs = _run(run, split, mode, time_limit, base=base, batch=batch_size, limit=limit)
    value |= {"aspects": report.aspects(pairs, mode, time_limit)} if aspects else {}
    value |= {"compat": report.compat(pairs)} if compat else {}
    screen.result({k: v for k, v in value.items() if k != "pairs"}, _lines(value), as_json=as_json)
    if value["proven"] < value["n"]:
        raise typer.Exit(1)


def _files(pred: Path, gold: Path, mode: str, time_limit: float | None) -> tuple[dict[str, Any], "Pairs"]:
    from sft import report

    read, faults = [], []
    for path in (pred, gold):
        try:
            read.append(report.read_graphs(path))
        except DataError as error:
            faults.append(error)
    if len(faults) == 2:
        raise DataError(_("both files cannot be read"), parts=tuple(faults), hint=_("check the paths"))
    if faults:
        raise faults[0]
    ours, theirs = read
    pairs = report.align(ours, theirs, str(pred), str(gold))
    how = "id" if report.same_ids(ours, theirs) else "order"
    with _watched(len(pairs)) as told:
        return report.score(pairs, mode, time_limit=time_limit, told=told, align=how), pairs


@contextmanager
def _watched(total: int) -> Iterator[Callable[[int], None]]:
    """Show progress of a scoring that takes longer than a moment."""
    import time

    progress, began, shown = screen.Progress(), time.monotonic(), False

    def told(done: int) -> None:
        nonlocal shown
        passed = time.monotonic() - began
        if not shown and passed > _MOMENT:
            progress.begin(done, total)
            shown = True
        if shown:
            progress.step(done, {"left": passed * (total - done) / done, "rows_per_s": done / passed})

    try:
        yield told
    finally:
        progress.end()


def _run(
    name: str,
    split: str,
    mode: str,
    time_limit: float | None,
    *,
    base: bool,
    batch: int | None,
    limit: int | None,
) -> tuple[dict[str, Any], "Pairs"]:
    from sft import heldout, report
    from sft.text import write_json

    held = heldout.open_run(Path.cwd(), name, split, limit=limit)
    if held.template.task not in ("amr", "mtup"):
        raise SettingsError(
            _("run {name} is no AMR run").format(name=held.run.name), hint=_("score it with: sft eval")
        )
    lines = predictions(held, batch=batch)
    gold = report.gold_items(held.rows)
    facts = {
        "template": held.template.id,
        "data": held.data.digest[:8],
        "split": held.split,
        "model": held.run.data["model"]["name"],
    }
    pairs = list(zip(report.predicted_items(lines), gold, strict=True))
    with _watched(len(pairs)) as told:
        value = report.score(pairs, mode, time_limit=time_limit, told=told, **facts)
    value |= {"run": held.run.name, "split": held.split, "template": held.template.id}
    value["not_stopped"] = sum(not line["stopped"] for line in lines)
    if held.template.task == "mtup":
        value["task1"] = report.brief(
            list(zip(report.task1_items(lines), gold, strict=True)), mode, time_limit
        )
    near = report.nearest_items(held.train, held.rows)
    value["baselines"] = {
        "nearest_sentence": report.brief(list(zip(near, gold, strict=True)), mode, time_limit)
    }
    untrained = (
        predictions(held, batch=batch, base=True)
        if base
        else heldout.read(held.predictions(base=True), held.rows, held.template.id)
    )
    if untrained is not None:
        items = report.predicted_items(untrained)
        value["baselines"]["base_model"] = report.brief(list(zip(items, gold, strict=True)), mode, time_limit)
    out = held.run.folder / "scores" / f"smatch_{held.split}_{mode}.json"
    write_json(out, value)
    return value | {"out": str(out)}, pairs


def predictions(held: "HeldOut", *, batch: int | None, base: bool = False) -> list[Any]:
    """Return the predictions of the held-out rows; make them first when they are not there."""
    from sft import heldout
    from sft.cli import predict

    path = held.predictions(base=base)
    found = heldout.read(path, held.rows, held.template.id)
    if found is not None:
        screen.note(_("predictions: {path}").format(path=path))
        return found
    return predict.make(held, held.template, list(held.rows), path, base=base, batch=batch)


def _lines(value: dict[str, Any]) -> list[str]:
    n = value["n"]
    head = [_("view"), "F1", "P", "R", _("parsable %"), _("triples")]
    rows = [_row(_("Smatch"), value), _row(_("  canonical text"), value["canonical"])]
    if value["repaired"]:
        rows.append(_row(_("  repaired = zero"), value["strict"]))
    if "task1" in value:
        rows.append(_row(_("Task 1 (structure)"), value["task1"]))
    names = {
        "nearest_sentence": _("baseline: nearest training sentence"),
        "base_model": _("untrained base model"),
    }
    rows += [_row(names[key], score) for key, score in value.get("baselines", {}).items()]
    rows += [_row(_("  aspect: {name}").format(name=name), s) for name, s in value.get("aspects", {}).items()]
    if "compat" in value:
        rows.append(_row(_("as the original tool counts"), value["compat"]))
    low, high = value["interval95"]
    out = [_("{run}, {split} rows").format(run=value["run"], split=value["split"])] if "run" in value else []
    out += screen.table(head, rows)
    out.append(
        _(
            "n {n}, unparsable {bad}, repaired {mended}, proven {proven}/{n}; 95 % interval of F1 [{low:.3f}, {high:.3f}]; macro F1 {macro:.4f}"
        ).format(
            n=n,
            bad=value["unparsable"],
            mended=value["repaired"],
            proven=value["proven"],
            low=low,
            high=high,
            macro=value["macro_f1"],
        )
    )
    if value["gold_unparsable"] or value["gold_repaired"]:
        out.append(
            _("! gold: {bad} unparsable, {mended} repaired").format(
                bad=value["gold_unparsable"], mended=value["gold_repaired"]
            )
        )
    out += _places(_("unparsable"), value["unparsable_at"])
    out += _places(_("gold unparsable"), value["gold_unparsable_at"])
    if value["proven"] < n:
        out.append(
            _("! {k} pairs are open: F1 lies in [{low:.4f}, {high:.4f}]").format(
                k=n - value["proven"], low=value["bounds"][0], high=value["bounds"][1]
            )
        )
    out += [f"  {fault}" for fault in value.get("compat", {}).get("faults", ())]
    if value.get("not_stopped"):
        out.append(_("! {k} answers did not end by themselves").format(k=value["not_stopped"]))
    return [*out, value["signature"]]


def _places(what: str, where: list[str]) -> list[str]:
    if not where:
        return []
    shown = ", ".join(where[:_PLACES]) + (f", … ({len(where)})" if len(where) > _PLACES else "")
    return [_("! {what}: {places}").format(what=what, places=shown)]


def _row(name: str, score: dict[str, Any]) -> list[str]:
    parsable = 100 * (score["n"] - score["unparsable"]) / score["n"]
    empty = not score["pred_triples"] + score["gold_triples"]  # nothing to find and nothing found: no score
    figures = ["–" if empty else f"{score[key]:.4f}" for key in ("f1", "precision", "recall")]
    triples = f"{score['matched']}/{score['pred_triples']}/{score['gold_triples']}"
    return [name, *figures, f"{parsable:.1f}", triples]
