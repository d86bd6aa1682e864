"""Batched greedy generation with left padding: what a model answers to prompts of token ids.

Greedy, no repetition penalty and no n-gram blocking: AMR repeats ``:op1 (`` and ``))`` by nature. Stops at the turn
end, raw text is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sft import tokenizer
from sft.i18n import _
from sft.records import Message, Row

_GPU_BATCH, _CPU_BATCH = 16, 32  # a CPU spends its time on reading weights, so wide batches are nearly free
_MARGIN = 1.25  # the longest gold answer in tokens, and a quarter more: a limit that no good answer meets


@dataclass(frozen=True, slots=True)
class Generated:
    """One raw answer; `stopped` tells whether it ended with the turn end or at the length limit."""

    raw: str
    tokens: int
    stopped: bool


def prompt_of(row: Row) -> tuple[Message, ...]:
    """Return the conversation before the last assistant turn: what the model answers."""
    return row.messages[:-1] if row.messages[-1].role == "assistant" else row.messages


def limit_for(answer_tokens_max: int) -> int:
    """Return the limit of new tokens where the longest answer of the training data has so many."""
    return int(answer_tokens_max * _MARGIN) + 16


def batch_for(model: Any) -> int:
    """Return how many prompts are answered at once."""
    return _CPU_BATCH if next(model.parameters()).device.type == "cpu" else _GPU_BATCH


def generate(
    model: Any,
    loaded: tokenizer.Loaded,
    prompts: Sequence[Sequence[int]],
    limit: int,
    batch: int,
    told: Callable[[int], None],
    note: Callable[[str], None],
) -> list[Generated]:
    """Answer every prompt (token ids); the order of the result is that of `prompts`.

    Longest prompts go first, so that memory trouble shows at once and a batch wastes little padding. Out of GPU
    memory, the batch is halved and the same rows are tried again: greedy answers do not depend on the batch.
    """
    import torch
    from transformers import GenerationConfig

    config = GenerationConfig(
        max_new_tokens=limit,
        do_sample=False,
        num_beams=1,
        use_cache=True,
        eos_token_id=loaded.turn_end_id,
        pad_token_id=loaded.pad_id,
    )
    # transformers fills what `config` leaves open from the model's own file: Qwen's sets a repetition penalty.
    own, model.generation_config = model.generation_config, GenerationConfig()
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    out: dict[int, Generated] = {}
    try:
        while order:
            chosen = order[:batch]
            try:
                answers_ids = _batch(model, loaded.pad_id, [prompts[i] for i in chosen], config)
            except torch.OutOfMemoryError:
                if batch == 1:
                    raise
                torch.cuda.empty_cache()
                batch = max(1, batch // 2)
                note(_("out of memory: going on with {n} prompts per batch").format(n=batch))
                continue
            out |= {i: _generated(ids, loaded) for i, ids in zip(chosen, answers_ids, strict=True)}
            order = order[len(chosen) :]
            told(len(out))
    finally:
        model.generation_config = own
    return [out[i] for i in range(len(prompts))]


def _batch(model: Any, pad_id: int, prompts: Sequence[Sequence[int]], config: Any) -> list[list[int]]:
    """Return the new token ids of each prompt; padding stands on the left, so that all answers begin together."""
    import torch

    width = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), width), pad_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for line, prompt in enumerate(prompts):
        ids[line, width - len(prompt) :] = torch.tensor(prompt)
        mask[line, width - len(prompt) :] = 1
    device = next(model.parameters()).device
    result = model.generate(
        input_ids=ids.to(device), attention_mask=mask.to(device), generation_config=config
    )
    new: list[list[int]] = result[:, width:].tolist()
    return new


def _generated(ids: list[int], loaded: tokenizer.Loaded) -> Generated:
    stopped = loaded.turn_end_id in ids
    kept = ids[: ids.index(loaded.turn_end_id)] if stopped else ids
    return Generated(loaded.tokenizer.decode(kept, skip_special_tokens=True), len(kept) + stopped, stopped)
