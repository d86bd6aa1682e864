"""Write a model of a known shape with random weights: as fast and as large as the real one, and not to be downloaded.

    python scripts/bench/random_model.py FOLDER [NAME]

NAME is a Qwen2.5 of `sft models list`; without one it is the tiny model of the tests.
"""

import dataclasses
import subprocess
import sys
from pathlib import Path

from sft.models import Shape, known

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from tiny_model import environment, make_model, make_tokenizer


def write(folder: Path, name: str = "") -> Path:
    """Write weights and a tokenizer of some hundred tokens; which rows of an embedding are used does not matter for speed."""
    if not name:
        return make_model(folder)
    make_tokenizer(folder)
    subprocess.run([sys.executable, __file__, str(folder), name], env=environment(), check=True)
    return folder


def weights(folder: Path, shape: Shape) -> None:
    """Write random weights in bf16; made on the GPU where there is one."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    if not shape.qkv_bias:
        raise SystemExit(f"not the shape of a Qwen2: {dataclasses.asdict(shape)}")
    config = Qwen2Config(
        vocab_size=shape.vocab, hidden_size=shape.hidden, intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        max_position_embeddings=32_768, tie_word_embeddings=shape.tied,
        bos_token_id=None, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(7)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        Qwen2ForCausalLM(config).save_pretrained(folder)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        write(Path(sys.argv[1]))
    else:
        shape = known()[sys.argv[2]].shape
        assert shape is not None
        weights(Path(sys.argv[1]), shape)
