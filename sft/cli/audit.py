"""The head of a training as text: settings with origins, data, audit, a decoded sample, memory and plan."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sft import chat
from sft.cli import screen
from sft.i18n import _

if TYPE_CHECKING:
    from sft.job import Job
    from sft.plan import Plan

_LONG = 12  # lines of the decoded sample that are shown


def lines(job: "Job") -> Iterator[str]:
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
    yield _("backend {name} ({reason}), device {device}").format(
        name=job.backend, reason=job.backend_reason, device=job.device.name
    )
    yield _("data {folder}, template {template}").format(folder=job.data.folder, template=job.template.id)
    yield _("audit")
    yield from audit(job.facts)
    yield from sample(job)
    yield _("memory")
    yield from memory(job.decision)
    yield _("plan")
    yield from plan(job.plan)


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
    pieces = chat.show(job.trained[0], job.loaded.tokenizer)
    text = "".join(f"⟦{piece}⟧" if supervised else piece for piece, supervised in pieces)
    yield _("  sample {id}, supervised between ⟦ ⟧:").format(id=job.trained.ids[0])
    shown = text.rstrip("\n").split("\n")
    cut = shown if len(shown) <= 2 * _LONG else [*shown[:_LONG], "…", *shown[-_LONG:]]
    yield from (f"    {line}" for line in cut)


def memory(decision: Any) -> Iterator[str]:
    """Yield the forecast and why 4-bit and checkpointing are as they are."""
    for reason in decision.reasons:
        yield f"  {reason}"
    if decision.memory is not None:
        yield _("  forecast {gb:.1f} GB on {device}").format(
            gb=decision.memory.total / 1e9, device=decision.memory.device
        )
    if decision.fits is False:
        yield _("  ! this is more than is free now")
        if decision.suggestion:
            batch, accum = decision.suggestion
            yield _("    hint: --batch-size {batch} --grad-accum {accum} keeps the effective batch").format(
                batch=batch, accum=accum
            )


def plan(steps: "Plan") -> Iterator[str]:
    """Yield the derived numbers with their arithmetic."""
    yield f"  {steps.arithmetic()}"
    yield _("  effective batch {batch}, warm-up {warmup} steps, {evals} evaluations, {saves} saves").format(
        batch=steps.effective_batch, warmup=steps.warmup_steps, evals=steps.n_evals, saves=steps.n_saves
    )
    if steps.tokens_seen is not None:
        yield _("  {n} tokens in all, {per} per step").format(
            n=steps.tokens_seen, per=round(steps.tokens_per_step or 0)
        )
    yield from screen.findings(steps.findings)
