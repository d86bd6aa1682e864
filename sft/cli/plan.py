"""`sft plan`: what a training will do, from the data or from a number of rows alone."""

from pathlib import Path
from typing import Annotated

import typer

from sft.cli import audit, screen
from sft.cli.flags import (
    Backend,
    BatchSize,
    Data,
    Epochs,
    GradAccum,
    Json,
    LoraR,
    Lr,
    MaxLength,
    MaxSteps,
    Model,
    Seed,
    UseCase,
    ValSplit,
    given,
)
from sft.errors import SettingsError
from sft.i18n import _


def plan(
    data: Data = None,
    rows: Annotated[
        int | None, typer.Option(help=_("number of training rows, instead of a prepared set"))
    ] = None,
    use_case: UseCase = "",
    model: Model = None,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    batch_size: BatchSize = None,
    grad_accum: GradAccum = None,
    lr: Lr = None,
    max_length: MaxLength = None,
    lora_r: LoraR = None,
    val_split: ValSplit = None,
    backend: Backend = None,
    seed: Seed = None,
    free_memory: Annotated[
        float | None, typer.Option(metavar="GB", help=_("plan for a card with so much free memory"))
    ] = None,
    as_json: Json = False,
) -> None:
    """Show steps, epochs, batches and memory of a training; needs no training packages with --rows.

    Example: sft plan --rows 7000 --use-case full_training --model qwen2.5-3b
    """
    from sft import devices, job, memory, models, prepared, settings, tokens
    from sft import plan as core

    flags = given(locals())
    resolved = settings.resolve_train(flags, use_case=use_case)
    valid: int | None = None
    if rows is None:
        found = prepared.load(data or prepared.newest(Path.cwd()))
        kept, held = job.choose_rows(tokens.names(found), resolved.values, resplit="val_split" in flags)
        rows, valid = len(kept), len(held)
    elif data is not None:
        raise SettingsError(_("--rows and --data exclude each other"), hint=_("give one of them"))
    steps = core.make_plan(rows, resolved.values, valid_rows=valid, given=frozenset(flags))
    device = devices.choose()
    free = free_memory * 1e9 if free_memory is not None else device.free
    kind: memory.Device = "cpu" if device.kind == "cpu" and free_memory is None else "gpu"
    chosen = models.resolve(resolved.values.model)
    decision = memory.decide(chosen, resolved.values, free=free, device=kind)
    value = steps.as_dict() | {"model": chosen.name, "memory": decision.as_dict()}
    lines = [
        _("model {name}, {rows} rows").format(name=chosen.name, rows=steps.rows),
        *audit.plan(steps),
        *audit.memory(decision),
    ]
    screen.result(value, lines, as_json=as_json)
