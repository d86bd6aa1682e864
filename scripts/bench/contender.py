"""One contender of a benchmark of trainings, in a process of its own: ``python contender.py NAME TASK``.

It loads model and rows, says when its first step begins, and then takes a step whenever a line comes on stdin; it answers
with a line of JSON on stdout. Steps alone are timed, with what feeds them. Tokens are counted from the batches that the
trainer's model is given, for all contenders alike. What libraries print goes to stderr.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chats import TEMPLATE

RUN, ROWS, TUNED = "run", Path("data/prepared/rows"), "TRL, tuned"
MICRO = 8  # TRL's own micro-batch
LONGEST = 32_768  # no row is cut or left out


@dataclass(frozen=True, slots=True)
class Task:
    """What all contenders have in common: a pass has `steps` steps of `batch` rows.

    `bits` are those of the base weights, `device` is ``cpu`` or the UUID of a GPU.
    """

    workspace: str
    model: str
    batch: int
    steps: int
    passes: int
    bits: int = 16
    device: str = "cpu"
    r: int = 16
    alpha: int = 32
    lr: float = 2e-4
    seed: int = 42

    def preset(self) -> dict[str, Any]:
        """Return what the task fixes of the settings of `sft`; everything else, the micro-batch too, is left to it."""
        return {
            "model": self.model, "gpu": self.device, "batch_size": min(self.batch, MICRO),
            "grad_accum": self.batch // min(self.batch, MICRO), "max_steps": self.steps * self.passes,
            "lr": self.lr, "schedule": "linear", "warmup": 0.0, "weight_decay": 0.0, "lora_r": self.r,
            "lora_alpha": self.alpha, "load_in_4bit": self.bits == 4, "eval_steps": 0.0, "save_steps": 0.0,
            "seed": self.seed, "val_split": 0.0, "max_length": LONGEST,
        }  # fmt: skip


class Silent:
    """Who watches what comes before the training: notes go to the log."""

    def note(self, text: str) -> None:
        """Write a line to the log."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, done: int, total: int) -> None:
        """Draw nothing."""

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Draw nothing."""

    def alarm(self, line: Mapping[str, Any]) -> None:
        """Draw nothing."""

    def end(self) -> None:
        """Draw nothing."""


class Clock(Silent):
    """Tells the benchmark what happens, and waits for it between steps."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.about: Callable[[], dict[str, Any]] = dict
        self.events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        self.batches: list[tuple[Any, int, Any]] = []
        self.begun = self.busy = 0.0

    def count(self, trainer: Any) -> Any:
        """Have what a trainer puts through its model in its steps counted, piece by piece."""
        step, loss, inside = trainer.training_step, trainer.compute_loss, [False]

        def counting(*given: Any) -> Any:
            inside[0] = True
            try:
                return step(*given)
            finally:
                inside[0] = False

        def counted(model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
            if inside[0]:  # not what is only tried or evaluated
                mask, labels = inputs["attention_mask"], inputs["labels"]
                self.batches.append((mask.sum(), mask.numel(), (labels[:, 1:] != -100).sum()))
            return loss(model, inputs, *rest, **named)

        trainer.training_step, trainer.compute_loss = counting, counted
        return trainer

    def begin(self, done: int, total: int) -> None:
        """Say that the first step is about to begin."""
        at = time.time()
        self.tell("start", at=at, **self.about())

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Say how a step went."""
        if "loss" not in metrics:
            return
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds, cpu = time.monotonic() - self.begun, time.process_time() - self.busy
        tokens, filled, learnt = (sum(int(batch[n]) for batch in self.batches) for n in range(3))
        loss = float(metrics["loss"]) * learnt
        self.batches.clear()
        self.tell(
            "step",
            seconds=seconds,
            cpu=cpu,
            tokens=tokens,
            filled=filled,
            learnt=learnt,
            loss=loss,
            **memory(),
        )

    def tell(self, event: str, **facts: Any) -> None:
        """Write an event, and wait to be told to go on; when nobody is there to tell, end."""
        self.events.write(json.dumps({"event": event, **facts}) + "\n")
        if not sys.stdin.readline():
            os._exit(0)
        self.begun, self.busy = time.monotonic(), time.process_time()


def memory() -> dict[str, int]:
    """Return the peak of this process in bytes, as `sft` logs it, and on a GPU what it holds there beside that."""
    import torch

    from sft.training import follow

    beside = 0
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        beside = total - free - torch.cuda.memory_reserved()
    return {"peak": follow.memory_peak(), "beside": beside}


def _about(rows: Iterable[tuple[Sequence[int], Sequence[int]]]) -> dict[str, Any]:
    """Return how long the rows are and a hash of ids and labels, whatever their order.

    `attended` is the length of the row that a token is in, on average.
    """
    each, lengths = hashlib.sha256(), list[int]()
    for text in sorted(repr((list(ids), list(labels))) for ids, labels in rows):
        each.update(text.encode())
        lengths.append(text.partition("]")[0].count(",") + 1)
    attended = sum(length**2 for length in lengths) / sum(lengths)
    return {
        "rows": len(lengths),
        "lengths": sorted(lengths),
        "attended": attended,
        "digest": each.hexdigest()[:16],
    }


def with_sft(task: Task, backend: str, clock: Clock) -> None:
    """Train as ``sft train`` does behind its command line."""
    from sft import devices, runs, settings
    from sft.training import job as jobs
    from sft.training import loop
    from sft.training import run as training

    resolved = settings.resolve_train({"backend": backend}, use_case=_preset(task))
    job = jobs.prepare(Path.cwd(), resolved, ROWS, Silent())
    devices.use(job.device)
    folder, _going_on = runs.place(Path.cwd(), f"{RUN}-{backend}", job.lock, resume=False)
    made = loop.trainer
    loop.trainer = lambda *given, **named: clock.count(made(*given, **named))  # type: ignore[assignment]
    needed = job.decision.memory
    clock.about = lambda: _about((row.ids, row.labels) for row in job.trained) | {
        "micro": job.settings.batch_size, "recompute": job.decision.gradient_checkpointing,
        "weights": needed.precision if needed else "?", "forecast": needed.total if needed else None,
    }  # fmt: skip
    training.run(job, folder, going_on=False, use_case="", watch=clock)


def _preset(task: Task) -> str:
    """Write the task as a preset, because what a preset says of the micro-batch is only a proposal."""
    from sft import presets

    lines = [f"{name} = {presets.as_toml(value)}" for name, value in task.preset().items()]
    path = Path("bench.toml")
    path.write_text("\n".join(['description = "bench"', "[train]", *lines, ""]), encoding="utf-8")
    return str(path)


def with_trl(task: Task, tuned: bool, clock: Clock) -> None:
    """Train with TRL's `SFTTrainer` and its defaults, or `tuned` as one does by hand who knows them.

    Given are rows, adapter, effective batch, learning rate and a log line for every step. Tuned: the type of number that
    this machine multiplies fastest (fp32 on a CPU without AMX, else bf16), no checkpointing, batches of rows of like length.
    """
    from sft import base, devices, models
    from sft.backends import TARGETS

    devices.use(devices.choose(task.device))
    fp32 = tuned and task.device == "cpu" and not devices.has_amx()
    import torch
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer, PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Follow(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            clock.begin(0, 0)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                clock.step(int(state.global_step), logs)

    folder = str(base.fetch(models.resolve(task.model), weights=True).folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    rows = load_dataset("json", data_files=str(ROWS / "train.jsonl"), split="train").select_columns(
        "messages"
    )
    loading: dict[str, Any] = {}
    if tuned or task.bits == 4:
        loading["dtype"] = torch.float32 if fp32 else torch.bfloat16
    if task.bits == 4:
        from sft.backends.hf import quantization

        loading["quantization_config"] = quantization(torch.bfloat16)
    better = {"gradient_checkpointing": False, "train_sampling_strategy": "group_by_length"} if tuned else {}
    better |= {"bf16": False} if fp32 else {}
    config = SFTConfig(
        output_dir=f"{RUN}-trl", use_cpu=task.device == "cpu", max_steps=task.steps * task.passes, learning_rate=task.lr,
        gradient_accumulation_steps=task.batch // MICRO, logging_steps=1, disable_tqdm=True, assistant_only_loss=True,
        seed=task.seed, max_length=LONGEST, model_init_kwargs=loading or None, **better,
    )  # fmt: skip
    lora = LoraConfig(
        r=task.r, lora_alpha=task.alpha, lora_dropout=0.0, target_modules=list(TARGETS), task_type="CAUSAL_LM"
    )
    trainer = SFTTrainer(
        folder,
        args=config,
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=lora,
        callbacks=[Follow()],
    )
    trainer.remove_callback(PrinterCallback)
    clock.about = lambda: _about((row["input_ids"], row["labels"]) for row in trainer.train_dataset) | {
        "micro": MICRO, "recompute": not tuned, "forecast": None,
        "weights": "nf4" if task.bits == 4 else "fp32" if fp32 else "bf16" if tuned else "fp32, bf16 autocast",
    }  # fmt: skip
    clock.count(trainer).train()


def main() -> None:
    """Be the contender that the command line names."""
    task = Task(**json.loads(sys.argv[2]))
    os.chdir(task.workspace)
    clock = Clock(task)
    name, _space, backend = sys.argv[1].partition(" ")
    if name == "sft":
        with_sft(task, backend, clock)
    else:
        with_trl(task, sys.argv[1] == TUNED, clock)


if __name__ == "__main__":
    main()
