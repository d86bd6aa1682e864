"""Which rows a training takes: the set's own split, another share of it, a sample."""

from array import array
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from sft import devices, models, runs, settings
from sft.planner import fit, plan, team
from sft.presets import TrainSettings
from sft.tokens import Names
from sft.training import job

NAMES = Names([f"r{n}" for n in range(60)], [f"g{n // 3}" for n in range(60)], 50)


def test_the_sets_own_split_is_kept() -> None:
    train, valid = job.choose_rows(NAMES, TrainSettings(), resplit=False)
    assert (train, valid) == (array("q", range(50)), array("q", range(50, 60)))


@given(st.floats(0.05, 0.9), st.integers(0, 99))
def test_another_share_loses_no_row_and_parts_no_group(share: float, seed: int) -> None:
    train, valid = job.choose_rows(NAMES, TrainSettings(val_split=share, seed=seed), resplit=True)
    assert sorted([*train, *valid]) == list(range(60))
    assert list(train) == sorted(train) and list(valid) == sorted(valid)
    assert {NAMES.groups[n] for n in train}.isdisjoint(NAMES.groups[n] for n in valid)


def test_a_limit_samples_in_file_order_and_the_loss_is_watched_on_as_small_a_part() -> None:
    settings = TrainSettings(limit=10, seed=3)
    train, valid = job.choose_rows(NAMES, settings, resplit=False)
    assert len(train) == 10 and list(train) == sorted(train) and set(train) < set(range(50))
    assert train == job.choose_rows(NAMES, settings, resplit=False)[0]
    assert len(valid) == 10
    watched = job._loss_rows(NAMES, valid, settings)
    assert len(watched) == 8 and set(watched) <= set(valid)
    assert job._loss_rows(NAMES, valid, TrainSettings()) is valid


def made(**wanted: Any) -> job.Job:
    """Return a job of a 3B model of which only the parts that the lock holds are real."""
    values = TrainSettings(**wanted)
    decision = fit.decide(models.known()["qwen2.5-3b"], values, free=10.9e9, backend="hf")
    nothing: dict[str, Any] = dict.fromkeys(job.Job.__dataclass_fields__)
    named = SimpleNamespace(digest="d", id="t", name="m", revision="r", format=SimpleNamespace(name="chatml"))
    return job.Job(**cast(Any, nothing | {
        **dict.fromkeys(("data", "template", "model", "base", "loaded"), named),
        "settings": values,
        "origins": {},
        "plan": plan.make_plan(100, values, devices=values.num_processes),
        "decision": decision,
        "team": team.of(values),
        "backend": "hf",
    }))  # fmt: skip


def test_card_and_micro_batch_are_no_other_experiment_but_the_effective_batch_is() -> None:
    lock = made(batch_size=8, grad_accum=2).lock
    assert lock["effective_batch"] == 16 and "gpu" not in lock["settings"]
    other = made(batch_size=4, grad_accum=4, gpu="1", profile="safe").lock
    assert {line.partition(":")[0] for line in runs.differences(lock, other)} <= set(runs.DECIDED)
    assert "effective_batch: 16 → 32" in runs.differences(lock, made(batch_size=8, grad_accum=4).lock)


def test_what_it_begins_with_decides_the_result_and_not_how_that_was_named() -> None:
    assert made().lock["warm_start"] is None
    start: Any = SimpleNamespace(sha256="ab" * 32)
    one, other = (
        replace(made(warm_start=name), start=start).lock for name in ("first", "runs/first/adapter")
    )
    assert one == other
    assert runs.differences(made().lock, one) == ["warm_start: None → abababab"]


def test_a_run_goes_on_with_the_micro_batch_it_began_with() -> None:
    begun = job.as_begun(made(batch_size=8, grad_accum=2), made(batch_size=4, grad_accum=4).lock)
    assert (begun.settings.batch_size, begun.settings.grad_accum) == (4, 4)
    assert (begun.plan.batch_size, begun.plan.effective_batch) == (4, 16)
    assert begun.lock == made(batch_size=4, grad_accum=4).lock


def test_a_run_goes_on_with_other_processes_in_pieces_as_near_as_they_can_be() -> None:
    """What a job holds is the share of one process; the lock tells what all of them take."""
    lock = made(batch_size=8, grad_accum=2).lock
    shared = made(batch_size=8, grad_accum=1, num_processes=2, machine_rank=0)
    assert runs.asked(shared.lock) == runs.asked(lock)
    begun = job.as_begun(shared, lock)
    assert (begun.settings.batch_size, begun.settings.grad_accum, begun.plan.effective_batch) == (8, 1, 16)
    four = job.as_begun(made(batch_size=2, grad_accum=2, num_processes=4), lock)
    assert (four.plan.batch_size, four.plan.grad_accum, four.plan.effective_batch) == (4, 1, 16)
    back = job.as_begun(made(batch_size=8, grad_accum=2), four.lock)
    assert (back.plan.batch_size, back.plan.grad_accum, back.plan.effective_batch) == (4, 4, 16)


def test_memory_is_asked_for_the_share_of_one_process() -> None:
    card = devices.Device("gpu", "x", free=int(10.9e9), capability="8.6")
    wanted = settings.resolve_train({"batch_size": 8, "grad_accum": 1, "num_processes": 2})
    found = job.fitted(models.known()["qwen3-1.7b"], wanted, card, backend="hf")
    assert (found.batch_size, found.grad_accum) == (4, 1)
    assert found.reasons[0] == "2 processes: of 8 × 1 rows a step each takes 4 × 1"


def test_what_the_user_set_stays_and_a_preset_only_proposes() -> None:
    model, card = models.known()["qwen3-1.7b"], devices.Device("gpu", "x", free=int(5.8e9), capability="8.6")
    proposed = settings.resolve_train({}, use_case="shared_3090")
    assert job.fitted(model, proposed, card, backend="hf").batch_size == 2
    insisted = settings.resolve_train({"batch_size": 8}, use_case="shared_3090")
    found = job.fitted(model, insisted, card, backend="hf")
    assert found.batch_size == 8 and found.fits is False
