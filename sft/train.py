"""The training recipe: data → audit → plan → model → trainer → adapter, read from top to bottom.

`prepare` does everything that needs no model and no torch; `run` trains. The trainer gets `input_ids` and `labels`
built by `sft.chat` and never truncates, packs or masks anything itself (TRL's ``skip_prepare_dataset``).
"""

import json
import math
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sft import (
    __version__,
    audit,
    backends,
    base,
    devices,
    memory,
    models,
    plan,
    prepared,
    runs,
    splits,
    templates,
    tokenizer,
)
from sft.errors import SftError
from sft.i18n import _
from sft.records import Row
from sft.text import write_json

if TYPE_CHECKING:
    from sft.presets import TrainSettings
    from sft.settings import Resolved

ADAPTER_FACTS = "sft.json"


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that is settled before a model is loaded."""

    settings: "TrainSettings"
    origins: Mapping[str, str]
    data: prepared.Prepared
    template: templates.Template
    model: models.Model
    base: base.Base
    loaded: tokenizer.Loaded
    trained: audit.Set
    valid: audit.Set
    held_out: tuple[str, ...]
    facts: Mapping[str, Any]
    plan: plan.Plan
    decision: memory.Decision
    device: devices.Device
    backend: str
    backend_reason: str

    @property
    def lock(self) -> dict[str, Any]:
        """Return what decides the result of the run."""
        return {
            "settings": self.settings.model_dump(mode="json"),
            "data": self.data.digest,
            "template": self.template.id,
            "model": self.model.name,
            "revision": self.base.revision,
            "chat_format": self.loaded.format.name,
            "backend": self.backend,
            "load_in_4bit": self.decision.load_in_4bit,
            "gradient_checkpointing": self.decision.gradient_checkpointing,
            "total_steps": self.plan.total_steps,
        }


class Watch(Protocol):
    """Who is told how a training goes; the command line draws it."""

    def note(self, text: str) -> None:
        """Say one line."""

    def begin(self, done: int, total: int) -> None:
        """Begin at step `done` of `total`."""

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Show the state after a step."""

    def end(self) -> None:
        """Stop drawing."""


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
        }


def choose_rows(
    data: prepared.Prepared, settings: "TrainSettings", *, resplit: bool
) -> tuple[list[Row], list[Row]]:
    """Return the training and validation rows: the set's own split, unless `resplit` asks for another share.

    Splitting again uses the same rule of hashes on the same keys, so no sentence crosses. A limit samples by seed.
    """
    train, valid = list(data.rows.get("train", ())), list(data.rows.get("valid", ()))
    if resplit:
        every = train + valid
        keys = [str(row.meta.get("key") or row.id) for row in every]
        sides = splits.split(keys, settings.val_split, settings.seed)
        train = [row for row, side in zip(every, sides, strict=True) if side == splits.TRAIN]
        valid = [row for row, side in zip(every, sides, strict=True) if side == splits.VALID]
    if settings.limit is not None and settings.limit < len(train):
        chosen = set(splits.sample([row.id for row in train], settings.limit, settings.seed))
        train = [row for row in train if row.id in chosen]
    return train, valid


def prepare(
    workspace: Path, resolved: "Resolved[TrainSettings]", data_folder: Path | None, given: frozenset[str]
) -> Job:
    """Settle everything before a model is loaded: rows, ids and labels, plan, memory, backend."""
    data = prepared.load(data_folder or prepared.newest(workspace))
    settings, origins, resplit = _held_out_share(resolved, data)
    template = prepared.template_of(data, workspace)
    model = models.resolve(settings.model)
    backend, why = backends.choose(settings.backend)
    small = base.fetch(model, weights=False)
    loaded = tokenizer.load(small.folder, model, settings.chat_format)
    rows, valid_rows = choose_rows(data, settings, resplit=resplit)
    trained = audit.encode(rows, loaded, settings.max_length)
    valid = audit.encode(valid_rows, loaded, settings.max_length)
    audit.require(trained)
    facts = audit.summary(trained, valid)
    unlimited = settings.model_copy(
        update={"limit": None}
    )  # the limit was applied above, before rows were rejected
    steps = plan.make_plan(
        len(trained.encoded), unlimited, tokens=trained.tokens, valid_rows=len(valid.encoded), given=given
    )
    device = devices.choose()
    decision = memory.decide(
        model,
        settings,
        free=device.free,
        length=facts["length"]["max"],
        device="cpu" if device.kind == "cpu" else "gpu",
        sixteen_bit="bf16" if device.bf16 else "fp16",
        backend=backend,
    )
    return Job(
        settings=settings,
        origins=origins,
        data=data,
        template=template,
        model=model,
        base=small,
        loaded=loaded,
        trained=trained,
        valid=valid,
        held_out=tuple(row.id for row in valid_rows),
        facts=facts,
        plan=steps,
        decision=decision,
        device=device,
        backend=backend,
        backend_reason=why,
    )


def _held_out_share(
    resolved: "Resolved[TrainSettings]", data: prepared.Prepared
) -> tuple["TrainSettings", Mapping[str, str], bool]:
    """Say whether to split again: when the flag asks for it or the set has no validation rows, else the set decides."""
    if resolved.origins["val_split"].startswith("flag ") or not data.rows.get("valid"):
        return resolved.values, resolved.origins, True
    share = float(data.manifest["split"]["val_split"])
    origins = {**resolved.origins, "val_split": _("prepared set")}
    return resolved.values.model_copy(update={"val_split": share}), origins, False


def default_name(job: Job, use_case: str) -> str:
    """Return the name of a run: model, template, use case."""
    model = job.model.name.rstrip("/").rpartition("/")[2]
    return "_".join(part for part in (model, job.template.name, use_case) if part)


def run(job: Job, folder: Path, *, going_on: bool, use_case: str, watch: Watch) -> Outcome:
    """Train in `folder`, or go on there from its last complete checkpoint; save the adapter."""
    with runs.held(folder), ExitStack() as stack:
        watch.note(_("run: {folder}").format(folder=folder))
        started = datetime.now(UTC).isoformat(timespec="seconds")
        if not going_on:
            runs.update(folder, **_record(job, use_case, started))
        runs.update(folder, status="running", lock=job.lock, lock_sha256=runs.digest(job.lock))
        stop = stack.enter_context(_signals(watch))
        try:
            outcome = _train(job, folder, going_on=going_on, watch=watch, stop=stop)
        except BaseException as error:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            runs.update(folder, status=status, error=f"{type(error).__name__}: {error}")
            raise
        finally:
            watch.end()
        runs.update(folder, **{**outcome.as_dict(), "run": None, "error": None})
        return outcome


def _record(job: Job, use_case: str, started: str) -> dict[str, Any]:
    return {
        "sft": __version__,
        "started": started,
        "status": "running",
        "use_case": use_case,
        "settings": job.settings.model_dump(mode="json"),
        "origins": dict(job.origins),
        "data": {"folder": str(job.data.folder), "sha256": job.data.digest, "rows": len(job.trained.rows)},
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
        "train_ids": [row.id for row in job.trained.rows],
        "valid_ids": list(job.held_out),
    }


@dataclass(slots=True)
class _Stop:
    """Set by a signal: the step is finished, a checkpoint saved, then the training stops."""

    name: str = ""


@contextmanager
def _signals(watch: Watch) -> Iterator[_Stop]:
    """Turn INT, TERM and HUP (a closed terminal) into save-then-stop; a second INT stops at once."""
    stop = _Stop()

    def handle(number: int, frame: object) -> None:
        if stop.name and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.name = signal.Signals(number).name
        watch.note(
            _("{signal}: finishing this step and saving; once more to stop at once").format(signal=stop.name)
        )

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _train(job: Job, folder: Path, *, going_on: bool, watch: Watch, stop: _Stop) -> Outcome:
    began = time.monotonic()
    full = base.fetch(job.model, weights=True, revision=job.base.revision)
    watch.note(_("loading {model} with {backend}").format(model=job.model.name, backend=job.backend))
    with _library_output(folder / "library.log"):
        model, hf_tokenizer = backends.load(job.backend, _request(job, full.folder))
        _set_tokens(model, hf_tokenizer, job.loaded)
        trainer = _trainer(job, folder, model, hf_tokenizer, watch, stop)
        last = runs.checkpoints(folder)[-1] if going_on and runs.checkpoints(folder) else None
        if going_on:
            watch.note(
                _("going on from {name}").format(name=last.name)
                if last
                else _("no complete checkpoint: from step 0")
            )
        trainer.train(resume_from_checkpoint=str(last) if last else None)
        steps = int(trainer.state.global_step)
        losses = _losses(folder / "log.jsonl")
        optimizer = type(getattr(trainer.optimizer, "optimizer", trainer.optimizer)).__name__
        runs.update(
            folder, optimizer=optimizer, optim=str(getattr(trainer.args.optim, "value", trainer.args.optim))
        )
        done = not stop.name or steps >= job.plan.total_steps
        adapter = _save_adapter(job, model, hf_tokenizer, folder / "adapter") if done else None
    first, final = (losses[0], losses[-1]) if losses else (None, None)
    status = "finished" if done else "interrupted"
    return Outcome(status, folder, steps, first, final, adapter, time.monotonic() - began)


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


@contextmanager
def _library_output(path: Path) -> Iterator[None]:
    """Send what the training libraries print into a file: stdout belongs to results, stderr to our own lines."""
    with (
        path.open("a", encoding="utf-8", buffering=1) as stream,
        redirect_stdout(stream),
        redirect_stderr(stream),
    ):
        yield


def _set_tokens(model: Any, hf_tokenizer: Any, loaded: tokenizer.Loaded) -> None:
    """Set turn end and padding on tokenizer, config and generation config, so that nobody masks or stops elsewhere."""
    hf_tokenizer.pad_token, hf_tokenizer.eos_token = loaded.pad, loaded.turn_end
    hf_tokenizer.padding_side = "right"
    for config in (model.config, model.generation_config):
        config.pad_token_id, config.eos_token_id = loaded.pad_id, loaded.turn_end_id
    if hf_tokenizer.pad_token_id != loaded.pad_id or hf_tokenizer.eos_token_id != loaded.turn_end_id:
        raise SftError(_("the tokenizer of transformers and tokenizer.json disagree on the special tokens"))


def _trainer(job: Job, folder: Path, model: Any, hf_tokenizer: Any, watch: Watch, stop: _Stop) -> Any:
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    settings, steps = job.settings, job.plan
    cuda = torch.cuda.is_available()
    bf16 = cuda and torch.cuda.get_device_capability()[0] >= 8
    config = SFTConfig(
        output_dir=str(folder / "checkpoints"),
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.grad_accum,
        max_steps=steps.total_steps,
        learning_rate=settings.lr,
        lr_scheduler_type=settings.schedule,
        warmup_steps=steps.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim=settings.optim,
        logging_steps=settings.log_steps,
        logging_first_step=True,
        eval_strategy="steps" if steps.eval_every else "no",
        eval_steps=steps.eval_every or None,
        save_strategy="steps" if steps.save_every else "no",
        save_steps=steps.save_every or 500,
        save_total_limit=settings.keep_checkpoints,
        prediction_loss_only=True,
        bf16=bf16,
        fp16=cuda and not bf16,
        use_cpu=not cuda,
        gradient_checkpointing=job.decision.gradient_checkpointing and job.backend == "hf",
        seed=settings.seed,
        data_seed=settings.seed,
        report_to="none",
        disable_tqdm=True,
        max_length=settings.max_length,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    state = _State(job, folder / "log.jsonl", watch, stop)
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(_columns(job.trained)),
        eval_dataset=Dataset.from_list(_columns(job.valid)) if steps.eval_every else None,
        processing_class=hf_tokenizer,
        callbacks=[_callback(state)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _columns(rows: audit.Set) -> list[dict[str, list[int]]]:
    return [{"input_ids": item.ids, "labels": item.labels} for item in rows.encoded]


@dataclass(slots=True)
class _State:
    """What the callback carries from step to step."""

    job: Job
    log: Path
    watch: Watch
    stop: _Stop
    began: float = 0.0
    first_step: int = 0
    shown: dict[str, Any] = field(default_factory=dict)

    def metrics(self, step: int, logs: Mapping[str, Any]) -> dict[str, Any]:
        """Return one line of ``log.jsonl``: our names, numbers only, rate in non-pad tokens a second."""
        passed = max(time.monotonic() - self.began, 1e-9)
        done = step - self.first_step
        rate = (self.job.plan.tokens_per_step or 0.0) * done / passed
        names = {
            "loss": "loss",
            "eval_loss": "eval_loss",
            "learning_rate": "lr",
            "grad_norm": "grad_norm",
            "epoch": "epoch",
        }
        values = {ours: float(logs[theirs]) for theirs, ours in names.items() if theirs in logs}
        left = (self.job.plan.total_steps - step) * passed / done if done else None
        return {
            "step": step,
            **values,
            "tokens_per_s": round(rate, 1),
            "seconds": round(passed, 2),
            "left": left,
        }


def _callback(state: _State) -> Any:
    """Return the trainer callback; a class made here, because its base class lives in transformers."""
    from transformers import TrainerCallback

    class Follow(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.began, state.first_step = time.monotonic(), int(now.global_step)
            _keep_log_until(state.log, state.first_step)
            state.watch.begin(state.first_step, state.job.plan.total_steps)

        def on_step_end(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            if state.stop.name and now.global_step < now.max_steps:
                control.should_save = control.should_training_stop = True

        def on_log(self, args: Any, now: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if not logs or not {"loss", "eval_loss"} & set(logs):
                return
            line = state.metrics(int(now.global_step), logs)
            with state.log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({k: v for k, v in line.items() if k != "left"}) + "\n")
            _require_finite(line)
            state.shown.update(line)
            state.watch.step(int(now.global_step), dict(state.shown))

        def on_save(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            folder = Path(args.output_dir) / f"checkpoint-{now.global_step}"
            write_json(folder / runs.COMPLETE, {"step": now.global_step, "files": _sizes(folder)})

    return Follow()


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.name != runs.COMPLETE}


def _require_finite(line: Mapping[str, Any]) -> None:
    bad = [name for name in ("loss", "grad_norm") if not math.isfinite(line.get(name, 0.0))]
    if bad:
        raise SftError(
            _("{name} is not finite at step {step}").format(name=bad[0], step=line["step"]),
            hint=_("lower --lr, or train in bf16 (fp16 overflows with Qwen models)"),
            exit_code=1,
        )


def _keep_log_until(path: Path, step: int) -> None:
    """Drop log lines behind the checkpoint we go on from: those steps are taken again."""
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        path.write_text("".join(kept), encoding="utf-8")


def _losses(path: Path) -> list[float]:
    if not path.is_file():
        return []
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def _save_adapter(job: Job, model: Any, hf_tokenizer: Any, target: Path) -> Path:
    """Save adapter, tokenizer and ``sft.json`` aside, then rename: the folder is complete or not there."""
    import shutil

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
