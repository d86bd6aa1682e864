"""The head of a training as text: settings with origins, data, audit, a decoded sample, memory and plan."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sft.cli import screen
from sft.i18n import _

if TYPE_CHECKING:
    from sft.devices import Device
    from sft.planner.fit import Decision
    from sft.planner.parts import Parts
    from sft.planner.plan import Plan
    from sft.presets import TrainSettings
    from sft.training.job import Job
    from sft.training.pace import Pace

_LONG = 12  # lines of the decoded sample that are shown
_SHOWN = 12  # lines of chunks or stages


def lines(job: "Job", workspace: Path) -> Iterator[str]:
    """Yield the lines of the head."""
    yield _("settings")
    yield from settings(job.settings.model_dump(mode="json"), job.origins)
    yield _("model {name}: {id}{licence}").format(
        name=job.model.name, id=job.model.id, licence=f", {job.model.licence}" if job.model.licence else ""
    )
    if job.model.note:
        yield f"  ! {_(job.model.note)}"
    yield _("  chat format {name} ({origin}), turn end {end}, padding {pad}").format(
        name=job.loaded.format.name, origin=job.loaded.origin, end=job.loaded.turn_end, pad=job.loaded.pad
    )
    yield _("data {folder}, template {template}").format(folder=job.data.folder, template=job.template.id)
    if job.start:
        yield _("begins with the adapter {name} @{sha}, trained with {template}").format(
            name=job.start.name, sha=job.start.sha256[:8], template=job.start.facts["template"]
        )
        yield from _known(job.facts)
    yield from sample(job)
    yield from planned(job, workspace)


def _known(facts: Any) -> Iterator[str]:
    """Yield a word on held-out rows that the adapter to begin with was trained on: a score on them means little."""
    known, rows = facts["known_before"], facts["to_score"]
    if known is None:
        yield _(
            "  ! whether it was trained on rows held out here cannot be told: its prepared set is not there"
        )
    elif known:
        yield _(
            "  ! it was trained on {n} of the {all} rows held out here: a score on them is too good"
        ).format(n=known, all=rows)
        hint = _("prepare with the seed and share of its set, or score on other data")
        yield f"      {_('hint: {text}').format(text=hint)}"


def planned(job: "Job", workspace: Path) -> Iterator[str]:
    """Yield what `sft plan` and the head of `sft train` both show: audit, card, memory, plan and time."""
    from sft.training import exam, pace

    yield _("audit")
    yield from audit(job.facts)
    yield backend(job.backend, job.backend_reason)
    yield from cards(job.devices)
    yield _("memory")
    yield from memory(job.decision)
    yield _("plan")
    yield from plan(job.plan)
    yield from padding(job)
    yield from keeping(job.settings, job.plan, exam.figure(job.template.task))
    yield from answering(job)
    yield from time(pace.of(job, workspace))
    yield from screen.findings(job.plan.findings)


def settings(values: dict[str, Any], origins: Any) -> Iterator[str]:
    """Yield every setting with where its value comes from; defaults on one line each too: nothing is implicit."""
    yield from screen.table(
        [_("setting"), _("value"), _("from")],
        [(name, "–" if value is None else value, _(origins.get(name, ""))) for name, value in values.items()],
    )


def audit(facts: Any) -> Iterator[str]:
    """Yield rows, tokens, lengths and what was left out."""
    yield _(
        "  {rows} training rows, {valid} validation rows; {tokens} tokens, {supervised} of them supervised"
    ).format(
        rows=facts["rows"],
        valid=facts["valid_rows"],
        tokens=facts["tokens"],
        supervised=facts["supervised_tokens"],
    )
    if facts["held_out"] > facts["valid_rows"]:
        yield _("  ({n} rows are held out for scoring; the loss is watched on {few} of them)").format(
            n=facts["held_out"], few=facts["valid_rows"]
        )
    head = ["", "min", "p50", "p95", "p99", "max"]
    names = ("min", "p50", "p95", "p99", "max")
    rows = [
        [_("tokens per row"), *(facts["length"][n] for n in names)],
        [_("supervised per row"), *(facts["supervised"][n] for n in names)],
    ]
    yield from screen.table(head, rows)
    cuts = ", ".join(f"> {cut}: {n}" for cut, n in facts["longer_than"].items())
    yield _("  rows longer than: {cuts}").format(cuts=cuts)
    if not facts["rejected"]:
        yield _("  left out: none")
    for reason, count in facts["rejected"].items():
        yield _("  left out: {reason} × {n} ({ids})").format(
            reason=reason, n=count, ids=", ".join(facts["rejected_ids"][reason])
        )


def sample(job: "Job") -> Iterator[str]:
    """Yield the first training row as the model sees it; supervised text stands between ⟦ and ⟧."""
    from sft import chat

    pieces = chat.show(job.trained[0], job.loaded.tokenizer)
    text = "".join(f"⟦{piece}⟧" if supervised else piece for piece, supervised in pieces)
    yield _("  sample {id}, supervised between ⟦ ⟧:").format(id=job.trained.ids[0])
    shown = text.rstrip("\n").split("\n")
    cut = shown if len(shown) <= 2 * _LONG else [*shown[:_LONG], "…", *shown[-_LONG:]]
    yield from (f"    {line}" for line in cut)


def backend(name: str, reason: str) -> str:
    """Return the line of the backend: the forecast depends on it."""
    return _("backend {name} ({reason})").format(name=name, reason=reason)


def cards(found: "Sequence[Device]") -> Iterator[str]:
    """Yield each card, what is free on it and why it is the one; a CPU once, however many processes share it."""
    for device in dict.fromkeys(found):
        name = f"GPU {device.index} {device.name}" if device.uuid else device.name
        text = _("device {name}").format(name=name)
        if device.free is not None and device.total is not None:
            text += _(", {free:.1f} of {total:.1f} GB free").format(
                free=device.free / 1e9, total=device.total / 1e9
            )
        yield text + (f" ({device.reason})" if device.reason else "")


def memory(decision: "Decision") -> Iterator[str]:
    """Yield the choices with their reasons, the forecast by parts, and what would fit when this does not."""
    for reason in decision.reasons:
        yield f"  {reason}"
    found = decision.memory
    if found is None:
        return
    yield _(
        "  forecast {gb:.1f} GB: weights {weights:.1f}, adapter {adapter:.1f}, activations {activations:.1f}, "
        "logits {logits:.1f}, overhead {overhead:.1f}"
    ).format(
        gb=found.total / 1e9,
        weights=found.weights / 1e9,
        adapter=found.adapter / 1e9,
        activations=found.activations / 1e9,
        logits=found.logits / 1e9,
        overhead=found.overhead / 1e9,
    )
    if decision.free is not None:
        yield _(
            "  {free:.1f} GB free, of which profile {profile} leaves {margin:.0f} % ({gb:.1f} GB)"
        ).format(
            free=decision.free / 1e9,
            profile=decision.profile,
            margin=100 * decision.margin,
            gb=decision.margin * decision.free / 1e9,
        )
    if decision.fits is False:
        yield _("  ! this is more than is free now")
    yield from (f"    {_('hint: {text}').format(text=hint)}" for hint in decision.hints)


def plan(steps: "Plan") -> Iterator[str]:
    """Yield the derived numbers with their arithmetic."""
    yield f"  {steps.arithmetic()}"
    yield _("  effective batch {batch}, warm-up {warmup} steps, {evals} evaluations, {saves} saves").format(
        batch=steps.effective_batch, warmup=steps.warmup_steps, evals=steps.n_evals, saves=steps.n_saves
    )
    if steps.parts:
        yield from _parts(steps.parts)
    if steps.tokens_seen is not None:
        yield _("  {n:,} tokens in all, {per:,} per step; {part:.1f} % of them supervised").format(
            n=steps.tokens_seen,
            per=round(steps.tokens_per_step or 0),
            part=100 * (steps.supervised or 0) / max(steps.tokens or 0, 1),
        )


def _parts(parts: "Parts") -> Iterator[str]:
    chunked = parts.kind == "chunks"
    head = _("  {n} chunks a pass") if chunked else _("  {n} stages a pass, from easy to hard")
    yield head.format(n=len(parts.rows)) + _(
        ", a checkpoint after each, one learning-rate schedule over all:"
    )
    lines = [
        _("    {number}: {rows:,} rows, {steps:,} steps").format(number=number, rows=rows, steps=steps)
        for number, (rows, steps) in enumerate(zip(parts.rows, parts.steps, strict=True), 1)
    ]
    yield from lines if len(lines) <= _SHOWN else [*lines[: _SHOWN - 2], "    …", lines[-1]]
    if parts.merged:
        yield _("    the last {n:,} rows are no chunk of their own: they are in the one before").format(
            n=parts.merged
        )


def padding(job: "Job") -> Iterator[str]:
    """Yield how much of what goes through the model is padding; a curriculum by loss has no order before it is measured."""
    if job.settings.curriculum == "loss":
        return
    share = job.order().padding(job.settings.batch_size, job.tokens_at_once)
    text = _("  padding: {part:.1f} % of what goes through the model")
    if job.settings.group_by_length:
        text = _("  padding: {part:.1f} % of what goes through the model (rows of like length make a step)")
    yield text.format(part=100 * share)


def keeping(settings: "TrainSettings", steps: "Plan", task_metric: str) -> Iterator[str]:
    """Yield which adapter is kept and when the training stops early, where that was asked for."""
    from sft.training import best

    rule = best.rule(settings.best, settings.patience)
    if rule is None:
        return
    figure = screen.figure(task_metric if rule.higher else "eval_loss")
    if rule.keeps:
        yield _("  the adapter with the best {figure} of {n} evaluations is kept").format(
            figure=figure, n=steps.n_evals
        )
    if rule.patience:
        yield _("  it stops after {n} evaluations ({steps} steps) without a better {figure}").format(
            n=rule.patience,
            steps=round(rule.patience * steps.total_steps / steps.n_evals)
            if steps.parts
            else rule.patience * steps.eval_every,
            figure=figure,
        )


def answering(job: "Job") -> Iterator[str]:
    """Yield what the task metric costs, where it decides."""
    from sft import generation
    from sft.training import best

    if job.settings.best == best.TASK:
        yield _("  each evaluation answers {n} held-out rows, with up to {tokens} tokens each").format(
            n=min(job.settings.task_rows, len(job.held_out)),
            tokens=generation.limit_for(job.facts["answer_tokens_max"]),
        )


def time(found: "Pace") -> Iterator[str]:
    """Yield how long it takes: what was measured, and what the card cannot beat."""
    if found.measured is not None:
        yield _("  time {time} at {rate:,.0f} tokens/s, measured in run {run}").format(
            time=screen.duration(found.measured), rate=found.tokens_per_s, run=found.source
        )
    else:
        yield _("  time: said after the first measured steps; no run of this model on this card is here")
    if found.at_least is not None:
        yield _(
            "  (never under {time}: that is the peak of the card; runs reach a third to a half of it)"
        ).format(time=screen.duration(found.at_least))
