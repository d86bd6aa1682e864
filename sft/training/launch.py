"""Train in several processes: torch's own launcher (that of `torchrun`) starts `sft.training.worker` once for each.

This process settles the job, holds the run folder, passes signals on and reports. Left alone, the launcher would give
a signalled worker 30 seconds and then kill it, which is too short for a step and its checkpoint; so it never hears of
a signal. The workers do: they agree on it at the end of a step, save and stop, however long that takes.
"""

import os
import pickle
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from sft import base, runs
from sft.errors import MissingError, SettingsError, SftError
from sft.i18n import _
from sft.planner.team import Team
from sft.quiet import library_output
from sft.training import follow, machines
from sft.training import job as jobs
from sft.training.budget import Budget
from sft.training.job import Job

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    from sft.training.train import Outcome

ORDER, OUTCOME, ERROR = "order.pickle", "outcome.pickle", "error-{rank}.pickle"
_LOOK = 0.2  # seconds between two looks of the launcher at its workers


@dataclass(frozen=True, slots=True)
class Order:
    """What the workers of this machine are told."""

    job: Job
    folder: Path
    last: Path | None
    watch: follow.Watch
    budget: Budget | None


class LostError(MissingError):
    """The connection to another process broke: what ended that one is the cause."""


class WorkerError(Exception):
    """A worker ended by what is no error of the user's; the message is its traceback."""


def refuse_foreign(environment: Mapping[str, str]) -> None:
    """Raise `SettingsError` when another launcher has started this command, once for every process."""
    count = environment.get("WORLD_SIZE", "1")
    if count.isdigit() and int(count) > 1:
        raise SettingsError(
            _("torchrun or accelerate launch has started this command (WORLD_SIZE = {n})").format(n=count),
            hint=_("start it once on each machine: sft train --num-processes {n} …").format(n=count),
        )


def kill() -> None:
    """End the workers at once; what they had not saved is lost."""
    for pid in _workers():
        _send(pid, signal.SIGKILL)


def _workers() -> list[int]:
    import psutil

    return [worker.pid for worker in psutil.Process().children()]


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(pid, number)


@contextmanager
def _told(stop: follow.Stop) -> Iterator[None]:
    """Tell every worker once that a signal came: they have sessions of their own and hear nothing of this terminal.

    A thread does, so that those are told too who are only being started when it comes.
    """
    over, told = Event(), set()

    def tell() -> None:
        while not over.wait(_LOOK):
            for pid in _workers() if stop.name else ():
                if pid not in told:
                    told.add(pid)
                    _send(pid, signal.SIGTERM)

    thread = Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def train(
    job: Job,
    folder: Path,
    last: Path | None,
    *,
    watch: follow.Watch,
    stop: follow.Stop,
    budget: Budget | None,
) -> "Outcome":
    """Train with the team of `job` in `folder`, the run folder on machine 0, from the checkpoint `last` on.

    Raises the one error that ended it, and `KeyboardInterrupt` when it was stopped before it could save.
    """
    base.fetch(job.model, weights=True, revision=job.base.revision)  # once, before all workers want it
    team = job.team
    prepare(team)
    with tempfile.TemporaryDirectory(prefix="sft-") as place, library_output(folder / "library.log"):
        from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

        meeting = None
        if team.machines > 1:
            job, meeting = _met(job, watch, stop)
        order = Order(job, folder, last, watch, budget)
        (Path(place) / ORDER).write_bytes(pickle.dumps(order))
        try:
            with _told(stop):
                _launch(team, Path(place))
        except ChildFailedError as error:
            if (Path(place) / OUTCOME).is_file():  # it was over: what went wrong is the taking down
                return _outcome(Path(place))
            _keep_said(Path(place), folder / "library.log")
            raised = _cause(Path(place), error, stop)
            if meeting:
                raised = _apart(meeting, raised, folder)
            raise raised from None
        return _outcome(Path(place))


def _met(job: Job, watch: follow.Watch, stop: follow.Stop) -> tuple[Job, machines.Meeting]:
    def wait() -> None:
        if stop.name:
            raise KeyboardInterrupt
        time.sleep(_LOOK)

    team = job.team
    watch.note(
        _("machine {rank} of {n}: meeting the others at {host}:{port}").format(
            rank=team.rank, n=team.machines, host=team.host, port=team.port
        )
    )
    meeting = machines.meet(team, wait)
    return jobs.as_begun(job, meeting.settle(job.lock, wait)), meeting


def prepare(team: Team) -> None:
    """Set what the workers of this machine inherit; what the user set stays."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads(team.here)))
    os.environ.setdefault(
        "TORCH_CPP_LOG_LEVEL", "ERROR"
    )  # else an address without a name is a warning on stderr
    machines.choose_interface(team.host or machines.HERE)


def threads(count: int) -> int:
    """Return the threads of each of `count` processes on this machine: together they take its cores once."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(cores // count, 1)


def _launch(team: Team, place: Path) -> None:
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # Nobody but the first process draws, and stdout belongs to the result.
    silent = {local: Std.OUT if team.rank == local == 0 else Std.ALL for local in range(team.here)}
    alone = team.machines == 1
    try:
        config = LaunchConfig(
            min_nodes=team.machines,
            max_nodes=team.machines,
            nproc_per_node=team.here,
            run_id="sft",
            rdzv_backend="c10d" if alone else "static",
            rdzv_endpoint=f"{machines.HERE}:0" if alone else f"{team.host}:{team.port}",
            rdzv_configs={} if alone else {"rank": team.rank},
            max_restarts=0,
            monitor_interval=_LOOK,
            local_addr=machines.HERE if alone else None,
            logs_specs=DefaultLogsSpecs(log_dir=str(place / "said"), redirects=silent),
            signals_to_handle="SIGQUIT",
        )
    except TypeError:
        raise MissingError(
            _("this torch is too old to train in several processes"), hint=_("see: sft doctor")
        ) from None
    elastic_launch(config, sys.executable)("-m", "sft.training.worker", str(place))


def _outcome(place: Path) -> "Outcome":
    outcome: Outcome = pickle.loads((place / OUTCOME).read_bytes())
    return outcome


def _keep_said(place: Path, log: Path) -> None:
    """Keep what the workers said on stderr, which nobody saw."""
    with log.open("a", encoding="utf-8") as stream:
        for path in sorted(place.rglob("stderr.log")):
            stream.write(path.read_text(encoding="utf-8", errors="replace"))


def _apart(meeting: machines.Meeting, raised: BaseException, folder: Path) -> BaseException:
    """Tell the other machines what ended this one; return what ended another, where that was the cause."""
    if not isinstance(raised, LostError):
        meeting.fail(str(raised), runs.entries(folder).get("piece"))
        return raised
    reason, piece = meeting.failed()
    if piece and meeting.team.rank == 0:
        runs.update(folder, piece=piece)
    return LostError(reason or raised.message, hint=raised.hint)


def _cause(place: Path, error: "ChildFailedError", stop: follow.Stop) -> BaseException:
    """Return the error that ended the workers: a clear one before a crash, the first before what it brought about."""
    left = [pickle.loads(path.read_bytes()) for path in place.glob(ERROR.format(rank="*"))]
    found = [why for _when, why in sorted(left, key=lambda pair: float(pair[0]))]
    clear = [why for why in found if isinstance(why, SftError | OSError) and not isinstance(why, LostError)]
    if clear:
        return clear[0]
    if stop.name:
        return KeyboardInterrupt()
    killed = {rank: failure for rank, failure in error.failures.items() if failure.exitcode < 0}
    for rank, failure in killed.items():
        return MissingError(
            _("process {rank} of the training was killed ({signal})").format(
                rank=rank, signal=failure.signal_name()
            ),
            hint=_(
                "if nobody did it, memory ran out: see dmesg; the same command goes on from the last checkpoint"
            ),
        )
    crashed = [why for why in found if isinstance(why, str)]
    if crashed or not found:
        return WorkerError(crashed[0] if crashed else str(error))
    return next(why for why in found if isinstance(why, LostError))
