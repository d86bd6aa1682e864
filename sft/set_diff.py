"""What two prepared sets have in common and what not. Rows are read one after the other; kept is a hash of each id."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from sft.prepared import SPLITS, Prepared
from sft.records import Row

EXAMPLES = 5
KINDS = ("only_a", "only_b", "text", "meta", "moved")
_COUNTS = (
    "sha256",
    "sft",
    "read",
    "kept",
    "copies",
    "rows",
    "rejected",
    "labels",
    "drift",
    "lengths",
)  # they follow from the rest
_READ = (
    "format",
    "encoding",
    "delimiter",
    "part",
    "columns",
    "rules",
)  # how one and the same source was read


@dataclass(slots=True)
class Kind:
    """Rows that differ in one way: how many, by split, and the first of them."""

    count: int = 0
    splits: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def add(self, row_id: str, split: str) -> None:
        """Count a row."""
        self.count += 1
        self.splits[split] = self.splits.get(split, 0) + 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(row_id)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"count": self.count, "splits": self.splits, "examples": self.examples}


@dataclass(frozen=True, slots=True)
class Diff:
    """Rows by the way in which they differ, and the entries of the manifests that do.

    `order` means that the rows are the same and stand in another order.
    """

    rows: Mapping[str, Kind]
    settings: Mapping[str, tuple[Any, Any]]
    same: int
    order: bool

    @property
    def equal(self) -> bool:
        """Tell whether nothing differs."""
        return not (self.settings or self.order or any(kind.count for kind in self.rows.values()))


def diff(a: Prepared, b: Prepared) -> Diff:
    """Compare two sets: template, sources and choices by their manifests, rows by id."""
    rows = {kind: Kind() for kind in KINDS}
    settings = dict(_settings(a.manifest, b.manifest))
    if a.digest == b.digest:
        return Diff(rows, settings, sum(map(len, a.rows.values())), order=False)
    same = 0
    left = {_hash(row.id): (split, _text(row), _meta(row)) for split, row in iter_rows(a)}
    for split, row in iter_rows(b):
        before, now = left.pop(_hash(row.id), None), (split, _text(row), _meta(row))
        same += before == now
        if before is None:
            rows["only_b"].add(row.id, split)
            continue
        if before[0] != split:
            rows["moved"].add(row.id, f"{before[0]} → {split}")
        if before[1] != now[1]:
            rows["text"].add(row.id, split)
        elif before[2] != now[2]:
            rows["meta"].add(row.id, split)
    for split, row in iter_rows(a) if left else ():
        if _hash(row.id) in left:
            rows["only_a"].add(row.id, split)
    return Diff(rows, settings, same, order=not any(kind.count for kind in rows.values()))


def iter_rows(data: Prepared) -> Iterator[tuple[str, Row]]:
    """Yield ``(split, row)`` for every row of a set."""
    for split in SPLITS:
        for row in data.rows.get(split, ()):
            yield split, row


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _text(row: Row) -> int:
    return _hash(json.dumps([message.as_dict() for message in row.messages]))


def _meta(row: Row) -> int:
    return _hash(json.dumps(dict(row.meta), sort_keys=True))


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield the entries in which two manifests differ; a source is known by its hash, so that a moved file is the same."""
    one, two = (_flat({k: v for k, v in each.items() if k not in {*_COUNTS, "sources"}}) for each in (a, b))
    for name in dict.fromkeys((*one, *two)):
        if one.get(name) != two.get(name):
            yield name, (one.get(name), two.get(name))
    ours, theirs = ({str(s["sha256"]): s for s in each.get("sources", ())} for each in (a, b))
    for sha, source in ours.items():
        if sha not in theirs:
            yield f"sources.{sha[:8]}", (str(source["path"]), None)
            continue
        for name in _READ:
            if source.get(name) != theirs[sha].get(name):
                yield f"sources.{sha[:8]}.{name}", (source.get(name), theirs[sha].get(name))
    for sha, source in theirs.items():
        if sha not in ours:
            yield f"sources.{sha[:8]}", (None, str(source["path"]))


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one with dotted names.

    >>> _flat({"split": {"seed": 1}, "task": "qa"})
    {'split.seed': 1, 'task': 'qa'}
    """
    out: dict[str, Any] = {}
    for key, each in value.items():
        out |= _flat(each, f"{prefix}{key}.") if isinstance(each, Mapping) else {f"{prefix}{key}": each}
    return out
