"""Which device trains, and how much memory is free on it now. Asks nvidia-smi, never torch.

A GPU is busy when its cores compute: from `BUSY` percent utilisation on in any of three looks (one look may fall between
two steps of somebody's training). Memory that an idle service holds does not make it busy, there is only less free.
"""

import os
import re
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sft.errors import MissingError, SettingsError
from sft.i18n import _

AUTO = "auto"
BUSY = 30  # percent of the time in which somebody computes there; a desktop alone stays below
_LOOKS, _PAUSE = 3, 0.4  # nvidia-smi averages over at most a second
_TAKEN = 1024 * 1024 * 1024  # memory in use from which on there may be somebody who computes
_QUERY = "index,uuid,name,memory.total,memory.free,compute_cap,utilization.gpu"
_MIB = 1024 * 1024
_NUMBER = re.compile(r"\d+(\.\d+)?\Z")


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU or the CPU; `free` and `total` in bytes, `load` in percent (None when unknown), `capability` such as ``8.6``.

    `capability` is '' on a CPU, which may have matrix units for bf16, `amx`; `reason` says why this one was chosen.
    """

    kind: str
    name: str
    index: int = 0
    uuid: str = ""
    total: int | None = None
    free: int | None = None
    capability: str = ""
    load: int | None = None
    reason: str = ""
    amx: bool = False

    @property
    def busy(self) -> bool:
        """Tell whether somebody computes on it."""
        return (self.load or 0) >= BUSY

    @property
    def bf16(self) -> bool:
        """Tell whether training in bf16 is fast: on GPUs from compute capability 8.0 on, on CPUs with matrix units for it.

        Vector units alone (AVX-512 BF16) multiply bf16 more slowly than fp32 (measured, see docs/log.md).
        """
        return self.amx if self.kind == "cpu" else float(self.capability or 0) >= 8.0

    @property
    def number(self) -> Literal["bf16", "fp16", "fp32"]:
        """Return the type that base weights are trained in when they are not in 4 bit."""
        return "bf16" if self.bf16 else "fp32" if self.kind == "cpu" else "fp16"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of ``run.json``."""
        return asdict(self)


def gpus() -> list[Device]:
    """Return the GPUs that nvidia-smi sees and ``CUDA_VISIBLE_DEVICES`` allows; [] without a driver."""
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        done = subprocess.run(
            ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return visible(parse(done.stdout), os.environ.get("CUDA_VISIBLE_DEVICES")) if done.returncode == 0 else []


def parse(text: str) -> list[Device]:
    """Read what nvidia-smi prints for `_QUERY`; lines of another form are passed over.

    Memory that the driver does not tell (``[N/A]`` where the GPU shares the machine's memory) is None.

    >>> gpu = parse("1, GPU-b, NVIDIA GeForce RTX 3090, 24576, 18120, 8.6, 0")[0]
    >>> gpu.free, gpu.load
    (19000197120, 0)
    """
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 7 and cells[0].isdigit():
            total, free = _mebibytes(cells[3]), _mebibytes(cells[4])
            capability = cells[5] if _NUMBER.match(cells[5]) else ""
            load = int(cells[6]) if cells[6].isdigit() else None
            found.append(Device("gpu", cells[2], int(cells[0]), cells[1], total, free, capability, load))
    return found


def _mebibytes(cell: str) -> int | None:
    return int(cell) * _MIB if cell.isdigit() else None


def visible(found: list[Device], allowed: str | None) -> list[Device]:
    """Keep the GPUs that ``CUDA_VISIBLE_DEVICES`` names, by index or by the beginning of the UUID.

    As CUDA does: the first name that is none ends the list, so ``-1`` and '' hide every GPU. A MIG slice is a GPU of
    its own whose memory nvidia-smi's list does not tell: it comes back with free memory unknown.
    """
    if allowed is None:
        return found
    if allowed.startswith("MIG-") and found:
        name = allowed.split(",")[0].strip()
        return [Device("gpu", name, uuid=name, capability=found[0].capability)]
    kept: list[Device] = []
    for name in (part.strip() for part in allowed.split(",")):
        fitting = [gpu for gpu in found if name and (name == str(gpu.index) or gpu.uuid.startswith(name))]
        if not fitting or fitting[0] in kept:
            break
        kept.append(fitting[0])
    return kept


def emptiest(found: list[Device]) -> Device | None:
    """Return the GPU with the most free memory, the first of equals; None without a GPU."""
    return max(found, key=lambda gpu: (gpu.free or 0, -gpu.index), default=None)


def cpu() -> Device:
    """Return the CPU with the memory that is available now."""
    memory = _meminfo()
    return Device("cpu", "CPU", total=memory.get("MemTotal"), free=memory.get("MemAvailable"), amx=has_amx())


def has_amx() -> bool:
    """Tell whether the CPU has matrix units for bf16, as far as Linux says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.startswith("flags") and "amx_bf16" in line.split() for line in lines)


def _meminfo() -> dict[str, int]:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines)
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in pairs if len(words) == 3}


def looked_at() -> list[Device]:
    """Return the GPUs with the highest load and the least free memory of some looks, where memory is in use at all."""
    found = gpus()
    for _look in range(_LOOKS - 1):
        if not any((gpu.total or 0) - (gpu.free or 0) > _TAKEN for gpu in found):
            break
        time.sleep(_PAUSE)
        found = together(found, gpus())
    return found


def together(before: list[Device], now: list[Device]) -> list[Device]:
    """Return two looks at the same GPUs as one: the highest load, the least free memory."""
    latest = {gpu.uuid: gpu for gpu in now}
    merged = []
    for gpu in before:
        other = latest.get(gpu.uuid, gpu)
        loads = [each.load for each in (gpu, other) if each.load is not None]
        free = [each.free for each in (gpu, other) if each.free is not None]
        merged.append(replace(gpu, load=max(loads, default=None), free=min(free, default=None)))
    return merged


def choose(wanted: str = AUTO) -> Device:
    """Return the device to train on: ``auto`` is the GPU with the most free memory that nobody computes on, else the CPU.

    ``cpu``, an index or the beginning of a UUID name one outright: it is taken even when it is busy; so is the only
    one that ``CUDA_VISIBLE_DEVICES`` leaves. Raises `MissingError` when all are busy, `SettingsError` for an unknown one.
    """
    if wanted == "cpu":
        return replace(cpu(), reason=_("asked for"))
    if wanted != AUTO:
        return _named(wanted, gpus())
    found = looked_at()
    if len(found) == 1 and os.environ.get("CUDA_VISIBLE_DEVICES"):
        return replace(found[0], reason=_("the one that CUDA_VISIBLE_DEVICES leaves"))
    best = emptiest([gpu for gpu in found if not gpu.busy])
    if found and best is None:
        raise MissingError(
            _("every GPU is busy (from {limit} % on): {cards}").format(limit=BUSY, cards=_loads(found)),
            hint=_("wait, or take one all the same: CUDA_VISIBLE_DEVICES={index} sft …").format(
                index=found[0].index
            ),
        )
    if best is None:
        return replace(cpu(), reason=_("no GPU is seen"))
    reason = _("most free memory of {n}").format(n=len(found)) if len(found) > 1 else _("the only GPU")
    if busy := [gpu for gpu in found if gpu.busy]:
        reason += _(", never a busy one: {cards}").format(cards=_loads(busy))
    return replace(best, reason=reason)


def _loads(found: list[Device]) -> str:
    return ", ".join(_("GPU {index} at {load} %").format(index=gpu.index, load=gpu.load) for gpu in found)


def is_name(wanted: str) -> bool:
    """Tell whether this is how a GPU of a machine is named: an index or a UUID; ``3090`` is a kind of card.

    >>> is_name("0"), is_name("GPU-22bb"), is_name("3090")
    (True, True, False)
    """
    return (wanted.isdigit() and len(wanted) < 3) or wanted.startswith("GPU-")


def with_free(device: Device, free: int) -> Device:
    """Return the device as if so many bytes were free on it."""
    return replace(device, free=free)


def _named(wanted: str, found: list[Device]) -> Device:
    for gpu in found:
        if wanted == str(gpu.index) or (wanted.startswith("GPU-") and gpu.uuid.startswith(wanted)):
            reason = _("asked for")
            if gpu.busy:
                reason += _(", although it is busy: {cards}").format(cards=_loads([gpu]))
            return replace(gpu, reason=reason)
    raise SettingsError(
        _("no GPU {name!r} in this machine").format(name=wanted),
        where="gpu",
        hint=_("auto, cpu, or one of: {names}").format(
            names=", ".join(f"{gpu.index} ({gpu.name})" for gpu in found) or _("none is seen")
        ),
    )


def use(device: Device) -> None:
    """Prepare this process for one device; must run before torch is imported.

    A GPU is made the only visible one: with several, transformers would spread over them in one process. On a CPU
    waiting OpenMP threads spin only briefly before they sleep: with other work on the same cores libgomp's long
    default loses an order of magnitude, no spinning at all a quarter (measured, see docs/log.md). What the user set in
    ``OMP_WAIT_POLICY`` or ``GOMP_SPINCOUNT`` stays.
    """
    if device.kind == "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = device.uuid
    elif "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
