"""`sft predict`: answers of a run's adapter for held-out rows or for new raw data."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import screen
from sft.errors import SettingsError
from sft.i18n import _

if TYPE_CHECKING:
    from sft import runs
    from sft.records import Row
    from sft.templates import Template

_SPLIT = re.compile(r"(?:train|valid|test)(?:_\d+)?\Z")
_SHOWN = 10  # of the inputs that were left out

Run = Annotated[str, typer.Option(help=_("name of a run; default: the newest finished one"))]
Split = Annotated[
    str, typer.Option(metavar="valid|test", help=_("split; default: test when there is one, else valid"))
]
Limit = Annotated[
    int | None, typer.Option(min=1, help=_("only so many of the held-out rows, sampled by the run's seed"))
]
Batch = Annotated[int | None, typer.Option(help=_("prompts per batch; default: 16 on a GPU, 32 on a CPU"))]
NewTokens = Annotated[
    int | None, typer.Option(help=_("limit of new tokens; default: from the longest training answer"))
]


def predict(
    source: Annotated[
        Path | None, typer.Argument(help=_("raw file with new inputs; default: the run's held-out rows"))
    ] = None,
    run: Run = "",
    split: Split = "",
    base: Annotated[
        bool, typer.Option("--base", help=_("the untrained base model instead of the adapter"))
    ] = False,
    template: Annotated[str, typer.Option(help=_("insist on another template than the adapter's"))] = "",
    out: Annotated[Path | None, typer.Option(help=_("file of the predictions"))] = None,
    limit: Limit = None,
    batch_size: Batch = None,
    max_new_tokens: NewTokens = None,
    format_: Annotated[
        str,
        typer.Option("--format", help=_("format of the new inputs, e.g. plain_lines: one sentence a line")),
    ] = "",
    encoding: Annotated[str, typer.Option(help=_("encoding of the new inputs, when it is not UTF-8"))] = "",
    as_json: Annotated[bool, typer.Option("--json", help=_("print one JSON object"))] = False,
) -> None:
    """Generate answers, greedily, and write one JSON object a row with the raw text and what was read from it.

    Example: sft predict --run qwen2.5-3b_v5_cot_full_training
    """
    from sft import heldout, templates

    workspace = Path.cwd()
    asked = templates.load(template, workspace) if template else None
    if source:
        if split or limit is not None:
            raise SettingsError(
                _("--split and --limit choose held-out rows, but new inputs were named"),
                hint=_("leave them out"),
            )
        # The adapter knows all it takes: its prepared set may be gone.
        trained = heldout.finished(workspace, run)
        chosen = asked or templates.load(heldout.template_id(trained), workspace)
        labels = heldout.label_set(workspace, trained)
        rows = new_rows(source, chosen, labels, {"format": format_, "encoding": encoding})
        target = out or new_target(trained, source, base=base)
    else:
        held = heldout.open_run(workspace, run, split, limit=limit)
        trained, chosen, labels = held.run, asked or held.template, held.data.manifest["label_set"]
        rows, target = list(held.rows), out or held.predictions(base=base)
    lines = make(
        trained,
        chosen,
        labels,
        rows,
        target,
        base=base,
        asked=bool(template),
        batch=batch_size,
        limit=max_new_tokens,
    )
    unparsed = sum(not line["readable"] for line in lines)
    said = [
        _("{n} answers, {bad} unreadable, {long} cut at the length limit").format(
            n=len(lines), bad=unparsed, long=sum(not line["stopped"] for line in lines)
        ),
        _("written: {out}").format(out=target),
    ]
    screen.result({"n": len(lines), "out": str(target), "unparsed": unparsed}, said, as_json=as_json)


def make(
    run: "runs.Run",
    template: "Template",
    labels: list[str],
    rows: "list[Row]",
    out: Path,
    *,
    base: bool = False,
    asked: bool = False,
    batch: int | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Predict `rows` with the run's adapter, or its bare base, showing progress; also used by the scoring commands."""
    import time

    from sft import adapters
    from sft import predict as core

    source = core.open_source(run.adapter, adapter=not base)
    adapters.require_template(source.facts["template"], template, asked=asked)
    who = _("the base model") if base else run.name
    screen.note(_("predicting {n} rows with {who}").format(n=len(rows), who=who))
    progress, began = screen.Progress(), time.monotonic()
    progress.begin(0, len(rows))

    def told(done: int) -> None:
        passed = time.monotonic() - began
        progress.step(done, {"left": passed * (len(rows) - done) / done, "rows_per_s": done / passed})

    lines = core.run(
        source, template, rows, out, label_set=labels, limit=limit, batch=batch, told=told, note=progress.note
    )
    progress.end()
    return lines


def new_target(run: "runs.Run", source: Path, *, base: bool) -> Path:
    """Return where the answers to new inputs go: never into the file of a split."""
    name = f"new_{source.stem}" if _SPLIT.match(source.stem) else source.stem
    return run.folder / "predictions" / f"{name}{'.base' if base else ''}.jsonl"


def new_rows(source: Path, template: "Template", labels: list[str], how: dict[str, Any]) -> "list[Row]":
    """Read raw inputs without answers and render their prompts; what cannot be read is shown and counted."""
    import data_prep
    from sft import prompts

    files, _left = data_prep.expand([source])
    items = [item for path in files for item in data_prep.read(data_prep.detect(path, **how))]
    rows, refused = prompts.make(items, template, labels)
    for reject in refused[:_SHOWN]:
        screen.note(_("left out: {where}: {reason}").format(where=reject.where, reason=reject.reason))
    if len(refused) > _SHOWN:
        screen.note(_("left out: {n} in all").format(n=len(refused)))
    return rows
