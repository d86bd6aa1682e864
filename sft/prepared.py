"""A prepared set on disk: ``train.jsonl valid.jsonl [test.jsonl] rejected.jsonl manifest.json report.{json,md,html}``.

The manifest is written last: its presence means the set is complete.
"""

import ctypes
import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, overload

from sft import locks, templates
from sft.errors import DataError
from sft.i18n import _
from sft.records import Reject, Row
from sft.text import write_json, write_jsonl, write_text

MANIFEST = "manifest.json"
SPLITS = ("train", "valid", "test")
_FILES = frozenset({
    *(f"{split}.jsonl" for split in SPLITS), "rejected.jsonl", "report.json", "report.md", "report.html", MANIFEST,
})  # fmt: skip
_REPORT_ONLY = ("findings", "histograms")  # what the manifest does without


_EXCHANGE = 2  # RENAME_EXCHANGE of Linux
_HERE = -100  # AT_FDCWD


class Rows(Sequence[Row]):
    """The rows of one file in order, read when they are asked for: kept are only their places."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places = array("Q")
        at = 0
        with path.open("rb") as stream:
            for line in stream:
                if line.strip():
                    self._places.append(at)
                at += len(line)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, index: int | slice) -> Row | tuple[Row, ...]:
        """Return a row, or several; each is read from disk."""
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(len(self))))
        with self.path.open("rb") as stream:
            stream.seek(self._places[index])
            return _row(stream.readline(), self.path, range(len(self))[index] + 1)

    def __iter__(self) -> Iterator[Row]:
        with self.path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield _row(line, self.path, number)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A complete prepared set; `rows` by split, in file order, read as they are asked for."""

    folder: Path
    manifest: Mapping[str, Any]
    rows: Mapping[str, Rows]

    @property
    def template(self) -> str:
        """Return the identity of the template that made it."""
        return str(self.manifest["template"])

    @property
    def task(self) -> str:
        """Return the task, one of `sft.templates.TASKS`."""
        return str(self.manifest["task"])

    @property
    def digest(self) -> str:
        """Return the hash of all rows."""
        return str(self.manifest["sha256"])


def rows_digest(folder: Path) -> str:
    """Return the sha256 over the row files of a set, in the order of `SPLITS`."""
    digest = hashlib.sha256()
    for split in SPLITS:
        path = folder / f"{split}.jsonl"
        if path.is_file():
            digest.update(split.encode() + b"\0")
            with path.open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()


def require_place(out: Path) -> None:
    """Refuse a place where writing a set would delete something else. Raises `DataError`."""
    if out.is_dir():
        others = sorted(path.name for path in out.iterdir() if path.name not in _FILES)
        if others:
            raise DataError(
                _("is a folder with other files in it: {names}").format(names=", ".join(others[:5])),
                where=str(out),
                hint=_(
                    "a prepared set gets a folder of its own, which is replaced as a whole: --out NEW_FOLDER"
                ),
            )
    elif out.exists():
        raise DataError(_("is a file, not a folder"), where=str(out), hint=_("name a folder: --out FOLDER"))


def write(
    out: Path,
    sets: Mapping[str, Iterable[Row]],
    rejects: Iterable[Reject],
    report: Mapping[str, Any],
    pages: Mapping[str, str],
) -> dict[str, Any]:
    """Write a set aside and put it in place at once; the manifest, which is returned, is its last file.

    `report` is what `sft.prep.account.summary` returns, `pages` the same for people, by file name. Raises `DataError` when `out` holds
    anything but a prepared set, and as `load` does when the place cannot be written.
    """
    out = out.resolve()
    require_place(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    except OSError as error:
        raise DataError(
            _("cannot be written: {reason}").format(reason=error.strerror),
            where=str(out),
            hint=_("name another place: --out FOLDER"),
        ) from None
    aside, lock = beside / "set", locks.take(beside)
    try:
        _clear(out, beside)
        aside.mkdir(mode=0o755)
        for name, rows in sets.items():
            write_jsonl(aside / f"{name}.jsonl", (row.as_dict() for row in rows))
        names = [field.name for field in fields(Reject)]
        write_jsonl(
            aside / "rejected.jsonl", ({name: getattr(one, name) for name in names} for one in rejects)
        )
        write_json(aside / "report.json", report)
        for name, page in pages.items():
            write_text(aside / name, page)
        manifest = {key: value for key, value in report.items() if key not in _REPORT_ONLY}
        manifest["sha256"] = rows_digest(aside)
        write_json(aside / MANIFEST, manifest)
        _swap(aside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if lock is not None:
            os.close(lock)
    return manifest


def _clear(out: Path, beside: Path) -> None:
    """Remove what a process that was killed in the middle of writing left beside `out`."""
    for other in out.parent.glob(f".{glob.escape(out.name)}-????????"):
        lock = locks.take(other) if other != beside and (other / locks.NAME).exists() else None
        if lock is not None:
            shutil.rmtree(other, ignore_errors=True)
            os.close(lock)


def _swap(aside: Path, out: Path) -> None:
    """Put `aside` in the place of `out`, at once where the system can; else the old set comes back when that fails."""
    if not out.exists():
        aside.rename(out)
        return
    if _exchange(aside, out):
        return
    old = aside.with_name("old")
    out.rename(old)
    try:
        aside.rename(out)
    except BaseException:
        old.rename(out)
        raise


def _exchange(one: Path, two: Path) -> bool:
    """Let two folders change places in one step, so that no moment is without a set; False where that cannot be done."""
    if sys.platform != "linux":
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # another C library
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(two), _EXCHANGE) == 0)


def newest(workspace: Path) -> Path:
    """Return the newest complete set of a workspace. Raises `DataError` when there is none."""
    found = sorted(
        (workspace / "data" / "prepared").glob(f"*/{MANIFEST}"), key=lambda p: (p.stat().st_mtime_ns, str(p))
    )
    if not found:
        raise DataError(
            _("no prepared set in {folder}").format(folder=workspace / "data" / "prepared"),
            hint=_("make one first, e.g.: sft prep --template v5_cot"),
        )
    return found[-1].parent


def load(folder: Path) -> Prepared:
    """Open a prepared set and check it against its manifest; rows are read when they are asked for.

    Raises `DataError` when it is missing or incomplete, when a row does not read, or when rows were edited.
    """
    manifest = _manifest(folder)
    paths = {split: folder / f"{split}.jsonl" for split in SPLITS}
    rows = {split: Rows(path) for split, path in paths.items() if path.is_file()}
    if rows_digest(folder) != manifest.get("sha256"):
        for each in rows.values():
            for _every in each:  # a row that does not read is named by its line
                pass
        raise DataError(
            _("the rows are not the ones this set was made with"),
            where=str(folder),
            hint=_("prepared files are not edited by hand: change the raw data and prepare again"),
        )
    return Prepared(folder, manifest, rows)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.exists():
        raise DataError(
            _("no such folder"),
            where=str(folder),
            hint=_("prepared sets stand in data/prepared/; leave out --data"),
        )
    if not path.is_file():
        raise DataError(
            _("is not a complete prepared set (no manifest.json)"),
            where=str(folder),
            hint=_("prepare it again: sft prep --template v5_cot"),
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        raise DataError(_("manifest does not read"), where=str(path), hint=_("prepare the set again"))
    return manifest


def _row(line: bytes, path: Path, number: int) -> Row:
    try:
        return Row.from_dict(json.loads(line))
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        message, hint = _("not JSON: {reason}").format(reason=reason), _("each line must be one JSON object")
    except (KeyError, TypeError):
        message, hint = (
            _("not a prepared row: it needs id, messages and meta"),
            _("prepare the set again: sft prep"),
        )
    raise DataError(message, where=f"{path}:{number}", hint=hint)


def template_of(prepared: Prepared, workspace: Path) -> templates.Template:
    """Return the template that made the set. Raises `TemplateError` when it is gone or was changed."""
    return templates.load(prepared.template, workspace)
