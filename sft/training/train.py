"""The training recipe: model → trainer → adapter, read from top to bottom.

The job (`sft.training.job`) is settled before. The trainer gets `input_ids` and `labels`
built by `sft.chat` and never truncates, packs or masks anything itself (TRL's ``skip_prepare_dataset``).
"""

import json
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sft import __version__, backends, base, runs, tokenizer
from sft.errors import SftError
from sft.i18n import _
from sft.quiet import library_output
from sft.text import write_json
from sft.training import follow, loop, milestones
from sft.training.budget import Budget
from sft.training.job import Job
from sft.training.order import Order, Rows

ADAPTER_FACTS = "sft.json"
DIFFICULTY = "difficulty.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended: ``finished`` or ``interrupted``."""

    status: str
    run: Path
    steps: int
    first_loss: float | None
    last_loss: float | None
    adapter: Path | None
    seconds: float
    stopped_by: str = ""

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
        }


def run(
    job: Job,
    folder: Path,
    *,
    going_on: bool,
    use_case: str,
    watch: follow.Watch,
    budget: Budget | None = None,
) -> Outcome:
    """Train in `folder`, or go on there from its last complete checkpoint; save the adapter."""
    with runs.held(folder), ExitStack() as stack:
        watch.note(_("run: {folder}").format(folder=folder))
        started = datetime.now(UTC).isoformat(timespec="seconds")
        entries = {} if going_on else record(job, use_case, started)
        runs.update(folder, **entries | _lock(job) | {"status": "running"})
        stop = stack.enter_context(follow.signals(watch))
        try:
            outcome = _train(job, folder, going_on=going_on, watch=watch, stop=stop, budget=budget)
        except BaseException as error:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            if (folder / runs.LOCK_FILE).is_file():  # a run folder that was removed meanwhile stays removed
                runs.update(folder, status=status, error=f"{type(error).__name__}: {error}")
            raise
        finally:
            watch.end()
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        runs.update(
            folder, error=None, ended=ended, **{k: v for k, v in outcome.as_dict().items() if k != "run"}
        )
        return outcome


def keep(job: Job, folder: Path, *, going_on: bool, use_case: str) -> None:
    """Keep a run folder for a training that is about to start in another process: nobody else gets it."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    entries = {} if going_on else record(job, use_case, started)
    runs.update(folder, **entries | _lock(job) | {"status": runs.STARTING, "error": None})


def _lock(job: Job) -> dict[str, Any]:
    return {"lock": job.lock, "lock_sha256": runs.digest(job.lock)}


def record(job: Job, use_case: str, started: str) -> dict[str, Any]:
    """Return what ``run.json`` says of a run from its start on."""
    return {
        "sft": __version__,
        "started": started,
        "status": "running",
        "use_case": use_case,
        "settings": job.settings.model_dump(mode="json"),
        "origins": dict(job.origins),
        "data": {"folder": str(job.data.folder), "sha256": job.data.digest, "rows": len(job.trained)},
        "template": job.template.id,
        "task": job.template.task,
        "model": job.model.as_dict() | {"folder": str(job.base.folder), "revision": job.base.revision},
        "chat_format": job.loaded.format.name,
        "backend": job.backend,
        "device": job.device.as_dict(),
        "audit": dict(job.facts),
        "plan": job.plan.as_dict(),
        "memory": job.decision.as_dict(),
        "packages": runs.versions(),
        "train_ids": job.trained.ids,
        "valid_ids": list(job.held_out),
    }


def _train(
    job: Job, folder: Path, *, going_on: bool, watch: follow.Watch, stop: follow.Stop, budget: Budget | None
) -> Outcome:
    began = time.monotonic()
    full = base.fetch(job.model, weights=True, revision=job.base.revision)
    watch.note(_("loading {model} with {backend}").format(model=job.model.name, backend=job.backend))
    with library_output(folder / "library.log"):
        model, hf_tokenizer = backends.load(job.backend, _request(job, full.folder))
        _set_tokens(model, hf_tokenizer, job.loaded)
        trainer = _trainer(job, folder, model, hf_tokenizer, watch, stop, budget)
        last = runs.checkpoints(folder)[-1] if going_on and runs.checkpoints(folder) else None
        if going_on:
            watch.note(
                _("going on from {name}").format(name=last.name)
                if last
                else _("no complete checkpoint: from step 0")
            )
        if last and int(last.name.rpartition("-")[2]) >= job.plan.total_steps:
            # Only the adapter was not saved yet; within an epoch the Trainer would take one step too many.
            model.load_adapter(str(last), "default", is_trainable=True)
            steps = job.plan.total_steps
        else:
            trainer.train(resume_from_checkpoint=str(last) if last else None)
            steps = int(trainer.state.global_step)
            optimizer = type(getattr(trainer.optimizer, "optimizer", trainer.optimizer)).__name__
            optim = str(getattr(trainer.args.optim, "value", trainer.args.optim))
            runs.update(folder, optimizer=optimizer, optim=optim)
        losses = follow.losses(folder / "log.jsonl")
        done = not stop.name or steps >= job.plan.total_steps
        adapter = _save_adapter(job, model, hf_tokenizer, folder / "adapter") if done else None
    first, final = (losses[0], losses[-1]) if losses else (None, None)
    status = "finished" if done else "interrupted"
    seconds = time.monotonic() - began
    return Outcome(status, folder, steps, first, final, adapter, seconds, "" if done else stop.name)


def _request(job: Job, folder: Path) -> backends.Request:
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
    )


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
    budget: Budget | None,
) -> Any:
    import torch
    from transformers import PrinterCallback
    from trl import SFTConfig

    settings, steps = job.settings, job.plan
    cuda = torch.cuda.is_available()
    bf16 = cuda and torch.cuda.get_device_capability()[0] >= 8
    config = SFTConfig(
        output_dir=str(folder / "checkpoints"),
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
        save_total_limit=settings.keep_checkpoints,
        bf16=bf16,
        fp16=cuda and not bf16,
        use_cpu=not cuda,
        gradient_checkpointing=job.decision.gradient_checkpointing and job.backend == "hf",
        seed=settings.seed,
        data_seed=settings.seed,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        max_length=settings.max_length,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    planned = Order([range(len(job.trained))], job.trained.lengths, 1, 0, by_length=False)
    state = follow.State(job.plan, planned, folder / "log.jsonl", watch, stop)
    reading = loop.Reading(
        order=planned,
        ids=job.trained.ids,
        micro=settings.batch_size,
        piece=runs.load(folder).data.get("piece", settings.batch_size),
        told=lambda *sizes: _smaller(folder, watch, job, *sizes),
        probe=cuda,
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
            follow.callback(state),
            milestones.callback(milestones.Milestones(job.plan, folder, watch, stop, budget)),
        ],
    )
    reading.order = state.order = job.order(_difficulty(job, folder, trainer, watch))
    trainer.remove_callback(PrinterCallback)
    for parameter in model.parameters():  # TRL makes 4-bit adapters bf16, which a gradient scaler cannot take
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    return trainer


def _difficulty(job: Job, folder: Path, trainer: Any, watch: follow.Watch) -> Sequence[float]:
    """Return the base model's loss on every row where the curriculum goes by it; measured once in a run, and kept."""
    if job.settings.curriculum != "loss":
        return ()
    path = folder / DIFFICULTY
    if path.is_file():
        values: list[float] = json.loads(path.read_text(encoding="utf-8"))["loss"]
        return values
    watch.note(_("measuring the loss of the base model on {n} rows").format(n=len(job.trained)))
    values = trainer.difficulty()
    write_json(path, {"loss": values})
    return values


def _smaller(folder: Path, watch: follow.Watch, job: Job, step: int, before: int, now: int) -> None:
    """Say that memory ran out, and keep it with the run: it goes on with the smaller pieces."""
    watch.note(
        _(
            "out of memory at step {step}: {before} → {now} rows at once, effective batch {batch} as before"
        ).format(step=step + 1, before=before, now=now, batch=job.plan.effective_batch)
    )
    happened = runs.load(folder).data.get("out_of_memory", [])
    runs.update(
        folder, piece=now, out_of_memory=[*happened, {"step": step + 1, "before": before, "now": now}]
    )


def _save_adapter(job: Job, model: Any, hf_tokenizer: Any, target: Path) -> Path:
    """Save adapter, tokenizer and ``sft.json`` aside, then rename: the folder is complete or not there."""
    aside = target.with_name(".adapter-writing")
    shutil.rmtree(aside, ignore_errors=True)
    model.save_pretrained(str(aside))
    hf_tokenizer.save_pretrained(str(aside))
    _portable(aside / "adapter_config.json", job)
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
    }
    write_json(aside / ADAPTER_FACTS, facts)
    shutil.copyfile(job.template.path, aside / "template.toml")
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    return target


def _portable(path: Path, job: Job) -> None:
    """Name the hub id instead of this machine's cache path, where there is one."""
    if job.base.revision:
        config = json.loads(path.read_text(encoding="utf-8"))
        config.update(base_model_name_or_path=job.model.id, revision=job.base.revision)
        write_json(path, config)
