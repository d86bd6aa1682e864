"""Resolve settings: default < preset (``--use-case``) < `sft.toml` < flags, each value with where it came from.

Imports pydantic (through `sft.presets`), so import this module only inside the commands that need it.
"""

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field, field_validator

from sft import presets
from sft.errors import SettingsError
from sft.i18n import _
from sft.presets import Settings, TrainSettings
from sft.text import read_text

FILE = "sft.toml"
DEFAULT = "default"
USE_CASE = "use_case"
_SOURCES = "prep.source"
_ITEM = re.compile(r"\s*\[\[\s*([\w.\"-]+)\s*\]\]")
_HEADER = re.compile(r"\s*\[\s*([\w.\"-]+)\s*\]")
_ASSIGN = re.compile(r"\s*([\w.\"-]+)\s*=")


class DataSettings(Settings):
    """Section [data]: which data the commands take when none is named."""

    raw: str = Field("data/raw", min_length=1, description="file or folder that sft prep reads")
    prepared: str = Field("", description="prepared set that sft train takes; empty = the newest")


class SourceSettings(Settings):
    """A table [[prep.source]]: what is said about the raw files that fit a pattern; empty = found by looking."""

    files: str = Field(..., min_length=1, description="which raw files: a pattern, or hf:owner/name")
    format: str = Field("", description="as sft prep --format")
    encoding: str = Field("", description="as sft prep --encoding")
    delimiter: str = Field("", description="as sft prep --delimiter")
    part: str = Field("", description="sheet, split, or path inside a JSON file")
    columns: dict[str, str] = Field(
        default_factory=dict, description='which column holds what, e.g. { question = "Câu" }'
    )
    answers: Literal["", "first", "each"] = Field("", description="as in [prep], for these files")
    turns: Literal["", "refuse", "merge", "last"] = Field("", description="as in [prep], for these files")
    impossible: Literal["", "reject", "refusal"] = Field("", description="as in [prep], for these files")
    numbered_from: Literal[0, 1] = Field(1, description="the number of the first option of a choice")


class PrepSettings(Settings):
    """Section [prep]: how raw files become a prepared set."""

    template: str = Field("", description="prompt template, e.g. v5_cot or qa/true_false_v1")
    val_split: float = Field(0.1, ge=0, lt=1, description="part of the rows for validation")
    seed: int = Field(42, ge=0, description="seed of the split")
    columns: dict[str, str] = Field(
        default_factory=dict, description='which column holds what, e.g. { question = "cau_hoi" }'
    )
    group_by: list[str] = Field(
        default_factory=list, description='columns whose equal values stay on one side, e.g. ["disease"]'
    )
    keep: list[str] = Field(
        default_factory=list,
        description="columns that stay with each row, e.g. to train from easy to hard by one",
    )
    split_column: str = Field("", description="column that names the side of each row: train, valid, test")
    duplicates: Literal["keep", "drop"] = Field(
        "keep", description="drop = leave out rows that repeat question and answer of an earlier one"
    )
    labels: dict[str, list[str]] = Field(
        default_factory=dict, description='further spellings of labels, e.g. { TRUE = ["Có"] }'
    )
    min_chars: dict[str, int] = Field(
        default_factory=dict, description="shortest texts in characters, e.g. { answer = 2 }"
    )
    max_chars: dict[str, int] = Field(
        default_factory=dict, description="longest texts in characters, e.g. { question = 500 }"
    )
    max_tokens: int | None = Field(None, ge=16, description="longest row in tokens; 0 = no limit")
    too_long: Literal["reject", "shorten-context"] = Field(
        "reject", description="what happens to longer rows; the context alone is ever shortened"
    )
    tokenizer: str = Field("", description="model whose tokenizer counts, as [train] model")
    balance: Literal["no", "down", "up"] = Field(
        "no", description="training rows per label: down to the rarest, or up to the most frequent by copies"
    )
    limit: int | None = Field(None, ge=1, description="rows to keep, sampled by seed; 0 = all")
    answers: Literal["first", "each"] = Field(
        "first", description="of several answers to one question: the first, or a row for each"
    )
    turns: Literal["refuse", "merge", "last"] = Field(
        "refuse", description="assistant turns in a row: refuse the chat, merge them, keep the last"
    )
    impossible: Literal["reject", "refusal"] = Field(
        "reject", description="question its passage does not answer: reject it, or train a refusal"
    )
    repair_mojibake: bool = Field(False, description="turn back mojibake where nothing was lost")
    source: list[SourceSettings] = Field(default_factory=list, description="what is said about single files")

    @field_validator("limit", "max_tokens", mode="before")
    @classmethod
    def _zero_is_none(cls, value: object) -> object:
        """Read 0 as 'no limit', as in the training settings."""
        return None if value == 0 and not isinstance(value, bool) else value


SECTIONS: Mapping[str, type[Settings]] = {"data": DataSettings, "prep": PrepSettings, "train": TrainSettings}

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Resolved(Generic[S]):
    """Settings in force; `origins` says for each where it came from, `preset` which preset lies under them.

    `proposed` is what the preset says of them. An origin is ``default``, ``preset full_training``, ``sft.toml:12`` or ``flag --lr``.
    """

    values: S
    origins: Mapping[str, str]
    preset: str = ""
    proposed: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return ``{name: {"value", "origin"}}``, the form kept in ``run.json``."""
        values = self.values.model_dump()
        return {name: {"value": values[name], "origin": self.origins[name]} for name in values}

    def changed(self) -> dict[str, Any]:
        """Return the values that are not the built-in default, in the order of the settings."""
        values = self.values.model_dump()
        return {name: value for name, value in values.items() if self.origins[name] != DEFAULT}

    def asked(self, *names: str) -> dict[str, str]:
        """Return those of `names` that stand in the highest layer that sets any of them, with where: asked for together.

        A flag outdoes the file, the file a preset; a default was never asked for.
        """
        for layer in ("flag ", "", "preset "):
            found = {name: self.origins[name] for name in names if _layer(self.origins[name]) == layer}
            if found:
                return found
        return {}

    def outright(self, *names: str) -> bool:
        """Tell whether the user set any of `names`, in a flag or in `sft.toml`."""
        return any(_layer(self.origins[name]) in ("flag ", "") for name in names)


@dataclass(frozen=True, slots=True)
class Workspace:
    """What `sft.toml` says: `values` by section, `lines` by ``(section, key)``; both empty without a file."""

    path: Path
    values: Mapping[str, Mapping[str, Any]]
    lines: Mapping[tuple[str, str], int]

    def where(self, section: str, key: str) -> str:
        """Return ``sft.toml:12`` for a setting of the file."""
        line = self.lines.get((section, key)) or self.lines.get((section, ""))
        return f"{self.path}:{line}" if line else str(self.path)


def _layer(origin: str) -> str:
    """Return ``flag ``, ``preset ``, '' for the file, ``default``."""
    return next((kind for kind in ("flag ", "preset ", DEFAULT) if origin.startswith(kind)), "")


def workspace_defaults(folder: Path | None = None) -> Workspace:
    """Read and check the `sft.toml` of a workspace (default: the current folder); writes nothing.

    Raises one `SettingsError` that lists every unknown section, unknown key and wrong value with its line.
    """
    path = (folder / FILE) if folder else Path(FILE)
    if not path.is_file():
        return Workspace(path, {}, {})
    text = read_text(path)
    raw = presets.parse_toml(text, str(path))
    found = Workspace(path, {k: v for k, v in raw.items() if isinstance(v, dict)}, _lines(text))
    problems = [
        _unknown_section(name, value, found) for name, value in raw.items() if not _is_section(name, value)
    ]
    for name, section in SECTIONS.items():
        values = {k: v for k, v in found.values.get(name, {}).items() if (name, k) != ("train", USE_CASE)}
        if name == "prep" and _are_tables(values.get("source")):
            problems += _source_problems(values.pop("source"), found)
        problems += presets.check(section, values, {key: found.where(name, key) for key in values})
    use_case = found.values.get("train", {}).get(USE_CASE, "")
    if not isinstance(use_case, str):
        problems.append(
            SettingsError(
                _("use_case is the name of a preset, in quotes"), where=found.where("train", USE_CASE)
            )
        )
    presets.raise_all(problems)
    return found


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _source_problems(tables: list[dict[str, Any]], found: Workspace) -> list[SettingsError]:
    """Check every table [[prep.source]], each fault with its line."""
    problems: list[SettingsError] = []
    for number, table in enumerate(tables):
        name = f"{_SOURCES}[{number}]"
        if "files" not in table:
            problems.append(
                SettingsError(
                    _("[[prep.source]] does not say which files it is about"),
                    where=found.where(name, ""),
                    hint=_('add a pattern: files = "data/raw/exam*.csv"'),
                )
            )
        where = {key: found.where(name, key) for key in table}
        problems += presets.check(SourceSettings, {"files": "*"} | table, where)
    return problems


def sources(folder: Path | None = None) -> list[tuple[SourceSettings, str]]:
    """Return what `sft.toml` says about single raw files, each with its place (``sft.toml:12``)."""
    found = workspace_defaults(folder)
    tables = found.values.get("prep", {}).get("source", [])
    return [
        (SourceSettings.model_validate(table), found.where(f"{_SOURCES}[{number}]", ""))
        for number, table in enumerate(tables)
    ]


def _is_section(name: str, value: object) -> bool:
    return name in SECTIONS and isinstance(value, dict)


def _unknown_section(name: str, value: object, found: Workspace) -> SettingsError:
    names = ", ".join(f"[{known}]" for known in SECTIONS)
    if not isinstance(value, dict):
        homes = [section for section, kind in SECTIONS.items() if name in kind.model_fields]
        home = f"[{homes[-1]}]" if homes else names
        return SettingsError(
            _("setting {key!r} stands outside a section").format(key=name),
            where=found.where("", name),
            hint=_("put it below {home}").format(home=home),
        )
    near = difflib.get_close_matches(name.lower(), SECTIONS, n=1, cutoff=0.5)
    return SettingsError(
        _("unknown section [{name}]").format(name=name),
        where=found.where(name, ""),
        hint=_("did you mean [{name}]?").format(name=near[0])
        if near
        else _("known: {names}").format(names=names),
    )


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Return the line of each ``[section]`` (key '') and each setting; `tomllib` does not tell."""
    lines: dict[tuple[str, str], int] = {}
    section = ""
    items: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if item := _ITEM.match(line):
            name = item.group(1).replace('"', "")
            section = f"{name}[{items[name]}]"
            items[name] += 1
            lines.setdefault((section, ""), number)
        elif header := _HEADER.match(line):
            section, _dot, rest = header.group(1).replace('"', "").partition(".")
            lines.setdefault((section, ""), number)
            lines.setdefault((section, rest.partition(".")[0]), number)
        elif assign := _ASSIGN.match(line):
            keys = ([section] if section else []) + assign.group(1).replace('"', "").split(".")
            key = ("", keys[0]) if len(keys) == 1 else (keys[0], keys[1])
            lines.setdefault(key, number)
            lines.setdefault((keys[0], ""), number)
    return lines


def resolve_train(
    flags: Mapping[str, Any], *, use_case: str = "", folder: Path | None = None
) -> Resolved[TrainSettings]:
    """Resolve the training settings of a workspace.

    `flags` holds only what was given (an explicit 0 counts). Without `use_case` the file's own ``use_case`` counts.
    Raises `SettingsError` listing everything that is wrong.
    """
    found = workspace_defaults(folder)
    file_values = dict(found.values.get("train", {}))
    file_use_case = str(file_values.pop(USE_CASE, ""))
    name = use_case or file_use_case
    preset = None
    if name:
        try:
            preset = presets.load(name)
        except SettingsError as error:
            where = error.where or ("--use-case" if use_case else found.where("train", USE_CASE))
            raise SettingsError(error.message, where=where, hint=error.hint, parts=error.parts) from None
    layers = [(preset.values, dict.fromkeys(preset.values, f"preset {preset.name}"))] if preset else []
    layers.append((file_values, _file_origins(found, "train", file_values)))
    return _resolve(TrainSettings, layers, flags, preset)


def resolve_section(section: type[S], flags: Mapping[str, Any], *, folder: Path | None = None) -> Resolved[S]:
    """Resolve a section that no preset touches (`DataSettings`, `PrepSettings`): default < `sft.toml` < flags."""
    name = next(name for name, kind in SECTIONS.items() if kind is section)
    found = workspace_defaults(folder)
    values = dict(found.values.get(name, {}))
    return _resolve(section, [(values, _file_origins(found, name, values))], flags)


def _file_origins(found: Workspace, section: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {key: found.where(section, key).removeprefix(f"{found.path.parent}/") for key in values}


def _resolve(
    section: type[S],
    layers: list[tuple[Mapping[str, Any], dict[str, str]]],
    flags: Mapping[str, Any],
    preset: presets.Preset | None = None,
) -> Resolved[S]:
    names = {key: "--" + key.replace("_", "-") for key in flags}
    presets.raise_all(presets.check(section, flags, names))
    merged: dict[str, Any] = {}
    origins = dict.fromkeys(section.model_fields, DEFAULT)
    for values, where in [*layers, (flags, {key: f"flag {name}" for key, name in names.items()})]:
        merged |= values
        origins |= where
    proposed = preset.values if preset else {}
    return Resolved(section.model_validate(merged), origins, preset.name if preset else "", proposed)
