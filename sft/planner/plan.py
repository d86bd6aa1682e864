"""What a training will do, from rows and settings alone: steps, epochs, warm-up, evaluations, saves. Pure.

Counts as the transformers Trainer (5.17) counts: ceil(ceil(rows / micro) / devices) batches a device and epoch,
ceil of that by the accumulation steps an epoch (the last, smaller accumulation is a step too), ceil(epochs x steps).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sft.errors import SettingsError
from sft.i18n import _
from sft.planner import parts
from sft.planner.parts import Parts
from sft.records import Finding

if TYPE_CHECKING:
    from sft.presets import TrainSettings


_LR = 3e-4  # the highest rate that LoRA guides give for models of 1 B and more
_SMALL, _SMALL_LR = 300_000_000, 2e-3  # measured on 135 M: 1e-3 falls evenly


@dataclass(frozen=True, slots=True)
class Plan:
    """The derived numbers of one training.

    `rows` are the rows of one pass (a row of several stages counts in each), `steps` always optimizer steps. `epochs` are the passes that really happen,
    `rows_seen` counts a row as often as it is read. `eval_every` and `save_every` are 0 where it never happens on
    the way; a last save always happens, a last evaluation unless evaluation is off. `tokens` are those of one epoch,
    `supervised` the part of them that is learnt. `parts` are the chunks or stages of a pass, None where it has one.
    """

    rows: int
    batch_size: int
    grad_accum: int
    devices: int
    steps_per_epoch: int
    total_steps: int
    epochs: float
    rows_seen: int
    warmup_steps: int
    eval_every: int
    save_every: int
    n_evals: int
    n_saves: int
    tokens: int | None = None
    supervised: int | None = None
    parts: Parts | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def effective_batch(self) -> int:
        """Return the rows behind one optimizer step."""
        return self.batch_size * self.grad_accum * self.devices

    @property
    def tokens_per_step(self) -> float | None:
        """Return the mean tokens behind one optimizer step, None when the tokens were not counted."""
        return None if self.tokens is None else self.tokens / self.steps_per_epoch

    @property
    def tokens_seen(self) -> int | None:
        """Return the tokens of the whole training, None when they were not counted."""
        return None if self.tokens is None else round(self.tokens * self.epochs)

    def arithmetic(self) -> str:
        """Say how the number of steps comes about, in one line."""
        return _("{spe}; {total} steps are {epochs} epochs").format(
            spe=_per_epoch(self.rows, self.batch_size, self.grad_accum, self.devices, self.steps_per_epoch),
            total=self.total_steps,
            epochs=epochs_text(self.epochs),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of ``sft plan --json`` and ``run.json``."""
        return {
            "rows": self.rows,
            "batch_size": self.batch_size,
            "grad_accum": self.grad_accum,
            "devices": self.devices,
            "effective_batch": self.effective_batch,
            "steps_per_epoch": self.steps_per_epoch,
            "total_steps": self.total_steps,
            "epochs": self.epochs,
            "rows_seen": self.rows_seen,
            "warmup_steps": self.warmup_steps,
            "eval_every": self.eval_every,
            "save_every": self.save_every,
            "n_evals": self.n_evals,
            "n_saves": self.n_saves,
            "tokens": self.tokens,
            "supervised_tokens": self.supervised,
            "tokens_per_step": self.tokens_per_step,
            "tokens_seen": self.tokens_seen,
            "parts": self.parts.as_dict() if self.parts else None,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def steps_per_epoch(rows: int, batch_size: int, grad_accum: int, devices: int = 1) -> int:
    """Return the optimizer steps of one pass, rounded up as the Trainer does.

    >>> steps_per_epoch(7000, 8, 2)
    438
    """
    batches = math.ceil(math.ceil(rows / batch_size) / devices)
    return max(math.ceil(batches / grad_accum), 1)


def steps_of(setting: float, total: int) -> int:
    """Return an interval or a warm-up in steps: below 1 it is a part of `total`, rounded up, else whole steps.

    >>> steps_of(0.2, 1750), steps_of(0.05, 876), steps_of(100, 13), steps_of(0, 876)
    (350, 44, 100, 0)
    """
    return int(setting) if setting >= 1 else math.ceil(total * setting)


def epochs_text(epochs: float, apart_from: float | None = None) -> str:
    """Return epochs with one decimal, or as many as it takes to differ from 0 and from `apart_from`.

    >>> epochs_text(1750 / 438), epochs_text(60 / 7000), epochs_text(880 / 438, apart_from=2)
    ('4.0', '0.01', '2.01')
    """
    for digits in range(1, 6):
        text = f"{epochs:.{digits}f}"
        if float(text) not in (0, apart_from):
            return text
    return f"{epochs:g}"


def make_plan(
    rows: int,
    settings: "TrainSettings",
    *,
    tokens: int | None = None,
    supervised: int | None = None,
    devices: int = 1,
    valid_rows: int | None = None,
    parameters: int | None = None,
    given: Mapping[str, str] | None = None,
    proposed: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the plan for `rows` training rows; `settings.limit` is applied here.

    `tokens` counts all `rows`. `valid_rows` = 0 switches evaluation off, None leaves it to the settings. `given` names
    what was asked for in one place, and where: of epochs and max_steps the one asked for decides; asked for both and
    disagreeing, `SettingsError` shows the arithmetic. `proposed` is what the preset says. `parameters` is the model's size: a very small one bears a
    higher learning rate.
    """
    if rows < 1:
        raise SettingsError(_("there are no rows to train on"), hint=_("prepare data first: sft prep"))
    if settings.limit is not None and settings.limit < rows:
        part = settings.limit / rows
        tokens, supervised = (None if n is None else round(n * part) for n in (tokens, supervised))
        rows = settings.limit
    given = given or {}
    batch, accum = settings.batch_size, settings.grad_accum
    made = _parts(rows, settings, batch * accum * devices)
    if made and made.total != rows:
        more = made.total / rows
        tokens, supervised = (None if n is None else round(n * more) for n in (tokens, supervised))
        rows = made.total
    spe = steps_per_epoch(rows, batch, accum, devices)
    by_epochs = math.ceil(settings.epochs * spe)
    total = _total(rows, settings, spe, by_epochs, devices, given)
    passes, rest = divmod(total, spe)
    seen = passes * rows + min(rest * batch * accum * devices, rows)
    evaluates = settings.eval_steps > 0 and valid_rows != 0
    eval_every = min(steps_of(settings.eval_steps, total), total) if evaluates else 0
    save_every = min(steps_of(settings.save_steps, total), total)
    plan = Plan(
        rows=rows,
        batch_size=batch,
        grad_accum=accum,
        devices=devices,
        steps_per_epoch=spe,
        total_steps=total,
        epochs=seen / rows,
        rows_seen=seen,
        warmup_steps=steps_of(settings.warmup, total),
        eval_every=eval_every,
        save_every=save_every,
        n_evals=parts.times(eval_every, total, made) if eval_every else 0,
        n_saves=parts.times(save_every, total, made),
        tokens=tokens,
        supervised=supervised,
        parts=made,
    )
    highest = _SMALL_LR if (parameters or _SMALL) < _SMALL else _LR
    found = [*_step_findings(plan, settings, by_epochs, given), *_rate_findings(plan, settings, highest)]
    return replace(plan, findings=(*found, *_batch_findings(plan, proposed or {})))


def _parts(rows: int, settings: "TrainSettings", batch: int) -> Parts | None:
    if settings.curriculum and settings.chunk_size:
        raise SettingsError(
            _("chunks and a curriculum exclude each other"),
            where="chunk_size, curriculum",
            hint=_("stages are places to go on from too: leave out --chunk-size"),
        )
    if settings.curriculum:
        return parts.stages(rows, settings.stages, batch, cumulative=settings.cumulative)
    return parts.chunks(rows, settings.chunk_size, batch) if settings.chunk_size else None


def _total(
    rows: int, settings: "TrainSettings", spe: int, by_epochs: int, devices: int, given: Mapping[str, str]
) -> int:
    """Return the total steps: those of max_steps, unless there is none or only the epochs were asked for."""
    steps = settings.max_steps
    if steps is None or ("epochs" in given and "max_steps" not in given):
        return by_epochs
    if "epochs" in given and steps != by_epochs:
        raise SettingsError(
            _("{spe}; {steps} steps are {real} epochs, not {wanted:g}").format(
                spe=_per_epoch(rows, settings.batch_size, settings.grad_accum, devices, spe),
                steps=steps,
                real=epochs_text(steps / spe, apart_from=settings.epochs),
                wanted=settings.epochs,
            ),
            where=", ".join(
                dict.fromkeys(given[name].removeprefix("flag ") for name in ("epochs", "max_steps"))
            ),
            hint=_(
                "give one of them: epochs {epochs:g} (--epochs), or max_steps {steps} (--max-steps {steps})"
            ).format(epochs=settings.epochs, steps=by_epochs),
        )
    return steps


def _per_epoch(rows: int, batch: int, accum: int, devices: int, spe: int) -> str:
    product = _product(batch, accum, devices)
    return _("{rows} rows / ({product}) = {spe} steps an epoch").format(rows=rows, product=product, spe=spe)


def _product(batch: int, accum: int, devices: int) -> str:
    return f"{batch} × {accum}" + (f" × {devices}" if devices > 1 else "")


def _step_findings(
    plan: Plan, settings: "TrainSettings", by_epochs: int, given: Mapping[str, str]
) -> list[Finding]:
    """Return what is odd about the steps: reported, never refused."""
    found: list[Finding] = []
    if plan.rows_seen < plan.rows:
        found.append(
            Finding(
                "under_one_epoch",
                "warning",
                plan.rows - plan.rows_seen,
                _("{product} × {steps} steps read {seen} of {rows} rows ({part:.2f} %)").format(
                    product=_product(plan.batch_size, plan.grad_accum, plan.devices),
                    steps=plan.total_steps,
                    seen=plan.rows_seen,
                    rows=plan.rows,
                    part=100 * plan.rows_seen / plan.rows,
                ),
                hint=_("one epoch is {n} steps").format(n=plan.steps_per_epoch),
            )
        )
    steps = settings.max_steps
    if steps is not None and plan.total_steps != steps:
        found.append(
            Finding(
                "max_steps_overruled",
                "info",
                1,
                _("max_steps = {steps} is overruled by epochs = {epochs:g} ({where}): {total} steps").format(
                    steps=steps, epochs=settings.epochs, where=given["epochs"], total=plan.total_steps
                ),
            )
        )
    elif steps is not None and "epochs" not in given and steps != by_epochs:
        found.append(
            Finding(
                "max_steps_decides",
                "info",
                1,
                _(
                    "max_steps = {steps} decides: {real} epochs (epochs = {epochs:g} would be {other} steps)"
                ).format(steps=steps, real=epochs_text(plan.epochs), epochs=settings.epochs, other=by_epochs),
            )
        )
    return found


def _batch_findings(plan: Plan, proposed: Mapping[str, Any]) -> list[Finding]:
    """Say that a flag or the file made another effective batch than the preset's: another training."""
    if not {"batch_size", "grad_accum"} <= proposed.keys():
        return []
    wanted = int(proposed["batch_size"] * proposed["grad_accum"])
    if plan.effective_batch == wanted:
        return []
    hint = ""
    if wanted % plan.batch_size == 0:
        accum = (
            wanted // plan.batch_size
        )  # the flags mean all processes together, so a micro-batch goes with it
        hint = _("--grad-accum {n} keeps it").format(n=accum)
        if plan.devices > 1:
            hint = f"--batch-size {plan.batch_size} {hint}"
    text = _("effective batch {now} instead of {then}, which the preset's learning rate is made for")
    return [
        Finding(
            "other_effective_batch",
            "warning",
            1,
            text.format(now=plan.effective_batch, then=wanted),
            hint=hint,
        )
    ]


def _rate_findings(plan: Plan, settings: "TrainSettings", highest: float) -> list[Finding]:
    found: list[Finding] = []
    if plan.warmup_steps >= plan.total_steps:
        found.append(
            Finding(
                "warmup_too_long",
                "warning",
                plan.warmup_steps,
                _("{warmup} warm-up steps of {total}: the learning rate never reaches its peak").format(
                    warmup=plan.warmup_steps, total=plan.total_steps
                ),
                hint=_("give the warm-up as a part: warmup = 0.05")
                if plan.total_steps > 1
                else _("train for more steps, or without a warm-up: warmup = 0"),
            )
        )
    if settings.lr > highest or settings.lr < 5e-5:
        high = settings.lr > highest
        found.append(
            Finding(
                "lr_high" if high else "lr_low",
                "warning",
                1,
                _("lr = {lr:g} is {side} what LoRA is usually trained with (1e-4 to 2e-4)").format(
                    lr=settings.lr, side=_("above") if high else _("below")
                ),
                hint=_("above {lr:g} a run often diverges").format(lr=highest)
                if high
                else _("the adapter will hardly learn"),
            )
        )
    return found
