"""`sft plan`: what a training will do, from the data or from a number of rows alone."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import audit, screen
from sft.cli.flags import (
    Backend,
    BatchSize,
    Best,
    ChunkSize,
    Curriculum,
    Data,
    Epochs,
    Fsdp,
    GradAccum,
    Json,
    LoraR,
    Lr,
    MachineRank,
    MainAddress,
    MaxLength,
    MaxSteps,
    Model,
    NumMachines,
    NumProcesses,
    Patience,
    Profile,
    Seed,
    UseCase,
    ValSplit,
    given,
)
from sft.errors import MissingError, SettingsError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.devices import Device
    from sft.presets import TrainSettings
    from sft.settings import Resolved

_MOST = 1e6  # GB


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
    gpu: Annotated[
        str | None,
        typer.Option(metavar="N|UUID|CARD", help=_('as in sft train, or any card by name: --gpu "RTX 3090"')),
    ] = None,
    free: Annotated[
        float | None,
        typer.Option(
            "--free", "--free-memory", metavar="GB", help=_("plan for so much free memory"), min=0.1
        ),
    ] = None,
    profile: Profile = None,
    num_processes: NumProcesses = None,
    num_machines: NumMachines = None,
    machine_rank: MachineRank = None,
    main_address: MainAddress = None,
    fsdp: Fsdp = None,
    best: Best = None,
    patience: Patience = None,
    chunk_size: ChunkSize = None,
    curriculum: Curriculum = None,
    as_json: Json = False,
) -> None:
    """Show steps, batches, memory and time of a training; needs no GPU, and with --rows no training packages.

    Example: sft plan --rows 7000 --use-case full_training --model qwen2.5-3b --gpu "RTX 3090" --free 10.9
    """
    from sft import settings
    from sft.planner import team

    resolved = team.sharded(settings.resolve_train(given(locals()), use_case=use_case))
    if rows is not None and data is not None:
        raise SettingsError(_("--rows and --data exclude each other"), hint=_("give one of them"))
    found = _devices(resolved.values.gpu, free, team.of(resolved.values).here)
    value, lines = (
        _of_rows(rows, None, resolved, found) if rows is not None else _of_data(data, resolved, found)
    )
    screen.result(value, lines, as_json=as_json)


def _devices(gpu: str, free: float | None, count: int) -> "tuple[Device, ...]":
    """Return the devices planned for: those of this machine, a card by name, or just so much free memory on each."""
    from sft import devices
    from sft.planner import cards

    if free is not None and free > _MOST:
        raise SettingsError(
            _("no card has {gb:g} GB").format(gb=free), where="--free", hint=_("in GB, e.g. --free 10.9")
        )
    bytes_ = None if free is None else free * 1e9
    if gpu not in (devices.AUTO, "cpu") and not all(map(devices.is_name, gpu.split(","))):
        return (cards.find(gpu).device(bytes_),) * count
    if bytes_ is not None and gpu == devices.AUTO:
        return (devices.Device("gpu", _("a card"), free=round(bytes_), capability="8.0"),) * count
    found = devices.several(gpu, count)
    return found if bytes_ is None else tuple(devices.with_free(each, round(bytes_)) for each in found)


def _of_data(
    data: Path | None, resolved: "Resolved[TrainSettings]", found: "tuple[Device, ...]"
) -> tuple[dict[str, Any], list[str]]:
    """Plan a prepared set as `sft train` does; without tokenizer or training packages from its rows alone."""
    from sft import prepared, settings, tokens
    from sft.training import job as jobs
    from sft.training import pace

    workspace = Path.cwd()
    named = settings.resolve_section(settings.DataSettings, {}).values.prepared
    place = data or (Path(named) if named else None)
    try:
        job = jobs.prepare(workspace, resolved, place, screen.Progress(), found=found, local=True)
    except MissingError as error:
        screen.note(_("tokens are not counted: {reason}").format(reason=error.message))
        plain = prepared.load(place or prepared.newest(workspace))
        values, _origins, resplit = jobs.held_out_share(resolved, plain)
        kept, held = jobs.choose_rows(tokens.names(plain), values, resplit=resplit)
        return _of_rows(len(kept), len(held), resolved, found)
    value = job.plan.as_dict() | {
        "model": job.model.name,
        "backend": job.backend,
        "device": job.device.as_dict(),
        "memory": job.decision.as_dict(),
        "audit": dict(job.facts),
        "time": pace.of(job, workspace).as_dict(),
    }
    head = _("model {name}, data {folder}").format(name=job.model.name, folder=job.data.folder)
    return value, [head, *audit.planned(job, workspace)]


def _of_rows(
    rows: int, valid: int | None, resolved: "Resolved[TrainSettings]", found: "tuple[Device, ...]"
) -> tuple[dict[str, Any], list[str]]:
    """Plan a number of rows, `valid` of others held out where that is known: every row may be as long as max_length."""
    from sft import backends, base, devices, models
    from sft.planner import plan as core
    from sft.training import best, job

    settings, device = resolved.values, devices.weakest(found)
    chosen = models.resolve(settings.model)
    if chosen.shape is None:
        # Where the config of a model of the hub is not on this machine, its size stays unknown.
        with suppress(MissingError, SettingsError):
            chosen = models.described(chosen, base.fetch(chosen, weights=False, local=True).folder)
    try:
        backend, why = backends.choose(settings.backend)
    except MissingError:
        asked = settings.backend != "auto"
        backend = settings.backend if asked else "hf"
        why = _("asked for") if asked else _("assumed: training packages are not installed")
    decision = job.fitted(chosen, resolved, device, backend=backend)
    batch = {"batch_size": decision.batch_size, "grad_accum": decision.grad_accum}
    steps = core.make_plan(
        rows,
        settings.model_copy(update=batch),
        devices=settings.num_processes,
        valid_rows=0 if valid is None and not settings.val_split else valid,
        parameters=chosen.parameters,
        given=resolved.asked("epochs", "max_steps"),
        proposed=resolved.proposed,
    )
    held = int(bool(settings.val_split)) if valid is None else valid
    best.require(settings, resolved.origins, steps, held)
    value = steps.as_dict() | {
        "model": chosen.name,
        "backend": backend,
        "device": device.as_dict(),
        "memory": decision.as_dict(),
    }
    head = _("model {name}, {rows} rows of at most {length} tokens")
    if steps.rows < rows:
        head = _("model {name}, {rows} of {every} rows (limit), of at most {length} tokens")
    lines = [
        head.format(name=chosen.name, rows=steps.rows, every=rows, length=settings.max_length),
        audit.backend(backend, why),
        *audit.cards(found),
        _("memory"),
        *audit.memory(decision),
        _("plan"),
        *audit.plan(steps),
        *audit.keeping(settings, steps, "task_metric"),
        *screen.findings(steps.findings),
    ]
    return value, lines
