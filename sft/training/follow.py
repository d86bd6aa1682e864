"""Follow a training step by step: ``log.jsonl``, progress, stop on signals, mark complete checkpoints."""

import json
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sft import runs
from sft.i18n import _
from sft.planner.plan import Plan
from sft.text import write_text
from sft.training.order import Order
from sft.training.ranks import Ranks


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


class Silent:
    """A watch that draws nothing: that of every process but the first."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def begin(self, done: int, total: int) -> None:
        """Draw nothing."""

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Draw nothing."""

    def end(self) -> None:
        """Draw nothing."""


@dataclass(slots=True)
class Stop:
    """Set by a signal: the step is finished, a checkpoint saved, then the training stops."""

    name: str = ""


@contextmanager
def signals(watch: Watch, forward: Callable[[int], None] | None = None) -> Iterator[Stop]:
    """Turn INT, TERM and HUP (a closed terminal) into save-then-stop; a second INT stops at once.

    With `forward` it is other processes that train: signals are passed on to them, KILL for a second INT.
    """
    stop = Stop()

    def handle(number: int, frame: object) -> None:
        at_once = bool(stop.name) and number == signal.SIGINT
        if forward is not None:
            forward(signal.SIGKILL if at_once else number)
        elif at_once:
            raise KeyboardInterrupt
        stop.name = signal.Signals(number).name
        if not at_once:
            text = _("{signal}: finishing this step and saving; once more to stop at once")
            watch.note(text.format(signal=stop.name))

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class State:
    """What the callback carries from step to step."""

    plan: Plan
    order: Order
    log: Path
    watch: Watch
    stop: Stop
    together: Ranks = field(default_factory=Ranks)
    began: float = 0.0
    first_step: int = 0
    resumed: float = 0.0
    busy: float = 0.0
    tokens: int = 0
    shown: dict[str, Any] = field(default_factory=dict)

    def metrics(self, step: int, logs: Mapping[str, Any]) -> dict[str, Any]:
        """Return one line of ``log.jsonl``: our names, numbers only.

        The rate is in non-pad tokens a second of training, evaluation and saving not counted; `left` counts all.
        """
        passed = max(time.monotonic() - self.began, 1e-9)
        done = step - self.first_step
        rate = self.tokens / max(self.busy, 1e-9)
        names = {
            "loss": "loss",
            "eval_loss": "eval_loss",
            "learning_rate": "lr",
            "grad_norm": "grad_norm",
            "epoch": "epoch",
        }
        values = {ours: float(logs[theirs]) for theirs, ours in names.items() if theirs in logs}
        left = (self.plan.total_steps - step) * passed / done if done else None
        return {
            "step": step,
            **values,
            "tokens_per_s": round(rate, 1),
            "seconds": round(passed, 2),
            "memory": memory_peak(),
            "left": left,
        }


def memory_peak() -> int:
    """Return the most bytes this process has held: reserved on the GPU, else resident in memory."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_reserved())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def callback(state: State) -> Any:
    """Return the trainer callback; a class made here, because its base class lives in transformers."""
    from transformers import TrainerCallback

    class Follow(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.began, state.first_step = time.monotonic(), int(now.global_step)
            state.resumed = state.began
            if state.together.first:
                _keep_log_until(state.log, state.first_step)
            state.watch.begin(state.first_step, state.plan.total_steps)

        def on_step_begin(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.together.seed(args.seed, int(now.global_step))

        def on_step_end(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.busy += time.monotonic() - state.resumed
            state.resumed = time.monotonic()
            state.tokens += state.order.tokens(int(now.global_step) - 1)
            # All at the same step: a signal reaches the processes at different moments.
            if state.together.any_of(bool(state.stop.name)) and now.global_step < now.max_steps:
                state.stop.name = next(filter(None, state.together.all_of(state.stop.name)))
                control.should_save = control.should_training_stop = True

        def on_log(self, args: Any, now: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if not state.together.first or not logs or not {"loss", "eval_loss"} & set(logs):
                return
            line = state.metrics(int(now.global_step), logs)
            with state.log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({k: v for k, v in line.items() if k != "left"}) + "\n")
            state.shown.update(line)
            state.watch.step(int(now.global_step), dict(state.shown))

        def on_evaluate(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.resumed = time.monotonic()

        def on_save(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.together.meet()  # each has written its part of the checkpoint
            if state.together.first:
                folder = Path(args.output_dir) / f"checkpoint-{now.global_step}"
                runs.mark_complete(folder, int(now.global_step))
            state.resumed = time.monotonic()

    return Follow()


def _keep_log_until(path: Path, step: int) -> None:
    """Drop log lines behind the checkpoint we go on from: those steps are taken again."""
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        write_text(path, "".join(kept))


def losses(path: Path) -> list[float]:
    """Return the training losses of a log, in order."""
    if not path.is_file():
        return []
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [line["loss"] for line in lines if "loss" in line]
