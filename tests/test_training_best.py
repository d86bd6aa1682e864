"""The best step so far and when to stop: from the lines of a log alone."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft.errors import SettingsError
from sft.planner import plan
from sft.presets import TrainSettings
from sft.training import best
from sft.training.best import Rule, Standing

LOSS, SCORE = Rule("eval_loss", 2), Rule("task_metric", 2)
VALUES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, math.nan, math.inf]), max_size=12)


def log(values: list[float], figure: str = "eval_loss") -> list[dict[str, Any]]:
    """Return a log with an evaluation every 10 steps, and other lines between."""
    return [line for n, value in enumerate(values, 1) for line in ({"step": 10 * n, "loss": 1.0}, {"step": 10 * n, figure: value})]  # fmt: skip


def test_an_improvement_is_strictly_better_and_of_equals_the_earliest_is_kept() -> None:
    assert best.standing(log([0.9, 0.7, 0.7, 0.8]), LOSS) == Standing(20, 0.7, 40, 0.8, 2)
    assert best.standing(log([0.4, 0.5, 0.5], "task_metric"), SCORE) == Standing(20, 0.5, 30, 0.5, 1)
    assert best.standing(log([]), LOSS) is None


def test_what_is_no_number_improves_nothing_and_a_score_of_0_is_no_result_yet() -> None:
    found = best.standing(log([math.nan, 0.7, math.nan]), LOSS)
    assert found is not None and (found.step, found.since) == (20, 1)
    assert best.standing(log([math.inf, math.nan]), LOSS) is None
    assert best.standing(log([0.0, 0.0, 0.0], "task_metric"), SCORE) is None
    found = best.standing(log([0.0, 0.0, 0.1, 0.0], "task_metric"), SCORE)
    assert found is not None and (found.step, found.since) == (30, 1)
    assert best.standing(log([0.0], "eval_loss"), LOSS) is not None


def test_patience_counts_evaluations_without_an_improvement() -> None:
    stops = [best.stops(best.standing(log([0.9, 0.7, 0.8, 0.7, 0.6][:n]), LOSS), LOSS) for n in range(6)]
    assert stops == [False, False, False, False, True, False]
    assert not best.stops(best.standing(log([0.7] * 9), LOSS), Rule("eval_loss", 0))


@given(VALUES, st.integers(1, 4), st.integers(0, 12))
def test_a_run_that_is_broken_off_and_goes_on_decides_alike(
    values: list[float], patience: int, cut: int
) -> None:
    """What comes after the checkpoint is forgotten and evaluated again, to the same values."""
    rule = Rule("eval_loss", patience)

    def stop(lines: list[dict[str, Any]]) -> int | None:
        """Return the step at which a training with these evaluations stops."""
        ends = (n for n in range(1, len(lines) + 1) if best.stops(best.standing(lines[:n], rule), rule))
        return next((lines[n - 1]["step"] for n in ends), None)

    lines = log(values)
    kept = [line for line in lines if line["step"] <= 10 * cut]
    assert stop(kept + lines[len(kept) :]) == stop(lines)
    assert best.needed(lines, rule, [10 * cut]) >= {
        found.step for found in (best.standing(kept, rule), best.standing(lines, rule)) if found
    }


def test_what_was_best_at_a_checkpoint_stays() -> None:
    lines = log([0.9, 0.7, 0.6])
    assert best.needed(lines, LOSS, []) == {30}
    assert best.needed(lines, LOSS, [10, 25]) == {10, 20, 30}
    assert best.needed([], LOSS, [10]) == set()


def test_settings_say_what_is_compared() -> None:
    assert best.rule("last", 0) is None
    assert best.rule("last", 3) == Rule("eval_loss", 3, keeps=False)
    assert best.rule("loss", 0) == Rule("eval_loss", 0)
    assert best.rule("task", 2) == SCORE and SCORE.higher and not LOSS.higher


@pytest.mark.parametrize(
    ("settings", "rows", "said"),
    [
        ({"best": "loss", "eval_steps": 0}, 9, 'best = "loss" needs evaluations, but eval_steps = 0'),
        ({"patience": 2, "eval_steps": 0}, 9, "patience = 2 needs evaluations"),
        (
            {"best": "task", "patience": 2},
            0,
            'best = "task", patience = 2 needs evaluations, but there are no',
        ),
    ],
)
def test_evaluations_that_never_happen_are_refused(settings: dict[str, Any], rows: int, said: str) -> None:
    chosen = TrainSettings(**settings)
    made = plan.make_plan(100, chosen, valid_rows=rows)
    origins = {"best": "preset full_training", "patience": "flag --patience"}
    with pytest.raises(SettingsError) as caught:
        best.require(chosen, origins, made, rows)
    assert said in caught.value.message
    assert ("--val-split" in caught.value.hint) == (rows == 0)
    assert ("--patience" in caught.value.where) == ("patience" in settings)


def test_evaluations_that_happen_are_enough() -> None:
    for settings in (TrainSettings(best="task"), TrainSettings(eval_steps=0), TrainSettings(patience=1)):
        best.require(settings, {}, plan.make_plan(100, settings, valid_rows=9), 9)
