"""Whether a set of packages keeps the promises its members ask of one another. Pure; reads no environment by itself.

Used by `sft doctor` on what is installed and by ``scripts/check_locks.py`` on what is pinned.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unmet:
    """One broken promise: `package` asks for `requirement`, the set has `have` of `name` ('' when absent)."""

    package: str
    requirement: str
    name: str
    have: str


def inside(requirement: str, version: str) -> bool:
    """Tell whether `version` is in the range of `requirement`; a local build such as ``+cu128`` counts as its release.

    >>> inside("trl>=1.9,<=1.15.0", "1.14.2"), inside("torch<2.15", "2.13.0+cpu"), inside("trl<=1.15.0", "1.16.0")
    (True, True, False)
    """
    from packaging.requirements import Requirement

    return Requirement(requirement).specifier.contains(version, prereleases=True)


def name_of(requirement: str) -> str:
    """Return the canonical name a requirement speaks of.

    >>> name_of("unsloth_zoo>=2026.10.9 ; sys_platform == 'linux'")
    'unsloth-zoo'
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return canonicalize_name(Requirement(requirement).name)


def unmet(
    versions: Mapping[str, str],
    requires: Mapping[str, Iterable[str]],
    environment: Mapping[str, str] | None = None,
) -> list[Unmet]:
    """Return every promise that `versions` breaks.

    `versions` maps canonical names to versions, `requires` maps names to their ``Requires-Dist`` lines. Markers hold for
    `environment` laid over the running Python's; an extra counts when some member asks for it.

    >>> unmet({"a": "1", "b": "2"}, {"a": ["b>=3", "c", "d; extra == 'x'"]})
    [Unmet(package='a', requirement='b>=3', name='b', have='2'), Unmet(package='a', requirement='c', name='c', have='')]
    """
    return [
        Unmet(package, f"{name}{specifier}", name, versions.get(name, ""))
        for package, name, specifier in edges(requires, environment)
        if name not in versions or not inside(f"{name}{specifier}", versions[name])
    ]


def edges(
    requires: Mapping[str, Iterable[str]], environment: Mapping[str, str] | None = None
) -> list[tuple[str, str, str]]:
    """Return (package, name it asks for, version range) for every requirement that applies, extras included.

    >>> edges({"a": ["b[fast]>=1"], "b": ["c; extra == 'fast'", "d; extra == 'slow'"]})
    [('a', 'b', '>=1'), ('b', 'c', '')]
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    parsed = {package: [Requirement(line) for line in lines] for package, lines in requires.items()}
    wanted: dict[str, set[str]] = {package: {""} for package in parsed}
    while True:
        found: list[tuple[str, str, str]] = []
        grown = False
        for package, requirements in parsed.items():
            for each in requirements:
                marks = [{**(environment or {}), "extra": extra} for extra in sorted(wanted[package])]
                if each.marker and not any(each.marker.evaluate(mark) for mark in marks):
                    continue
                name = canonicalize_name(each.name)
                found.append((package, name, str(each.specifier)))
                grown |= not each.extras <= wanted.get(name, each.extras)
                wanted.get(name, set()).update(each.extras)
        if not grown:
            return list(dict.fromkeys(found))
