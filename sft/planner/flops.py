"""The arithmetic work of LoRA training, in FLOP per token. Pure; calculated, never measured.

With N the weights of all linear layers and the output matrix: forward 2N and the gradient of the inputs 2N; the frozen
weights need no gradient, so 4N and not the 6N of full training. The adapter's own weights cost 6 each. Checkpointing
runs the blocks, not the output matrix, forward once more.
"""

from dataclasses import dataclass

from sft.models import Shape, linear_parameters, lora_parameters


@dataclass(frozen=True, slots=True)
class Work:
    """FLOP per token: `needed` is what MFU counts, `done` (with what is recomputed) what HFU counts."""

    needed: float
    done: float


def per_token(shape: Shape, r: int, length: float, *, checkpointing: bool) -> Work:
    """Return the work for one token of rows of `length` tokens; attention looks back on half of them on average.

    >>> from sft.models import known
    >>> work = per_token(known()["qwen2.5-3b"].shape, 16, 512, checkpointing=True)
    >>> round(work.needed / 1e9, 2), round(work.done / 1e9, 2)
    (12.75, 18.43)
    """
    blocks, head = linear_parameters(shape), shape.hidden * shape.vocab
    lora = lora_parameters(shape, r)
    attention = 2 * shape.layers * shape.q * length  # q·k and weights·v, 2 FLOP each, over half the row
    needed = 4 * (blocks + head) + 6 * lora + 3 * attention
    again = 2 * (blocks + lora) + attention if checkpointing else 0
    return Work(needed, needed + again)


def utilisation(work: Work | None, rate: float, peak: float | None) -> dict[str, float]:
    """Return what a rate of tokens a second comes to: ``tflops`` needed, and as parts of a peak ``mfu`` and ``hfu``.

    `peak` is in FLOP a second, of all cards together; of a CPU it is not known, so there is no part of it.

    >>> utilisation(Work(12e9, 18e9), 30_000, 989e12)
    {'tflops': 360.0, 'mfu': 0.364, 'hfu': 0.546}
    >>> utilisation(Work(12e9, 18e9), 30, None), utilisation(None, 30, 989e12)
    ({'tflops': 0.36}, {})
    """
    if work is None:
        return {}
    found = {"tflops": float(f"{work.needed * rate / 1e12:.4g}")}
    if peak:
        found |= {"mfu": round(work.needed * rate / peak, 4), "hfu": round(work.done * rate / peak, 4)}
    return found
