"""`sft eval`: accuracy of labels or score of answers on a run's held-out rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import screen
from sft.cli.predict import Batch, Limit, Run, Split
from sft.i18n import _

if TYPE_CHECKING:
    from sft.metrics import Classification, TextScores


def evaluate(
    run: Run = "",
    split: Split = "",
    base: Annotated[bool, typer.Option("--base", help=_("score the untrained base model beside it"))] = False,
    limit: Limit = None,
    batch_size: Batch = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("print one JSON object"))] = False,
) -> None:
    """Score labels (accuracy, macro-F1, confusion) or free answers (exact match, token F1), beside baselines.

    Example: sft eval
    """
    from sft import evaluation, heldout
    from sft.cli.smatch import predictions
    from sft.text import write_json

    held = heldout.open_run(Path.cwd(), run, split, limit=limit)
    task = held.template.task
    evaluation.require(task)
    lines = predictions(held, batch=batch_size)
    untrained = (
        predictions(held, batch=batch_size, base=True)
        if base
        else heldout.read(held.predictions(base=True), held.rows, held.template.id)
    )
    labels = held.data.manifest["label_set"]
    if task in evaluation.LABEL_TASKS:
        main, baselines = evaluation.labelled(held.rows, lines, held.train, labels)
        value, said = _labelled(main, baselines)
        if untrained is not None:
            baselines["base_model"] = evaluation.brief(held.rows, untrained, labels)
    else:
        texts, baselines = evaluation.answered(held.rows, lines, held.train)
        value, said = _answered(texts)
        if untrained is not None:
            baselines["base_model"] = evaluation.answered(held.rows, untrained, held.train)[0].as_dict()
    facts = {
        "template": held.template.id,
        "data": held.data.digest[:8],
        "split": held.split,
        "model": held.run.data["model"]["name"],
    }
    signature = evaluation.signature(task, len(held.rows), **facts)
    value |= {"baselines": baselines, "run": held.run.name, "split": held.split, "signature": signature}
    write_json(held.run.folder / "scores" / f"eval_{held.split}.json", value)
    head = _("{run}, {split} rows").format(run=held.run.name, split=held.split)
    screen.result(value, [head, *said, *_baselines(baselines), signature], as_json=as_json)


def _labelled(main: "Classification", baselines: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    low, high = main.interval
    lines = [
        _(
            "accuracy {acc:.4f}  95 % interval [{low:.4f}, {high:.4f}]  macro-F1 {f1:.4f}  n {n}  unparsed {bad}"
        ).format(acc=main.accuracy, low=low, high=high, f1=main.macro_f1, n=main.n, bad=main.unparsed)
    ]
    lines += screen.table(
        [_("class"), "P", "R", "F1", _("support"), _("predicted")],
        [
            [c.label, f"{c.precision:.4f}", f"{c.recall:.4f}", f"{c.f1:.4f}", c.support, c.predicted]
            for c in main.classes
        ],
    )
    lines.append(_("confusion: rows are gold, columns predicted; count (per cent of the row)"))
    percent = main.confusion_percent
    lines += screen.table(
        ["", *main.columns],
        [
            [gold, *(f"{row[name]} ({percent[gold][name]:.1f} %)" for name in main.columns)]
            for gold, row in main.confusion.items()
        ],
    )
    return main.as_dict(), lines


def _answered(texts: "TextScores") -> tuple[dict[str, Any], list[str]]:
    (low, high), (low_f1, high_f1) = texts.exact_interval, texts.f1_interval
    line = _(
        "exact match {em:.4f} [{low:.4f}, {high:.4f}]  token F1 {f1:.4f} [{low_f1:.4f}, {high_f1:.4f}]  n {n}  empty {bad}"
    ).format(
        em=texts.exact_match,
        low=low,
        high=high,
        f1=texts.f1,
        low_f1=low_f1,
        high_f1=high_f1,
        n=texts.n,
        bad=texts.unparsed,
    )
    return texts.as_dict(), [line]


def _baselines(scores: dict[str, Any]) -> list[str]:
    names = {
        "majority": _("baseline: majority class"),
        "bag_of_words": _("baseline: bag of words"),
        "nearest_question": _("baseline: answer of the nearest training question"),
        "base_model": _("untrained base model"),
    }
    lines = []
    for key, score in scores.items():
        figure = (
            f"accuracy {score['accuracy']:.4f}"
            if "accuracy" in score
            else f"token F1 {score['token_f1']:.4f}"
        )
        lines.append(f"  {names[key]}: {figure}")
    return lines
