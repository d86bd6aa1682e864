"""A prepared set on disk: ``train.jsonl valid.jsonl [test.jsonl] rejected.jsonl manifest.json report.json report.md``.

The manifest is written last: its presence means the set is complete.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft import templates
from sft.errors import DataError
from sft.i18n import _
from sft.records import Row
from sft.text import iter_jsonl

MANIFEST = "manifest.json"
SPLITS = ("train", "valid", "test")


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
    if not path.is_file():
        raise DataError(
            _("is not a complete prepared set (no manifest.json)"),
            where=str(folder),
            hint=_("prepare it again: sft prep --template v5_cot"),
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise DataError(
            _("manifest does not read"), where=str(path), hint=_("prepare the set again")
        ) from None
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
