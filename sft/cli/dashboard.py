"""What is drawn of a training: by `sft train` of its own, by `sft runs watch` and `show` of any."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sft.cli import screen
from sft.i18n import _

if TYPE_CHECKING:
    from pathlib import Path

    from sft.runs.diff import Look
    from sft.training.best import Rule, Standing
    from sft.training.course import Course

_BAR, _CURVE = 30, 60  # signs at most
_QUIET = 30  # seconds without a new line that are worth a word
_SAID = 6  # last lines of a console that are shown


@dataclass(frozen=True, slots=True)
class View:
    """A training as it is drawn: its `state` in words, `age` in seconds since its last line, bytes of `memory` it may use."""

    name: str
    state: str
    going_on: bool
    course: "Course"
    age: float = 0.0
    memory: int | None = None
    rule: "Rule | None" = None
    standing: "Standing | None" = None


def view(look: "Look") -> View:
    """Return what is drawn of a run."""
    from sft.training import best

    data = look.run.data
    settings = data.get("settings", {})
    rule = best.rule(settings.get("best", best.LAST), settings.get("patience", 0))
    found = best.standing(look.lines, rule) if rule else None
    memory = data.get("device", {}).get("total")
    going_on = look.state == "running"
    return View(look.run.name, _(look.state), going_on, look.course, look.age, memory, rule, found)


def lines(now: View, width: int = 80) -> list[str]:
    """Return the dashboard: how far, losses as curves, the best so far, rates, memory, what is wrong."""
    room = max(min(width - _BAR, _CURVE), 10)
    return [
        f"{now.name}  {now.state}",
        _progress(now),
        *_curves(now.course, room),
        *_best(now),
        *_rates(now.course.latest),
        *_memory(now),
        *_alarms(now.course),
    ]


def _curves(now: "Course", room: int) -> list[str]:
    from sft.training import course

    out = []
    if now.losses:
        curve = course.sparkline(now.losses, room)
        out.append(
            _("  loss        {first:.3f} → {last:.3f}  {curve}").format(
                first=now.losses[0], last=now.losses[-1], curve=curve
            )
        )
    if now.evals:
        values = [loss for _step, loss in now.evals]
        curve = course.sparkline(values, room // 2)
        out.append(
            _("  validation  {first:.3f} → {last:.3f}, best {best:.3f}  {curve}").format(
                first=values[0], last=values[-1], best=now.best_eval, curve=curve
            )
        )
    if now.tasks:
        values = [value for _step, value in now.tasks]
        curve = course.sparkline(values, room // 2)
        out.append(
            _("  {figure}  {first:.3f} → {last:.3f}, best {best:.3f}  {curve}").format(
                figure=f"{screen.figure(now.figure):10}",
                first=values[0],
                last=values[-1],
                best=max(values),
                curve=curve,
            )
        )
    return out


def _best(now: View) -> list[str]:
    rule, found = now.rule, now.standing
    if rule is None or found is None:
        return []
    text = _("  best        step {step}").format(step=found.step)
    if rule.patience:
        text += _(", {since} of {patience} evaluations without a better one").format(
            since=found.since, patience=rule.patience
        )
    return [text]


def _rates(latest: "Mapping[str, float]") -> list[str]:
    mfu = _("MFU {mfu:.1%} (HFU {hfu:.1%})").format(**latest) if {"mfu", "hfu"} <= latest.keys() else ""
    if not mfu and "tflops" in latest:
        mfu = _("{n:.3g} TFLOP/s").format(n=latest["tflops"])
    rates = [
        form.format(latest[name])
        for name, form in (
            ("lr", "lr {:.1e}"),
            ("tokens_per_s", _("{:.0f} tokens/s")),
            ("gpu_util", _("GPU {:.0f} %")),
            ("grad_norm", _("gradient norm {:.2f}")),
            ("epoch", _("epoch {:.2f}")),
        )
        if name in latest
    ]
    if mfu:
        rates.insert(2 if {"lr", "tokens_per_s"} <= latest.keys() else 0, mfu)
    return [f"  {',  '.join(rates)}"] if rates else []


def _alarms(now: "Course") -> list[str]:
    """Return what is wrong now, each with what helps."""
    return [line for alarm, holds in now.alarms if holds for line in screen.alarm(alarm.as_dict())]


def _progress(view: View) -> str:
    now = view.course
    done = now.step / now.total if now.total else 0.0
    filled = round(min(done, 1.0) * _BAR)
    parts = [f"  {'━' * filled}{'─' * (_BAR - filled)}  {now.step}/{now.total or '?'}"]
    if now.total:
        parts.append(f"{100 * done:.0f} %")
    if now.latest.get("seconds") is not None:
        parts.append(_("{time} passed").format(time=screen.duration(now.latest["seconds"])))
    if view.going_on and now.left is not None:
        parts.append(_("{time} left").format(time=screen.duration(max(now.left - view.age, 0.0))))
    if view.going_on and view.age >= _QUIET:
        parts.append(_("last line {time} ago").format(time=screen.duration(view.age)))
    return "  ".join(parts)


def _memory(now: View) -> list[str]:
    peak = now.course.latest.get("memory")
    if peak is None:
        return []
    if now.memory:
        return [
            _("  memory      {gb:.1f} of {all:.1f} GB at most").format(gb=peak / 1e9, all=now.memory / 1e9)
        ]
    return [_("  memory      {gb:.1f} GB at most").format(gb=peak / 1e9)]


def outcome(look: "Look") -> list[str]:
    """Return how a run ended, and what to do next."""
    from sft import checkpoints
    from sft.runs import states

    out = [f"{look.run.name}: {_(look.state)}"]
    error, console = look.run.data.get("error"), look.run.folder / states.CONSOLE
    if look.state == "failed":
        out += [f"  {error}"] if error else []
        out += [f"  │ {line}" for line in _said(console)]
    if look.state == states.STALE:
        out.append(_("  it was killed; nothing that a checkpoint holds is lost"))
    if look.state == "finished":
        out += [f"  {line}" for line in ending(look.run.data)]
    else:
        saved = checkpoints.complete(look.run.folder)
        step = saved[-1].name.rpartition("-")[2] if saved else "0"
        out.append(_("  the command it was started with goes on from step {step}").format(step=step))
    return out


def _said(console: "Path") -> list[str]:
    """Return the last lines of what a detached training said, whatever its libraries wrote: bytes of any kind, bars."""
    if not console.is_file():
        return []
    text = console.read_bytes().decode("utf-8", "replace").rstrip()
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")[-_SAID:]]


def ending(data: "Mapping[str, Any]") -> list[str]:
    """Return which adapter a finished training left and why it ended, from what ``run.json`` says."""
    out, best = [], data.get("best")
    steps, settings = data.get("steps"), data.get("settings", {})
    if data.get("stopped_early"):
        out.append(
            _("stopped early at step {step} of {total}: {n} evaluations without a better {figure}").format(
                step=steps,
                total=data.get("plan", {}).get("total_steps", "?"),
                n=settings.get("patience"),
                figure=screen.figure(best["figure"]) if best else "–",
            )
        )
    if best:
        form = (
            _("the adapter is that of step {step}, {figure} {value:.4f} (last: step {last}, {other:.4f})")
            if best["kept"]
            else _(
                "the adapter is that of the last step; best {figure} {value:.4f} at step {step} (last: {other:.4f})"
            )
        )
        out.append(
            form.format(
                step=best["step"],
                figure=screen.figure(best["figure"]),
                value=best["value"],
                last=best["last_step"],
                other=best["last_value"],
            )
        )
    return out
