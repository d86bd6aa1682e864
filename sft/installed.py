"""What is installed, read from package metadata and nvidia-smi; no training package is imported."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from sft.requirements import name_of


def versions() -> dict[str, str]:
    """Return the installed packages as ``{canonical name: version}``."""
    found: dict[str, str] = {}
    for each in importlib.metadata.distributions():
        name, version = each.metadata["Name"], each.metadata["Version"]
        if name and version:  # a half-removed package leaves a folder without either
            found.setdefault(name_of(name), version)
    return found


def declared() -> dict[str, list[str]]:
    """Return what sft itself asks for, by extra ('' for the core), from its metadata or its checkout."""
    from packaging.requirements import Requirement

    source = checkout() / "pyproject.toml"
    if source.is_file():
        project = tomllib.loads(source.read_text(encoding="utf-8"))["project"]
        return {"": project["dependencies"], **project["optional-dependencies"]}
    by_extra: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("sft") or []:
        extra = re.search(r"""extra == ['"](\w+)['"]""", line)
        wanted = Requirement(line)
        by_extra.setdefault(extra[1] if extra else "", []).append(f"{wanted.name}{wanted.specifier}")
    return by_extra


def checkout() -> Path:
    """Return the folder that holds the package `sft`; of a checkout, its root."""
    return Path(__file__).resolve().parents[1]


def requires(name: str) -> list[str]:
    """Return the ``Requires-Dist`` lines of an installed package."""
    return importlib.metadata.requires(name) or []


def _text_of(package: str, path: str) -> str:
    """Return a file of an installed package without importing it; '' when there is none."""
    try:
        return Path(str(importlib.metadata.distribution(package).locate_file(path))).read_text(
            encoding="utf-8"
        )
    except (importlib.metadata.PackageNotFoundError, OSError):
        return ""


def torch_build() -> tuple[str | None, str | None]:
    """Return torch's full version and its CUDA version, such as ("2.10.0+cu128", "12.8"); None for what it has not.

    Read from its own file: the metadata of the CUDA build leaves the ``+cu128`` out.
    """
    text = _text_of("torch", "torch/version.py")
    version = re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE)
    cuda = re.search(r"^cuda\b[^=]*= '([\d.]+)'", text, re.MULTILINE)
    return (version[1] if version else None), (cuda[1] if cuda else None)


def xformers_torch() -> str | None:
    """Return the build of torch that xformers was compiled against, such as ``2.10.0+cu128``."""
    text = _text_of("xformers", "xformers/cpp_lib.json")
    return str(json.loads(text)["version"]["torch"]) if text else None


def driver() -> str | None:
    """Return the version of the NVIDIA driver, None without one."""
    if shutil.which("nvidia-smi") is None:
        return None
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            query, capture_output=True, text=True, encoding="utf-8", timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.split()[0] if done.returncode == 0 and done.stdout.split() else None
