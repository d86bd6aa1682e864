"""The cards of ``cards.toml``: memory, number type and peak, so that a plan needs no GPU. Reads a file, nothing else."""

import difflib
import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sft.devices import Device
from sft.errors import SettingsError
from sft.i18n import _

_MIB = 1024 * 1024
_SIGNS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Card:
    """A card that can be bought or rented; `tflops` is its dense 16-bit peak, summed in fp32."""

    name: str
    also: tuple[str, ...]
    mib: int
    capability: str
    tflops: float
    source: str

    def device(self, free: float | None = None) -> Device:
        """Return the card as a device with `free` bytes, by default all it has."""
        total = self.mib * _MIB
        return Device(
            "gpu",
            self.also[0],
            total=total,
            free=total if free is None else round(free),
            capability=self.capability,
        )


@functools.cache
def _table() -> Mapping[str, Card]:
    raw = tomllib.loads(Path(__file__).with_name("cards.toml").read_text(encoding="utf-8"))
    return {name: Card(name, **{**value, "also": tuple(value["also"])}) for name, value in raw.items()}


def known() -> dict[str, Card]:
    """Return every card by its name, in the file's order: by memory, more or less."""
    return dict(_table())


def find(name: str) -> Card:
    """Return the card a user means, however it is spelt. Raises `SettingsError` with the nearest.

    >>> find("RTX 3090").mib, find("rtx3090").name, find("NVIDIA H200").tflops
    (24576, 'rtx-3090', 989)
    """
    names = {_bare(each): card for card in _table().values() for each in (card.name, *card.also)}
    wanted = _bare(name)
    if wanted in names:
        return names[wanted]
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    raise SettingsError(
        _("no card {name!r} is known").format(name=name),
        where="--gpu",
        hint=_("did you mean {name}?").format(name=names[near[0]].name)
        if near
        else _("known: {names}; any other: give its free memory alone, --free GB").format(
            names=", ".join(_table())
        ),
    )


def peak(device: Device) -> float | None:
    """Return the peak FLOP per second of a device in 16 bit; None for a card that is not in the table, and a CPU."""
    for card in _table().values():
        if device.name in card.also:
            return card.tflops * 1e12
    return None


def _bare(name: str) -> str:
    return _SIGNS.sub("", name.lower().removeprefix("nvidia ").removeprefix("geforce "))
