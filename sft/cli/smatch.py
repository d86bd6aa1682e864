"""`sft smatch`: exact Smatch of files, or of a run's held-out rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import graph_scores, graphs, screen
from sft.cli.predict import Batch, Limit, Run, Split
from sft.errors import SettingsError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.amr.problems import Problem
    from sft.heldout import HeldOut
    from sft.report import Scored

_MOMENT = 2  # seconds without a progress line
_TIME_LIMIT = 60.0


def smatch(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PRED GOLD]",
            help=_("predicted and gold graphs; default: the newest run's held-out rows"),
        ),
    ] = None,
    gold: Annotated[
        Path | None, typer.Option(help=_("gold graphs for one prediction file, or for two that are compared"))
    ] = None,
    mode: Annotated[str, typer.Option(metavar="smatch|amr|none", help=_("triple convention"))] = "smatch",
    run: Run = "",
    split: Split = "",
    base: Annotated[bool, typer.Option("--base", help=_("score the untrained base model beside it"))] = False,
    time_limit: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help=_("per pair; an open pair gives an interval; 0: no limit")
        ),
    ] = _TIME_LIMIT,
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
    pairs: Annotated[bool, typer.Option("--pairs", help=_("a line per graph, worst first"))] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=_("a page with every pair side by side; a run has it always")),
    ] = None,
    limit: Limit = None,
    batch_size: Batch = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("print one JSON object"))] = False,
) -> None:
    """Score graphs exactly, with a proof; what cannot be parsed counts as zero, nothing is dropped.

    Example: sft smatch predicted.txt gold.txt
    """
    from sft import report
    from sft.text import write_text

    systems = _systems(files or [], gold)
    graphs.require_mode(mode)
    if systems:
        of_run = {
            "--run": run,
            "--split": split,
            "--base": base,
            "--limit": limit,
            "--batch-size": batch_size,
        }
        _refuse_flags([flag for flag, given in of_run.items() if given])
    if html is not None and len(systems) == 2:
        raise SettingsError(
            _("a page shows one score, not two"),
            hint=f"sft smatch {systems[0][0]} --gold {gold} --html {html}",
        )
    graphs.refuse_same([file for pair in systems for file in pair], html)
    job = _Job(mode, time_limit or None)
    done = [job.files(pred, against) for pred, against in systems]
    if not done:
        done = [job.run(run, split, base=base, batch=batch_size, limit=limit)]
    for scored in done:
        scored.value.update(
            {"aspects": report.aspects(scored.pairs, mode, job.time_limit)} if aspects else {}
        )
        scored.value.update({"compat": report.compat(scored.pairs, job.time_limit)} if compat else {})
        scored.value.update({"pairs": report.table(scored)} if pairs else {})
    if not systems or html:
        page = html or Path("runs") / done[0].value["run"] / "report.html"
        write_text(page, report.html(done[0], job.answers))
        done[0].value["html"] = str(page)
    lines = [line for scored in done for line in graph_scores.lines(scored.value)]
    value = done[0].value
    if len(done) == 2:
        difference = report.paired(*done)
        value = {"systems": [scored.value for scored in done], "difference": difference}
        lines += graph_scores.difference(difference, [str(pred) for pred, _gold in systems])
    screen.result(value, lines, as_json=as_json)
    if any(graph_scores.is_open(scored.value) for scored in done):
        raise typer.Exit(1)


def _systems(files: list[Path], gold: Path | None) -> list[tuple[Path, Path]]:
    """Return the (prediction, gold) files to score; none means a run."""
    if gold is None and len(files) == 2:
        return [(files[0], files[1])]
    if gold is None and not files:
        return []
    if gold is not None and len(files) in (1, 2):
        return [(pred, gold) for pred in files]
    if gold is None and len(files) == 1:
        raise SettingsError(_("two files are needed: PRED GOLD"), hint="sft smatch predicted.txt gold.txt")
    raise SettingsError(
        _("{n} files: PRED GOLD are scored, or one or two predictions against --gold").format(n=len(files)),
        hint="sft smatch a.txt b.txt --gold gold.txt",
    )


def _refuse_flags(flags: list[str]) -> None:
    """Refuse flags that choose among a run's rows or predict them: files are scored whole."""
    if flags:
        raise SettingsError(
            _("{flags}: for a run only, and files are named").format(flags=", ".join(flags)),
            hint=_("leave out either the files or these flags"),
        )


class _Job:
    """Scores what it is given by one convention and one time limit a pair."""

    def __init__(self, mode: str, time_limit: float | None) -> None:
        self.mode = mode
        self.time_limit = time_limit
        self.answers: list[tuple[str, tuple[Problem, ...]]] = []  # what the model of a run wrote

    def files(self, pred: Path, gold: Path) -> "Scored":
        """Score two files, paired by id or by order."""
        from sft import report
        from sft.smatch.items import pair_files

        paired = pair_files(str(pred), str(gold))
        with _watched(len(paired.pairs)) as told:
            how = {"align": paired.by, "gold": paired.gold}
            scored = report.score(paired.pairs, self.mode, time_limit=self.time_limit, told=told, **how)
        scored.value.update({"pred": str(pred), "gold": str(gold), "crossed_ids": paired.crossed})
        return scored

    def run(self, name: str, split: str, *, base: bool, batch: int | None, limit: int | None) -> "Scored":
        """Score a run's held-out rows, with Task 1 and the baselines beside it; the score is kept in the run."""
        from sft import answers, heldout, report
        from sft.text import write_json

        held = heldout.open_run(Path.cwd(), name, split, limit=limit)
        if held.template.task not in ("amr", "mtup"):
            raise SettingsError(
                _("run {name} is no AMR run").format(name=held.run.name), hint=_("score it with: sft eval")
            )
        lines = predictions(held, batch=batch)
        self.answers = [(line["raw"], answers.graph_problems(held.template, line["raw"])) for line in lines]
        gold = report.gold_items(held.rows)
        facts = {
            "template": held.template.id,
            "data": held.data.digest[:8],
            "split": held.split,
            "model": held.run.data["model"]["name"],
        }
        pairs = list(zip(report.predicted_items(lines), gold, strict=True))
        with _watched(len(pairs)) as told:
            scored = report.score(pairs, self.mode, time_limit=self.time_limit, told=told, **facts)

        def brief(items: Any) -> dict[str, Any]:
            return report.brief(list(zip(items, gold, strict=True)), self.mode, self.time_limit)

        value = scored.value
        value |= {"run": held.run.name, "split": held.split, "template": held.template.id}
        value["not_stopped"] = sum(not line["stopped"] for line in lines)
        if held.template.task == "mtup":
            value["task1"] = brief(report.task1_items(lines))
        value["baselines"] = {"nearest_sentence": brief(report.nearest_items(held.train, held.rows))}
        untrained = (
            predictions(held, batch=batch, base=True)
            if base
            else heldout.read(held.predictions(base=True), held.rows, held.template.id)
        )
        if untrained is not None:
            value["baselines"]["base_model"] = brief(report.predicted_items(untrained))
        out = held.run.folder / "scores" / f"smatch_{held.split}_{self.mode}.json"
        write_json(out, value | {"pairs": report.table(scored)})
        value["out"] = str(out)
        return scored


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


def predictions(held: "HeldOut", *, batch: int | None, base: bool = False) -> list[Any]:
    """Return the predictions of the held-out rows; make them first when they are not there."""
    from sft import heldout
    from sft.cli import predict

    path = held.predictions(base=base)
    found = heldout.read(path, held.rows, held.template.id)
    if found is not None:
        screen.note(_("predictions: {path}").format(path=path))
        return found
    labels = held.data.manifest["label_set"]
    return predict.make(held.run, held.template, labels, list(held.rows), path, base=base, batch=batch)
