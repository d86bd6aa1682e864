"""Which device trains, and how much memory is free on it now. Asks nvidia-smi, never torch."""

import os
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_QUERY = "index,uuid,name,memory.total,memory.free,compute_cap"
_MIB = 1024 * 1024
_NUMBER = re.compile(r"\d+(\.\d+)?\Z")


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU or the CPU; `free` and `total` in bytes (None when unknown), `capability` such as ``8.6``, '' on a CPU."""

    kind: str
    name: str
    index: int = 0
    uuid: str = ""
    total: int | None = None
    free: int | None = None
    capability: str = ""

    @property
    def bf16(self) -> bool:
        """Tell whether bf16 runs in hardware: from compute capability 8.0 on; CPUs compute it anyway."""
        return self.kind == "cpu" or float(self.capability or 0) >= 8.0

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

    >>> parse("1, GPU-b, NVIDIA GeForce RTX 3090, 24576, 18120, 8.6")[0].free
    19000197120
    """
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 6 and cells[0].isdigit():
            total, free = _mebibytes(cells[3]), _mebibytes(cells[4])
            capability = cells[5] if _NUMBER.match(cells[5]) else ""
            found.append(Device("gpu", cells[2], int(cells[0]), cells[1], total, free, capability))
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
    return Device("cpu", "CPU", total=memory.get("MemTotal"), free=memory.get("MemAvailable"))


def _meminfo() -> dict[str, int]:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines)
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in pairs if len(words) == 3}


def choose() -> Device:
    """Return the device to train on: the emptiest GPU, else the CPU."""
    return emptiest(gpus()) or cpu()


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
