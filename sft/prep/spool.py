"""Records on disk: every source is read once, kept as JSON lines while a preparation lasts, and streamed from there.

A preparation has a folder of its own below the user cache and holds its lock. A source that was read to its end has
its facts in a file beside it, written last; what a killed preparation left of these is taken over by the next one
that wants the same bytes read in the same way.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from sft import __version__, locks
from sft.records import Message, Record, Reject
from sft.text import write_json

Notes = Mapping[str, Sequence[Any]]  # kind → (rows, first place)
WORTH = 20_000  # rows from which a source that was read is kept for the next start
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_FACTS = ("read", "columns", "notes")
_STALE = 24 * 3600.0  # seconds after which a source that was left behind is wanted no more
_BEGUN = 60.0  # seconds in which a folder gets its lock for sure


@dataclass(frozen=True, slots=True)
class Spooled:
    """A source on disk: how many items it had, its columns in order of first appearance, what the reader noted.

    `side` is the split that its rows belong to ("" where the rule decides), `notes` has rows and first place by kind.
    """

    name: str
    path: Path
    read: int = 0
    columns: Sequence[str] = ()
    notes: Notes = field(default_factory=dict)
    side: str = ""

    def stream(self) -> Iterator[tuple[int, Record | Reject]]:
        """Yield every item with its place in the file."""
        with self.path.open("rb") as stream:
            at = 0
            for line in stream:
                yield at, _item(line)
                at += len(line)


def _item(line: bytes) -> Record | Reject:
    name, where, *rest = json.loads(line.decode("utf-8", "surrogatepass"))
    if len(rest) == 3:
        return Reject(name, where, *rest)
    fields, turns = rest
    return Record(name, where, fields, tuple(Message(role, content) for role, content in turns))


def put(stream: IO[bytes], value: Any) -> None:
    """Write a value as one line. Half characters pass: a reject may show one."""
    stream.write(_ENCODE(value).encode("utf-8", "surrogatepass") + b"\n")


def key(source: str) -> str:
    """Return the name under which a source that was read is found again; `source` says which bytes, read in which way."""
    return sha256(f"{__version__}\0{source}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Folder:
    """A folder for the files of one preparation. Raises `OSError` when neither `base` nor a temporary one can be had.

    What is left when it is closed after an error are sources worth keeping, else nothing.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        try:
            base.mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(dir=base, prefix="prep-"))
        except OSError:
            self.path = Path(tempfile.mkdtemp(prefix="sft-prep-"))
        self._lock = locks.take(self.path)
        self._kept: dict[str, Spooled] = {}
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(keep=kind is not None)

    def close(self, *, keep: bool) -> None:
        """Give the folder up; with `keep` the sources worth it stay for the next start."""
        stay = {source.path.stem for source in self._kept.values()} if keep else set()
        for path in self.path.iterdir() if stay else ():
            if path.stem not in stay and path.name != locks.NAME:
                path.unlink()
        if not stay:
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def take(
        self,
        name: str,
        items: Callable[[], Iterable[Record | Reject]],
        notes: Callable[[], Notes] = dict,
        known: str = "",
    ) -> tuple[Spooled, bool]:
        """Read a source to its end, or take over what an earlier start read under the name `known`.

        Return it and whether it was read before; `notes` is asked after the last item.
        """
        found = self._left_behind(name, known) if known else None
        if found is None:
            self._count += 1
            spooled = _write(self.path / f"{known or f'source-{self._count}'}.jsonl", name, items(), notes)
        else:
            spooled = found
        if known and spooled.read >= WORTH:
            facts = {name: getattr(spooled, name) for name in _FACTS}
            write_json(spooled.path.with_suffix(".json"), facts)
            self._kept[known] = spooled
        return spooled, found is not None

    def _left_behind(self, name: str, known: str) -> Spooled | None:
        if known in self._kept:
            return replace(self._kept[known], name=name)
        for facts in sorted(self._base.glob(f"prep-*/{known}.json")):
            lock = locks.take(facts.parent)
            if lock is None:
                continue
            try:
                value = json.loads(facts.read_text(encoding="utf-8"))
                facts.with_suffix(".jsonl").rename(self.path / f"{known}.jsonl")
                facts.unlink()
                return Spooled(name, self.path / f"{known}.jsonl", **{each: value[each] for each in _FACTS})
            except (OSError, ValueError, KeyError):  # half gone, or of another make: it is read again
                continue
            finally:
                os.close(lock)
        return None

    def clean(self) -> None:
        """Remove what dead preparations left, but for sources that somebody may come back for within a day."""
        for folder in self._base.glob("prep-*"):
            with suppress(OSError):
                age = time.time() - folder.stat().st_mtime
                if folder == self.path or age < (_STALE if any(folder.glob("*.json")) else _BEGUN):
                    continue
                lock = locks.take(folder)
                if lock is not None:
                    shutil.rmtree(folder, ignore_errors=True)
                    os.close(lock)


def _write(path: Path, name: str, items: Iterable[Record | Reject], notes: Callable[[], Notes]) -> Spooled:
    columns: dict[str, None] = {}
    read = 0
    with path.open("wb", buffering=1 << 20) as stream:
        for item in items:
            read += 1
            if isinstance(item, Reject):
                put(stream, [item.id, item.where, item.reason, item.detail, item.excerpt])
                continue
            if not columns.keys() >= item.fields.keys():
                columns.update(dict.fromkeys(item.fields))
            turns = [(message.role, message.content) for message in item.messages]
            put(stream, [item.id, item.where, dict(item.fields), turns])
    return Spooled(name, path, read, tuple(columns), notes())
