"""What goes wrong in a training, told from its own figures as they come, with what helps. Pure.

A false alarm is worse than none: nobody reads the next one. So every rule asks for more than noise can do, and each
alarm is told once; it comes back only after it was over.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from math import exp, inf, isfinite, log, nan, sqrt
from statistics import fmean, median
from typing import Any

from sft.i18n import _

_WINDOW = 20  # logged losses that say what is usual now
_SCATTER = 100  # logged losses that say how far they scatter
_OVER = 10  # judgements in a row without the trouble, and it is over
_SIGMA = 1.4826  # from a median absolute deviation to a standard deviation
_LEAST = 1e-4  # a loss below counts as this: it stands in logarithms
_LEARNT = 0.1  # a loss below it need not fall any more
_LOW_RATE = 1e-4  # LoRA is usually trained with 1e-4 to 2e-4
_IDLE, _BUSY_AGAIN = 50, 60  # percent of a GPU's time
_SLOW, _FAST_AGAIN = 0.6, 0.75  # of the usual rate
_PAST = 500  # rates that say what is usual
_LINES, _SECONDS = 10, 60  # what is called "now" for rate and load: so many lines, and so long


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something is wrong since `step`: what (`text`), and what helps (`hint`)."""

    id: str
    step: int
    text: str
    hint: str

    def as_dict(self) -> dict[str, Any]:
        """Return the line of ``log.jsonl``."""
        return {"step": self.step, "alarm": self.id, "text": self.text, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Setup:
    """What a judgement must know of the training: its warm-up and its end in steps, and what it computes on.

    `stages` are the steps at which other rows begin, as in a curriculum: there the loss may jump for a good reason.
    """

    warmup: int = 0
    total: int = 0
    grad_accum: int = 1
    gpu: bool = False
    stages: tuple[int, ...] = ()


@dataclass(slots=True)
class Record:
    """The figures so far, by kind; rates and loads are those of this start alone, each with its second.

    Losses are kept as logarithms, because their noise is a share of them: a batch of hard rows doubles a small loss as
    it doubles a large one. `begin` is the place of the first one that belongs to the rows trained on now.
    """

    logs: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    evals: list[tuple[int, float]] = field(default_factory=list)
    rates: list[tuple[float, float]] = field(default_factory=list)
    loads: list[tuple[float, float]] = field(default_factory=list)
    lowest: float = inf  # of the medians of every window
    highest_lr: float = 0.0
    seconds: float = 0.0
    begin: int = 0

    def add(self, line: Mapping[str, Any], setup: Setup) -> None:
        """Take in one line of a log."""
        seconds = line.get("seconds", self.seconds)
        if seconds < self.seconds:  # it was started again, perhaps on another machine
            self.rates, self.loads = [], []
        self.seconds = seconds
        if isfinite(line.get("loss", nan)):
            before = self.steps[-1] if self.steps else 0
            if any(before < stage <= line["step"] for stage in setup.stages):
                self.begin, self.lowest = len(self.logs), inf
            self.logs.append(log(max(line["loss"], _LEAST)))
            self.steps.append(line["step"])
            if len(self.logs) - self.begin >= _WINDOW:
                self.lowest = min(self.lowest, median(self.logs[-_WINDOW:]))
        if isfinite(line.get("eval_loss", nan)):
            self.evals.append((line["step"], line["eval_loss"]))
        self.highest_lr = max(self.highest_lr, line.get("lr", 0.0))
        for name, kept in (("tokens_per_s_now", self.rates), ("gpu_util", self.loads)):
            if line.get(name) is not None:
                kept.append((seconds, line[name]))

    @property
    def first(self) -> float:
        """Return the loss that it began with; only where every step is logged there are several to tell it from."""
        every = self.steps[:2] == [1, 2]
        return exp(median(self.logs[:5]) if every else self.logs[0])

    def fresh(self, count: int) -> list[float]:
        """Return the last `count` logarithms of the rows trained on now; fewer while there are not that many."""
        return self.logs[max(self.begin, len(self.logs) - count) :]


Rule = Callable[[Record, Setup, bool], tuple[str, str] | None]


def _noise(logs: list[float]) -> float:
    """Return how far logarithms scatter, whatever way they go: from the differences of neighbours."""
    return _SIGMA * median(abs(b - a) for a, b in pairwise(logs)) / sqrt(2)


def _spike(record: Record, setup: Setup, held: bool) -> tuple[str, str] | None:
    """One loss far outside of all that is usual."""
    fresh = record.fresh(_SCATTER)
    if len(fresh) < _WINDOW + 3:
        return None
    now, before = fresh[-1], fresh[-_WINDOW - 1 : -1]
    level, noise = median(before), _noise(fresh[:-3])
    if now <= max(level + 8 * noise, max(before) + log(2), log(record.first)):
        return None
    return _("loss {now:.3g}, where {usual:.3g} was usual").format(now=exp(now), usual=exp(level)), _(
        "look at the rows of this step; if it does not come back by itself, or happens again, lower --lr"
    )


def _rising(record: Record, setup: Setup, held: bool) -> tuple[str, str] | None:
    """The training loss climbs away from where it was, at once or little by little."""
    found = _jump(record) or _climb(record, 0.1 if held else 0.2)
    if found is None:
        return None
    was, now = found
    text = _("the training loss rises: {was:.3g} before, {now:.3g} now").format(was=was, now=now)
    # Not over-fitting: then it is the validation loss that rises, while the training loss falls.
    return text, _("it diverges: stop, and start anew with half the --lr, or with a longer warm-up")


def _jump(record: Record) -> tuple[float, float] | None:
    """Return what the loss was and what it is, where the last three stand clearly above all before."""
    fresh = record.fresh(_SCATTER)
    if len(fresh) < _WINDOW + 3:
        return None
    before, now, noise = fresh[-_WINDOW - 3 : -3], median(fresh[-3:]), _noise(fresh[:-3])
    level = median(before)
    high = now > max(level + 5 * noise, max(before) + 0.1)
    return (exp(level), exp(now)) if high and exp(now) - exp(level) > 0.25 * record.first else None


def _climb(record: Record, share: float) -> tuple[float, float] | None:
    """Return the lowest level of the loss and the present one, where they are `share` of the first loss apart."""
    fresh = record.fresh(_SCATTER)
    if len(fresh) < 2 * _WINDOW:
        return None
    level, low = median(fresh[-_WINDOW:]), record.lowest
    apart = level - low > 3 * _noise(fresh) and exp(level) - exp(low) > share * record.first
    return (exp(low), exp(level)) if apart else None


def _validation(record: Record, setup: Setup, held: bool) -> tuple[str, str] | None:
    """Two evaluations in a row clearly above the best one, while the training loss does not rise."""
    if len(record.evals) < 3:
        return None
    step, best = min(record.evals, key=lambda one: one[1])
    if any(loss < 1.02 * best + 0.005 for _step, loss in record.evals[-2:]) or _climb(record, 0.1):
        return None
    return _("validation loss {now:.4g}; it was {best:.4g} at step {step}, and rises since").format(
        now=record.evals[-1][1], best=best, step=step
    ), _(
        "it learns rows by heart: take fewer epochs, or --best loss --patience 2; whether answers get worse, "
        "--best task tells"
    )


def _no_progress(record: Record, setup: Setup, held: bool) -> tuple[str, str] | None:
    """The loss is where it began: three later evaluations say so, or, without them, half of all the steps."""
    if len(record.logs) < _WINDOW or record.steps[-1] <= setup.warmup:
        return None
    now = exp(median(record.logs[-_WINDOW:]))
    evals = [loss for step, loss in record.evals if step >= setup.warmup]
    if (
        now < _LEARNT
        or now < 0.9 * record.first
        or not (_flat(evals) if len(evals) > 3 else _still(record, setup))
    ):
        return None
    text = _("the loss does not fall: {first:.3g} at the beginning, {now:.3g} now").format(
        first=record.first, now=now
    )
    if record.highest_lr < _LOW_RATE:
        return text, _("raise --lr: {lr:.1e} is low, LoRA is usually trained with 1e-4 to 2e-4").format(
            lr=record.highest_lr
        )
    return text, _(
        "look at the sample of --dry-run: can the answer between ⟦ ⟧ be told from what stands before it?"
    )


def _flat(evals: list[float]) -> bool:
    """Tell whether no evaluation is by 0.5 % better than the first: they are of the same rows, so there is little noise."""
    return min(evals[1:]) > 0.995 * evals[0]


def _still(record: Record, setup: Setup) -> bool:
    """Tell whether the last third of at least half of the steps is, for sure, not by 1.5 % below the first third."""
    begin = next(n for n, step in enumerate(record.steps) if step > setup.warmup)
    part = (len(record.logs) - begin) // 3
    if 2 * record.steps[-1] < setup.total or part < _WINDOW or record.begin:
        return False
    early, late = record.logs[begin : begin + part], record.logs[-part:]
    return fmean(early) - fmean(late) + 2.5 * _noise(late) * sqrt(2 / part) < 0.015


def _latest(figures: list[tuple[float, float]]) -> list[float]:
    """Return the figures of the last minute, and ten at least; [] while there are not that many."""
    if len(figures) < _LINES or figures[-1][0] - figures[0][0] < _SECONDS:
        return []
    begin = figures[-1][0] - _SECONDS
    count = sum(1 for _one in takewhile(lambda one: one[0] > begin, reversed(figures)))
    return [value for _second, value in figures[-max(count, _LINES) :]]


def _idle(record: Record, setup: Setup, held: bool) -> tuple[str, str] | None:
    """The GPU waits for half of the time or more."""
    load = fmean(_latest(record.loads) or [100])
    if not setup.gpu or load >= (_BUSY_AGAIN if held else _IDLE):
        return None
    hint = _("it waits for the CPU: see what else uses the CPU; a small model cannot fill a large card")
    if setup.grad_accum > 1:
        hint = _(
            "it waits for the CPU: raise --batch-size and lower --grad-accum, so that their product stays; "
            "see also what else uses the CPU"
        )
    return _("the GPU computes in {load:.0f} % of the time only").format(load=load), hint


def _slower(record: Record, setup: Setup, held: bool) -> tuple[str, str] | None:
    """The rate of the last minute is far below what it was before."""
    lately = _latest(record.rates)
    end = len(record.rates) - len(lately)
    before = [rate for _second, rate in record.rates[max(end - _PAST, 0) : end]]
    if not lately or len(before) < _WINDOW:
        return None
    now, usual = median(lately), median(before)
    if now >= (_FAST_AGAIN if held else _SLOW) * usual:
        return None
    text = _("{now:.0f} tokens/s, where {usual:.0f} were usual").format(now=now, usual=usual)
    if setup.gpu:
        return text, _(
            "see nvidia-smi: does somebody else compute on this card, is it hot or its power limited?"
        )
    return text, _("see top: does something else compute on this machine, or is its memory full?")


RULES: Mapping[str, Rule] = {
    "loss_spike": _spike,
    "rising_loss": _rising,
    "rising_validation": _validation,
    "no_progress": _no_progress,
    "gpu_idle": _idle,
    "slower": _slower,
}


class Watchman:
    """Judges a training line by line; what it returns is written into the log and told."""

    def __init__(self, setup: Setup, lines: Iterable[Mapping[str, Any]] = ()) -> None:
        """Begin, or go on after the `lines` of an earlier start: what was told then is not told again."""
        self._setup = setup
        self._record = Record()
        self._quiet: dict[str, int] = {}  # of every alarm that holds: judgements in a row without it
        for line in lines:
            if line.get("over"):
                self._quiet.pop(line["alarm"], None)
            elif "alarm" in line:
                self._quiet[line["alarm"]] = 0
            else:
                self._record.add(line, setup)

    def hear(self, line: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Take in a line of metrics; return the alarms that it raises and those that it ends, as lines of the log."""
        self._record.add(line, self._setup)
        said: list[dict[str, Any]] = []
        for name, rule in RULES.items():
            found = rule(self._record, self._setup, name in self._quiet)
            if found:
                if name not in self._quiet:
                    said.append(Alarm(name, int(line["step"]), *found).as_dict())
                self._quiet[name] = 0
            elif name in self._quiet:
                self._quiet[name] += 1
                if self._quiet[name] >= _OVER:
                    del self._quiet[name]
                    said.append({"step": line["step"], "alarm": name, "over": True})
        return said


def told(lines: Iterable[Mapping[str, Any]]) -> list[tuple[Alarm, bool]]:
    """Return every alarm of a log in order, with whether it still holds."""
    found: list[tuple[Alarm, bool]] = []
    for line in lines:
        if line.get("over"):
            found = [(one, holds and one.id != line["alarm"]) for one, holds in found]
        elif "alarm" in line:
            alarm = Alarm(line["alarm"], int(line["step"]), str(line["text"]), str(line.get("hint", "")))
            found.append((alarm, True))
    return found
