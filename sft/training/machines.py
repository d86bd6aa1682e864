"""Several machines before a training: they find each other, and make sure that all of them mean the same experiment."""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sft import runs
from sft.errors import MissingError, SettingsError
from sft.i18n import _
from sft.planner.team import Team

_PATIENCE, _BLINK = 900.0, 0.5  # seconds for which machines wait for each other, and between two looks
_AFTERWORD = 5.0  # seconds for which a machine waits to hear why another has ended
HERE = "127.0.0.1"
_LOCK, _ANSWER, _FAILED = "lock", "machine-{rank}", "failed"


@dataclass(frozen=True, slots=True)
class Meeting:
    """The machines of a team, joined by a store that lives on machine 0."""

    team: Team
    store: Any

    def settle(self, lock: Mapping[str, Any], wait: Callable[[], None]) -> dict[str, Any]:
        """Return the lock of machine 0, by which all train.

        `wait` is called between two looks and may raise. Micro-batch, precision and checkpointing are those of machine
        0; where anything else differs, `SettingsError` is raised on every machine.
        """
        if self.team.rank:
            then: dict[str, Any] = json.loads(self._told(_LOCK, wait))
            wrong = runs.differences(runs.asked(then), runs.asked(lock))
            self.store.set(_ANSWER.format(rank=self.team.rank), json.dumps(wrong))
            _require_same(self.team.rank, wrong)
        else:
            then = dict(lock)
            self.store.set(_LOCK, json.dumps(then))
        for rank in range(1, self.team.machines):
            _require_same(rank, json.loads(self._told(_ANSWER.format(rank=rank), wait)))
        return then

    def _told(self, key: str, wait: Callable[[], None]) -> str:
        ends = time.monotonic() + _PATIENCE
        while not self.store.check([key]):
            if time.monotonic() > ends:
                raise MissingError(
                    _("after {n:.0f} minutes not all of {machines} machines are there").format(
                        n=_PATIENCE / 60, machines=self.team.machines
                    ),
                    hint=_("run the same command on each, with --machine-rank 0 to {last}").format(
                        last=self.team.machines - 1
                    ),
                )
            wait()
        return str(self.store.get(key).decode())

    def fail(self, reason: str, piece: int | None) -> None:
        """Tell the others why this machine ends, and how many rows at once it had memory for, where it ran out."""
        told = {
            "reason": _("machine {rank}: {reason}").format(rank=self.team.rank, reason=reason),
            "piece": piece,
        }
        with suppress(RuntimeError):  # machine 0 may be gone already
            self.store.set(_FAILED, json.dumps(told))

    def failed(self) -> tuple[str, int | None]:
        """Return what another machine has said before it ended; '' when it said nothing."""
        ends = time.monotonic() + _AFTERWORD
        with suppress(RuntimeError):
            while time.monotonic() < ends:
                if self.store.check([_FAILED]):
                    told = json.loads(self.store.get(_FAILED).decode())
                    return str(told["reason"]), told["piece"]
                time.sleep(_BLINK)
        return "", None


def meet(team: Team, wait: Callable[[], None]) -> Meeting:
    """Return the meeting of the machines; machine 0 opens it, the others wait until it has. `wait` as above."""
    from torch.distributed import TCPStore

    patience = timedelta(seconds=_PATIENCE)
    if team.rank == 0:
        try:
            # The launcher takes the same port later: within a process a server is shared.
            return Meeting(team, TCPStore(team.host, team.port, None, True, patience, False, True))
        except RuntimeError:
            raise MissingError(
                _("port {port} cannot be opened here").format(port=team.port),
                where="main_address",
                hint=_("another program may have it: give all machines another port"),
            ) from None
    ends = time.monotonic() + _PATIENCE
    while not _reached(team):
        if time.monotonic() > ends:
            raise MissingError(
                _("machine 0 does not answer at {host}:{port}").format(host=team.host, port=team.port),
                where="main_address",
                hint=_("start the same command there with --machine-rank 0; a firewall may be in between"),
            )
        wait()
    return Meeting(team, TCPStore(team.host, team.port, None, False, patience, False))


def _reached(team: Team) -> bool:
    try:
        socket.create_connection((team.host, team.port), 2).close()
    except OSError:
        return False
    return True


def choose_interface(host: str) -> None:
    """Let gloo and NCCL talk over the network by which this machine reaches `host`, unless the user chose another.

    Their own choice is that of the machine's name, which often is the loopback.
    """
    if name := interface(host):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
        if host != HERE:
            os.environ.setdefault("NCCL_SOCKET_IFNAME", name)


def interface(host: str) -> str:
    """Return the network interface by which this machine reaches `host`, '' when that cannot be told."""
    import psutil

    try:
        family, kind, _protocol, _name, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with closing(socket.socket(family, kind)) as probe:
            probe.connect(address)  # sends nothing: it only asks the routing table
            mine = probe.getsockname()[0]
    except OSError:
        return ""
    found = psutil.net_if_addrs().items()
    return next((name for name, ends in found if any(end.address == mine for end in ends)), "")


def _require_same(rank: int, wrong: list[str]) -> None:
    if wrong:
        raise SettingsError(
            _("machine {rank} would train another experiment than machine 0").format(rank=rank),
            parts=tuple(SettingsError(line) for line in wrong),
            hint=_("give all machines the same settings and the same prepared set"),
        )
