"""Troubles of a training: planted ones are found and named once, noise raises nothing."""

import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sft.training import alarms
from sft.training.alarms import Setup, Watchman

Line = dict[str, Any]
STEPS = 300
# What the loss falls from and to, how fast (as a part of all steps), and how far single steps scatter.
KINDS = {
    "graphs": (2.5, 0.5, 0.15, 0.10),
    "chat": (1.4, 1.15, 0.1, 0.15),
    "labels of one token": (1.1, 0.35, 0.2, 0.6),
    "slow": (1.3, 1.22, 0.5, 0.1),
    "learnt by heart": (2.0, 0.005, 0.2, 0.5),
    "at once": (2.2, 0.8, 0.02, 0.2),
}


def curve(
    seed: int, kind: str, steps: int = STEPS, *, every: int = 1, evaluates: bool = True
) -> Iterator[Line]:
    """Yield the log of a training without trouble."""
    draw = random.Random(seed)
    first, last, fall, noise = KINDS[kind]

    def level(step: float) -> float:
        return last + (first - last) * math.exp(-step / steps / fall)

    for step in range(1, steps + 1):
        if step % every == 0 or step == 1:
            span = [level(n) * math.exp(draw.gauss(0, noise)) for n in range(max(step - every, 0), step)]
            yield {
                "step": step, "loss": sum(span) / len(span), "lr": 2e-4 * min(1, 20 * step / steps), "seconds": 2.0 * step,
                "tokens_per_s_now": 3000 * math.exp(draw.gauss(0, 0.15)), "gpu_util": min(100, draw.gauss(85, 10)),
            }  # fmt: skip
        if evaluates and step % (steps // 10) == 0:
            yield {
                "step": step,
                "eval_loss": 1.03 * level(step) * (1 + draw.gauss(0, 0.003)),
                "seconds": 2.0 * step,
            }


def watch(lines: list[Line], setup: Setup | None = None) -> list[Line]:
    """Return what is said of a log."""
    watchman = Watchman(setup or Setup(warmup=15, total=STEPS, gpu=True, grad_accum=4))
    return [said for line in lines for said in watchman.hear(line)]


def raised(lines: list[Line], setup: Setup | None = None) -> list[str]:
    return [said["alarm"] for said in watch(lines, setup) if "text" in said]


def test_clean_curves_raise_nothing() -> None:
    for seed in range(54):
        kind = list(KINDS)[seed % len(KINDS)]
        lines = list(curve(seed, kind, every=(1, 1, 5)[seed % 3], evaluates=seed % 4 > 0))
        assert watch(lines) == [], (seed, kind)


def changed(kind: str, seed: int, what: Mapping[str, Any], begin: int, end: int = STEPS) -> list[Line]:
    """Return a clean log with some figures changed from step `begin` to `end`; a number is a factor."""
    return [
        line | {key: line[key] * by for key, by in what.items() if key in line and begin <= line["step"] <= end}
        for line in curve(seed, kind)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["graphs", "chat", "slow", "at once"])
class TestPlanted:
    def test_a_single_spike(self, kind: str, seed: int) -> None:
        said = watch(changed(kind, seed, {"loss": 12.0}, 120, 120))
        assert [(one["alarm"], one["step"]) for one in said] == [("loss_spike", 120), ("loss_spike", 130)]
        assert "look at the rows of this step" in said[0]["hint"]
        assert said[1]["over"]

    def test_a_loss_that_jumps_and_stays(self, kind: str, seed: int) -> None:
        """That it diverges is said once, and not that it learns by heart, though the validation loss rises too."""
        said = watch(changed(kind, seed, {"loss": 2.2, "eval_loss": 2.2}, 150))
        told = [one for one in said if "text" in one and one["alarm"] != "loss_spike"]
        assert [one["alarm"] for one in told] == ["rising_loss"]
        assert 150 <= told[0]["step"] <= 170
        assert "half the --lr" in told[0]["hint"]

    def test_an_idle_gpu(self, kind: str, seed: int) -> None:
        assert raised(changed(kind, seed, {"gpu_util": 0.4}, 1)) == ["gpu_idle"]

    def test_a_training_that_slows_down(self, kind: str, seed: int) -> None:
        said = watch(changed(kind, seed, {"tokens_per_s_now": 0.4}, 150))
        assert [one["alarm"] for one in said] == ["slower"]
        assert 150 < said[0]["step"] <= 175
        said = watch(changed(kind, seed, {"tokens_per_s_now": 0.4}, 150, 220))
        assert [(one["alarm"], "over" in one) for one in said] == [("slower", False), ("slower", True)]

    def test_rows_learnt_by_heart(self, kind: str, seed: int) -> None:
        lines = [
            line | ({"eval_loss": line["eval_loss"] * 1.1 ** (line["step"] // 30 - 4)} if "eval_loss" in line and line["step"] > 120 else {})
            for line in curve(seed, kind)
        ]  # fmt: skip
        said = watch(lines)
        assert [one["alarm"] for one in said] == ["rising_validation"]
        assert 180 <= said[0]["step"] <= 240
        assert "--best task" in said[0]["hint"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [1e-6, 2e-4])
def test_a_loss_that_does_not_fall(seed: int, rate: float) -> None:
    draw = random.Random(seed)
    lines: list[Line] = []
    for step in range(1, STEPS + 1):
        lines.append({"step": step, "loss": 2.0 * math.exp(draw.gauss(0, 0.1)), "lr": rate})
        if step % 30 == 0:
            lines.append({"step": step, "eval_loss": 2.0 * (1 + draw.gauss(0, 1e-4))})
    said = watch(lines)
    assert [one["alarm"] for one in said] == ["no_progress"]
    assert ("raise --lr" in said[0]["hint"]) == (rate < 1e-5)
    assert said[0]["step"] == 120  # three evaluations after the first one
    learnt = [
        line | {name: line[name] / 40 for name in ("loss", "eval_loss") if name in line} for line in lines
    ]
    assert watch(learnt) == []  # what is near 0 need not fall


def test_without_evaluations_half_of_the_steps_tell_that_it_does_not_fall() -> None:
    draw = random.Random(1)
    lines = [{"step": n, "loss": 2.0 * math.exp(draw.gauss(0, 0.02)), "lr": 2e-4} for n in range(1, 301)]
    said = watch(lines)
    assert [one["alarm"] for one in said] == ["no_progress"] and said[0]["step"] >= 150


def test_a_new_stage_may_jump() -> None:
    lines = changed("graphs", 3, {"loss": 2.2}, 150)
    assert "rising_loss" in raised(lines)
    assert raised(lines, Setup(warmup=15, total=STEPS, stages=(150,))) == []


def test_on_a_cpu_nobody_speaks_of_a_gpu() -> None:
    lines = changed("graphs", 1, {"gpu_util": 0.1, "tokens_per_s_now": 0.4}, 150)
    said = watch(lines, Setup(warmup=15, total=STEPS))
    assert [one["alarm"] for one in said] == ["slower"]
    assert "nvidia-smi" not in said[0]["hint"]


def test_the_remedy_for_an_idle_gpu_keeps_the_effective_batch() -> None:
    lines = changed("graphs", 1, {"gpu_util": 0.1}, 1)
    assert "product stays" in watch(lines)[0]["hint"]
    assert "--batch-size" not in watch(lines, Setup(total=STEPS, gpu=True, grad_accum=1))[0]["hint"]


def test_a_run_that_goes_on_says_nothing_twice() -> None:
    lines = changed("graphs", 2, {"loss": 2.2, "gpu_util": 0.4}, 150)
    setup = Setup(warmup=15, total=STEPS, gpu=True)
    whole: list[Line] = []
    watchman = Watchman(setup)
    for line in lines:
        whole += [line, *watchman.hear(line)]
    first = [line for line in whole if line["step"] <= 200]
    again = Watchman(setup, first)
    later = [
        said
        for line in whole
        if line["step"] > 200 and "alarm" not in line
        for said in again.hear(line)
        if said["alarm"] != "gpu_idle"
    ]
    assert later == [
        line for line in whole if line["step"] > 200 and "alarm" in line and line["alarm"] != "gpu_idle"
    ]


def test_rates_of_an_earlier_start_are_not_those_of_this_one() -> None:
    before = list(curve(1, "graphs"))
    slow = [
        line | {"step": line["step"] + STEPS, "tokens_per_s_now": 900.0} for line in curve(2, "at once") if "loss" in line
    ]  # fmt: skip
    assert "slower" not in raised([*before, *slow])


def test_what_is_no_number_is_nobody_s_usual() -> None:
    lines = [line | ({"loss": math.nan} if line["step"] == 40 else {}) for line in curve(1, "graphs")]
    assert raised(lines) == []


def test_the_log_tells_what_holds() -> None:
    lines = [
        {"step": 3, "alarm": "slower", "text": "a", "hint": "b"},
        {"step": 5, "alarm": "gpu_idle", "text": "c", "hint": "d"},
        {"step": 9, "alarm": "slower", "over": True},
    ]
    found = alarms.told([{"step": 1, "loss": 1.0}, *lines])
    assert [(alarm.id, alarm.step, holds) for alarm, holds in found] == [
        ("slower", 3, False),
        ("gpu_idle", 5, True),
    ]
    assert found[0][0].as_dict() == lines[0]
