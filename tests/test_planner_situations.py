"""What the planner answers in situations that guides for small teams describe, many of them with wrong arithmetic.

Steps are exact. Memory is the forecast of the plain backend, an upper bound; free memory of a card of one's own is taken as
97 % of it. `want` is what a guide says, `at` flags of the user; a row of SEEN ends in what the plan answers.
"""

import pytest

from sft import models, presets
from sft.errors import SettingsError
from sft.planner import cards, fit, plan
from sft.presets import TrainSettings

FLAGS = {"epochs": "flag --epochs", "max_steps": "flag --max-steps"}

# situation, rows, (micro, accumulation), epochs or None, max_steps or None → steps an epoch, steps, epochs
STEPS = [
    ("20,000 rows in a hurry, 2 x 8", 20_000, (2, 8), 2, None, 1_250, 2_500, 2.0),
    ("30,000 rows, 4 x 4", 30_000, (4, 4), 2, None, 1_875, 3_750, 2.0),
    ("one chunk of 30,000", 30_000, (4, 4), 1, None, 1_875, 1_875, 1.0),
    ("the last chunk is 4,477 rows, not 24,000", 4_477, (4, 4), 1, None, 280, 280, 1.0),
    ("all 154,477 once", 154_477, (4, 4), 1, None, 9_655, 9_655, 1.0),
    ("all, 3 epochs", 154_477, (4, 4), 3, None, 9_655, 28_965, 3.0),
    ("all, 4 epochs in the cloud", 154_477, (4, 4), 4, None, 9_655, 38_620, 4.0),
    ("all, one row at a time", 154_477, (1, 32), 3, None, 4_828, 14_484, 3.0),
    ("100 rows to test", 100, (2, 4), 1, None, 13, 13, 1.0),
    ("500 rows to compare", 500, (4, 4), 3, None, 32, 96, 3.0),
    ("1,842 graphs less 10 %, not 2,250", 1_658, (4, 4), 10, None, 104, 1_040, 10.0),
    ("the same with 7B, 2 x 8, 15 epochs", 1_658, (2, 8), 15, None, 104, 1_560, 15.0),
    ("'sweet spot' 1,500 at 8 x 2", 7_000, (8, 2), None, 1_500, 438, 1_500, 3.4),
    ("'2 epochs' at 4 x 4", 7_000, (4, 4), None, 1_750, 438, 1_750, 4.0),
    ("3,500 steps at 2 x 2", 7_000, (2, 2), None, 3_500, 1_750, 3_500, 2.0),
    ("875 steps at 8 x 2", 7_000, (8, 2), None, 875, 438, 875, 2.0),
    ("2,625 steps at 8", 7_000, (8, 1), 3, None, 875, 2_625, 3.0),
    ("'28 % of the data' at 16", 7_000, (8, 2), None, 500, 438, 500, 1.1),
    ("500 steps at 4", 7_000, (4, 1), None, 500, 1_750, 500, 0.3),
    ("'1.2 epochs' at 4", 7_000, (4, 1), None, 1_500, 1_750, 1_500, 0.9),
    ("'2.4 times' at 16", 7_000, (8, 2), None, 3_000, 438, 3_000, 6.9),
    ("'aggressive' 12 x 1", 7_000, (12, 1), 2, None, 584, 1_168, 2.0),
    ("the script that saw 60 rows", 7_000, (1, 1), None, 60, 7_000, 60, 0.0),
    ("9,000 pages at 6 x 2", 9_000, (6, 2), 3, None, 750, 2_250, 3.0),
    ("SAFE 4 x 3", 9_000, (4, 3), 3, None, 750, 2_250, 3.0),
    ("AGGRESSIVE 8 x 1 is another effective batch", 9_000, (8, 1), 3, None, 1_125, 3_375, 3.0),
]


@pytest.mark.parametrize(
    ("rows", "batch", "epochs", "steps", "an_epoch", "total", "passes"),
    [row[1:] for row in STEPS],
    ids=[row[0] for row in STEPS],
)
def test_steps(rows, batch, epochs, steps, an_epoch, total, passes):
    wanted = {"batch_size": batch[0], "grad_accum": batch[1], "max_steps": steps}
    settings = TrainSettings(**wanted, **({} if epochs is None else {"epochs": epochs}))
    found = plan.make_plan(rows, settings, given={"max_steps": "flag --max-steps"} if steps else {})
    assert (found.steps_per_epoch, found.total_steps, round(found.epochs, 1)) == (an_epoch, total, passes)
    assert ("under_one_epoch" in {finding.id for finding in found.findings}) == (found.epochs < 1)


REFUSED = [
    (7_000, (8, 2), 2, 1_750, "7000 rows / (8 × 2) = 438 steps an epoch; 1750 steps are 4.0 epochs, not 2"),
    (7_000, (8, 2), 2, 1_500, "1500 steps are 3.4 epochs, not 2"),
    (7_000, (4, 4), 2, 1_750, "1750 steps are 4.0 epochs, not 2"),
    (7_000, (1, 1), 1, 60, "60 steps are 0.01 epochs, not 1"),
    (7_000, (12, 1), 2, 1_167, "1167 steps are 1.998 epochs, not 2"),
    (154_477, (4, 4), 3, 9_655, "9655 steps are 1.0 epochs, not 3"),
]


@pytest.mark.parametrize(("rows", "batch", "epochs", "steps", "said"), REFUSED)
def test_contradictions_are_refused_with_the_arithmetic(rows, batch, epochs, steps, said):
    settings = TrainSettings(batch_size=batch[0], grad_accum=batch[1], epochs=epochs, max_steps=steps)
    with pytest.raises(SettingsError) as caught:
        plan.make_plan(rows, settings, given=FLAGS)
    assert said in caught.value.message


def test_sixty_rows_of_seven_thousand_are_said_aloud():
    settings = TrainSettings(batch_size=1, grad_accum=1, max_steps=60)
    finding = plan.make_plan(7_000, settings).findings[0]
    assert (finding.severity, finding.count) == ("warning", 6_940)
    assert finding.message == "1 × 1 × 60 steps read 60 of 7000 rows (0.86 %)"


# preset, card, GB free (None: a card of one's own), rows of so many tokens → micro × accumulation, bits, checkpointing, fits
FIT = [
    # three RTX 3090 of a shared server, 10.9, 17.9 and 5.8 GB free
    ("shared_3090", "RTX 3090", 17.9, None, "8 x 2", 16, True, True),
    ("shared_3090", "RTX 3090", 10.9, None, "4 x 4", 16, True, True),
    ("shared_3090", "RTX 3090", 5.8, None, "2 x 8", 4, True, True),
    ("shared_3090", "RTX 3090", 17.9, 512, "8 x 2", 16, True, True),
    ("vram_12gb", "RTX 3090", 12.0, None, "4 x 4", 16, True, True),
    ("vram_20gb", "RTX 3090", 20.0, None, "4 x 4", 16, True, True),
    ("vram_8gb", "RTX 3090", 8.0, None, "4 x 4", 16, True, True),
    # cards of 4, 6 and 8 GB
    ("vram_4gb", "RTX 3050", None, None, "12 x 1", 16, True, True),
    ("vram_4gb", "RTX 3050", 3.5, None, "6 x 2", 16, True, True),
    ("vram_4gb_safe", "RTX 3050", 3.5, None, "2 x 6", 16, True, True),
    ("vram_4gb_aggressive", "RTX 3050", None, None, "12 x 1", 16, True, True),
    ("vram_6gb", "RTX 3060 Laptop", None, None, "2 x 8", 16, True, True),
    ("vram_8gb", "RTX 3070", None, None, "4 x 4", 16, True, True),
    # the large set: memory does not follow the number of rows, and a T4 holds what an A100 holds
    ("ultra_quick", "T4", None, None, "8 x 2", 16, False, True),
    ("sample_30k", "T4", None, None, "8 x 2", 16, False, True),
    ("v5_optimized", "T4", None, None, "8 x 2", 16, False, True),
    ("cloud_full", "T4", None, None, "8 x 2", 16, False, True),
    ("cloud_full", "V100 32GB", None, None, "8 x 2", 16, False, True),
    ("cloud_full", "A100 40GB", None, None, "8 x 2", 16, False, True),
    ("grad_accum_extreme", "RTX 3050", None, None, "2 x 16", 16, True, True),
    # graphs: 3B and 7B, r64, rows of up to 2,048 tokens
    ("quick_test", "RTX 3060", None, 1024, "4 x 2", 16, False, True),
    ("fast_iteration", "RTX 3060", None, 1024, "4 x 4", 16, False, True),
    ("full_training:qwen2.5-3b", "RTX 3090", None, None, "1 x 16", 16, False, True),
    ("full_training:qwen2.5-3b", "T4", None, None, "4 x 4", 16, True, True),
    ("full_training:qwen2.5-3b", "H200", None, None, "4 x 4", 16, False, True),
    ("best_accuracy", "RTX 3090", None, None, "2 x 8", 16, True, True),
    ("best_accuracy", "T4", None, None, "2 x 8", 4, True, True),
    ("best_accuracy", "RTX 3070", None, None, "1 x 16", 4, True, False),
    # large cards
    ("vram_16gb", "T4", None, None, "4 x 4", 16, True, True),
    ("vram_24gb", "RTX 3090", None, None, "4 x 4", 16, True, True),
    ("vram_40gb", "A100 40GB", None, None, "1 x 16", 16, False, True),
    ("vram_80gb", "H100", None, None, "1 x 16", 16, False, True),
    ("vram_141gb", "H200", None, None, "2 x 16", 16, False, True),
]


@pytest.mark.parametrize(("name", "card", "free", "length", "batch", "bits", "recompute", "fits"), FIT)
def test_memory(name, card, free, length, batch, bits, recompute, fits):
    preset, _colon, model = name.partition(":")
    wanted = dict(presets.load(preset).values) | ({"model": model} if model else {})
    settings = TrainSettings(**wanted)
    device = cards.find(card).device(None if free is None else free * 1e9)
    found = fit.decide(
        models.resolve(settings.model),
        settings,
        free=device.free * (0.97 if free is None else 1),
        length=length,
        sixteen_bit="bf16" if device.bf16 else "fp16",
        backend="hf",
    )
    answer = (
        f"{found.batch_size} x {found.grad_accum}",
        4 if found.load_in_4bit else 16,
        found.gradient_checkpointing,
        found.fits,
    )
    assert answer == (batch, bits, recompute, fits)
    assert found.batch_size * found.grad_accum == settings.batch_size * settings.grad_accum


def test_the_sum_of_a_guide_for_the_shared_card_is_wrong_by_the_adapter():
    """Qwen3-1.7B: 3.4 GB each of gradients and optimizer states were counted; of LoRA they are 0.2 GB together."""
    settings = TrainSettings(**presets.load("shared_3090").values)
    found = fit.decide(models.resolve("qwen3-1.7b"), settings, free=17.9e9, backend="hf").memory
    assert found.adapter < 0.25e9 and 3.4e9 < found.weights < 3.5e9 and found.total < 11e9
