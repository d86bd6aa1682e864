"""Fit a training into the memory that is free: micro-batch, 4 or 16 (32) bit, checkpointing, each with its reason. Pure.

What is set outright stays as it is; "auto" and the micro-batch of a preset are chosen, as `sft.planner.ladder` tries them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sft.i18n import _
from sft.models import Model, known
from sft.planner.ladder import PROFILES, Task, divisors
from sft.planner.memory import Device, Memory, Precision, at_once, forecast

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
        reasons=(
            _why_precision(task, found),
            _why_checkpointing(task, found),
            _why_batch(task, found),
            *_in_pieces(task, found),
            *_beyond(model, longest),
        ),
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
            shards=settings.num_processes if settings.fsdp else 1,
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
    longest = min(length or settings.max_length, settings.max_length)
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
        at = _forecaster(model, settings, longest, device, backend, sixteen_bit)
        memory = at("nf4" if four else sixteen_bit, recompute, settings.batch_size)
    return Decision(
        settings.batch_size,
        settings.grad_accum,
        bool(four),
        recompute,
        (why, second, *_beyond(model, longest)),
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
    bits, full = _bits(found.precision), _bits(task.sixteen)
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
    without = task.at(found.precision, False, found.batch_size)
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
            "micro-batch {pair} instead of {old}: {n} rows are only {tokens:.0f} tokens a pass, too few to keep the device busy"
        ).format(pair=pair, old=f"{wanted} × {accum}", n=wanted, tokens=wanted * task.per_row)
    wide = task.at(found.precision, found.checkpointing, wanted)
    return _("micro-batch {pair} instead of {old}: {n} rows a pass need {need} of {free} GB free").format(
        pair=pair, old=f"{wanted} × {accum}", n=wanted, need=_gb(wide.total), free=_gb(task.free)
    )


def _in_pieces(task: Task, found: Memory) -> tuple[str, ...]:
    limit = at_once(found.device, task.settings.num_processes if task.settings.fsdp else 1)
    if not limit or found.batch_size * found.length <= limit:
        return ()
    text = _("on a CPU rows go through the model in pieces of at most {n} tokens: faster, and less memory")
    return (text.format(n=max(limit, found.length)),)


def _beyond(model: Model, length: int) -> tuple[str, ...]:
    """Say that rows are longer than the model was made for."""
    if model.context is None or length <= model.context:
        return ()
    text = _("! rows of up to {n} tokens, but the model was made for {most}")
    return (text.format(n=length, most=model.context),)


def _hints(task: Task, model: Model, found: Memory, device: Device, backend: str) -> tuple[str, ...]:
    """Name what would fit: a narrower micro-batch, 4 bit, a shorter limit, a smaller model; each with all else as it is."""
    four = task.settings.load_in_4bit is not False
    recompute = task.settings.gradient_checkpointing is not False
    precision: Precision = "nf4" if four else task.sixteen
    rows = found.batch_size  # as asked for outright, else the fewest

    def fits(other: Model, length: int) -> bool:
        at = _forecaster(other, task.settings, length, device, backend, task.sixteen)
        return task.fits(at(precision, recompute, rows))

    hints: list[str] = []
    narrower = [
        n for n in divisors(task.effective) if n < rows and task.fits(task.at(precision, recompute, n))
    ]
    if narrower:
        hints.append(
            _("--batch-size {batch} --grad-accum {accum} keeps the effective batch").format(
                batch=narrower[-1], accum=task.effective * task.settings.num_processes // narrower[-1]
            )
        )
    elif not (four and recompute) and task.fits(task.at("nf4", True, rows)):
        hints.append(_('with load_in_4bit and gradient_checkpointing "auto" it fits'))
    elif length := _longest(lambda length: fits(model, length), found.length):
        hints.append(_("rows of at most {n} tokens fit: --max-length {n}").format(n=length))
    below = [other for other in known().values() if (other.parameters or 0) < (model.parameters or 0)]
    if smaller := [one for one in below if not _beyond(one, found.length) and fits(one, found.length)]:
        name = max(smaller, key=lambda other: other.parameters or 0).name
        hints.append(_("a smaller model fits: --model {name}").format(name=name))
    if not hints and rows > 1 and _hints(task, model, task.at(precision, recompute, 1), device, backend):
        hints.append(_("leave batch_size and grad_accum to the plan: it takes fewer rows at once"))
    return tuple(hints)


def _longest(fits: Callable[[int], bool], limit: int) -> int:
    """Return the greatest length below `limit` that fits, in whole steps; 0 when none does.

    >>> _longest(lambda length: length <= 1000, 2048), _longest(lambda length: False, 2048)
    (960, 0)
    """
    low, high = 0, (limit - 1) // _STEP
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle * _STEP) else (low, middle - 1)
    return low * _STEP
