import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft import models, presets
from sft.planner import fit, ladder
from sft.presets import TrainSettings

KNOWN = models.known()


def decide(name, free, *, length=None, fixed=False, device="gpu", per_row=None, **wanted):
    settings = TrainSettings(**wanted)
    return fit.decide(
        KNOWN[name],
        settings,
        free=None if free is None else free * 1e9,
        length=length,
        per_row=per_row,
        device=device,
        backend="hf",
        fixed=fixed,
    )


def test_four_bit_only_where_sixteen_does_not_fit():
    assert decide("qwen2.5-7b", 10.9).load_in_4bit
    assert not decide("qwen2.5-3b", 10.9).load_in_4bit  # fits with checkpointing
    assert not decide("qwen2.5-7b", 139).load_in_4bit
    assert decide("qwen2.5-0.5b", 139, load_in_4bit=True).load_in_4bit
    assert not decide("qwen2.5-7b", 4, load_in_4bit=False).load_in_4bit


def test_four_bit_on_a_large_card_is_said_to_be_pointless():
    reason = decide("qwen2.5-7b", 139, load_in_4bit=True).reasons[0]
    assert "would fit too, and is faster" in reason


def test_a_cpu_that_trains_in_fp32_needs_twice_the_memory_and_says_so():
    found = fit.decide(
        KNOWN["qwen2.5-1.5b"], TrainSettings(), free=24e9, length=256, device="cpu", sixteen_bit="fp32"
    )
    assert found.memory.precision == "fp32" and found.reasons[0].startswith("32 bit: the weights take 6.2 of")
    small = fit.decide(
        KNOWN["qwen2.5-1.5b"], TrainSettings(), free=8e9, length=256, device="cpu", sixteen_bit="fp32"
    )
    assert small.reasons[0].startswith("4 bit: in 32 bit 1 rows a pass need")
    blind = fit.decide(KNOWN["smollm2-135m"], TrainSettings(), device="cpu", sixteen_bit="fp32")
    assert blind.reasons[0] == "32 bit: 0.5 GB of weights fit any card"


def test_checkpointing_only_where_needed():
    def on(free, **wanted):
        return decide("qwen2.5-3b", free, max_length=512, **wanted).gradient_checkpointing

    assert on(10) and not on(139) and on(None)
    assert on(139, gradient_checkpointing=True) and not on(4, gradient_checkpointing=False)
    assert on(139, profile="safe")


def test_the_margin_of_the_profile_stays_free():
    for profile, margin in (("safe", 0.2), ("balanced", 0.1), ("aggressive", 0.04)):
        found = decide("qwen3-1.7b", 10.9, profile=profile)
        assert found.margin == margin and found.fits
        assert found.memory.total <= 10.9e9 * (1 - margin)


def test_safe_needs_least_and_aggressive_takes_most():
    found = [decide("qwen2.5-7b", 20, profile=name, max_length=1024) for name in fit.PROFILES]
    assert [each.load_in_4bit for each in found] == [True, True, False]
    assert found[0].memory.total <= found[1].memory.total <= found[2].memory.total


def test_long_rows_go_through_a_cpu_in_pieces_and_their_memory_is_that_of_a_piece():
    found, few = (
        decide("smollm2-135m", 80, batch_size=rows, grad_accum=1, length=640, device="cpu", fixed=True)
        for rows in (8, 2)
    )
    assert found.batch_size == 8 and found.memory.total == few.memory.total
    assert "in pieces of at most 1280 tokens" in found.reasons[3] and len(few.reasons) == 3
    long = decide("smollm2-135m", 80, batch_size=2, grad_accum=1, length=2000, device="cpu")
    assert "at most 2000 tokens" in long.reasons[3]


def test_a_narrow_pass_is_widened_and_said():
    found = decide("qwen2.5-1.5b", 80, batch_size=2, grad_accum=8, length=300, per_row=200)
    assert (found.batch_size, found.grad_accum) == (16, 1)
    assert "2 rows are only 400 tokens a pass" in found.reasons[2]
    on_cpu = decide("smollm2-135m", 80, batch_size=2, grad_accum=8, length=300, per_row=200, device="cpu")
    assert (on_cpu.batch_size, on_cpu.grad_accum) == (8, 2)
    safe = decide("qwen2.5-1.5b", 80, batch_size=2, grad_accum=8, length=300, profile="safe")
    assert safe.batch_size == 2


def test_what_was_asked_for_outright_is_kept_and_a_smaller_micro_batch_named():
    found = decide("qwen3-1.7b", 5.8, batch_size=8, grad_accum=2, fixed=True)
    assert (found.batch_size, found.fits) == (8, False)
    assert found.hints[0] == "--batch-size 2 --grad-accum 8 keeps the effective batch"
    chosen = decide("qwen3-1.7b", 5.8, batch_size=8, grad_accum=2)
    assert (chosen.batch_size, chosen.grad_accum, chosen.fits) == (2, 8, True)


def test_what_never_fits_says_what_would():
    found = decide("qwen2.5-7b", 3.6)
    assert found.fits is False and found.hints == ("a smaller model fits: --model tinyllama-1.1b",)
    long_rows = decide("qwen2.5-7b", 9.2, max_length=8192)
    assert any("--max-length" in hint for hint in long_rows.hints)
    stubborn = decide("qwen2.5-7b", 12, load_in_4bit=False)
    assert stubborn.fits is False and '"auto" it fits' in stubborn.hints[0]


@given(
    st.sampled_from(sorted(KNOWN)),
    st.floats(1, 150),
    st.integers(1, 16),
    st.integers(1, 16),
    st.integers(32, 8192),
    st.sampled_from(sorted(fit.PROFILES)),
    st.booleans(),
)
def test_the_effective_batch_never_changes(name, free, batch, accum, length, profile, fixed):
    found = decide(
        name, free, batch_size=batch, grad_accum=accum, max_length=length, profile=profile, fixed=fixed
    )
    assert found.batch_size * found.grad_accum == batch * accum
    assert found.batch_size == batch or not fixed
    assert found.fits == found.memory.fits(free * 1e9, found.margin)
    assert all(found.reasons)


@given(
    st.sampled_from(sorted(KNOWN)), st.floats(2, 100), st.floats(1, 3), st.sampled_from(["balanced", "safe"])
)
def test_more_memory_never_makes_it_fit_less(name, free, times, profile):
    less, more = (decide(name, each, profile=profile).fits for each in (free, free * times))
    assert more or not less


def test_the_longest_row_counts_when_it_is_known():
    assert decide("qwen2.5-1.5b", 24, length=300).memory.length == 300
    assert decide("qwen2.5-1.5b", 24, length=5000).memory.length == 2048


def test_nothing_to_compare_with():
    unknown = fit.decide(models.Model(alias="", id="a/b"), TrainSettings(), free=24e9)
    assert unknown.memory is None and unknown.fits is None and unknown.load_in_4bit
    assert unknown.as_dict()["memory"] is None
    blind = decide("qwen2.5-3b", None)
    assert blind.fits is None and blind.load_in_4bit and blind.gradient_checkpointing
    assert not decide("smollm2-135m", None).load_in_4bit
    assert "as set" in decide("qwen2.5-3b", None, load_in_4bit=False).reasons[0]
    sized = models.Model(alias="", id="a/b", parameters=7_000_000_000)
    assert not fit.decide(sized, TrainSettings(), free=139e9).load_in_4bit


def test_rows_beyond_the_context_of_the_model_are_said_and_no_such_model_is_proposed():
    found = decide("qwen2.5-7b", 3.6, max_length=4096)
    assert len(found.reasons) == 3 and found.hints == ("a smaller model fits: --model qwen3-0.6b",)
    for free in (80, None):
        said = decide("tinyllama-1.1b", free, max_length=4096).reasons[-1]
        assert said == "! rows of up to 4096 tokens, but the model was made for 2048"
    assert len(decide("tinyllama-1.1b", 80, max_length=4096, length=2048).reasons) == 3


@given(
    st.sampled_from(["smollm2-135m", "qwen2.5-1.5b", "qwen2.5-7b"]),
    st.floats(1.5, 12),
    st.sampled_from([(1, 16), (4, 4), (16, 1), (3, 5)]),
    st.sampled_from([300, 2048, 10_000]),
    st.sampled_from(["auto", True, False]),
    st.sampled_from(["auto", True, False]),
    st.booleans(),
)
def test_who_does_what_a_hint_says_gets_a_training_that_fits(
    name, free, batch, length, four, recompute, fixed
):
    wanted = {
        "batch_size": batch[0],
        "grad_accum": batch[1],
        "max_length": length,
        "load_in_4bit": four,
        "gradient_checkpointing": recompute,
    }
    flags = {"--batch-size": "batch_size", "--grad-accum": "grad_accum", "--max-length": "max_length"}
    for hint in decide(name, free, fixed=fixed, **wanted).hints:
        words = hint.split()
        given = {flags[word]: int(words[n + 1]) for n, word in enumerate(words) if word in flags}
        if '"auto"' in hint:
            given = {"load_in_4bit": "auto", "gradient_checkpointing": "auto"}
        model = words[words.index("--model") + 1] if "--model" in words else name
        left = hint.startswith("leave batch_size")
        found = decide(model, free, fixed=fixed and not left, **wanted | given)
        assert found.fits or (left and found.hints), hint


def test_divisors():
    assert all([d for d in range(1, n + 1) if n % d == 0] == ladder.divisors(n) for n in range(1, 150))


def test_absurd_settings_are_answered_at_once():
    """Both took minutes: every length and every number up to the batch was tried."""
    long_rows = decide("qwen2.5-7b", 9.2, max_length=10**9)
    assert "--max-length" in long_rows.hints[0]
    assert decide("qwen2.5-7b", 9.2, batch_size=10**12, grad_accum=1, fixed=True).hints


@pytest.mark.parametrize("name", [name for name in presets.names() if name.startswith("vram_")])
def test_the_memory_tiers_fit_their_cards(name):
    gigabytes = int(name.removeprefix("vram_").partition("gb")[0])
    settings = TrainSettings(**presets.load(name).values)
    free = gigabytes * 0.94e9  # a card of 4 GB has 4.3e9 bytes, some are never free
    found = fit.decide(models.resolve(settings.model), settings, free=free, backend="hf")
    assert found.fits and settings.batch_size * settings.grad_accum == found.batch_size * found.grad_accum
