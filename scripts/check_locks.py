"""Check that the pinned sets under scripts/ agree with themselves, with each other and with pyproject.toml.

    python scripts/check_locks.py               # every lock, Python 3.11 to 3.13; downloads metadata only, a minute
    python scripts/check_locks.py --python 3.12 cpu

For every pin: the index has a wheel of it for Linux x86_64, what it asks for (with the markers of that Python) is met by
another pin or declared in lock-exceptions.toml with a reason, and something asks for it. To change a set, edit its lock by
hand and run this: it names what is missing. pip's own settings are followed, so the index may be a mirror.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent
sys.path.insert(0, str(SCRIPTS.parent))

from sft.requirements import edges, name_of, unmet

PYTHONS = ("3.11", "3.12", "3.13")
# The sets as they are installed: the files of each, and the extras of pyproject.toml it has to satisfy.
SETS = {
    "cpu": (("lock-cpu.txt",), ("train", "demo")),
    "gpu": (("lock-gpu.txt",), ("train", "gpu", "demo")),
    "dev": (("lock-cpu.txt", "lock-dev.txt"), ("train", "demo", "dev")),
}
# What setup.sh needs beyond pyproject.toml: pip itself, what an editable install by hatchling imports, and the setuptools
# that some builds of torch ask for.
TOOLS = ["pip", "editables", "setuptools"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """A promise broken on purpose; `needs` are shell patterns."""

    locks: tuple[str, ...]
    package: tuple[str, ...]
    needs: tuple[str, ...]
    reason: str

    def covers(self, package: str, need: str) -> bool:
        """Tell whether `package` may go without `need`."""
        return package in self.package and any(fnmatch(need, pattern) for pattern in self.needs)


def read_lock(path: Path) -> dict[str, str]:
    """Return the pins of a lock as ``{canonical name: version}``; anything but ``name==version`` is refused."""
    pins: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, version = line.strip().partition("==")
        if not equals or not version or name != name_of(name) or name in pins:
            raise SystemExit(f"{path}:{number}: not one pin, once, in its canonical spelling: {line}")
        pins[name] = version
    return pins


def findings(
    pins: Mapping[str, str],
    requires: Mapping[str, Iterable[str]],
    roots: Iterable[str],
    exceptions: Iterable[Allowance],
    built: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
) -> list[str]:
    """Return what is wrong with one set: broken promises, pins that nothing asks for, parts built for another torch."""
    asked = {**requires, "sft": list(roots)}
    allowed = list(exceptions)
    broken = [
        f"{each.package} asks for {each.requirement}, the lock has {each.have or 'none'}"
        for each in unmet(pins, asked, environment)
        if not any(one.covers(each.package, each.name) for one in allowed)
    ]
    reached, waiting = {"sft"}, ["sft"]
    graph = edges(asked, environment)
    while waiting:
        name = waiting.pop()
        more = {needed for package, needed, _range in graph if package == name} - reached
        reached |= more
        waiting += sorted(more)
    unasked = [f"nothing asks for {name}=={pins[name]}" for name in pins if name not in reached]
    torch = pins.get("torch")
    wrong = [
        f"{pin} is built for torch {release}, the lock has {torch}"
        for pin, release in built.items()
        if pins.get(pin.partition("==")[0]) == pin.partition("==")[2] and release != torch
    ]
    return broken + unasked + wrong


def idle(exceptions: Iterable[Allowance], broken: Iterable[tuple[str, str]]) -> list[str]:
    """Return the declared exceptions that none of the `broken` (package, need) pairs is in want of."""
    pairs = list(broken)
    return [
        f"{', '.join(one.package)} without {pattern}"
        for one in exceptions
        for pattern in one.needs
        if not any(package in one.package and fnmatch(need, pattern) for package, need in pairs)
    ]


def disagreements(cpu: Mapping[str, str], gpu: Mapping[str, str], differ: Iterable[str]) -> list[str]:
    """Return the pins both locks have with different versions, or that only the CPU lock has, and are not in `differ`."""
    return [
        f"{name}: {version} in lock-cpu.txt, {gpu.get(name, 'none')} in lock-gpu.txt"
        for name, version in cpu.items()
        if name not in set(differ) and gpu.get(name) != version
    ]


def roots(extras: Iterable[str]) -> list[str]:
    """Return what pyproject.toml and the set-up ask for, with these extras."""
    project = tomllib.loads((SCRIPTS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    own = project["project"]
    lines = [*own["dependencies"], *project["build-system"]["requires"], *TOOLS]
    return lines + [line for extra in extras for line in own["optional-dependencies"][extra]]


def exceptions_for(name: str) -> list[Allowance]:
    """Return the declared exceptions of the set `name`; the tools' set stands on the CPU lock."""
    lock = "cpu" if name == "dev" else name
    entries = [
        Allowance(**{key: _frozen(value) for key, value in each.items()}) for each in declared()["exception"]
    ]
    return [entry for entry in entries if lock in entry.locks]


def declared() -> dict[str, Any]:
    """Return lock-exceptions.toml."""
    return tomllib.loads((SCRIPTS / "lock-exceptions.toml").read_text(encoding="utf-8"))


def metadata(files: Iterable[str], python: str) -> dict[str, list[str]]:
    """Ask the index for the ``Requires-Dist`` lines of every pin, as pip would choose the wheels for `python`.

    A dry run: pip ≥ 25 fetches the metadata alone, not the wheels. Raises `SystemExit` when a wheel is missing.
    """
    # pip lists the platform tags of its own machine; for another Python it wants them one by one.
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(35, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    with tempfile.TemporaryDirectory() as aside:
        report = Path(aside) / "report.json"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--dry-run",
            "--ignore-installed",
            "--no-deps",
            "--quiet",
        ]
        command += [
            "--disable-pip-version-check",
            "--only-binary=:all:",
            "--python-version",
            python,
            "--target",
            aside,
        ]
        command += [word for platform in platforms for word in ("--platform", platform)]
        command += [word for file in files for word in ("-r", str(SCRIPTS / file))] + [
            "--report",
            str(report),
        ]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        if done.returncode:
            raise SystemExit(f"Python {python}: {done.stderr.strip()}")
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {name_of(each["metadata"]["name"]): each["metadata"].get("requires_dist", []) for each in installs}


def environment(python: str) -> dict[str, str]:
    """Return the marker values of CPython `python` on Linux x86_64."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "sys_platform": "linux",
        "os_name": "posix",
    }


def main() -> int:
    """Check the sets named on the command line; 0 when nothing is wrong, else 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="*", default=[*SETS], help=f"which of {', '.join(SETS)} (default: all)")
    parser.add_argument(
        "--python", action="append", help=f"a Python; again for more (default: {', '.join(PYTHONS)})"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.sets) - set(SETS):
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    wrong = disagreements(
        read_lock(SCRIPTS / "lock-cpu.txt"), read_lock(SCRIPTS / "lock-gpu.txt"), declared()["differ"]
    )
    print("\n".join(f"both: {line}" for line in wrong), end="\n" if wrong else "")
    for name, python in itertools.product(chosen.sets, chosen.python or PYTHONS):
        files, extras = SETS[name]
        pins = {pin: version for file in files for pin, version in read_lock(SCRIPTS / file).items()}
        requires, allowed, marks = metadata(files, python), exceptions_for(name), environment(python)
        found = findings(pins, requires, roots(extras), allowed, declared()["built"], marks)
        wrong += found
        print(f"{name} on Python {python}: {len(pins)} pins, {len(found)} findings")
        print("".join(f"  {line}\n" for line in found), end="")
        pairs = [(each.package, each.name) for each in unmet(pins, requires, marks)]
        print("".join(f"  note: no longer needed: {line}\n" for line in idle(allowed, pairs)), end="")
    return 1 if wrong else 0


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
