"""Ids and labels of a prepared set: kept in the user cache and mapped from there, so that a training starts at once.

The rows one may train on are those of the splits ``train`` and ``valid``, in this order; a place is a row's number in
it. A file of the cache belongs to one set of rows, template, tokenizer and chat format; how long a row may be is decided
when it is read. ``SFT_TOKEN_CACHE`` says how many gigabytes are kept (default 10, 0 = none): what was not used for
longest goes first. ``SFT_CACHE`` says where.
"""

import hashlib
import json
import os
import time
from array import array
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, overload

from sft import chat, embedded, token_file
from sft.errors import SettingsError
from sft.i18n import _
from sft.masks import Encoded
from sft.prepared import Prepared
from sft.records import Row
from sft.tokenizer import Loaded

VERSION = 1  # of what is stored: raised whenever the same rows would come out with other ids or labels
LIMIT = "SFT_TOKEN_CACHE"
_DEFAULT_GB = 10.0
_SHOWN = 20_000  # rows from which on it takes long enough to be watched
_SPARE = 50_000  # rows, some seconds of work: more than these are not encoded only because they may be wanted later


class Watch(Protocol):
    """Who is told what is being encoded."""

    def note(self, text: str) -> None:
        """Say one line."""

    def begin(self, done: int, total: int) -> None:
        """Begin at row `done` of `total`."""

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Show the state."""

    def end(self) -> None:
        """Stop drawing."""


@dataclass(frozen=True, slots=True)
class Names:
    """The rows one may train on, by place: ids, and groups that stay together; the first `train` are to train on."""

    ids: Sequence[str]
    groups: Sequence[str]
    train: int


class Tokens(Protocol):
    """Ids and labels by place."""

    @property
    def ids(self) -> Sequence[str]:
        """Return the ids of the rows."""

    @property
    def lengths(self) -> Sequence[int]:
        """Return how many tokens each row has."""

    @property
    def supervised(self) -> Sequence[int]:
        """Return how many of them are supervised."""

    def __getitem__(self, place: int) -> Encoded:
        """Return one row."""

    def dataset(self, places: Sequence[int]) -> Any:
        """Return the rows at `places` as the trainer takes them."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Rows that were encoded for this one time, in memory; the places that nobody asked for are empty."""

    ids: Sequence[str]
    rows: Mapping[int, Encoded]
    lengths: Sequence[int]
    supervised: Sequence[int]

    @classmethod
    def of(cls, ids: Sequence[str], rows: Mapping[int, Encoded]) -> "Plain":
        """Count the tokens of rows by place."""
        lengths, supervised = array("i", bytes(4 * len(ids))), array("i", bytes(4 * len(ids)))
        for place, encoded in rows.items():
            lengths[place], supervised[place] = len(encoded.ids), encoded.supervised
        return cls(ids, rows, lengths, supervised)

    def __getitem__(self, place: int) -> Encoded:
        return self.rows[place]

    def dataset(self, places: Sequence[int]) -> Any:
        """Return the rows at `places` as a `datasets.Dataset`."""
        from datasets import Dataset

        rows = (self.rows[place] for place in places)
        return Dataset.from_list([{"input_ids": item.ids, "labels": item.labels} for item in rows])


class _Strings(Sequence[str]):
    """A column of text that stays on the disk."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        """Return one text or several."""
        found: Any = self._column[place]
        return list(found.to_pylist()) if isinstance(place, slice) else str(found.as_py())

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(chunk.to_pylist() for chunk in self._column.iterchunks())


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of a file that is mapped into memory: only what is looked at is read from the disk."""

    table: Any
    key: str
    ids: Sequence[str] = field(init=False)
    lengths: Sequence[int] = field(init=False)
    supervised: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        import pyarrow.compute as pc

        put = object.__setattr__
        put(self, "ids", _Strings(self.table["id"]))
        for name, column in (
            ("lengths", pc.list_value_length(self.table["input_ids"])),
            ("supervised", self.table["supervised"]),
        ):
            chunks = (chunk.to_pylist() for chunk in column.iterchunks())
            put(self, name, array("i", chain.from_iterable(chunks)))

    def __reduce__(self) -> Any:
        """Let another process map the same file: rows are not copied."""
        return _reopened, (self.key,)

    @property
    def names(self) -> Names:
        """Return what a choice of rows needs to know."""
        train = int(self.table.schema.metadata[b"train"])
        return Names(self.ids, _Strings(self.table["group"]), train)

    def __getitem__(self, place: int) -> Encoded:
        ids, labels = (self.table[name][place].as_py() for name in ("input_ids", "labels"))
        return Encoded(ids, labels)

    def dataset(self, places: Sequence[int]) -> Any:
        """Return the rows at `places` as a `datasets.Dataset` over the mapped file."""
        from datasets import Dataset

        # With a fingerprint of its own, because `datasets` would else read the whole file to make one.
        whole = Dataset(self.table.select(["input_ids", "labels"]), fingerprint=self.key)
        chosen = hashlib.sha256(array("q", places).tobytes()).hexdigest()
        return whole.select(places, keep_in_memory=True, new_fingerprint=f"{self.key}-{chosen[:16]}")


def _reopened(key: str) -> Stored:
    return Stored(token_file.mapped(folder() / f"{key}{token_file.SUFFIX}"), key)


def key(data: Prepared, loaded: Loaded) -> str:
    """Return the name of a set's file: a hash of all that decides its content."""
    parts = [VERSION, data.digest, data.template, loaded.sha256, _format(loaded.format)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _format(fmt: chat.ChatFormat) -> list[Any]:
    return [sorted(part.items()) if isinstance(part, Mapping) else part for part in astuple(fmt)]


def folder() -> Path:
    """Return the cache's folder."""
    return embedded.cache_folder() / "tokens"


def limit() -> float:
    """Return how many bytes the cache may take. Raises `SettingsError` when ``SFT_TOKEN_CACHE`` is no number."""
    text = os.environ.get(LIMIT, "").strip()
    try:
        gigabytes = float(text) if text else _DEFAULT_GB
    except ValueError:
        gigabytes = -1.0
    if not gigabytes >= 0:
        raise SettingsError(
            _("{value!r} is not a number of gigabytes").format(value=text),
            where=LIMIT,
            hint=_("e.g. export {name}=20; 0 keeps nothing").format(name=LIMIT),
        )
    return gigabytes * 1e9


def group(row: Row) -> str:
    """Return what a row may not be parted from when its set is split again."""
    return str(row.meta.get("group") or row.meta.get("key") or row.id)


def _rows(data: Prepared) -> Iterator[Row]:
    return chain(data.rows.get("train", ()), data.rows.get("valid", ()))


def names(data: Prepared) -> Names:
    """Return the names of a set's rows, read from the set itself."""
    pairs = [(row.id, group(row)) for row in _rows(data)]
    return Names([one for one, _group in pairs], [one for _id, one in pairs], len(data.rows.get("train", ())))


def find(data: Prepared, loaded: Loaded, watch: Watch) -> Stored | None:
    """Return a set's ids and labels from the cache; None when they are not there, or damaged, which is said."""
    name = key(data, loaded)
    path = folder() / f"{name}{token_file.SUFFIX}"
    if not limit() or find_spec("pyarrow") is None or not path.is_file():
        return None
    began = time.monotonic()
    try:
        stored = Stored(token_file.read(path, name), name)
    except (token_file.Damaged, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        watch.note(
            _("token cache: {path} is damaged ({reason}): made again").format(path=path, reason=reason)
        )
        return None
    text = _("token cache: {n:,} rows, read in {seconds:.1f} s")
    watch.note(text.format(n=len(stored.ids), seconds=time.monotonic() - began))
    return stored


def make(data: Prepared, loaded: Loaded, known: Names, wanted: Collection[int], watch: Watch) -> Tokens:
    """Encode a set and keep it in the cache; where that is off, fails or is not worth it, encode only what is `wanted`.

    Raises `DataError` as `sft.chat.encode_all` does.
    """
    total = len(known.ids)
    reason = _unkept(total, len(wanted))
    if not reason:
        try:
            return _keep(data, loaded, known, watch)
        except (token_file.Damaged, OSError) as error:
            why = error.strerror or error if isinstance(error, OSError) else error
            reason = _("cannot be written in {folder}: {reason}").format(folder=folder(), reason=why)
    rows = ((place, row) for place, row in enumerate(_rows(data)) if place in wanted)
    began = time.monotonic()
    encoded = dict(_encoded(rows, len(wanted), loaded, watch))
    watch.note(
        _("token cache: not used ({reason}): {n:,} rows encoded in {seconds:.1f} s").format(
            reason=reason, n=len(encoded), seconds=time.monotonic() - began
        )
    )
    return Plain.of(known.ids, encoded)


def _unkept(total: int, wanted: int) -> str:
    """Return why a set is not kept, '' when it is."""
    if not limit():
        return _("{name} is 0").format(name=LIMIT)
    if find_spec("pyarrow") is None:
        return _("pyarrow is not installed")
    if total - wanted > _SPARE:
        return _("only {n:,} of {total:,} rows are wanted").format(n=wanted, total=total)
    return ""


def _keep(data: Prepared, loaded: Loaded, known: Names, watch: Watch) -> Stored:
    name = key(data, loaded)
    path = folder() / f"{name}{token_file.SUFFIX}"
    began = time.monotonic()
    encoded = _encoded(enumerate(_rows(data)), len(known.ids), loaded, watch)
    items = ((known.ids[place], known.groups[place], item) for place, item in encoded)
    size = token_file.write(path, {"key": name, "train": str(known.train)}, items)
    token_file.tidy(path.parent, limit(), path)
    watch.note(
        _("token cache: {n:,} rows encoded in {seconds:.1f} s and kept ({mb:.1f} MB): {path}").format(
            n=len(known.ids), seconds=time.monotonic() - began, mb=size / 1e6, path=path
        )
    )
    return Stored(token_file.mapped(path), name)


def _encoded(
    rows: Iterable[tuple[int, Row]], total: int, loaded: Loaded, watch: Watch
) -> Iterator[tuple[int, Encoded]]:
    """Yield place and encoded row, and show how far it is."""
    places: deque[int] = deque()

    def pairs() -> Iterator[tuple[str, Sequence[Any]]]:
        for place, row in rows:
            places.append(place)
            yield row.id, row.messages

    began = time.monotonic()
    if total >= _SHOWN:
        watch.begin(0, total)
    try:
        for done, item in enumerate(chat.encode_all(pairs(), loaded.tokenizer, loaded.format), 1):
            yield places.popleft(), item
            if total >= _SHOWN and (done % chat.BATCH == 0 or done == total):
                rate = done / max(1e-9, time.monotonic() - began)
                watch.step(done, {"rows_per_s": rate, "left": (total - done) / rate})
    finally:
        watch.end()
