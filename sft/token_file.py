"""The file of a tokenised set: an Arrow stream with its own sha256 behind it, written aside and renamed.

Columns: ``id``, ``group`` (what stays together when the set is split again), ``input_ids``, ``labels``, and how many of
the labels are ``supervised``. Readers of Arrow streams stop before the hash, so any of them can open the file.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from sft.i18n import _
from sft.masks import Encoded

SUFFIX = ".arrow"
_ASIDE = ".writing-"
_ABANDONED = 3600  # seconds after which a file that is still aside has lost its writer
_ROWS = 4096  # of one record batch
_HASH = 32  # bytes

Item = tuple[str, str, Encoded]  # id, group, ids and labels


class Damaged(Exception):  # noqa: N818 — no error of the user's: the file is made again
    """The file is not what its writer made; the message says in what."""


def _schema(facts: dict[str, str]) -> Any:
    import pyarrow as pa

    numbers = pa.list_(pa.int32())
    columns = {"id": pa.string(), "group": pa.string(), "input_ids": numbers, "labels": numbers}
    return pa.schema([*columns.items(), ("supervised", pa.int32())], metadata=facts)


class _Hashed:
    """A file that hashes what is written to it."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        """Write bytes."""
        self.digest.update(data)
        return self._stream.write(data)

    def flush(self) -> None:
        """Leave that to the file."""


def write(path: Path, facts: dict[str, str], items: Iterable[Item]) -> int:
    """Write the file and return its size; `facts` are kept in its head. Raises `OSError` when the disk does."""
    import pyarrow as pa

    path.parent.mkdir(parents=True, exist_ok=True)
    schema = _schema(facts)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_ASIDE)
    try:
        with os.fdopen(handle, "wb") as stream:
            hashed = _Hashed(stream)
            writer = pa.ipc.new_stream(pa.PythonFile(hashed, mode="w"), schema)
            for batch in _batches(items, schema):
                writer.write_batch(batch)
            writer.close()
            stream.write(
                hashed.digest.digest()
            )  # it tells of a power cut too, so nobody has to wait for the disk
        Path(temporary).replace(path)
    finally:
        with suppress(OSError):
            Path(temporary).unlink()
    return path.stat().st_size


def _batches(items: Iterable[Item], schema: Any) -> Iterator[Any]:
    import pyarrow as pa

    remaining = iter(items)
    while chunk := list(islice(remaining, _ROWS)):
        encoded = [item for _id, _group, item in chunk]
        columns = [
            pa.array([row_id for row_id, _group, _item in chunk], pa.string()),
            pa.array([group for _id, group, _item in chunk], pa.string()),
            pa.array([item.ids for item in encoded], schema.types[2]),
            pa.array([item.labels for item in encoded], schema.types[3]),
            pa.array([item.supervised for item in encoded], pa.int32()),
        ]
        yield pa.record_batch(columns, schema=schema)


def read(path: Path, key: str) -> Any:
    """Map the file into memory and return it as a table; mark it as used.

    Raises `FileNotFoundError`, and `Damaged` when it was cut, changed, or is another file than its name says.
    """
    _check(path)
    table = mapped(path)
    if table.schema != _schema({}) or (table.schema.metadata or {}).get(b"key", b"").decode() != key:
        raise Damaged(_("it holds something else"))
    with suppress(OSError):  # of another user, or on a disk that is only read: as good as any
        os.utime(path)
    return table


def mapped(path: Path) -> Any:
    """Return the table of a file that is known to be whole; its numbers stay on disk until they are looked at."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
            return reader.read_all()
    except (pa.ArrowException, ValueError):
        raise Damaged(_("it does not read")) from None


def _check(path: Path) -> None:
    """Compare the file with the hash at its end, piece by piece: reading it all at once would fill the memory."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        left = os.fstat(stream.fileno()).st_size - _HASH
        while left > 0 and (piece := stream.read(min(left, 1 << 20))):
            digest.update(piece)
            left -= len(piece)
        if stream.read() != digest.digest():
            raise Damaged(_("its hash is another"))


def tidy(folder: Path, most: float, keep: Path) -> None:
    """Delete what a killed writer left, and the files that were not used for longest until `most` bytes are kept."""
    for path in folder.glob(f"{_ASIDE}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            found.append((path != keep, -path.stat().st_mtime_ns, path.stat().st_size, path))
    total = 0
    for other, _age, size, path in sorted(found):
        total += size
        if other and total > most:
            with suppress(OSError):
                path.unlink()
