import pytest

from sft import memory, models, presets
from sft.presets import TrainSettings

KNOWN = models.known()
LLAMA_7B = models.Shape(4096, 32, 32, 32, 128, 11008, 32000, tied=False)


@pytest.mark.parametrize(
    ("name", "bf16", "nf4"),
    [
        ("qwen2.5-0.5b", 0.99, 0.46),
        ("qwen2.5-1.5b", 3.09, 1.14),
        ("qwen3-1.7b", 3.44, 1.35),
        ("qwen2.5-3b", 6.17, 2.05),
        ("qwen2.5-7b", 15.2, 5.55),
    ],
)
def test_weights(name, bf16, nf4):
    shape = KNOWN[name].shape
    assert memory.weight_bytes(shape, "bf16") / 1e9 == pytest.approx(bf16, abs=0.05)
    assert memory.weight_bytes(shape, "nf4") / 1e9 == pytest.approx(nf4, abs=0.005)
    assert memory.weight_bytes(shape, "fp32") == 2 * memory.weight_bytes(shape, "bf16")


def test_the_adapter_alone_has_gradients_and_states():
    shape = KNOWN["qwen2.5-3b"].shape
    count = models.lora_parameters(shape, 16)
    assert memory.adapter_bytes(shape, 16, "adamw_torch") == (16 + 2) * count
    assert memory.adapter_bytes(shape, 16, "adamw_8bit") == (10 + 2) * count
    assert memory.adapter_bytes(shape, 128, "adamw_torch") / 1e9 == pytest.approx(3.8, rel=0.15)
    # not 6.8 GB of gradients and states for a LoRA on 1.7 B
    assert memory.adapter_bytes(KNOWN["qwen3-1.7b"].shape, 16, "adamw_8bit") < 0.25e9


def test_logits_of_a_long_batch():
    assert memory.logit_bytes(4 * 2048, 151_936, None) / 2 / 1e9 == pytest.approx(5.0, abs=0.05)
    assert memory.logit_bytes(4 * 2048, 151_936) == memory.logit_bytes(256, 151_936)
    assert memory.logit_bytes(10, 151_936) < memory.logit_bytes(256, 151_936)


@pytest.mark.parametrize(
    ("name", "dropout", "counted"),
    [("qwen2.5-3b", 0.0, 138_464), ("qwen2.5-3b", 0.05, 231_648), ("qwen3-1.7b", 0.0, 114_912)],
)
def test_activations_are_what_autograd_saves(name, dropout, counted):
    """Counted once from the saved tensors of peft on transformers under bf16 autocast, bytes a token and block."""
    assert memory.layer_bytes(KNOWN[name].shape, 16, "hf", dropout, "cpu") == counted


def test_what_makes_it_smaller_and_larger():
    shape = KNOWN["qwen2.5-1.5b"].shape
    base = memory.forecast(shape, batch_size=4, length=512)
    assert (
        memory.forecast(shape, batch_size=4, length=512, checkpointing=True).activations
        < base.activations / 3
    )
    assert memory.forecast(shape, batch_size=4, length=512, precision="nf4").total < base.total
    assert memory.forecast(shape, batch_size=4, length=512, backend="unsloth").total < base.total
    assert memory.forecast(shape, batch_size=4, length=512, dropout=0.05).total > base.total
    assert memory.forecast(shape, batch_size=8, length=512).activations == 2 * base.activations
    assert base.total == sum(
        base.as_dict()[part] for part in ("weights", "adapter", "activations", "logits", "overhead")
    )
    assert base.as_dict()["measured"] is False


@pytest.mark.parametrize(
    ("precision", "backend", "published"),
    [("bf16", "hf", 18), ("bf16", "unsloth", 16), ("nf4", "hf", 9), ("nf4", "unsloth", 7)],
)
def test_forecast_is_near_published_peaks(precision, backend, published):
    """Llama2-7B, LoRA r8, 4 rows of 1,024 tokens on an A100 (LLaMA-Factory's wiki); full logits on its hf path."""
    found = memory.forecast(
        LLAMA_7B,
        batch_size=4,
        length=1024,
        r=8,
        precision=precision,
        checkpointing=True,
        optim="adamw_torch",
        backend=backend,
        loss_chunk=None if backend == "hf" else memory.LOSS_CHUNK,
    )
    assert found.total / 1e9 == pytest.approx(published, rel=0.1)


def test_the_embedded_model_on_a_cpu():
    """Measured: 1.5 to 1.6 GB for 4 rows of 85 tokens in 4 bit."""
    found = memory.forecast(
        KNOWN["smollm2-135m"].shape, batch_size=4, length=85, precision="nf4", device="cpu"
    )
    assert found.total / 1e9 == pytest.approx(1.55, rel=0.1)


def test_four_bit_where_it_pays():
    def four(name, free, **wanted):
        return memory.decide(KNOWN[name], TrainSettings(**wanted), free=free).load_in_4bit

    assert four("qwen2.5-3b", 10.9e9)
    assert not four("qwen2.5-3b", 24e9)
    assert not four("qwen2.5-7b", 139e9)  # pointless on a large card
    assert four("qwen2.5-0.5b", 3.6e9) and not four("qwen2.5-0.5b", 12e9)
    assert four("qwen2.5-0.5b", 139e9, load_in_4bit=True)
    assert not four("qwen2.5-7b", 4e9, load_in_4bit=False)
    assert four("qwen2.5-3b", None) and not four("smollm2-135m", None)


def test_checkpointing_only_where_needed():
    def on(free, **wanted):
        settings = TrainSettings(max_length=512, **wanted)
        return memory.decide(KNOWN["qwen2.5-3b"], settings, free=free).gradient_checkpointing

    assert on(18e9) and not on(139e9) and on(None)
    assert on(139e9, gradient_checkpointing=True) and not on(4e9, gradient_checkpointing=False)


def test_what_does_not_fit_is_said_and_a_smaller_micro_batch_named():
    settings = TrainSettings(**presets.load("shared_3090").values)
    model = KNOWN["qwen3-1.7b"]
    roomy = memory.decide(model, settings, free=17.9e9)
    assert roomy.fits and roomy.suggestion is None and not roomy.load_in_4bit
    tight = memory.decide(model, settings, free=5.8e9)
    assert tight.fits is False and tight.suggestion == (2, 8)
    hopeless = memory.decide(model, settings, free=1e9)
    assert hopeless.fits is False and hopeless.suggestion is None
    assert all(reason for reason in tight.reasons)


@pytest.mark.parametrize(("name", "free"), [("vram_4gb", 3.6e9), ("vram_6gb", 5.6e9), ("vram_8gb", 7.6e9)])
def test_the_memory_tiers_fit_their_cards(name, free):
    settings = TrainSettings(**presets.load(name).values)
    assert memory.decide(models.resolve(settings.model), settings, free=free).fits


def test_the_longest_row_counts_when_it_is_known():
    model, settings = KNOWN["qwen2.5-1.5b"], TrainSettings(max_length=2048)
    short = memory.decide(model, settings, free=24e9, length=300)
    assert short.memory.length == 300
    assert memory.decide(model, settings, free=24e9, length=5000).memory.length == 2048


def test_an_unknown_shape_has_no_forecast():
    found = memory.decide(models.Model(alias="", id="a/b"), TrainSettings(), free=24e9)
    assert found.memory is None and found.fits is None and found.load_in_4bit
    assert found.as_dict()["memory"] is None
