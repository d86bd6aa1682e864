"""The form of a run's record: what every reader of ``run.json`` may rely on. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

_TABLES = ("lock", "settings", "origins", "data", "model", "device", "plan", "packages")
_FORM: Mapping[str, type | tuple[type, ...]] = {
    "status": str,
    "started": str,
    **dict.fromkeys(_TABLES, dict),
    "model.name": str,
    "data.folder": str,
    "data.sha256": str,
    "plan.total_steps": int,
    "device.total": (int, type(None)),
    "template": str,
    "use_case": (str, type(None)),
    "train_ids": list,
    "valid_ids": list,
    "warm_start": (dict, type(None)),
    "seconds": (int, float, type(None)),
    "ended": (str, type(None)),
}
# What scoring a finished run reads.
_SCORED = ("data.folder", "data.sha256", "model.name", "settings.seed", "train_ids", "valid_ids")


def is_sound(value: object) -> bool:
    """Tell whether a value read from ``run.json`` has a status and a start, and nothing in it is of another kind.

    >>> is_sound({"status": "failed", "started": "2026-01-01T00:00:00+00:00"}), is_sound({"status": "failed"})
    (True, False)
    """
    if not isinstance(value, dict) or not {"status", "started"} <= value.keys():
        return False
    for name, kinds in _FORM.items():
        table, key = _place(value, name)
        if key in table and not isinstance(table[key], kinds):
            return False
    return _is_time(value["started"]) and _is_time(value.get("ended"))


def can_be_scored(value: Mapping[str, Any]) -> bool:
    """Tell whether a sound record says all that scoring the run needs."""
    return all(key in table for table, key in (_place(value, name) for name in _SCORED))


def _place(value: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], str]:
    outer, _dot, inner = name.partition(".")
    return (value.get(outer, {}), inner) if inner else (value, outer)


def _is_time(stamp: str | None) -> bool:
    try:
        return stamp is None or bool(datetime.fromisoformat(stamp))
    except ValueError:
        return False
