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
