import re

import pytest

from sft import models, presets
from sft.errors import SettingsError
from sft.planner import plan
from sft.presets import TrainSettings


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_loads_and_explains_itself(name):
    preset = presets.load(name)
    settings = TrainSettings(**preset.values)
    assert models.resolve(settings.model).alias
    assert preset.text.startswith(f"# {name}: ")
    assert re.search(rf"sft (train|plan) +--use-case {name}\b", preset.text)
    assert preset.description and len(preset.description) <= 80


def test_the_three_use_cases_are_as_promised():
    quick, fast, full = (
        TrainSettings(**presets.load(n).values) for n in ("quick_test", "fast_iteration", "full_training")
    )
    assert (quick.limit, quick.epochs, quick.batch_size, quick.grad_accum) == (100, 1, 2, 4)
    assert (fast.limit, fast.epochs, fast.batch_size, fast.grad_accum) == (500, 3, 4, 4)
    assert (full.limit, full.epochs, full.batch_size, full.grad_accum) == (None, 10, 4, 4)
    assert (full.lora_r, full.lora_alpha, full.lora_dropout) == (64, 128, 0.05)
    assert {s.lr for s in (quick, fast, full)} == {2e-4}
    assert {s.schedule for s in (quick, fast, full)} == {"cosine"}
    assert {s.val_split for s in (quick, fast, full)} == {0.1}


def test_learning_rates_stay_in_the_lora_range():
    rates = {
        name: TrainSettings(**presets.load(name).values).lr for name in presets.names() if name != "demo"
    }
    assert all(1e-4 <= rate <= 2e-4 for rate in rates.values()), rates


def test_effective_batches():
    sizes = {}
    for name in presets.names():
        settings = TrainSettings(**presets.load(name).values)
        sizes[name] = settings.batch_size * settings.grad_accum
    other = {"demo": 4, "quick_test": 8, "grad_accum_extreme": 32, "vram_141gb": 32}
    other |= dict.fromkeys(("vram_4gb", "vram_4gb_safe", "vram_4gb_aggressive"), 12)
    assert {name: size for name, size in sizes.items() if size != 16} == other


def test_no_preset_promises_a_score_or_a_time():
    for name in presets.names():
        preset = presets.load(name)
        promise = re.search(r"F1|accuracy of|\d+ ?(?:minutes|hours|min|h)\b", preset.description)
        assert promise is None, (name, promise)


def test_another_name_leads_to_the_same_preset():
    assert presets.load("small_model").name == "v5_optimized"
    assert presets.load("accumulate").name == "grad_accum_extreme"


def test_no_name_leads_to_two_presets():
    names = [name for each in map(presets.load, presets.names()) for name in (each.name, *each.also_known_as)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "near"), [("full-training", "full_training"), ("quick_tset", "quick_test")])
def test_unknown_preset_did_you_mean(name, near):
    with pytest.raises(SettingsError) as caught:
        presets.load(name)
    assert near in caught.value.hint


def test_a_preset_file_of_one_s_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('description = "của tôi"\n[train]\nlr = 1e-4\n', encoding="utf-8")
    assert presets.load(str(path)).values == {"lr": 1e-4}


def test_all_faults_of_a_preset_file_are_shown_at_once(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('description = "x"\nnote = 1\n[train]\nlr = "fast"\nepoch = 2\n', encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        presets.load(str(path))
    text = "\n".join(str(part) for part in caught.value.parts)
    assert "'note'" in text and "lr" in text and "'epoch'" in text


def test_settings_are_frozen_and_strict():
    settings = TrainSettings()
    with pytest.raises(Exception, match="frozen"):
        settings.lr = 1.0
    problems = presets.check(TrainSettings, {"epochs": True, "batch_size": 2.0, "lr": float("nan")}, {})
    assert [error.message.partition(" ")[0] for error in problems] == ["epochs", "batch_size", "lr"]


def test_zero_lifts_a_limit():
    assert TrainSettings(limit=0, max_steps=0).limit is None
    assert (
        presets.check(TrainSettings, {"limit": -1}, {})[0].message
        == "limit = -1 is not a whole number, at least 1"
    )


def test_half_a_step_is_refused():
    problems = presets.check(TrainSettings, {"warmup": 1.5}, {"warmup": "--warmup"})
    assert str(problems[0]) == "--warmup: warmup = 1.5 is not a whole number of steps"
    assert TrainSettings(warmup=100).warmup == 100


def test_every_setting_says_what_it_takes():
    for key in TrainSettings.model_fields:
        assert presets.expected(TrainSettings, key)
        assert TrainSettings.model_fields[key].description


def test_chunked_and_curriculum_read_what_they_say():
    rows = 154_477
    chunked = plan.make_plan(rows, TrainSettings(**presets.load("chunked").values))
    assert chunked.parts.rows == (30_000,) * 4 + (34_477,) and chunked.parts.merged == 4_477
    assert chunked.total_steps == 9_655
    stages = plan.make_plan(rows, TrainSettings(**presets.load("curriculum").values))
    assert [round(n, -3) for n in stages.parts.rows] == [20_000, 50_000, 100_000, 154_000]
    assert (stages.rows, stages.total_steps) == (324_749, 20_297)
