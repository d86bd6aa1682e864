"""The run folder around a training: held by one process, what ``run.json`` says of it, where it goes on from."""

import tempfile
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sft import __version__, checkpoints, disk, runs
from sft.errors import MissingError, SettingsError
from sft.i18n import _
from sft.training import follow, launch, part_states, train
from sft.training.budget import Budget
from sft.training.job import Job


def run(
    job: Job,
    folder: Path,
    *,
    going_on: bool,
    use_case: str,
    watch: follow.Watch,
    budget: Budget | None = None,
    until: int | None = None,
) -> train.Outcome:
    """Train in `folder`, or go on there from its last complete checkpoint, that of step `until` if given; save the adapter."""
    with runs.held(folder), ExitStack() as stack:
        watch.note(_("run: {folder}").format(folder=folder))
        started = datetime.now(UTC).isoformat(timespec="seconds")
        entries = {} if going_on else record(job, use_case, started)
        several = job.team.processes > 1
        stop = stack.enter_context(follow.signals(watch, launch.kill if several else None))
        go = launch.train if several else train.train
        try:
            runs.update(folder, **entries | _lock(job) | {"status": "running"})
            last = _last(folder, watch, until) if going_on else None
            outcome = go(job, folder, last, watch=watch, stop=stop, budget=budget)
            ended = datetime.now(UTC).isoformat(timespec="seconds")
            told = {key: value for key, value in outcome.as_dict().items() if key != "run"}
            runs.update(folder, error=None, ended=ended, **told)
        except BaseException as error:
            _failed(folder, error)
            raise
        finally:
            watch.end()
        return outcome


def _failed(folder: Path, error: BaseException) -> None:
    """Write down how a training failed. Raises `MissingError` when the disk is why: the same command goes on."""
    status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    with suppress(
        OSError
    ):  # where there is no room for a word, a training without a process counts as killed
        if (folder / runs.LOCK_FILE).is_file():  # a run folder that was removed meanwhile stays removed
            runs.update(folder, status=status, error=f"{type(error).__name__}: {error}")
    if isinstance(error, OSError) and disk.refused(error):
        saved = checkpoints.complete(folder)
        hint = _("free some space, or check who may write there; then the same command goes on from {name}")
        raise MissingError(
            error.strerror or "",
            where=str(error.filename or folder),
            hint=hint.format(name=saved[-1].name if saved else _("step 0")),
        ) from error


def assist(job: Job, *, watch: follow.Watch) -> train.Outcome:
    """Train along with machine 0, which has the run folder; what this machine writes is for the way only."""
    with tempfile.TemporaryDirectory(prefix="sft-") as folder, follow.signals(watch, launch.kill) as stop:
        return launch.train(job, Path(folder), None, watch=watch, stop=stop, budget=None)


def keep(job: Job, folder: Path, *, going_on: bool, use_case: str) -> None:
    """Keep a run folder for a training that is about to start in another process: nobody else gets it."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    entries = {} if going_on else record(job, use_case, started)
    runs.update(folder, **entries | _lock(job) | {"status": runs.STARTING, "error": None})


def _lock(job: Job) -> dict[str, Any]:
    return {"lock": job.lock, "lock_sha256": runs.digest(job.lock)}


def record(job: Job, use_case: str, started: str) -> dict[str, Any]:
    """Return what ``run.json`` says of a run from its start on."""
    return {
        "sft": __version__,
        "started": started,
        "status": "running",
        "use_case": use_case,
        "settings": job.settings.model_dump(mode="json"),
        "origins": dict(job.origins),
        "data": {"folder": str(job.data.folder), "sha256": job.data.digest, "rows": len(job.trained)},
        "template": job.template.id,
        "task": job.template.task,
        "model": job.model.as_dict() | {"folder": str(job.base.folder), "revision": job.base.revision},
        "chat_format": job.loaded.format.name,
        "backend": job.backend,
        "device": job.device.as_dict(),
        "devices": [device.as_dict() for device in job.devices],
        "audit": dict(job.facts),
        "plan": job.plan.as_dict(),
        "memory": job.decision.as_dict(),
        "packages": runs.versions(),
        "warm_start": job.start.as_dict() if job.start else None,
        "train_ids": job.trained.ids,
        "valid_ids": list(job.held_out),
    }


def beginning(job: Job, folder: Path, part: int) -> int:
    """Return the step after which chunk or stage `part` (from 1) of a run begins.

    Raises `SettingsError` when there is no such part, or no checkpoint of where it began.
    """
    ends = [0, *part_states.ends(job.plan)[:-1]]
    if part > len(ends):
        raise SettingsError(
            _("there is no chunk {n}: this run has {all}").format(n=part, all=len(ends)),
            where="--from-chunk",
            hint=_("how far each is, says {path}").format(path=folder / part_states.FILE),
        )
    step = ends[part - 1]
    found = checkpoints.newest(folder, step)[0]
    if step and (found is None or checkpoints.step_of(found) != step):
        raise SettingsError(
            _("chunk {n} has not begun: no checkpoint of step {step}").format(n=part, step=step),
            where="--from-chunk",
            hint=_("leave it out to go on from the newest checkpoint"),
        )
    return step


def _last(folder: Path, watch: follow.Watch, until: int | None) -> Path | None:
    """Return the checkpoint to go on from; say which one it is, and why newer ones are not.

    `until` takes the training back to that step, as `beginning` found it: what came later is removed.
    """
    last, passed = checkpoints.newest(folder, until)
    if until is not None:
        done = max(map(checkpoints.step_of, checkpoints.complete(folder)), default=0)
        if done > until:
            watch.note(
                _("back to step {step}: {n} steps are taken again, their checkpoints are removed").format(
                    step=until, n=done - until
                )
            )
        checkpoints.drop_after(folder, until)  # first of all: log and best adapters of later steps go next
    for one in passed:
        watch.note(_("{name} is passed over: {why}").format(name=one.name, why=one.why))
    watch.note(
        _("going on from {name}").format(name=last.name) if last else _("no complete checkpoint: from step 0")
    )
    return last
