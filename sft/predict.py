"""Adapter + prompts → answers: batched greedy generation with left padding, by the template that made the data.

Generation uses transformers and peft for both backends: one well-tried path for padded batches. Greedy, no repetition
penalty and no n-gram blocking: AMR repeats ``:op1 (`` and ``))`` by nature. Stops at the turn end, raw text is kept.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft import adapters, answers, backends, base, chat, devices, models, runs, templates, tokenizer
from sft.errors import DataError
from sft.i18n import _
from sft.quiet import library_output
from sft.records import Message, Row
from sft.text import write_json, write_jsonl

_GPU_BATCH, _CPU_BATCH = 16, 32  # a CPU spends its time on reading weights, so wide batches are nearly free
_MARGIN = 1.25  # the longest gold answer in tokens, and a quarter more: a limit that no good answer meets


@dataclass(frozen=True, slots=True)
class Source:
    """What generates: an adapter folder on its base model, or the bare base (`adapter` False)."""

    folder: Path
    facts: Mapping[str, Any]
    model: models.Model
    base: base.Base
    loaded: tokenizer.Loaded
    adapter: bool


@dataclass(frozen=True, slots=True)
class Generated:
    """One raw answer; `stopped` tells whether it ended with the turn end or at the length limit."""

    raw: str
    tokens: int
    stopped: bool


def open_source(folder: Path, *, adapter: bool = True) -> Source:
    """Read the adapter's facts and its base model's tokenizer; no weights are loaded yet.

    Raises `DataError` when the folder is not an adapter made by `sft train`.
    """
    facts = adapters.facts(folder)
    model = models.resolve(facts["model"])
    small = base.fetch(model, weights=False, revision=facts["revision"])
    return Source(
        folder, facts, model, small, tokenizer.load(small.folder, model, facts["chat_format"]), adapter
    )


def prompt_of(row: Row) -> tuple[Message, ...]:
    """Return the conversation before the last assistant turn: what the model answers."""
    return row.messages[:-1] if row.messages[-1].role == "assistant" else row.messages


def new_tokens(source: Source, wanted: int | None) -> int:
    """Return the limit of new tokens: as asked for, else from the longest answer of the training data."""
    return wanted or int(source.facts["answer_tokens_max"] * _MARGIN) + 16


@contextmanager
def model_of(source: Source) -> Iterator[Any]:
    """Load base and adapter for generation, in the precision of the training."""
    device = devices.choose()
    devices.use(device)
    import torch

    from sft.backends import hf

    full = base.fetch(source.model, weights=True, revision=source.base.revision)
    model = hf.load_base(str(full.folder), load_in_4bit=source.facts["load_in_4bit"])
    if source.facts["load_in_4bit"] and device.kind == "cpu":
        # The same weights, unpacked once: without a GPU kernel NF4 is unpacked anew for every generated token.
        model = model.dequantize()
    if source.adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(source.folder))
    model.eval()
    with torch.inference_mode():
        yield model


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
        eos_token_id=loaded.turn_end_id,
        pad_token_id=loaded.pad_id,
    )
    # transformers fills what `config` leaves open from the model's own file: Qwen's sets a repetition penalty.
    model.generation_config = GenerationConfig()
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    out: dict[int, Generated] = {}
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


def run(
    source: Source,
    template: templates.Template,
    rows: Sequence[Row],
    out: Path,
    *,
    label_set: Sequence[str] = (),
    limit: int | None = None,
    batch: int | None = None,
    told: Callable[[int], None] = lambda done: None,
    note: Callable[[str], None] = lambda text: None,
) -> list[dict[str, Any]]:
    """Predict `rows` and write ``out`` (one JSON object a row, in order) with its facts beside it."""
    if not rows:
        raise DataError(_("there are no rows to predict"), hint=_("prepare with --val-split above 0"))
    backends.choose("hf")
    prompts = [chat.prompt_ids(prompt_of(row), source.loaded.tokenizer, source.loaded.format) for row in rows]
    tokens = new_tokens(source, limit)
    room = base.generation_limit(source.base) - max(len(prompt) for prompt in prompts)
    if room < tokens:
        note(_("answers are limited to {n} tokens: the model's context ends there").format(n=max(room, 1)))
        tokens = max(room, 1)
    began = time.monotonic()
    with library_output(source.folder.parent / "library.log"), model_of(source) as model:
        size = batch or (_CPU_BATCH if next(model.parameters()).device.type == "cpu" else _GPU_BATCH)
        generated = generate(model, source.loaded, prompts, tokens, size, told, note)
    lines = [
        {"id": row.id, "raw": item.raw, "tokens": item.tokens, "stopped": item.stopped}
        | answers.read(template, item.raw, label_set).as_dict()
        for row, item in zip(rows, generated, strict=True)
    ]
    write_jsonl(out, lines)
    facts = {
        "template": template.id,
        "adapter": source.facts if source.adapter else None,
        "model": source.model.name,
        "n": len(lines),
        "unparsed": sum(not line["readable"] for line in lines),
        "not_stopped": sum(not line["stopped"] for line in lines),
        "max_new_tokens": tokens,
        "decoding": "greedy",
        "packages": runs.versions(),
        "seconds": round(time.monotonic() - began, 1),
    }
    write_json(facts_of(out), facts)
    return lines


def facts_of(out: Path) -> Path:
    """Return where the facts of a prediction file stand."""
    return out.with_suffix(".facts.json")
