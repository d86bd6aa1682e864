"""Follow a training step by step: ``log.jsonl``, progress, stop on signals."""

import json
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sft import disk
from sft.i18n import _
from sft.planner import cards
from sft.planner.flops import Work, utilisation
from sft.planner.plan import Plan
from sft.text import write_text
from sft.training import alarms, course, exam, pace, part_states
from sft.training.gauge import Gauge
from sft.training.order import Order, named
from sft.training.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from sft.training.job import Job

_NAMES = {  # what the trainer calls it, and what the log does
    "loss": "loss",
    "eval_loss": "eval_loss",
    "learning_rate": "lr",
    "grad_norm": "grad_norm",
    "epoch": "epoch",
    "eval_task_seconds": "task_seconds",
}
_ALSO = ("tokens_per_s", "tokens_per_s_now", "tflops", "mfu", "hfu", "gpu_util", "memory")


class Watch(Protocol):
    """Who is told how a training goes; the command line draws it."""

    def note(self, text: str) -> None:
        """Say one line."""

    def begin(self, done: int, total: int) -> None:
        """Begin at step `done` of `total`."""

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Show the state after a step; `metrics` holds what is new, {} when nothing was logged."""

    def alarm(self, line: Mapping[str, Any]) -> None:
        """Tell what is wrong, or that it is over: a line of the log."""

    def end(self) -> None:
        """Stop drawing."""


class Silent:
    """A watch that shows nothing: that of every process but the first."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def begin(self, done: int, total: int) -> None:
        """Show nothing."""

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Show nothing."""

    def alarm(self, line: Mapping[str, Any]) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Show nothing."""


@dataclass(slots=True)
class Stop:
    """Set by a signal: the step is finished, a checkpoint saved, then the training stops."""

    name: str = ""


@contextmanager
def signals(watch: Watch, kill: Callable[[], None] | None = None) -> Iterator[Stop]:
    """Turn INT, TERM and HUP (a closed terminal) into save-then-stop; a second INT stops at once.

    It ends this process, or by `kill` those that train for it.
    """
    stop = Stop()

    def handle(number: int, frame: object) -> None:
        if stop.name and number == signal.SIGINT:
            if kill is None:
                raise KeyboardInterrupt
            kill()
            return
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


@dataclass(slots=True)
class State:
    """What the callback carries from step to step; the entries up to `every` say what is followed.

    `ids` names the rows by place; `work` and `peak` (of all cards, FLOP a second) turn a rate into a utilisation,
    `figure` names the task metric.
    """

    plan: Plan
    order: Order
    log: Path
    watch: Watch
    stop: Stop
    setup: alarms.Setup
    gauge: Gauge
    together: Ranks = ALONE
    ids: Sequence[str] = ()
    work: Work | None = None
    peak: float | None = None
    figure: str = ""
    every: int = 1
    began: float = 0.0
    first_step: int = 0
    resumed: float = 0.0
    busy: list[float] = field(default_factory=list)  # seconds after every step of this start
    tokens: list[int] = field(default_factory=list)
    logged: int = 0
    watchman: alarms.Watchman | None = None

    def begin(self, step: int) -> None:
        """Begin to follow at `step`: what the log says of later steps is forgotten, they are taken again."""
        self.began = self.resumed = time.monotonic()
        self.first_step = step
        self.busy, self.tokens, self.logged = [0.0], [0], 0
        if self.together.first:
            _keep_log_until(self.log, step)
        self.watchman = alarms.Watchman(self.setup, course.read(self.log))

    def took(self, step: int) -> None:
        """Take a step into account."""
        now = time.monotonic()
        self.busy.append(self.busy[-1] + now - self.resumed)
        self.tokens.append(self.tokens[-1] + self.order.tokens(step - 1))
        self.resumed = now

    def rate(self, since: int) -> float:
        """Return the non-pad tokens a second of training, evaluation and saving left out, since a step of this start."""
        return (self.tokens[-1] - self.tokens[since]) / max(self.busy[-1] - self.busy[since], 1e-9)

    def line(self, step: int, logs: Mapping[str, Any]) -> dict[str, Any]:
        """Return one line of ``log.jsonl``: our names, numbers only.

        The first step of a start, which warms everything up, counts for the rate only while it is alone.
        """
        warm, last = (1 if len(self.busy) > 2 else 0), len(self.busy) - 1
        line: dict[str, Any] = {"step": step}
        line |= {ours: float(logs[theirs]) for theirs, ours in _NAMES.items() if theirs in logs}
        if (value := logs.get(f"eval_{self.figure}")) is not None:
            line |= {"task_metric": float(value), "figure": self.figure}
        rate = self.rate(warm)
        line["tokens_per_s"] = round(rate, 1)
        if "loss" in line:
            since, self.logged = min(max(self.logged, warm), last - 1), last
            line["tokens_per_s_now"] = round(self.rate(since), 1)
            line |= utilisation(self.work, rate, self.peak)
            load = self.gauge.mean()
            line |= {} if load is None else {"gpu_util": load}
        return line | {"seconds": round(time.monotonic() - self.began, 2), "memory": memory_peak()}

    def left(self, step: int) -> float | None:
        """Return the seconds to the end, evaluation and saving included."""
        done = step - self.first_step
        return (self.plan.total_steps - step) * (time.monotonic() - self.began) / done if done else None

    def tell(self, line: Mapping[str, Any]) -> None:
        """Write a line of metrics and what is wrong, if anything, into the log; say it and show it."""
        assert self.watchman is not None
        said = [self._with_rows(one) for one in self.watchman.hear(line)]
        with self.log.open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in (line, *said))
        for one in said:
            self.watch.alarm(one)
        self.watch.step(int(line["step"]), {**line, "left": self.left(int(line["step"]))})

    def _with_rows(self, line: dict[str, Any]) -> dict[str, Any]:
        """Name the rows of a step whose loss is far from usual; where several steps are logged as one it may be any."""
        if line["alarm"] != "loss_spike" or "text" not in line or self.every > 1:
            return line
        ids = [self.ids[place] for place in self.order.step(line["step"] - 1)]
        return line | {"text": _("{text}; its rows: {ids}").format(text=line["text"], ids=named(ids))}


def of(
    job: "Job", order: Order, folder: Path, watch: Watch, stop: Stop, gauge: Gauge, together: Ranks
) -> State:
    """Return how a job is followed."""
    peak = cards.peak(job.device)
    return State(
        plan=job.plan,
        order=order,
        log=folder / "log.jsonl",
        watch=watch,
        stop=stop,
        setup=alarms.Setup(
            warmup=job.plan.warmup_steps,
            total=job.plan.total_steps,
            grad_accum=job.settings.grad_accum,
            gpu=job.device.kind == "gpu",
            stages=tuple(end + 1 for end in part_states.ends(job.plan)),
        ),
        gauge=gauge,
        together=together,
        ids=job.trained.ids,
        every=job.settings.log_steps,
        work=pace.work(job),
        peak=peak and peak * job.plan.devices,
        figure=exam.figure(job.template.task),
    )


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
            state.begin(int(now.global_step))
            state.watch.begin(state.first_step, state.plan.total_steps)

        def on_step_begin(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.together.seed(args.seed, int(now.global_step))

        def on_step_end(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.took(int(now.global_step))
            state.watch.step(int(now.global_step), {})
            # All at the same step: a signal reaches the processes at different moments.
            if state.together.any_of(bool(state.stop.name)) and now.global_step < now.max_steps:
                state.stop.name = next(filter(None, state.together.all_of(state.stop.name)))
                control.should_save = control.should_training_stop = True

        def on_log(self, args: Any, now: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if state.together.first and logs and {"loss", "eval_loss"} & set(logs):
                line = state.line(int(now.global_step), logs)
                logs.update({
                    name: line[name] for name in _ALSO if name in line
                })  # for whom it is reported to
                state.tell(line)

        def on_evaluate(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            state.resumed = time.monotonic()
            state.gauge.forget()

        def on_save(self, args: Any, now: Any, control: Any, **_: Any) -> None:
            if state.together.first and state.log.is_file():
                disk.settle(state.log)
            state.resumed = time.monotonic()

    return Follow()


def _keep_log_until(path: Path, step: int) -> None:
    """Drop log lines behind the checkpoint we go on from: those steps are taken again; from step 0 on all are."""
    if path.is_file():
        kept = [line for line in course.read(path) if line["step"] <= step] if step else []
        write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept))


def losses(path: Path) -> list[float]:
    """Return the training losses of a log, in order."""
    return [line["loss"] for line in course.read(path) if "loss" in line]
