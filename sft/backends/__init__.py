"""Loading a model for training: ``unsloth`` and ``hf`` behind one function, `load`.

Both give a base in 4 or 16 bit (32 on a CPU that is faster in fp32) with the same LoRA on all seven linear layers, in
fp32; rows, labels, trainer and log are the same for both, in `sft.training.train`.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft.errors import MissingError
from sft.i18n import _

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Request:
    """What a backend loads: a base folder, the precision, the adapter's size, and whether to recompute."""

    folder: Path
    load_in_4bit: bool
    max_length: int
    lora_r: int
    lora_alpha: int
    lora_dropout: float
    gradient_checkpointing: bool
    seed: int


def choose(wanted: str) -> tuple[str, str]:
    """Return the backend's name and why: unsloth wherever it is installed, unless one was asked for.

    Raises `MissingError` when the packages are not there.
    """
    missing = [name for name in ("torch", "transformers", "trl", "peft", "datasets") if not _installed(name)]
    if missing:
        raise MissingError(
            _("training needs {names}").format(names=", ".join(missing)),
            hint=_("set up the environment: ./scripts/setup.sh, or see: sft doctor"),
        )
    if wanted == "hf":
        return "hf", _("asked for")
    if _installed("unsloth"):
        return "unsloth", _("asked for") if wanted == "unsloth" else _("installed")
    if wanted == "unsloth":
        raise MissingError(_("unsloth is not installed"), hint=_("--backend hf, or see: sft doctor"))
    return "hf", _("unsloth is not installed")


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def load(backend: str, request: Request) -> tuple[Any, Any]:
    """Return ``(model, tokenizer)`` ready for the trainer. Must run before anything imports transformers."""
    if backend == "unsloth":
        from sft.backends import unsloth

        return unsloth.load(request)
    from sft.backends import hf

    return hf.load(request)
