"""The adapter folder that ``sft train`` leaves: what it was trained from, and the weights' own table of contents."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sft import disk
from sft.errors import DataError, TemplateError
from sft.i18n import _
from sft.templates import Template
from sft.text import write_json

FACTS = "sft.json"
CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_NEEDED = frozenset({"model", "model_id", "revision", "chat_format", "template", "data_sha256"})
_HEAD = 8  # bytes that tell how long the table of contents of a safetensors file is


def facts(folder: Path) -> Mapping[str, Any]:
    """Return what an adapter was trained from. Raises `DataError` when the folder is not one made by ``sft train``."""
    path = folder / FACTS
    if not path.is_file():
        raise DataError(
            _("is not an adapter made by sft train (no sft.json)"),
            where=str(folder),
            hint=_("name a run: --run NAME"),
        )
    found = _object(path)
    if not found.keys() >= _NEEDED:
        raise _damaged(path)
    return found


def config(folder: Path) -> Mapping[str, Any]:
    """Return peft's configuration of an adapter. Raises `DataError` when it does not read."""
    return _object(folder / CONFIG)


def _object(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        value = None
    if not isinstance(value, dict):
        raise _damaged(path)
    return value


def shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor of an adapter, read from the head of its file.

    Raises `DataError` when the file is not as long as it says it is.
    """
    path = folder / WEIGHTS
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(_HEAD), "little")
            size = path.stat().st_size
            head = json.loads(stream.read(length)) if _HEAD + length <= size else {}
        tensors = {name: one for name, one in head.items() if name != "__metadata__"}
        ends = max(one["data_offsets"][1] for one in tensors.values())
        found = {name: tuple(map(int, one["shape"])) for name, one in tensors.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise _damaged(path) from None
    if _HEAD + length + ends != size:
        raise _damaged(path)
    return found


def save(
    target: Path,
    model: Any,
    tokenizer: Any,
    facts: Mapping[str, Any],
    template: Path,
    weights: Mapping[str, Any] | None = None,
) -> None:
    """Save an adapter, its tokenizer, its facts and its template aside, then rename: it is complete or not there.

    `weights` are those of a model that is split over processes; None where the model has them itself.

    Raises `OSError` when the disk has no room; nothing is left of it then.
    """
    aside = target.with_name(f".{target.name}-writing")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        with disk.plainly(target.parent):
            model.save_pretrained(str(aside), state_dict=weights)
            tokenizer.save_pretrained(str(aside))
            if facts["revision"]:  # the hub's name of the base model instead of this machine's cache
                hub = {"base_model_name_or_path": facts["model_id"], "revision": facts["revision"]}
                write_json(aside / CONFIG, {**config(aside), **hub})
            write_json(aside / FACTS, facts)
            shutil.copyfile(template, aside / "template.toml")
            for path in (*aside.iterdir(), aside):
                disk.settle(path)
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
        disk.settle(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _damaged(path: Path) -> DataError:
    return DataError(
        _("is missing or damaged"),
        where=str(path),
        hint=_("take the adapter of another run, or train it again"),
    )


def require_template(trained: str, template: Template, *, asked: bool) -> None:
    """Refuse data that another template made than the adapter was trained with, unless it was asked for by name."""
    if trained != template.id and not asked:
        raise TemplateError(
            _("the adapter was trained with {then}, the data was prepared with {now}").format(
                then=trained, now=template.id
            ),
            hint=_("prepare the data with {then}, or insist: --template {now}").format(
                then=trained.partition("@")[0], now=template.id.partition("@")[0]
            ),
        )
