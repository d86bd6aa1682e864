"""Fit a training into the memory that is free: micro-batch, 4 or 16 (32) bit, checkpointing, each with its reason. Pure.

What is set outright stays as it is; "auto" and the micro-batch of a preset are chosen, as `sft.planner.ladder` tries them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sft.i18n import _
from sft.models import Model, known
from sft.planner.ladder import PROFILES, Task, divisors
from sft.planner.memory import Device, Memory, Precision, forecast

if TYPE_CHECKING:
    from sft.presets import TrainSettings

_STEP = 64  # lengths that are offered instead of one that does not fit


@dataclass(frozen=True, slots=True)
class Decision:
    """What the choices came to, with a reason for each; `memory` is None for a model of unknown shape.

    `fits` is None where free memory or shape are not known. `hints` say what would fit when this does not.
    """

    batch_size: int
    grad_accum: int
    load_in_4bit: bool
    gradient_checkpointing: bool
    reasons: tuple[str, ...]
    profile: str
    memory: Memory | None = None
    free: float | None = None
    fits: bool | None = None
    hints: tuple[str, ...] = ()

    @property
    def margin(self) -> float:
        """Return the part of the free memory that the profile leaves free."""
        return PROFILES[self.profile].margin

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "batch_size": self.batch_size,
            "grad_accum": self.grad_accum,
            "load_in_4bit": self.load_in_4bit,
            "gradient_checkpointing": self.gradient_checkpointing,
            "reasons": list(self.reasons),
            "profile": self.profile,
            "memory": self.memory.as_dict() if self.memory else None,
            "free": self.free,
            "fits": self.fits,
            "hints": list(self.hints),
        }


def decide(
    model: Model,
    settings: "TrainSettings",
    *,
    free: float | None = None,
    length: int | None = None,
    per_row: float | None = None,
    device: Device = "gpu",
    sixteen_bit: Precision = "bf16",
    backend: str = "",
    fixed: bool = False,
) -> Decision:
    """Choose micro-batch, precision and checkpointing for one card.

    `free` is the memory free now on that device in bytes, `length` the longest row in tokens (default: max_length),
    `per_row` the mean. `backend` is the one that will train where the settings say "auto". `fixed`: the micro-batch
    was asked for outright.
    """
    if free is None or model.shape is None:
        return _unknown(model, settings, free, length, device, sixteen_bit, backend)
    longest = min(length or settings.max_length, settings.max_length)
    task = Task(
        settings,
        PROFILES[settings.profile],
        free,
        min(per_row or longest, longest),
        gpu=device == "gpu",
        fixed=fixed,
        sixteen=sixteen_bit,
        at=_forecaster(model, settings, longest, device, backend, sixteen_bit),
    )
    found = task.best()
    fits = found is not None
    if found is None:
        precision, recompute = list(task.steps())[-1]
        found = task.at(precision, recompute, task.batches()[-1])
    four = found.precision == "nf4"
    return Decision(
        batch_size=found.batch_size,
        grad_accum=task.effective // found.batch_size,
        load_in_4bit=four,
        gradient_checkpointing=found.checkpointing,
        reasons=(_why_precision(task, found), _why_checkpointing(task, found), _why_batch(task, found)),
        profile=settings.profile,
        memory=found,
        free=free,
        fits=fits,
        hints=() if fits else _hints(task, model, found, device, backend),
    )


def _forecaster(
    model: Model, settings: "TrainSettings", length: int, device: Device, backend: str, sixteen_bit: Precision
) -> Callable[[Precision, bool, int], Memory]:
    shape = model.shape
    assert shape is not None

    def at(precision: Precision, recompute: bool, batch: int) -> Memory:
        return forecast(
            shape,
            batch_size=batch,
            length=length,
            r=settings.lora_r,
            precision=precision,
            checkpointing=recompute,
            optim=settings.optim,
            dropout=settings.lora_dropout,
            backend=backend or settings.backend,
            device=device,
            compute=sixteen_bit,
        )

    return at


def _unknown(
    model: Model,
    settings: "TrainSettings",
    free: float | None,
    length: int | None,
    device: Device,
    sixteen_bit: Precision,
    backend: str,
) -> Decision:
    """Decide without free memory or without the model's shape: nothing to compare, so what needs least is taken."""
    full = _bits(sixteen_bit)
    weights = (4 if sixteen_bit == "fp32" else 2) * model.parameters if model.parameters else None
    four = settings.load_in_4bit
    if four != "auto":
        why = _("{bits}: as set").format(bits=_bits("nf4") if four else full)
    elif weights is None:
        four, why = True, _("4 bit: the model's size is not known here")
    elif weights < 2e9:
        four, why = False, _("{bits}: {gb} GB of weights fit any card").format(bits=full, gb=_gb(weights))
    elif free is None:
        four = True
        why = _("4 bit: {gb} GB in {bits}, and free memory is not known").format(bits=full, gb=_gb(weights))
    else:
        four = weights > 0.35 * free
        why = _("{bits}: weights in {full} take {gb} of {free} GB free").format(
            bits=_bits("nf4") if four else full, full=full, gb=_gb(weights), free=_gb(free)
        )
    recompute = settings.gradient_checkpointing is not False
    memory = None
    if model.shape is None:
        second = _("the model's shape is not known here: no memory forecast")
    else:
        second = (
            _("checkpointing on: free memory is not known") if recompute else _("checkpointing off: as set")
        )
        longest = min(length or settings.max_length, settings.max_length)
        at = _forecaster(model, settings, longest, device, backend, sixteen_bit)
        memory = at("nf4" if four else sixteen_bit, recompute, settings.batch_size)
    return Decision(
        settings.batch_size,
        settings.grad_accum,
        bool(four),
        recompute,
        (why, second),
        settings.profile,
        memory,
        free,
    )


def _gb(value: float) -> str:
    return f"{value / 1e9:.1f}"


def _bits(precision: Precision) -> str:
    return _("{n} bit").format(n={"nf4": 4, "fp32": 32}.get(precision, 16))


def _why_precision(task: Task, found: Memory) -> str:
    four, wanted = found.precision == "nf4", task.settings.load_in_4bit
    bits, full = _bits(_precision(found)), _bits(task.sixteen)
    if wanted != "auto":
        other = task.at(task.sixteen, found.checkpointing, found.batch_size)
        if four and task.gpu and task.fits(other):
            return _("{bits}: as set; {full} needs {need} GB, would fit too, and is faster").format(
                bits=bits, full=full, need=_gb(other.total)
            )
        return _("{bits}: as set").format(bits=bits)
    if not four:
        return _("{bits}: the weights take {gb} of {free} GB free; 4 bit saves memory, never time").format(
            bits=bits, gb=_gb(found.weights), free=_gb(task.free)
        )
    smallest = task.at(task.sixteen, True, 1)
    if smallest.weights > task.profile.sixteen_bit * task.free:
        return _("{bits}: weights in {full} would take {gb} of {free} GB free").format(
            bits=bits, full=full, gb=_gb(smallest.weights), free=_gb(task.free)
        )
    return _("{bits}: in {full} {n} rows a pass need {need} of {free} GB free").format(
        bits=bits,
        full=full,
        n=found.batch_size,
        need=_gb(
            task.at(task.sixteen, task.settings.gradient_checkpointing is not False, found.batch_size).total
        ),
        free=_gb(task.free),
    )


def _why_checkpointing(task: Task, found: Memory) -> str:
    state = _("checkpointing on") if found.checkpointing else _("checkpointing off")
    if task.settings.gradient_checkpointing != "auto":
        return _("{state}: as set").format(state=state)
    if found.checkpointing and task.profile.recompute:
        return _("{state}: profile safe").format(state=state)
    without = task.at(_precision(found), False, found.batch_size)
    return _("{state}: {need} GB without it, {free} GB free").format(
        state=state, need=_gb(without.total), free=_gb(task.free)
    )


def _why_batch(task: Task, found: Memory) -> str:
    wanted, accum = task.settings.batch_size, task.settings.grad_accum
    pair = f"{found.batch_size} × {task.effective // found.batch_size}"
    if found.batch_size == wanted:
        return _("micro-batch {pair}: as set").format(pair=pair)
    if found.batch_size > wanted:
        return _(
            "micro-batch {pair} instead of {old}: {n} rows are only {tokens:.0f} tokens a pass, too few to keep a card busy"
        ).format(pair=pair, old=f"{wanted} × {accum}", n=wanted, tokens=wanted * task.per_row)
    wide = task.at(_precision(found), found.checkpointing, wanted)
    return _("micro-batch {pair} instead of {old}: {n} rows a pass need {need} of {free} GB free").format(
        pair=pair, old=f"{wanted} × {accum}", n=wanted, need=_gb(wide.total), free=_gb(task.free)
    )


def _precision(found: Memory) -> Precision:
    return found.precision  # type: ignore[return-value]


def _hints(task: Task, model: Model, found: Memory, device: Device, backend: str) -> tuple[str, ...]:
    """Name what would fit: another micro-batch, 4 bit, a shorter limit, a smaller model."""
    hints: list[str] = []
    four = task.settings.load_in_4bit is not False
    recompute = task.settings.gradient_checkpointing is not False
    precision: Precision = "nf4" if four else task.sixteen
    if task.fixed:
        for batch in reversed(divisors(task.effective)):
            if batch < found.batch_size and task.fits(task.at(precision, recompute, batch)):
                hints.append(
                    _("--batch-size {batch} --grad-accum {accum} keeps the effective batch").format(
                        batch=batch, accum=task.effective // batch
                    )
                )
                break
    if not hints and not (four and recompute) and task.fits(task.at("nf4", True, 1)):
        hints.append(_('with load_in_4bit and gradient_checkpointing "auto" it fits'))
    for length in range(found.length // _STEP * _STEP, 0, -_STEP) if not hints else ():
        shorter = _forecaster(model, task.settings, length, device, backend, task.sixteen)
        if length < found.length and task.fits(shorter(precision, recompute, 1)):
            hints.append(_("rows of at most {n} tokens fit: --max-length {n}").format(n=length))
            break
    smaller = [
        other
        for other in known().values()
        if (other.parameters or 0) < (model.parameters or 0)
        and task.fits(
            _forecaster(other, task.settings, found.length, device, backend, task.sixteen)(
                precision, recompute, 1
            )
        )
    ]
    if smaller:
        name = max(smaller, key=lambda other: other.parameters or 0).name
        hints.append(_("a smaller model fits: --model {name}").format(name=name))
    return tuple(hints)
