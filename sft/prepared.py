"""A prepared set on disk: ``train.jsonl valid.jsonl [test.jsonl] rejected.jsonl manifest.json report.json report.md``.

The manifest is written last: its presence means the set is complete.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sft import templates
from sft.errors import DataError
from sft.i18n import _
from sft.records import Reject, Row
from sft.text import iter_jsonl, write_json, write_jsonl, write_text

MANIFEST = "manifest.json"
SPLITS = ("train", "valid", "test")
_FILES = frozenset({
    *(f"{split}.jsonl" for split in SPLITS), "rejected.jsonl", "report.json", "report.md", MANIFEST,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """A complete prepared set; `rows` by split, in file order."""

    folder: Path
    manifest: Mapping[str, Any]
    rows: Mapping[str, tuple[Row, ...]]

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
            digest.update(split.encode() + b"\0" + path.read_bytes())
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
    sets: Mapping[str, Sequence[Row]],
    rejects: Sequence[Reject],
    report: Mapping[str, Any],
    page: str,
) -> dict[str, Any]:
    """Write a set aside and put it in place at once; the manifest, which is returned, is its last file.

    `report` is what `sft.account.summary` returns, `page` the same for people. Raises `DataError` when `out` holds
    anything but a prepared set, and as `load` does when the place cannot be written.
    """
    out = out.resolve()
    require_place(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    except OSError as error:
        raise DataError(
            _("cannot be written: {reason}").format(reason=error.strerror),
            where=str(out),
            hint=_("name another place: --out FOLDER"),
        ) from None
    try:
        aside.chmod(0o755)
        for name, rows in sets.items():
            write_jsonl(aside / f"{name}.jsonl", (row.as_dict() for row in rows))
        write_jsonl(aside / "rejected.jsonl", (asdict(reject) for reject in rejects))
        write_json(aside / "report.json", report)
        write_text(aside / "report.md", page)
        manifest = {key: value for key, value in report.items() if key != "findings"}
        manifest["sha256"] = rows_digest(aside)
        write_json(aside / MANIFEST, manifest)
        _swap(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return manifest


def _swap(aside: Path, out: Path) -> None:
    """Put `aside` in the place of `out`; the old set comes back when that fails."""
    if not out.exists():
        aside.rename(out)
        return
    old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    out.rename(old)
    try:
        aside.rename(out)
    except BaseException:
        old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


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
    """Read a prepared set and check it against its manifest.

    Raises `DataError` when it is missing or incomplete, when a row does not read, or when rows were edited.
    """
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
    rows = {
        split: _rows(folder / f"{split}.jsonl") for split in SPLITS if (folder / f"{split}.jsonl").is_file()
    }
    if rows_digest(folder) != manifest.get("sha256"):
        raise DataError(
            _("the rows are not the ones this set was made with"),
            where=str(folder),
            hint=_("prepared files are not edited by hand: change the raw data and prepare again"),
        )
    return Prepared(folder, manifest, rows)


def _rows(path: Path) -> tuple[Row, ...]:
    out = []
    for number, value in iter_jsonl(path):
        try:
            out.append(Row.from_dict(value))
        except (KeyError, TypeError):
            raise DataError(
                _("not a prepared row: it needs id, messages and meta"),
                where=f"{path}:{number}",
                hint=_("prepare the set again: sft prep"),
            ) from None
    return tuple(out)


def template_of(prepared: Prepared, workspace: Path) -> templates.Template:
    """Return the template that made the set. Raises `TemplateError` when it is gone or was changed."""
    return templates.load(prepared.template, workspace)
