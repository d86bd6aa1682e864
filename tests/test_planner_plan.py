import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.errors import SettingsError
from sft.planner import plan as planner
from sft.presets import TrainSettings

FLAGS = {"epochs": "flag --epochs", "max_steps": "flag --max-steps"}


def make(rows, **kwargs):
    wanted = {k: kwargs.pop(k) for k in list(kwargs) if k in TrainSettings.model_fields}
    return planner.make_plan(rows, TrainSettings(**wanted), **kwargs)


@pytest.mark.parametrize(
    ("rows", "batch", "accum", "epochs", "per_epoch", "total"),
    [
        (7_000, 8, 2, 2, 438, 876),
        (7_000, 4, 4, 2, 438, 876),
        (7_000, 2, 8, 1, 438, 438),
        (7_000, 12, 1, 2, 584, 1_168),
        (154_477, 4, 4, 1, 9_655, 9_655),
        (154_477, 4, 4, 3, 9_655, 28_965),
        (154_477, 4, 4, 4, 9_655, 38_620),
        (20_000, 2, 8, 2, 1_250, 2_500),
        (30_000, 4, 4, 1, 1_875, 1_875),
        (4_477, 4, 4, 1, 280, 280),
        (1_658, 4, 4, 10, 104, 1_040),
        (100, 2, 4, 1, 13, 13),
        (500, 4, 4, 3, 32, 96),
    ],
)
def test_steps_of_known_trainings(rows, batch, accum, epochs, per_epoch, total):
    plan = make(rows, batch_size=batch, grad_accum=accum, epochs=epochs)
    assert (plan.steps_per_epoch, plan.total_steps) == (per_epoch, total)
    assert plan.epochs == epochs and plan.rows_seen == rows * epochs


@pytest.mark.parametrize(
    ("batch", "accum", "steps", "epochs"),
    [(8, 2, 1_750, 4.0), (8, 2, 1_500, 3.4), (8, 2, 500, 1.1), (2, 2, 1_500, 0.9), (8, 2, 3_000, 6.9)],
)
def test_epochs_behind_a_number_of_steps(batch, accum, steps, epochs):
    plan = make(7_000, batch_size=batch, grad_accum=accum, max_steps=steps)
    assert plan.total_steps == steps and round(plan.epochs, 1) == epochs


def test_contradictory_wishes_are_refused_with_the_arithmetic():
    with pytest.raises(SettingsError) as caught:
        make(7_000, batch_size=8, grad_accum=2, epochs=2, max_steps=1_750, given=FLAGS)
    assert (
        caught.value.message == "7000 rows / (8 × 2) = 438 steps an epoch; 1750 steps are 4.0 epochs, not 2"
    )
    assert "--max-steps 876" in caught.value.hint
    assert caught.value.where == "--epochs, --max-steps"


def test_a_near_miss_shows_enough_decimals():
    with pytest.raises(SettingsError, match=r"880 steps are 2\.01 epochs, not 2"):
        make(7_000, batch_size=8, grad_accum=2, epochs=2, max_steps=880, given=FLAGS)


def test_agreeing_wishes_pass():
    plan = make(7_000, batch_size=8, grad_accum=2, epochs=2, max_steps=876, given=FLAGS)
    assert plan.total_steps == 876 and not plan.findings


def test_the_flag_decides_over_a_file():
    plan = make(
        7_000, batch_size=8, grad_accum=2, epochs=2, max_steps=1_750, given={"epochs": "flag --epochs"}
    )
    assert plan.total_steps == 876
    assert [finding.id for finding in plan.findings] == ["max_steps_overruled"]
    assert plan.findings[0].message.endswith("overruled by epochs = 2 (flag --epochs): 876 steps")
    plan = make(
        7_000, batch_size=8, grad_accum=2, epochs=2, max_steps=1_750, given={"max_steps": "flag --max-steps"}
    )
    assert plan.total_steps == 1_750
    assert [finding.id for finding in plan.findings] == ["max_steps_decides"]


def test_where_the_epochs_that_overrule_stand_is_said():
    plan = make(7_000, epochs=2, max_steps=9, given={"epochs": "sft.toml:3"})
    assert "(sft.toml:3)" in plan.findings[0].message


def test_a_warm_up_that_fills_the_training_gets_a_hint_that_helps():
    hints = {}
    for rows, warmup in ((16, 0.1), (160, 99)):
        wanted = {"epochs": 1, "batch_size": 4, "grad_accum": 4}
        found = [one for one in make(rows, warmup=warmup, **wanted).findings if one.id == "warmup_too_long"]
        hints[rows] = found[0].hint
        helps = 0.0 if rows == 16 else 0.05
        assert not any(one.id == "warmup_too_long" for one in make(rows, warmup=helps, **wanted).findings)
    assert hints[16].endswith("warmup = 0") and hints[160].endswith("warmup = 0.05")


def test_sixty_rows_of_seven_thousand():
    plan = make(7_000, batch_size=1, grad_accum=1, max_steps=60)
    finding = plan.findings[0]
    assert (plan.rows_seen, finding.id, finding.severity) == (60, "under_one_epoch", "warning")
    assert finding.message == "1 × 1 × 60 steps read 60 of 7000 rows (0.86 %)"
    assert "60 steps are 0.01 epochs" in plan.arithmetic()


def test_limit_devices_and_tokens():
    plan = make(
        1_842, batch_size=2, grad_accum=4, epochs=1, limit=100, tokens=184_200, supervised=18_420, devices=2
    )
    assert (plan.rows, plan.effective_batch, plan.steps_per_epoch) == (100, 16, 7)
    assert plan.tokens == 10_000 and plan.tokens_seen == 10_000 and plan.supervised == 1_000
    assert plan.tokens_per_step == pytest.approx(10_000 / 7)
    assert "(2 × 4 × 2) = 7 steps" in plan.arithmetic()


def test_intervals():
    plan = make(7_000, batch_size=8, grad_accum=2, epochs=4, eval_steps=0.2, save_steps=500, warmup=0.05)
    assert (plan.eval_every, plan.n_evals) == (351, 5)
    assert (plan.save_every, plan.n_saves) == (500, 4)  # 500, 1000, 1500 and the end
    assert plan.warmup_steps == 88
    assert make(7_000, valid_rows=0).n_evals == 0
    assert make(7_000, eval_steps=0).eval_every == 0
    assert make(7_000, save_steps=0).n_saves == 1
    short = make(100, batch_size=8, grad_accum=2, epochs=1, eval_steps=200, save_steps=200)
    assert (short.eval_every, short.n_evals, short.save_every, short.n_saves) == (7, 1, 7, 1)


def test_findings_name_a_warmup_without_end_and_odd_rates():
    plan = make(100, batch_size=2, grad_accum=4, epochs=1, warmup=100)
    assert [f.id for f in plan.findings] == ["warmup_too_long"]
    assert [f.id for f in make(7_000, lr=5e-6).findings] == ["lr_low"]
    assert [f.id for f in make(7_000, lr=1e-3).findings] == ["lr_high"]


def test_another_effective_batch_than_the_presets_is_said():
    preset = {"batch_size": 6, "grad_accum": 2}
    found = make(9_000, batch_size=8, grad_accum=1, proposed=preset).findings
    assert [(f.id, f.severity) for f in found] == [("other_effective_batch", "warning")]
    assert found[0].message.startswith("effective batch 8 instead of 12")
    assert (
        make(9_000, batch_size=4, grad_accum=2, proposed=preset).findings[0].hint == "--grad-accum 3 keeps it"
    )
    assert not make(9_000, batch_size=3, grad_accum=4, proposed=preset).findings
    assert not make(9_000, batch_size=3, grad_accum=4).findings


def test_no_rows_is_an_error():
    with pytest.raises(SettingsError):
        make(0)


def test_json_holds_the_promised_keys():
    assert {"rows", "steps_per_epoch", "total_steps", "epochs", "effective_batch"} <= set(
        make(7_000).as_dict()
    )


@settings(max_examples=200)
@given(
    rows=st.integers(1, 5_000),
    batch=st.integers(1, 64),
    accum=st.integers(1, 64),
    devices=st.integers(1, 8),
    epochs=st.integers(1, 5),
)
def test_whole_epochs_read_every_row_so_often(rows, batch, accum, devices, epochs):
    plan = make(rows, batch_size=batch, grad_accum=accum, epochs=epochs, devices=devices)
    assert plan.steps_per_epoch == math.ceil(rows / plan.effective_batch)
    assert plan.rows_seen == rows * epochs
    assert plan.n_evals == math.ceil(plan.total_steps / plan.eval_every)
    assert not [f for f in plan.findings if f.id == "under_one_epoch"]


@pytest.mark.train
@pytest.mark.filterwarnings("ignore")
def test_the_trainer_counts_the_same():
    """The method is the Trainer's own; the data loader is real, sharded as accelerate shards it."""
    transformers = pytest.importorskip("transformers")
    from types import SimpleNamespace

    from accelerate.data_loader import BatchSamplerShard
    from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

    stub = SimpleNamespace(
        get_total_train_batch_size=lambda args: 1, get_sp_size=lambda: 1, num_examples=lambda loader: 1
    )
    for rows, batch, accum, devices, epochs in [
        (7_000, 8, 2, 1, 2.0),
        (1_658, 4, 4, 1, 10.0),
        (100, 2, 4, 1, 1.0),
        (101, 2, 4, 2, 2.2),
        (5, 8, 4, 2, 1.5),
        (33, 3, 7, 3, 0.1),
    ]:
        sampler = BatchSampler(SequentialSampler(range(rows)), batch, drop_last=False)
        shard = BatchSamplerShard(sampler, num_processes=devices, process_index=0) if devices > 1 else sampler
        args = SimpleNamespace(max_steps=-1, num_train_epochs=epochs, gradient_accumulation_steps=accum)
        theirs = transformers.Trainer.set_initial_training_values(
            stub, args, DataLoader(range(rows), batch_sampler=shard)
        )
        plan = make(rows, batch_size=batch, grad_accum=accum, epochs=epochs, devices=devices)
        assert (plan.steps_per_epoch, plan.total_steps) == (theirs[1], theirs[6]), (
            rows,
            batch,
            accum,
            devices,
        )
        warmup = transformers.TrainingArguments.get_warmup_steps(
            SimpleNamespace(warmup_steps=0.05), plan.total_steps
        )
        assert plan.warmup_steps == warmup
