"""Forecast the memory of a LoRA training from the model's shape alone. Pure; a forecast, never a measurement.

Bytes, GB = 1e9. Sources of the parts:
* weights: 2 B a parameter in 16 bit, 4 B in fp32; NF4 with double quantisation 0.516 B for each weight of the linear layers
  (4 bits, 8 bits a block of 64, 32 bits a block of 64 × 256), embeddings, output matrix and norms stay as they are.
* adapter: fp32 weight and gradient and the optimizer's states, 16 B a parameter with AdamW, 10 B with 8-bit states,
  and the 16-bit copy autocast makes. Never gradients or states of the base model: it is frozen.
* activations: what autograd keeps, counted from the saved tensors of peft 0.21 on transformers 5.17 with and
  without bf16 autocast and in fp32 (agrees to 0.2 %); for Unsloth's fused layers from what they save by their source.
* a model split over devices (fsdp): its share of the blocks, two of them gathered, embeddings and head whole (by the
  way FSDP2 groups them; not measured).
* a CPU: at most `CPU_PASS` tokens at once; the gaps of glibc's heap take more than the activations themselves
  (measured with SmolLM2 in fp32, 85 to 1,180 tokens at once: 1.1 to 1.6 times as much; with jemalloc there are none).
* logits: in chunks of 256 tokens, as TRL (chunked_nll) and Unsloth compute the loss.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sft.models import Shape, linear_parameters, lora_parameters, parameters

Precision = Literal["nf4", "bf16", "fp16", "fp32"]
Device = Literal["gpu", "cpu"]

NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8
LOSS_CHUNK = 256  # tokens whose logits exist at one time
# Tokens that go through a CPU at once. Two cores, SmolLM2 in fp32, the same rows in passes of 60 / 120 / 240 / 480 / 960
# tokens: 1.9 / 1.5 / 1.2 / 1 / 1.1 times the seconds of the best; 600 / 1,200 / 2,400 / 4,700: 1.1 / 1 / 1.1 / 1.4.
CPU_PASS = 1280
_GAPS = 1.2
_BYTES = {"bf16": 2.0, "fp16": 2.0, "fp32": 4.0}
_CONTEXT = {
    "gpu": 0.75e9,
    "cpu": 0.9e9,
}  # CUDA context and kernels; on a CPU the interpreter with torch loaded


@dataclass(frozen=True, slots=True)
class Memory:
    """A forecast in bytes, part by part, for one device. `measured` is always False here: compare with the run."""

    weights: int
    adapter: int
    activations: int
    logits: int
    overhead: int
    precision: Precision
    checkpointing: bool
    batch_size: int
    length: int
    device: Device

    @property
    def total(self) -> int:
        """Return the forecast peak."""
        return self.weights + self.adapter + self.activations + self.logits + self.overhead

    def fits(self, free: float, margin: float) -> bool:
        """Say whether the forecast fits into `free` bytes when the part `margin` of them stays free."""
        return self.total <= free * (1 - margin)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: bytes by part, the total, and what was assumed."""
        return {
            "weights": self.weights,
            "adapter": self.adapter,
            "activations": self.activations,
            "logits": self.logits,
            "overhead": self.overhead,
            "total": self.total,
            "precision": self.precision,
            "checkpointing": self.checkpointing,
            "batch_size": self.batch_size,
            "length": self.length,
            "device": self.device,
            "measured": False,
        }


def weight_bytes(shape: Shape, precision: Precision, compute: Precision = "bf16") -> int:
    """Return the bytes of the base model's weights; of NF4 what is not quantised has the type `compute`.

    >>> from sft.models import known
    >>> round(weight_bytes(known()["qwen2.5-3b"].shape, "nf4") / 1e9, 2)
    2.05
    """
    everything = parameters(shape)
    if precision != "nf4":
        return round(everything * _BYTES[precision])
    linear = linear_parameters(shape)
    return round(linear * NF4_BYTES + (everything - linear) * _BYTES[compute])


def shard_bytes(shape: Shape, precision: Precision, shards: int) -> int:
    """Return the bytes of the base model's weights on one of `shards` devices that split them."""
    whole, size = weight_bytes(shape, precision), _BYTES[precision]
    linear = linear_parameters(shape)
    blocks = whole - (parameters(shape) - linear) * size
    return round(whole - blocks + blocks / shards + 2 * blocks / shape.layers)


def adapter_bytes(shape: Shape, r: int, optim: str) -> int:
    """Return the bytes of the adapter in training: fp32 weight 4, gradient 4, states 8 (2 with 8-bit), bf16 copy 2."""
    states = 2 if "8bit" in optim else 8
    return lora_parameters(shape, r) * (4 + 4 + states + 2)


def layer_bytes(
    shape: Shape,
    r: int,
    backend: str,
    dropout: float = 0.0,
    device: Device = "gpu",
    compute: Precision = "bf16",
) -> int:
    """Return what autograd keeps of one block for one token, in bytes.

    peft keeps its own copy of the input of each of the seven linear layers, in 16 bit under autocast on a GPU, in fp32 on
    a CPU, and with dropout a mask of it (one byte a value, four on a CPU); Unsloth's fused layers, used without dropout
    on a GPU, keep each input once. Where base and adapter are both in fp32, layers share the input they have in common.
    """
    h, q, kv, inter = shape.hidden, shape.q, shape.kv, shape.intermediate
    attention = 2 * (2 * q + 2 * kv)
    if backend == "unsloth" and not dropout and device == "gpu":
        qk_norm = 2 * (q + kv) if shape.qk_norm else 0
        return 2 * (2 * inter + 4 * h) + attention + qk_norm + 2 * 7 * r
    copies = 5 * h + q + inter
    if compute == "fp32":
        inputs = 2 * copies if dropout else inter + 2 * h
        return 4 * (3 * inter + 2 * h + 2 * q + 2 * kv + 7 * r + inputs + (q + kv if shape.qk_norm else 0))
    masks = (4 if device == "cpu" else 1) * copies if dropout else 0
    norms = 4 * 2 * h + (4 * (q + kv) if shape.qk_norm else 0)
    wide = 4 if device == "cpu" and backend != "unsloth" else 2
    return 2 * 3 * inter + wide * (copies + 7 * r) + masks + norms + attention


def logit_bytes(tokens: int, vocab: int, loss_chunk: int | None = LOSS_CHUNK) -> int:
    """Return the bytes of the logits: a chunk's logits, log-softmax and their gradients, or all logits and gradient.

    >>> round(logit_bytes(4 * 2048, 151_936, None) / 1e9, 1)
    10.0
    """
    if loss_chunk is None:
        return tokens * vocab * 4 * 2
    return min(tokens, loss_chunk) * vocab * 4 * 4


def at_once(device: Device, shards: int = 1) -> int:
    """Return how many tokens go through a model at once at most, one row aside; 0 for as many as a micro-batch has.

    The parts of a split model wait for each other, so all processes must take as many pieces.
    """
    return CPU_PASS if device == "cpu" and shards == 1 else 0


def forecast(
    shape: Shape,
    *,
    batch_size: int,
    length: int,
    r: int = 16,
    precision: Precision = "bf16",
    checkpointing: bool = False,
    optim: str = "adamw_8bit",
    dropout: float = 0.0,
    backend: str = "hf",
    device: Device = "gpu",
    loss_chunk: int | None = LOSS_CHUNK,
    shards: int = 1,
    compute: Precision = "bf16",
) -> Memory:
    """Return the forecast for one of `shards` devices and one micro-batch of `batch_size` rows padded to `length` tokens.

    `compute` is what NF4 is multiplied in; any other `precision` is multiplied in itself.
    A backend other than ``unsloth`` counts as ``hf``, which needs more: an upper bound. On a CPU 8-bit optimizers
    are replaced by full ones, so they are counted as such. `loss_chunk` = None is a loss over all logits at once.
    """
    limit = at_once(device, shards)
    tokens = min(batch_size * length, max(limit, length)) if limit else batch_size * length
    compute = compute if precision == "nf4" else precision
    wide = round(_BYTES[compute])
    layer = tokens * layer_bytes(shape, r, backend, dropout, device, compute)
    working = tokens * 4 * wide * shape.intermediate  # gradients inside the block that backward is in
    kept = shape.layers * tokens * wide * shape.hidden + layer if checkpointing else shape.layers * layer
    head = tokens * 4 * wide * shape.hidden  # last norm, and the hidden states the loss is computed from
    dequantised = wide * shape.hidden * shape.intermediate if precision == "nf4" else 0
    activations, logits = kept + working + head, logit_bytes(tokens, shape.vocab, loss_chunk)
    gaps = round(_GAPS * activations) if device == "cpu" else 0
    return Memory(
        weights=shard_bytes(shape, precision, shards)
        if shards > 1
        else weight_bytes(shape, precision, compute),
        adapter=adapter_bytes(shape, r, "adamw_torch" if device == "cpu" else optim) // shards,
        activations=activations,
        logits=logits,
        overhead=round(_CONTEXT[device]) + dequantised + gaps,
        precision=precision,
        checkpointing=checkpointing,
        batch_size=batch_size,
        length=length,
        device=device,
    )
