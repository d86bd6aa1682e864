import pytest

from sft import models
from sft.planner import memory

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


@pytest.mark.parametrize(("name", "counted"), [("qwen2.5-3b", 138_464), ("qwen3-1.7b", 114_912)])
def test_activations_are_what_autograd_saves(name, counted):
    """Counted once from the saved tensors of peft on transformers under bf16 autocast, bytes a token and block."""
    assert memory.layer_bytes(KNOWN[name].shape, 16, "hf") == counted


@pytest.mark.parametrize(("dropout", "counted"), [(0.0, 12_756), (0.05, 19_412)])
def test_a_cpu_has_no_autocast(dropout, counted):
    """Counted on a Llama of 192 and 512 wide blocks in bf16 with fp32 adapters, as the trainer runs it on a CPU."""
    tiny = models.Shape(192, 4, 3, 1, 64, 512, 512, tied=False)
    assert memory.layer_bytes(tiny, 16, "hf", dropout, "cpu") == pytest.approx(counted, rel=0.002)
    assert memory.layer_bytes(tiny, 16, "unsloth", dropout, "cpu") < counted


@pytest.mark.parametrize(("dropout", "counted"), [(0.0, 13_780), (0.05, 23_508)])
def test_in_fp32_layers_share_their_inputs(dropout, counted):
    """Counted on the same Llama with weights and adapters in fp32."""
    tiny = models.Shape(192, 4, 3, 1, 64, 512, 512, tied=False)
    for backend in ("hf", "unsloth"):
        assert memory.layer_bytes(tiny, 16, backend, dropout, "cpu", "fp32") == pytest.approx(
            counted, rel=0.002
        )


def test_fp32_on_a_cpu_counts_in_4_bit_too():
    shape = KNOWN["smollm2-135m"].shape
    full, wide, narrow = (
        memory.forecast(shape, batch_size=4, length=85, device="cpu", precision=precision, compute=compute)
        for precision, compute in (("fp32", "bf16"), ("nf4", "fp32"), ("nf4", "bf16"))
    )
    assert full.weights == 4 * models.parameters(shape)
    assert wide.activations == full.activations > narrow.activations
    assert narrow.weights < wide.weights < full.weights


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
    """Measured: the peak of a process that took so many rows of so many tokens at once, in fp32, in GB."""
    shape = KNOWN["smollm2-135m"].shape
    for rows, length, peak in ((1, 85, 1.59), (2, 85, 2.06), (4, 85, 2.68), (16, 60, 4.43), (1, 590, 3.56)):
        found = memory.forecast(shape, batch_size=rows, length=length, precision="fp32", device="cpu")
        assert found.total / 1e9 == pytest.approx(peak, rel=0.15)


def test_a_cpu_is_forecast_the_fullest_piece_that_rows_of_such_lengths_may_make():
    """Rows of 641 tokens go one by one, but a shorter one may come with others."""
    shape = KNOWN["smollm2-135m"].shape

    def total(rows, length, **more):
        return memory.forecast(shape, batch_size=rows, length=length, device="cpu", **more).total

    totals = [total(8, length) for length in range(500, 1500, 20)]
    assert totals == sorted(totals) and totals[0] == totals[-11 - 1]
    assert total(2, 500) < totals[0] < totals[-1]
    assert total(8, 640, shards=2) > total(8, 640)
