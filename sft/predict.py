"""Adapter + prompts → answers, by the template that made the data.

Generation uses transformers and peft for both backends: one well-tried path for padded batches.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft import (
    adapters,
    answers,
    backends,
    base,
    chat,
    devices,
    generation,
    models,
    runs,
    templates,
    tokenizer,
)
from sft.errors import DataError
from sft.i18n import _
from sft.quiet import library_output
from sft.records import Row
from sft.text import write_json, write_jsonl


@dataclass(frozen=True, slots=True)
class Source:
    """What generates: an adapter folder on its base model, or the bare base (`adapter` False)."""

    folder: Path
    facts: Mapping[str, Any]
    model: models.Model
    base: base.Base
    loaded: tokenizer.Loaded
    adapter: bool


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


def new_tokens(source: Source, wanted: int | None) -> int:
    """Return the limit of new tokens: as asked for, else from the longest answer of the training data."""
    return wanted or generation.limit_for(source.facts["answer_tokens_max"])


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
    prompts = [
        chat.prompt_ids(generation.prompt_of(row), source.loaded.tokenizer, source.loaded.format)
        for row in rows
    ]
    tokens = new_tokens(source, limit)
    room = base.generation_limit(source.base) - max(len(prompt) for prompt in prompts)
    if room < tokens:
        note(_("answers are limited to {n} tokens: the model's context ends there").format(n=max(room, 1)))
        tokens = max(room, 1)
    began = time.monotonic()
    with library_output(source.folder.parent / "library.log"), model_of(source) as model:
        size = batch or generation.batch_for(model)
        generated = generation.generate(model, source.loaded, prompts, tokens, size, told, note)
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
