"""An adapter folder as ``sft train`` leaves it, written without torch."""

import json
from pathlib import Path
from typing import Any

from sft.backends import TARGETS
from sft.text import write_json

FACTS = {
    "model": "qwen2.5-3b",
    "model_id": "Qwen/Qwen2.5-3B-Instruct",
    "revision": "aa" * 20,
    "chat_format": "chatml",
    "template": "qa/true_false_v1@00000000",
    "data_sha256": "ab" * 32,
}


def weights(rank: int = 16, targets: tuple[str, ...] = TARGETS) -> bytes:
    """Return a safetensors file with one LoRA pair per target."""
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for target in targets:
        for letter, shape in (("A", [rank, 2]), ("B", [2, rank])):
            name = f"base_model.model.model.layers.0.some.{target}.lora_{letter}.weight"
            head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 8 * rank]}
            at += 8 * rank
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + bytes(at)


def write_adapter(folder: Path, *, content: bytes = b"", alpha: int = 32, **facts: Any) -> Path:
    """Write the files of an adapter that are read before a model is loaded."""
    write_json(folder / "sft.json", FACTS | facts)
    write_json(folder / "adapter_config.json", {"r": 16, "lora_alpha": alpha})
    (folder / "adapter_model.safetensors").write_bytes(content or weights())
    return folder
