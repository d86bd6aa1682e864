"""The training recipe: model → trainer → adapter, read from top to bottom.

The job (`sft.training.job`) is settled before. The trainer gets `input_ids` and `labels`
built by `sft.chat` and never truncates, packs or masks anything itself (TRL's ``skip_prepare_dataset``).
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft import __version__, adapters, backends, base, checkpoints, devices, runs, tokenizer
from sft.errors import SftError
from sft.i18n import _
from sft.quiet import library_output
from sft.text import write_json
from sft.training import exam, follow, keeping, loop, milestones, part_states, report_to, shards, warm
from sft.training.budget import Budget
from sft.training.gauge import Gauge
from sft.training.job import Job
from sft.training.order import Order, Rows
from sft.training.ranks import ALONE, Ranks

DIFFICULTY = "difficulty.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended: ``finished`` or ``interrupted``.

    `stopped_early` tells that patience ended it; `best` compares its best evaluation with its last, where it was asked for.
    """

    status: str
    run: Path
    steps: int
    first_loss: float | None
    last_loss: float | None
    adapter: Path | None
    seconds: float
    stopped_by: str = ""
    stopped_early: bool = False
    best: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of ``sft train --json``."""
        return {
            "status": self.status,
            "steps": self.steps,
            "first_loss": self.first_loss,
            "last_loss": self.last_loss,
            "adapter": str(self.adapter) if self.adapter else None,
            "run": str(self.run),
            "seconds": round(self.seconds, 1),
            "stopped_by": self.stopped_by or None,
            "stopped_early": self.stopped_early,
            "best": None if self.best is None else dict(self.best),
        }


def train(
    job: Job,
    folder: Path,
    last: Path | None,
    *,
    watch: follow.Watch,
    stop: follow.Stop,
    budget: Budget | None,
    together: Ranks = ALONE,
) -> Outcome:
    """Train in this process, from the checkpoint `last` on where there is one; alone or as one of several.

    Only the first of several writes into the run folder and draws.
    """
    began = time.monotonic()
    full = base.fetch(job.model, weights=True, revision=job.base.revision)
    watch.note(_("loading {model} with {backend}").format(model=job.model.name, backend=job.backend))
    with (
        library_output(folder / ("library.log" if together.first else f"library-{together.rank}.log")),
        report_to.places(folder),
        closing(Gauge(job.devices[0].uuid if together.first else "")) as gauge,
    ):
        model, hf_tokenizer = backends.load(job.backend, _request(job, full.folder, _number(together)))
        _set_tokens(model, hf_tokenizer, job.loaded)
        if job.start:
            warm.load(model, job.start)
        trainer = _trainer(job, folder, model, hf_tokenizer, watch, stop, gauge, budget, together)
        last = together.folder_of_first(last, folder / checkpoints.FOLDER)
        steps = checkpoints.step_of(last) if last else 0
        if last and together.of_first(keeping.ended(job, folder, steps)):
            # Only the adapter was not saved yet; within an epoch the Trainer would take one step too many.
            model.load_adapter(str(last), "default", is_trainable=True)
        else:
            trainer.train(resume_from_checkpoint=str(last) if last else None)
            steps = int(trainer.state.global_step)
            optimizer = type(getattr(trainer.optimizer, "optimizer", trainer.optimizer)).__name__
            optim = str(getattr(trainer.args.optim, "value", trainer.args.optim))
            if together.first:
                runs.update(folder, optimizer=optimizer, optim=optim)
        done = together.of_first(keeping.ended(job, folder, steps))
        adapter = keeping.settle(job, folder, watch.note) if done and together.first else None
        if done and together.of_first(adapter) is None:
            adapter = _save_adapter(job, trainer, hf_tokenizer, together, folder / "adapter", steps)
        losses = together.of_first(follow.losses(folder / "log.jsonl"))
    first, final = (losses[0], losses[-1]) if losses else (None, None)
    return Outcome(
        status="finished" if done else "interrupted",
        run=folder,
        steps=steps,
        first_loss=first,
        last_loss=final,
        adapter=adapter,
        seconds=time.monotonic() - began,
        stopped_early=done and steps < job.plan.total_steps,
        best=keeping.compared(job, folder),
        stopped_by="" if done else stop.name,
    )


def _request(job: Job, folder: Path, number: str) -> backends.Request:
    settings = job.settings
    return backends.Request(
        folder=folder,
        load_in_4bit=job.decision.load_in_4bit,
        max_length=settings.max_length,
        lora_r=settings.lora_r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        gradient_checkpointing=job.decision.gradient_checkpointing,
        seed=settings.seed,
        number=number,
        split=settings.fsdp,
    )


def _number(together: Ranks) -> str:
    """Return the kind of number that all processes can train in: they send each other their weights."""
    import torch

    if torch.cuda.is_available():
        return "fp16" if together.any_of(torch.cuda.get_device_capability()[0] < 8) else "bf16"
    return "fp32" if together.any_of(not devices.has_amx()) else "bf16"


def _set_tokens(model: Any, hf_tokenizer: Any, loaded: tokenizer.Loaded) -> None:
    """Set turn end and padding on tokenizer, config and generation config, so that nobody masks or stops elsewhere."""
    hf_tokenizer.pad_token, hf_tokenizer.eos_token = loaded.pad, loaded.turn_end
    hf_tokenizer.padding_side = "right"
    for config in (model.config, model.generation_config):
        config.pad_token_id, config.eos_token_id = loaded.pad_id, loaded.turn_end_id
    if hf_tokenizer.pad_token_id != loaded.pad_id or hf_tokenizer.eos_token_id != loaded.turn_end_id:
        raise SftError(_("the tokenizer of transformers and tokenizer.json disagree on the special tokens"))


def _trainer(
    job: Job,
    folder: Path,
    model: Any,
    hf_tokenizer: Any,
    watch: follow.Watch,
    stop: follow.Stop,
    gauge: Gauge,
    budget: Budget | None,
    together: Ranks,
) -> Any:
    import torch
    from transformers import PrinterCallback
    from trl import SFTConfig

    settings, steps = job.settings, job.plan
    cuda = torch.cuda.is_available()
    bf16 = cuda and _number(together) == "bf16"
    config = SFTConfig(
        output_dir=str(folder / checkpoints.FOLDER),
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.grad_accum,
        max_steps=steps.total_steps,
        learning_rate=settings.lr,
        lr_scheduler_type=settings.schedule,
        warmup_steps=steps.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        # 8-bit states save a CPU next to nothing and make its optimizer 20 times slower; Unsloth replaces them too.
        optim="adamw_torch_fused" if "8bit" in settings.optim and not cuda else settings.optim,
        logging_steps=settings.log_steps,
        logging_first_step=True,
        eval_strategy="steps" if steps.eval_every else "no",
        eval_steps=steps.eval_every or None,
        save_strategy="steps" if steps.save_every else "no",
        save_steps=steps.save_every or 500,
        bf16=bf16,
        fp16=cuda and not bf16,
        use_cpu=not cuda,
        gradient_checkpointing=job.decision.gradient_checkpointing and job.backend == "hf",
        gradient_checkpointing_kwargs={"use_reentrant": False},  # the other way DDP would miss gradients
        ddp_find_unused_parameters=False,
        **shards.arguments(together, fsdp=settings.fsdp),
        seed=settings.seed,
        data_seed=settings.seed,
        logging_nan_inf_filter=False,
        report_to=report_to.names(settings.report_to) if together.first else [],
        run_name=folder.name,
        disable_tqdm=True,
        max_length=settings.max_length,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    if config.fsdp:
        shards.allow_on_cpu()
    planned = Order([range(len(job.trained))], job.trained.lengths, 1, 0, by_length=False)

    def save(target: Path, step: int) -> Path:
        return _save_adapter(job, trainer, hf_tokenizer, together, target, step)

    state = follow.of(job, planned, folder, watch, stop, gauge, together)
    follower = follow.callback(state)
    reading = loop.Reading(
        order=planned,
        ids=job.trained.ids,
        micro=settings.batch_size,
        piece=together.of_first(runs.entries(folder).get("piece", settings.batch_size)),
        told=lambda *sizes: _smaller(folder, watch, job, *sizes),
        keep=settings.keep_checkpoints,
        pinned=part_states.ends(job.plan),
        tokens=job.tokens_at_once,
        together=together,
        probe=cuda and not settings.fsdp,  # the parts of a split model do nothing alone
        watched=job.valid.ids,
        exam=exam.measure(job, watch.note, together),
    )
    rows = Rows(job.trained.dataset(), job.trained.lengths)
    watched = Rows(job.valid.dataset(), job.valid.lengths) if steps.eval_every else None
    trainer = loop.trainer(
        reading,
        rows,
        watched,
        model=model,
        args=config,
        processing_class=hf_tokenizer,
        callbacks=[
            follower,
            *keeping.callbacks(job, folder, save, together),
            milestones.callback(
                milestones.Milestones(job.plan, folder, watch, stop, together.of_first(budget), together)
            ),
        ],
    )
    reading.order = state.order = job.order(_difficulty(job, folder, trainer, watch, together))
    trainer.remove_callback(PrinterCallback)
    told = trainer.callback_handler.callbacks
    told.insert(0, told.pop(told.index(follower)))  # it adds its figures before they are reported elsewhere
    report_to.guard(told, settings.report_to, watch.note)
    for parameter in model.parameters():  # TRL makes 4-bit adapters bf16, which a gradient scaler cannot take
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    return trainer


def _difficulty(
    job: Job, folder: Path, trainer: Any, watch: follow.Watch, together: Ranks
) -> Sequence[float]:
    """Return the base model's loss on every row where the curriculum goes by it; measured once in a run, and kept."""
    if job.settings.curriculum != "loss":
        return ()
    path = folder / DIFFICULTY
    kept = json.loads(path.read_text(encoding="utf-8"))["loss"] if path.is_file() else None
    values: list[float] | None = together.of_first(kept)
    if values is None:
        watch.note(_("measuring the loss of the base model on {n} rows").format(n=len(job.trained)))
        values = trainer.difficulty()
        if together.first:
            write_json(path, {"loss": values})
    return values


def _smaller(folder: Path, watch: follow.Watch, job: Job, step: int, before: int, now: int) -> None:
    """Say that memory ran out, and keep it with the run: it goes on with the smaller pieces."""
    watch.note(
        _(
            "out of memory at step {step}: {before} → {now} rows at once, effective batch {batch} as before"
        ).format(step=step + 1, before=before, now=now, batch=job.plan.effective_batch)
    )
    happened = runs.entries(folder).get("out_of_memory", [])
    runs.update(
        folder, piece=now, out_of_memory=[*happened, {"step": step + 1, "before": before, "now": now}]
    )


def _save_adapter(
    job: Job, trainer: Any, hf_tokenizer: Any, together: Ranks, target: Path, step: int
) -> Path:
    """Save the adapter as it is now; all processes must come here, the first one writes."""
    weights = shards.whole(trainer)
    facts = {
        "sft": __version__,
        "template": job.template.id,
        "task": job.template.task,
        "data_sha256": job.data.digest,
        "model": job.model.name,
        "model_id": job.model.id,
        "revision": job.base.revision,
        "chat_format": job.loaded.format.name,
        "load_in_4bit": job.decision.load_in_4bit,
        "answer_tokens_max": job.facts["answer_tokens_max"],
        "label_set": job.data.manifest["label_set"],
        "warm_start": job.start.as_dict() if job.start else None,
        "step": step,
    }
    if together.first:
        adapters.save(target, trainer.model, hf_tokenizer, facts, job.template.path, weights)
    return target
