"""`sft train`: a prepared set to an adapter."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import dashboard, live, screen
from sft.cli.flags import (
    Backend,
    BatchSize,
    Best,
    ChunkSize,
    Curriculum,
    Data,
    Epochs,
    Fsdp,
    Gpu,
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
    ReportTo,
    Seed,
    UseCase,
    ValSplit,
    given,
)
from sft.errors import SettingsError, SftError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.runs import Run
    from sft.templates import Template
    from sft.training.job import Job
    from sft.training.train import Outcome
    from sft.training.warm import Start


def train(
    data: Data = None,
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
    gpu: Gpu = None,
    profile: Profile = None,
    num_processes: NumProcesses = None,
    num_machines: NumMachines = None,
    machine_rank: MachineRank = None,
    main_address: MainAddress = None,
    fsdp: Fsdp = None,
    chunk_size: ChunkSize = None,
    curriculum: Curriculum = None,
    from_chunk: Annotated[
        int | None,
        typer.Option(metavar="N", help=_("go back to where this chunk or stage of the run began"), min=1),
    ] = None,
    time_budget: Annotated[
        str,
        typer.Option(
            metavar="2h50m",
            help=_("save and stop before so much time has passed (20 = minutes); the same command goes on"),
        ),
    ] = "",
    best: Best = None,
    patience: Patience = None,
    report_to: ReportTo = None,
    chat_format: Annotated[str | None, typer.Option(help=_("chat format of an unknown model"))] = None,
    warm_start: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help=_("begin with the adapter of this run, or of this folder, on the new data")
        ),
    ] = None,
    template: Annotated[
        str,
        typer.Option(
            help=_("insist on the data's template where the --warm-start adapter was trained with another")
        ),
    ] = "",
    name: Annotated[str, typer.Option(help=_("name of the run; default: MODEL_TEMPLATE_USE-CASE"))] = "",
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--new",
            help=_("insist on going on, or on a new run; default: go on when the same run was interrupted"),
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_("show settings, audit and plan, then stop"))
    ] = False,
    detach: Annotated[
        bool,
        typer.Option("--detach", help=_("train in a tmux session of its own, which outlives this terminal")),
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a LoRA adapter on a prepared set; show the audit and the plan before a model is loaded.

    Example: sft train --use-case full_training --model qwen2.5-3b
    """
    from sft import devices, runs, settings
    from sft.planner import team
    from sft.runs import detach as sessions
    from sft.training import job as jobs
    from sft.training import launch
    from sft.training import report_to as reports
    from sft.training import run as core
    from sft.training.budget import Budget, seconds

    launch.refuse_foreign(os.environ)
    budget = Budget(seconds(time_budget)) if time_budget else None
    if detach and not dry_run:
        sessions.require()
    flags = given(locals())
    resolved = settings.resolve_train(flags, use_case=use_case)
    reports.require(resolved.values.report_to)
    workspace = Path.cwd()
    named = settings.resolve_section(settings.DataSettings, {}).values.prepared
    progress = screen.Progress()
    place = data or (Path(named) if named else None)
    start, asked = _warm_start(workspace, resolved.values.warm_start, template)
    job = jobs.prepare(workspace, resolved, place, progress, start=start, asked=asked)
    _head(job, workspace)
    if budget:
        screen.note(_("time budget: {time}").format(time=screen.duration(budget.seconds)))
    if dry_run:
        screen.result(
            {"status": "planned", **job.plan.as_dict()}, [_("dry run: nothing was trained")], as_json=as_json
        )
        return
    team.require_address(job.team)
    if job.team.rank:
        _beside(job, progress, detach=detach, as_json=as_json)
        return
    wanted = name or jobs.default_name(job, resolved.preset)
    folder, going_on = runs.place(workspace, wanted, job.lock, resume=resume)
    if from_chunk and not going_on:
        raise SettingsError(
            _("there is no unfinished run to go back in"), where="--from-chunk", hint=_("leave it out")
        )
    # Refused before anything of the run is touched.
    until = core.beginning(job, folder, from_chunk) if from_chunk else None
    if not going_on:
        _say_new(folder, runs.passed_over(workspace, wanted, job.lock))
    if detach:
        sessions.require_free(folder)
        core.keep(job, folder, going_on=going_on, use_case=resolved.preset)
        _detach(folder, as_json=as_json)
        return
    devices.use(*job.devices)
    if going_on:
        begun = jobs.as_begun(job, runs.load(folder).data["lock"])
        for line in runs.differences(job.lock, begun.lock):
            screen.note(_("as this run began: {what}").format(what=line))
        job = begun
    watch = live.watch(job, folder)
    outcome = core.run(
        job,
        folder,
        going_on=going_on,
        use_case=resolved.preset,
        watch=watch,
        budget=budget,
        until=until,
    )
    _tail(outcome, job, as_json=as_json)


def _beside(job: "Job", progress: "screen.Progress", *, detach: bool, as_json: bool) -> None:
    """Train along with machine 0, where the run folder is."""
    from sft import devices
    from sft.training import run

    if detach:
        raise SettingsError(
            _("--detach works on machine 0 alone, which has the run folder"),
            hint=_("on the others start the command inside tmux"),
        )
    devices.use(*job.devices)
    _tail(run.assist(job, watch=progress), job, as_json=as_json)


def _warm_start(workspace: Path, name: str, template: str) -> "tuple[Start | None, Template | None]":
    """Return the adapter to begin with, and the template that is insisted on."""
    from sft import templates
    from sft.training import warm

    if template and not name:
        raise SettingsError(
            _("--template is for --warm-start: the template of a training is that of its data"),
            hint=_("prepare the data with it: sft prep --template {name}").format(name=template),
        )
    return (warm.find(workspace, name) if name else None), (
        templates.load(template, workspace) if template else None
    )


def _say_new(folder: Path, unfinished: "tuple[Run, list[str]] | None") -> None:
    """Say that a new run begins although there is an unfinished one of that name."""
    if unfinished is None or unfinished[0].folder == folder:
        return
    run, lines = unfinished
    head = (
        _("the unfinished run {name} differs, so a new run begins: {new}")
        if lines
        else _("the unfinished run {name} stays as it is, a new run begins: {new}")
    )
    screen.note(head.format(name=run.name, new=folder.name))
    for line in lines:
        screen.note(f"  {line}")


def _detach(folder: Path, *, as_json: bool) -> None:
    """Start the same command in a tmux session, and say how to look at it."""
    from sft import runs
    from sft.runs import detach, states

    try:
        session = detach.start(folder, detach.again(folder.name, sys.orig_argv), os.environ)
    except SftError as error:
        runs.update(folder, status="failed", error=str(error))
        raise
    quoted = shlex.quote(folder.name)
    lines = [
        _("started in the tmux session {name}").format(name=session),
        _("watch it: {command}").format(command=f"sft runs watch {quoted}"),
        _("its terminal: {command}, back with Ctrl-b d").format(command=f"sft runs attach {quoted}"),
        _("stop and save: {command}").format(command=f"sft runs stop {quoted}"),
        _("what it says: {path}").format(path=folder / states.CONSOLE),
    ]
    value = {"status": "detached", "run": str(folder), "session": session}
    screen.result(value | {"console": str(folder / states.CONSOLE)}, lines, as_json=as_json)


def _head(job: "Job", workspace: Path) -> None:
    """Show settings with their origin, data, audit, one decoded sample and the plan, on stderr."""
    from sft.cli import audit

    for line in audit.lines(job, workspace):
        screen.note(line)


def _tail(outcome: "Outcome", job: "Job", *, as_json: bool) -> None:
    first, last = ("–" if loss is None else f"{loss:.3f}" for loss in (outcome.first_loss, outcome.last_loss))
    losses = _("loss {first} → {last}").format(first=first, last=last)
    lines = [
        _("{status}: {steps} steps in {time}, {losses}").format(
            status=_(outcome.status),
            steps=outcome.steps,
            time=screen.duration(outcome.seconds),
            losses=losses,
        )
    ]
    task = job.template.task
    if job.team.rank:
        lines.append(_("the run is on machine 0"))
    elif outcome.adapter:
        about = {
            "settings": {"patience": job.settings.patience},
            "plan": {"total_steps": job.plan.total_steps},
        }
        lines += [
            *dashboard.ending(outcome.as_dict() | about),
            _("adapter: {path}").format(path=outcome.adapter),
            _("next: {steps}").format(steps="sft smatch" if task in {"amr", "mtup"} else "sft eval"),
        ]
    else:
        lines.append(_("to go on from here: run the same command again"))
    value: dict[str, Any] = outcome.as_dict()
    screen.result(value, lines, as_json=as_json)
    if outcome.status == "interrupted":
        raise typer.Exit(130)
