"""Training settings and the presets over them, one commented TOML file each in ``sft/presets/``.

Imports pydantic, so import this module only inside the commands that need it. TOML and not YAML: YAML 1.1 reads
``2e-4`` as a string, ``1.10`` as 1.1 and ``no`` as false.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sft import errors
from sft.errors import SettingsError
from sft.i18n import _
from sft.text import read_text

_KEYS = {"description", "train", "also_known_as"}
REPORTS = ("tensorboard", "wandb", "trackio", "mlflow")
_REPORT = f"(?:{'|'.join(REPORTS)})"
_CURRICULA = "^(|length|answer|loss|column:.+)$"
_REPORTS = f"^(?:none|{_REPORT}(?:,{_REPORT})*)$"


class Settings(BaseModel):
    """Base of every settings section: frozen, unknown keys refused, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class TrainSettings(Settings):
    """How to train: section [train] of sft.toml, table [train] of a preset, the flags of ``sft train``."""

    model: str = Field("smollm2-135m", min_length=1, description="short name, Hugging Face id or folder")
    chat_format: str = Field(
        "auto", min_length=1, description="auto = known for the model, or recognised from its own template"
    )
    backend: Literal["auto", "unsloth", "hf"] = Field(
        "auto", description="auto = unsloth where it imports, else hf"
    )

    warm_start: str = Field("", description="run or adapter folder to begin with; empty = a fresh adapter")

    gpu: str = Field(
        "auto", min_length=1, description="auto = most free memory and not busy; cpu, an index, a UUID"
    )
    profile: Literal["safe", "balanced", "aggressive"] = Field(
        "balanced", description="how close to the memory limit a plan may go"
    )
    num_processes: int = Field(
        1, ge=1, description="processes that share each step, one per GPU, over all machines"
    )
    num_machines: int = Field(
        1, ge=1, description="machines they are spread over; each runs the same command"
    )
    machine_rank: int = Field(0, ge=0, description="number of this machine; machine 0 has the run folder")
    fsdp: bool = Field(
        False, description="split the 16-bit model over the processes; false = each holds all of it"
    )
    main_address: str = Field("", description="host:port of machine 0, as the others reach it")

    limit: int | None = Field(None, ge=1, description="train on that many rows, sampled by seed; 0 = all")
    val_split: float = Field(0.1, ge=0, lt=1, description="part of the rows held out when the set has none")
    max_length: int = Field(
        2048, ge=16, description="longest row in tokens; longer rows are dropped, counted"
    )

    epochs: float = Field(3.0, gt=0, description="passes over the rows; the number of steps follows from it")
    max_steps: int | None = Field(None, ge=1, description="stop after so many steps; 0 = epochs decide")
    batch_size: int = Field(
        4, ge=1, description="rows per forward pass (micro-batch); of a preset only the product counts"
    )
    grad_accum: int = Field(
        4, ge=1, description="passes per optimizer step; batch_size x grad_accum never changes"
    )

    group_by_length: bool = Field(
        True, description="steps gather rows of like length: less padding, the same rows in a pass"
    )

    chunk_size: int | None = Field(
        None,
        ge=1,
        description="read a pass in chunks of so many rows, a checkpoint after each; 0 = no chunks",
    )
    curriculum: str = Field(
        "",
        pattern=_CURRICULA,
        description="from easy to hard, by length, answer (its length), loss (of the base model) or column:NAME",
    )
    stages: list[float] = Field(
        [0.25, 0.5, 0.75, 1.0],
        description="where each stage of a curriculum ends: up to 1 a share, above it rows",
    )
    cumulative: bool = Field(
        True, description="a stage reads the rows of those before again; false = only its new ones"
    )

    lr: float = Field(2e-4, gt=0, lt=1, description="peak learning rate; LoRA wants 1e-4 to 2e-4")
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        "cosine", description="what the learning rate does after the warm-up"
    )
    warmup: float = Field(0.05, ge=0, description="below 1: part of all steps; from 1: that many steps")
    weight_decay: float = Field(0.01, ge=0, description="pull of the adapter weights towards zero")
    max_grad_norm: float = Field(1.0, gt=0, description="gradients longer than this are scaled down to it")
    optim: Literal["adamw_8bit", "paged_adamw_8bit", "adamw_torch", "adamw_torch_fused"] = Field(
        "adamw_8bit", description="8-bit states save 6 bytes per adapter parameter"
    )

    lora_r: int = Field(16, ge=1, description="rank of the adapter: its size and capacity")
    lora_alpha: int = Field(32, ge=1, description="scale of the adapter: alpha / rank is its strength")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the adapter; 0 is fastest")
    load_in_4bit: Literal["auto"] | bool = Field(
        "auto", description="base weights in NF4; auto = where 16 bit would take too much memory"
    )
    gradient_checkpointing: Literal["auto"] | bool = Field(
        "auto", description="recompute activations: less memory, more time; auto = only where needed"
    )

    eval_steps: float = Field(0.2, ge=0, description="below 1: part of all steps; from 1: steps; 0 = never")
    best: Literal["last", "loss", "task"] = Field(
        "last",
        description="adapter that is kept: of the last step, of the lowest validation loss, or of the best task metric",
    )
    patience: int = Field(
        0, ge=0, description="stop after so many evaluations without a better one; 0 = never stop early"
    )
    task_rows: int = Field(
        32, ge=1, description='held-out rows that best = "task" answers and scores at every evaluation'
    )
    save_steps: float = Field(
        0.1, ge=0, description="below 1: part of all steps; from 1: steps; 0 = at the end"
    )
    log_steps: int = Field(1, ge=1, description="write a line of metrics every so many steps")
    report_to: str = Field(
        "none",
        pattern=_REPORTS,
        description="where else the metrics go: none, tensorboard, wandb, trackio, mlflow; several with commas",
    )
    keep_checkpoints: int = Field(2, ge=1, description="how many of the newest checkpoints stay on disk")
    seed: int = Field(42, ge=0, description="sampling, shuffling, adapter start, dropout")

    @field_validator("limit", "max_steps", "chunk_size", mode="before")
    @classmethod
    def _zero_is_none(cls, value: object) -> object:
        """Read 0 as 'no limit': TOML and flags have no null, and a later layer must be able to lift a limit."""
        return None if value == 0 and not isinstance(value, bool) else value

    @field_validator("warmup", "eval_steps", "save_steps")
    @classmethod
    def _whole_steps(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError("half steps")
        return value


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of training settings; `values` holds only what it sets, `text` is the commented file."""

    name: str
    description: str
    values: Mapping[str, Any]
    path: Path
    text: str
    also_known_as: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of ``sft presets list``."""
        return {
            "name": self.name,
            "description": self.description,
            "also_known_as": list(self.also_known_as),
            "values": dict(self.values),
        }


def folder() -> Path:
    """Return the folder of the shipped presets."""
    return Path(__file__).with_suffix("")


def names() -> list[str]:
    """Return the names of the shipped presets, sorted."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name: str) -> Preset:
    """Load a preset by name, by another name it goes by, or by a path ending in ``.toml``.

    Raises `SettingsError` for an unknown name (with the nearest) and for a file with wrong settings (all of them).
    """
    if name.endswith(".toml"):
        return read(Path(name))
    known = names()
    if name in known:
        return read(folder() / f"{name}.toml")
    other = {also: preset for preset in map(load, known) for also in preset.also_known_as}
    if name in other:
        return other[name]
    near = difflib.get_close_matches(name.lower().replace("-", "_"), [*known, *other], n=1, cutoff=0.5)
    raise SettingsError(
        _("unknown preset {name!r}").format(name=name),
        hint=_("did you mean {name}?").format(name=near[0]) if near else _("see: sft presets list"),
    )


def read(path: Path) -> Preset:
    """Read and check one preset file."""
    text = read_text(path)
    raw = parse_toml(text, str(path))
    train = raw.get("train", {})
    problems = [
        SettingsError(
            _("unknown key {key!r} in a preset").format(key=key),
            where=str(path),
            hint=_("a preset has description, also_known_as and the table [train]"),
        )
        for key in sorted(set(raw) - _KEYS)
    ]
    if not isinstance(train, dict) or not isinstance(raw.get("description"), str):
        problems.append(SettingsError(_("a preset needs a description and a table [train]"), where=str(path)))
    else:
        problems += check(TrainSettings, train, {key: str(path) for key in train})
    raise_all(problems)
    also = tuple(str(value) for value in raw.get("also_known_as", ()))
    return Preset(path.stem, raw["description"], train, path, text, also)


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Parse TOML. Raises `SettingsError` with file and line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = f":{found.group(1)}" if found else ""
        raise SettingsError(
            _("not TOML: {reason}").format(reason=str(error).partition(" (at ")[0].lower()),
            where=f"{where}{line}",
            hint=_('a setting is written  name = value ; text stands in quotes: "…"'),
        ) from None


def raise_all(problems: list[SettingsError]) -> None:
    """Raise what was collected: nothing, the one problem, or one error that holds them all."""
    message, hint = _("{n} settings are wrong"), _("mend the lines named above")
    errors.raise_all(message, *problems, hint=hint, kind=SettingsError)


def check(
    section: type[Settings], values: Mapping[str, Any], where: Mapping[str, str]
) -> list[SettingsError]:
    """Return one error for each unknown or wrong value; `where` says for each key where it stands."""
    try:
        section.model_validate(dict(values))
    except ValidationError as error:
        wrong: dict[str, SettingsError] = {}
        for item in error.errors(include_url=False):
            key = str(item["loc"][0])
            if key in section.model_fields:
                half = item["type"] == "value_error"
                wanted = _("a whole number of steps") if half else expected(section, key)
                wrong[key] = SettingsError(
                    _("{key} = {value} is not {expected}").format(
                        key=key, value=as_toml(values[key]), expected=wanted
                    ),
                    where=where.get(key, ""),
                    hint=_(section.model_fields[key].description or ""),
                )
            else:
                wrong[key] = unknown_key(section, key, where.get(key, ""))
        return list(wrong.values())
    return []


def unknown_key(section: type[Settings], key: str, where: str) -> SettingsError:
    """Return the error for a setting that does not exist, with the nearest that does."""
    near = difflib.get_close_matches(key.replace("-", "_").lower(), section.model_fields, n=1, cutoff=0.5)
    hint = _("did you mean {name}?").format(name=near[0]) if near else ""
    return SettingsError(
        _("unknown setting {key!r}").format(key=key),
        where=where,
        hint=hint or _("known: {names}").format(names=", ".join(section.model_fields)),
    )


def expected(section: type[Settings], key: str) -> str:
    """Say in words what a setting takes: ``a whole number, at least 1``.

    >>> expected(TrainSettings, "batch_size")
    'a whole number, at least 1'
    >>> expected(TrainSettings, "load_in_4bit")
    'one of "auto", true, false'
    """
    schema = section.model_json_schema()["properties"][key]
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    choices = [
        word
        for option in options
        for word in option.get("enum", [option["const"]] if "const" in option else [])
    ]
    if choices:
        words = [f'"{word}"' for word in choices]
        if any(option.get("type") == "boolean" for option in options):
            words += ["true", "false"]
        return _("one of {names}").format(names=", ".join(words))
    option = options[0]
    if option.get("pattern") == _CURRICULA:
        return _("one of {names}").format(names='"", "length", "answer", "loss", "column:NAME"')
    if option.get("pattern") == _REPORTS:
        return _("none, or some of {names}, with commas").format(names=", ".join(REPORTS))
    kinds = {
        "integer": _("a whole number"),
        "number": _("a number"),
        "boolean": _("true or false"),
        "string": _("text in quotes"),
        "array": _("a list"),
        "object": _("a table"),
    }
    bounds = (
        ("minimum", _("at least {n}")),
        ("exclusiveMinimum", _("above {n}")),
        ("maximum", _("at most {n}")),
        ("exclusiveMaximum", _("below {n}")),
    )
    limits = [text.format(n=f"{option[name]:g}") for name, text in bounds if name in option]
    return ", ".join([kinds[option["type"]], *limits])


def as_toml(value: object) -> str:
    """Return a value as it is written in TOML; None as 0, which is how these files say 'no limit'.

    >>> [as_toml(value) for value in (True, "cosine", 2e-4, None)]
    ['true', '"cosine"', '2e-4', '0']
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and 0 < value < 1e-3:
        mantissa, _e, exponent = f"{value:e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    return "0" if value is None else f'"{value}"' if isinstance(value, str) else str(value)
