"""The held-out rows of a run and the predictions made for them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft import adapters, prepared, run_record, runs, splits, templates
from sft.errors import DataError, SettingsError
from sft.i18n import _
from sft.predict import facts_of
from sft.records import Row
from sft.text import iter_jsonl

_KEYS = frozenset({"id", "raw", "readable", "stopped"})


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A run with its prepared set, the template, the split that is scored and its rows; `train` for baselines."""

    run: runs.Run
    data: prepared.Prepared
    template: templates.Template
    split: str
    rows: tuple[Row, ...]
    train: tuple[Row, ...]

    def predictions(self, *, base: bool = False) -> Path:
        """Return where the predictions of this split stand; `base` those of the untrained base model."""
        return self.run.folder / "predictions" / f"{self.split}{'.base' if base else ''}.jsonl"


def finished(workspace: Path, name: str = "") -> runs.Run:
    """Return a run by name, the newest finished one without. Raises `DataError` when it has no adapter yet."""
    run = runs.find(workspace, name)
    if run.status != "finished":
        raise DataError(
            _("this run is {status}: it has no adapter").format(status=_(run.status)),
            where=run.name,
            hint=_("finish it: the command it was started with goes on from its last checkpoint"),
        )
    return run


def template_id(run: runs.Run) -> str:
    """Return the identity of the template that a run was trained with."""
    return str(adapters.facts(run.adapter)["template"])


def label_set(workspace: Path, run: runs.Run) -> list[str]:
    """Return the labels a run was trained on; its adapter knows them, older ones leave that to the prepared set."""
    kept = adapters.facts(run.adapter).get("label_set")
    return list(_prepared(workspace, run).manifest["label_set"] if kept is None else kept)


def _prepared(workspace: Path, run: runs.Run) -> prepared.Prepared:
    if not run_record.can_be_scored(run.data):
        raise DataError(
            _("run.json does not say what the run was trained on"),
            where=str(run.folder / runs.LOCK_FILE),
            hint=_("remove this run folder, or train again"),
        )
    data = prepared.load(_data_folder(workspace, Path(run.data["data"]["folder"])))
    if data.digest != run.data["data"]["sha256"]:
        raise DataError(
            _("the prepared set was made anew since this run was trained"),
            where=str(data.folder),
            hint=_("prepare it again as it was, or train again: its held-out rows may have been trained on"),
        )
    return data


def open_run(workspace: Path, name: str = "", split: str = "", *, limit: int | None = None) -> HeldOut:
    """Return the held-out rows of a run (the newest finished one): the test split when there is one, else valid.

    With a `limit` below their number they are sampled by the run's seed, and the split is called ``valid_60``.
    Raises `DataError` when there are none, when the run has no adapter yet, when its prepared set is gone or is not the one it was trained on.
    """
    run = finished(workspace, name)
    data = _prepared(workspace, run)
    template = prepared.template_of(data, workspace)
    held = set(run.data["valid_ids"])
    chosen = split or ("test" if data.rows.get("test") else "valid")
    every = [row for rows in data.rows.values() for row in rows]
    if chosen == "test":
        rows = tuple(data.rows.get("test", ()))
    elif chosen == "valid":
        rows = tuple(row for row in every if row.id in held)
    else:
        raise SettingsError(_("unknown split {name!r}").format(name=chosen), hint=_("one of: valid, test"))
    if not rows:
        raise DataError(
            _("this run has no {split} rows").format(split=chosen),
            where=run.name,
            hint=_("train with --val-split 0.1"),
        )
    if limit is not None and limit < len(rows):
        kept = set(splits.sample([row.id for row in rows], limit, int(run.data["settings"]["seed"])))
        rows, chosen = tuple(row for row in rows if row.id in kept), f"{chosen}_{limit}"
    trained = set(run.data["train_ids"])
    return HeldOut(run, data, template, chosen, tuple(rows), tuple(row for row in every if row.id in trained))


def _data_folder(workspace: Path, stored: Path) -> Path:
    """Return the prepared set of a run; in a workspace that was moved, the one of that name there."""
    moved = workspace / "data" / "prepared" / stored.name
    return moved if not stored.exists() and moved.is_dir() else stored


def read(path: Path, rows: Sequence[Row], template: str = "") -> list[Mapping[str, Any]] | None:
    """Return the prediction of every row, in order; None when there are none, or none for these rows.

    With a `template` identity those made with another one do not count. Raises `DataError` for a damaged file.
    """
    if not path.is_file() or not facts_of(path).is_file():
        return None
    if template and facts(path).get("template") != template:
        return None
    by_id = {}
    for number, line in iter_jsonl(path):
        if not isinstance(line, dict) or not line.keys() >= _KEYS:
            raise DataError(
                _("not a prediction: it needs {keys}").format(keys=", ".join(sorted(_KEYS))),
                where=f"{path}:{number}",
                hint=_("remove the file: predictions are made again when they are needed"),
            )
        by_id[str(line["id"])] = line
    if set(by_id) != {row.id for row in rows}:
        return None
    return [by_id[row.id] for row in rows]


def facts(path: Path) -> Mapping[str, Any]:
    """Return what stands beside a prediction file: template, model, decoding, versions."""
    value: Mapping[str, Any] = json.loads(facts_of(path).read_text(encoding="utf-8"))
    return value
