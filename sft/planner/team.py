"""The processes of one training: how many on which machine, and which share of every step each takes. Pure.

`num_processes` counts over all machines, as `accelerate launch --num_processes` does. batch_size × grad_accum of the
settings stay the rows behind one optimizer step, however many processes share them.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sft import errors
from sft.errors import SettingsError
from sft.i18n import _
from sft.planner.ladder import divisors

if TYPE_CHECKING:
    from sft.presets import TrainSettings
    from sft.settings import Resolved


@dataclass(frozen=True, slots=True)
class Team:
    """`processes` in all, as many on each of `machines`; this is machine `rank`, and machine 0 listens at `host:port`."""

    processes: int = 1
    machines: int = 1
    rank: int = 0
    host: str = ""
    port: int = 0

    @property
    def here(self) -> int:
        """Return the processes on this machine."""
        return self.processes // self.machines


def of(settings: "TrainSettings") -> Team:
    """Return the team that settings ask for. Raises `SettingsError` with all that does not go together."""
    processes, machines, rank = settings.num_processes, settings.num_machines, settings.machine_rank
    host, _colon, port = settings.main_address.rpartition(":")
    problems: list[SettingsError] = []
    if processes % machines:
        below, above = processes // machines * machines, -(-processes // machines) * machines
        problems.append(
            SettingsError(
                _("{n} processes are not as many on each of {machines} machines").format(
                    n=processes, machines=machines
                ),
                where="num_processes",
                hint=_("it counts all machines together: --num-processes {n}").format(
                    n=_("{a} or {b}").format(a=below, b=above) if below else above
                ),
            )
        )
    if rank >= machines:
        problems.append(
            SettingsError(
                _("machine_rank = {rank}, but there are {n} machines").format(rank=rank, n=machines),
                where="machine_rank",
                hint=_("machines are numbered from 0 to {last}").format(last=machines - 1),
            )
        )
    if settings.main_address and not (host and port.isdigit() and 0 < int(port) < 65536):
        problems.append(
            SettingsError(
                _("{text!r} is no address with a port").format(text=settings.main_address),
                where="main_address",
                hint=_("host:port, the same on every machine: --main-address 10.0.0.1:29500"),
            )
        )
    _raise(problems)
    return Team(processes, machines, rank, host.strip("[]"), int(port or 0))


def require_address(team: Team) -> None:
    """Raise `SettingsError` when several machines are to train and nobody said where machine 0 is."""
    if team.machines > 1 and not team.host:
        raise SettingsError(
            _("several machines need the address of machine 0"),
            where="main_address",
            hint=_("host:port, the same on every machine: --main-address 10.0.0.1:29500"),
        )


def sharded(resolved: "Resolved[TrainSettings]") -> "Resolved[TrainSettings]":
    """Return settings as a model that is split over the processes (fsdp) needs them: hf, 16 bit, no 8-bit states.

    Raises `SettingsError` with all that was asked for and cannot be.
    """
    values = resolved.values
    if not values.fsdp:
        return resolved
    needed: dict[str, Any] = {"backend": "hf", "load_in_4bit": False}
    if "8bit" in values.optim:
        needed["optim"] = "adamw_torch"  # what bitsandbytes computes cannot be split
    problems = [
        SettingsError(
            _("{name} = {value} cannot be split over processes").format(
                name=name, value=getattr(values, name)
            ),
            where=resolved.origins[name],
            hint=_(
                "with fsdp it is {value}; or leave out fsdp: each process holds the whole model then"
            ).format(value=needed[name]),
        )
        for name in needed
        if getattr(values, name) not in ("auto", needed[name]) and resolved.outright(name)
    ]
    if values.best == "task":
        problems.append(
            SettingsError(
                _("no single process can answer rows with a model that is split (fsdp)"),
                where=resolved.origins["best"],
                hint=_("judge by the validation loss: --best loss; or leave out fsdp"),
            )
        )
    if values.num_processes == 1:
        problems.append(
            SettingsError(
                _("fsdp splits a model over several processes, and this is one"),
                where=resolved.origins["fsdp"],
                hint=_("say how many: --num-processes 2"),
            )
        )
    _raise(problems)
    changed = {name: value for name, value in needed.items() if getattr(values, name) != value}
    origins = {**resolved.origins, **dict.fromkeys(changed, _("fsdp needs it"))}
    return replace(resolved, values=values.model_copy(update=changed), origins=origins)


def _raise(problems: list[SettingsError]) -> None:
    hint = _("mend the lines named above")
    errors.raise_all(_("{n} settings are wrong"), *problems, hint=hint, kind=SettingsError)


def share(batch_size: int, grad_accum: int, processes: int) -> tuple[int, int]:
    """Return micro-batch and accumulation of each process, so that a step learns from as many rows as with one.

    The micro-batch stays where it can: it is what memory was fitted to. Raises `SettingsError` with the nearest values
    where the rows do not divide.

    >>> share(8, 1, 2), share(4, 4, 2), share(6, 2, 4), share(4, 4, 1)
    ((4, 1), (4, 2), (3, 1), (4, 4))
    """
    effective = batch_size * grad_accum
    rows, rest = divmod(effective, processes)
    if rest:
        near = [n for n in divisors(effective) if n < processes][-1:]
        near += [n for n in divisors(effective) if n > processes][:1]
        batches = [n for n in (rows * processes, (rows + 1) * processes) if n]
        raise SettingsError(
            _("{batch} × {accum} = {n} rows a step do not divide over {processes} processes").format(
                batch=batch_size, accum=grad_accum, n=effective, processes=processes
            ),
            where="num_processes",
            hint=_("--num-processes {processes}, or batch_size × grad_accum = {rows}").format(
                processes=_or(near), rows=_or(batches)
            ),
        )
    micro = max(n for n in divisors(rows) if n <= batch_size)
    return micro, rows // micro


def _or(values: list[int]) -> str:
    words = [str(value) for value in values]
    return _("{a} or {b}").format(a=words[0], b=words[1]) if len(words) > 1 else words[0]
