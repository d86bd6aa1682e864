"""Data sets of the `datasets` library: ``hf:owner/name[:config][@split]``, or a folder it can load.

Such a folder is one that ``save_to_disk`` wrote, or one of Parquet files with a data set card (README.md), whose splits
must not be read as one. What is on a hub is fetched once into the library's own cache.
"""

import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep import _arrow
from data_prep._source import Sample, Source
from sft.errors import DataError, MissingError, SftError
from sft.i18n import _

BINARY = "hf"
_NAME = re.compile(r"hf:(?P<name>[\w.-]+/[\w.-]+|[\w.-]+)(?::(?P<config>[\w.-]+))?(?:@(?P<split>[\w.-]+))?\Z")
_CARD = re.compile(r"\A---\s*\n(?:.*\n)*?(?:dataset_info|configs):", re.MULTILINE)
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """A loaded split: its name, the data set, the digest of its rows as Arrow stores them."""

    split: str
    data: Any
    sha256: str = ""


def is_name(path: Path) -> bool:
    """Tell ``hf:owner/name`` from a path."""
    return str(path).startswith("hf:")


def is_folder(path: Path) -> bool:
    """Tell a folder that is one data set."""
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return True
    card = path / "README.md"
    if not card.is_file() or not any(path.rglob("*.parquet")):
        return False
    with card.open(encoding="utf-8", errors="replace") as stream:
        return bool(_CARD.match(stream.read(1 << 16)))


def load(path: Path, part: str = "") -> Found:
    """Load the split `part` of a data set, its only one when none is named. Raises `DataError` or `MissingError`."""
    try:
        import datasets
    except ImportError:
        raise MissingError(
            _("reading a data set of a hub needs the package datasets"),
            where=str(path),
            hint=_("pip install datasets"),
        ) from None
    with _guard(path), _silent(datasets):
        given = _NAME.match(str(path)) if is_name(path) else None
        if is_name(path) and not given:
            raise DataError(
                _("not a name of a data set"), where=str(path), hint=_("write hf:owner/name[:config][@split]")
            )
        if given:
            loaded = datasets.load_dataset(given["name"], given["config"])
            part = given["split"] or part
        elif (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            loaded = datasets.load_from_disk(str(path))
        else:
            loaded = datasets.load_dataset(str(path))
        splits = dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {"": loaded}
        return _chosen(splits, path, part)


def _chosen(splits: dict[str, Any], path: Path, part: str) -> Found:
    names = ", ".join(f"{name} ({len(data)})" for name, data in splits.items())
    if part and part not in splits:
        raise DataError(
            _("no split {name!r}; the data set has {names}").format(name=part, names=names or _("none")),
            where=str(path),
            hint=_("say which one: --part {path}").format(path=next(iter(splits))),
        )
    if not part and len(splits) != 1:
        raise DataError(
            _("several splits in one data set: {names}").format(names=names),
            where=str(path),
            hint=_("say which one: --part {path}").format(path=next(iter(splits), "train")),
        )
    split = part or next(iter(splits))
    data = splits[split].with_format("arrow")
    digest = hashlib.sha256()
    for table in data.iter(batch_size=_BATCH):
        for column in table.columns:
            for chunk in column.chunks:
                digest.update(repr((chunk.type, chunk.to_pylist())).encode("utf-8", "backslashreplace"))
    return Found(split, data, digest.hexdigest())


def rows(source: Source | Sample) -> Iterator[dict[str, Any]]:
    """Yield the rows of a data set, class numbers as their names."""
    data = load(source.path, source.part).data
    features = data.features.to_dict()
    for table in data.iter(batch_size=_BATCH):
        with _guard(source.path):
            found = list(_arrow.rows(table, features))
        yield from found


@contextmanager
def _silent(datasets: Any) -> Iterator[None]:
    """Keep progress bars and every single retry from the screen: what went wrong is said once, in the end."""
    hidden = datasets.are_progress_bars_disabled()
    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    datasets.disable_progress_bars()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if not hidden:
            datasets.enable_progress_bars()


@contextmanager
def _guard(path: Path) -> Iterator[None]:
    """Turn what the library raises into one error: no network is the environment's fault, the rest the data's."""
    try:
        yield
    except SftError:
        raise
    except ConnectionError as error:  # also what it raises in offline mode
        raise MissingError(
            _("the data set cannot be fetched: {reason}").format(reason=str(error).split("\n")[0]),
            where=str(path),
            hint=_("connect to the network once (unset HF_HUB_OFFLINE), or name a folder or file"),
        ) from None
    except Exception as error:  # noqa: BLE001 — its loaders raise of every kind
        raise DataError(
            _("the data set cannot be read: {reason}").format(reason=str(error).split("\n")[0]),
            where=str(path),
            hint=_("check the name and its configuration: hf:owner/name[:config][@split]"),
        ) from None
