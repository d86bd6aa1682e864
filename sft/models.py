"""Which model: a short name of `models.toml`, a Hugging Face id, or a folder. Reads files, never the network.

The shape of a model is enough to count its weights, its LoRA parameters and its memory before anything is loaded.
"""

import difflib
import functools
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sft.errors import SettingsError
from sft.i18n import _

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+\Z")
# The architectures whose weights the formulas below describe: q, k, v, o, gate, up, down apart in every layer.
_FAMILIES: Mapping[str, Mapping[str, bool]] = {
    "llama": {},
    "mistral": {},
    "qwen2": {"qkv_bias": True},
    "qwen3": {"qk_norm": True},
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The figures of a dense decoder's config.json that decide its size."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool
    qkv_bias: bool = False
    qk_norm: bool = False

    @property
    def q(self) -> int:
        """Return the width of the query projection."""
        return self.heads * self.head_dim

    @property
    def kv(self) -> int:
        """Return the width of the key projection, and of the value projection."""
        return self.kv_heads * self.head_dim


@dataclass(frozen=True, slots=True)
class Model:
    """A base model; '' and None stand for what only its own files can tell.

    `alias` is its name in `models.toml`, `id` the hub id or the folder, `format` a chat format of
    ``chat_formats.toml``, `package` a Python package that carries the weights.
    """

    alias: str
    id: str
    format: str = ""
    turn_end: str = ""
    pad: str = ""
    parameters: int | None = None
    context: int | None = None
    licence: str = ""
    note: str = ""
    shape: Shape | None = None
    package: str = ""

    @property
    def name(self) -> str:
        """Return the alias, else the id: what a user typed or would type."""
        return self.alias or self.id

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of ``sft models list`` and ``run.json``."""
        return {
            "name": self.name,
            "id": self.id,
            "format": self.format,
            "turn_end": self.turn_end,
            "pad": self.pad,
            "parameters": self.parameters,
            "context": self.context,
            "licence": self.licence,
            "note": self.note,
            "package": self.package,
        }


@functools.cache
def _table() -> Mapping[str, Model]:
    raw = tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))
    return {
        alias: Model(alias=alias, **{**value, "shape": Shape(**value["shape"])})
        for alias, value in raw.items()
    }


def known() -> dict[str, Model]:
    """Return every model of `models.toml` by its short name, in the file's order."""
    return dict(_table())


def resolve(name: str) -> Model:
    """Return the model a user means: a short name, a folder with a config.json, or a hub id ``org/name``.

    A hub id of the table gets its entry; any other comes back with its id alone, a folder with what its
    config.json says. Raises `SettingsError` for an unknown name, with the nearest one.
    """
    table = _table()
    wanted = name.strip()
    if wanted.lower() in table:
        return table[wanted.lower()]
    for model in table.values():
        if model.id.lower() == wanted.lower():
            return model
    folder = Path(wanted).expanduser()
    if wanted and folder.is_dir():
        return _read_folder(folder)
    if _HUB_ID.match(wanted) and not wanted.startswith("."):
        return Model(alias="", id=wanted)
    near = difflib.get_close_matches(wanted.lower(), list(table), n=1, cutoff=0.5)
    meant = _("did you mean {name}? ").format(name=near[0]) if near else ""
    raise SettingsError(
        _("unknown model {name!r}").format(name=name),
        hint=meant + _("a short name (sft models list), a Hugging Face id org/name, or a folder"),
    )


def _read_folder(folder: Path) -> Model:
    """Return the model of a folder; its shape and count only for the families the formulas describe."""
    path = folder / "config.json"
    if (folder / "adapter_config.json").is_file() and not path.is_file():
        raise SettingsError(
            _("is an adapter, not a base model"),
            where=str(folder),
            hint=_("name the base model it was trained on: its adapter_config.json says which"),
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise TypeError
    except OSError:
        raise SettingsError(
            _("no config.json in this folder"), where=str(folder), hint=_("name the folder of a saved model")
        ) from None
    except (ValueError, TypeError):
        raise SettingsError(
            _("not a model's config.json"), where=str(path), hint=_("download or save the model again")
        ) from None
    shape = shape_of(config)
    return Model(
        alias="",
        id=str(folder),
        shape=shape,
        parameters=parameters(shape) if shape else None,
        context=_whole(config.get("max_position_embeddings")),
    )


def described(model: Model, folder: Path) -> Model:
    """Return `model` with what the config.json in its `folder` tells of its size, unless the table knows it."""
    if model.shape is not None:
        return model
    found = _read_folder(folder)
    return replace(model, shape=found.shape, parameters=found.parameters, context=found.context)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def shape_of(config: Mapping[str, Any]) -> Shape | None:
    """Return the shape a parsed config.json describes; None for an architecture not counted here.

    None too when a figure is missing: a wrong forecast is worse than none.
    """
    family = _FAMILIES.get(str(config.get("model_type")))
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    figures = [_whole(config.get(name)) for name in names]
    if config.get("attention_bias") or config.get("mlp_bias"):
        return None
    if family is None or any(figure is None or figure < 1 for figure in figures):
        return None
    hidden, layers, heads, intermediate, vocab = (figure or 0 for figure in figures)
    return Shape(
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=_whole(config.get("num_key_value_heads")) or heads,
        head_dim=_whole(config.get("head_dim")) or hidden // heads,
        intermediate=intermediate,
        vocab=vocab,
        tied=bool(config.get("tie_word_embeddings", False)),
        qkv_bias=family.get("qkv_bias", False),
        qk_norm=family.get("qk_norm", False),
    )


def linear_shapes(shape: Shape) -> dict[str, tuple[int, int]]:
    """Return ``{name: (in, out)}`` of the seven linear layers of one block: those that LoRA adapts."""
    return {
        "q_proj": (shape.hidden, shape.q),
        "k_proj": (shape.hidden, shape.kv),
        "v_proj": (shape.hidden, shape.kv),
        "o_proj": (shape.q, shape.hidden),
        "gate_proj": (shape.hidden, shape.intermediate),
        "up_proj": (shape.hidden, shape.intermediate),
        "down_proj": (shape.intermediate, shape.hidden),
    }


def linear_parameters(shape: Shape, *, head: bool = False) -> int:
    """Return the weights of all linear layers of all blocks, biases left out; `head` adds the output matrix.

    Without the head it is what 4-bit quantisation shrinks; with it, the N of the FLOP formulas.
    """
    blocks = shape.layers * sum(a * b for a, b in linear_shapes(shape).values())
    return blocks + (shape.hidden * shape.vocab if head else 0)


def parameters(shape: Shape) -> int:
    """Return the exact number of parameters of the whole model.

    >>> parameters(known()["qwen2.5-0.5b"].shape)
    494032768
    """
    embeddings = shape.hidden * shape.vocab * (1 if shape.tied else 2)
    norms = shape.layers * 2 * shape.hidden + shape.hidden
    biases = shape.layers * (shape.q + 2 * shape.kv) if shape.qkv_bias else 0
    qk_norms = shape.layers * 2 * shape.head_dim if shape.qk_norm else 0
    return linear_parameters(shape) + embeddings + norms + biases + qk_norms


def lora_parameters(shape: Shape, r: int) -> int:
    """Return the trained parameters of a LoRA of rank `r` on all seven linear layers: Σ r · (in + out).

    >>> lora_parameters(known()["smollm2-135m"].shape, 16)
    4884480
    """
    return shape.layers * r * sum(a + b for a, b in linear_shapes(shape).values())
