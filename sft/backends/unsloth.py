"""The Unsloth backend: `FastLanguageModel`, on GPUs and, without one, Unsloth's own CPU path."""

import os
from pathlib import Path
from typing import Any

from sft.backends import TARGETS, Request
from sft.backends.hf import dtype
from sft.embedded import cache_folder


def environment() -> None:
    """Set what Unsloth reads at import: its compiled cache outside the working folder, no usage statistics."""
    place = cache_folder() / "unsloth"
    Path(place).mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(place / "compiled"))
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    # Rows are padded per batch by TRL's collator: the same batches as the hf backend, so the same losses.
    os.environ.setdefault("UNSLOTH_DISABLE_AUTO_PADDING_FREE", "1")


def load(request: Request) -> tuple[Any, Any]:
    """Load base and LoRA through Unsloth. `unsloth` is imported here first: it patches what comes after."""
    environment()
    import torch
    from unsloth import FastLanguageModel

    model, tokenizer = FastLanguageModel.from_pretrained(
        str(request.folder),
        max_seq_length=request.max_length,
        dtype=None if torch.cuda.is_available() else dtype(training=True),
        load_in_4bit=request.load_in_4bit,
        use_gradient_checkpointing="unsloth" if request.gradient_checkpointing else False,
        random_state=request.seed,
    )
    model = FastLanguageModel.get_peft_model(
        model,
        r=request.lora_r,
        lora_alpha=request.lora_alpha,
        lora_dropout=request.lora_dropout,
        target_modules=list(TARGETS),
        bias="none",
        use_gradient_checkpointing="unsloth" if request.gradient_checkpointing else False,
        random_state=request.seed,
        max_seq_length=request.max_length,
    )
    return model, tokenizer
