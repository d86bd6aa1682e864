"""A tiny random Qwen2 with a tokenizer of its own and a workspace with data: what real trainings in tests run on."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

# ChatML as Qwen2.5's own template lays it out when a system message is given, in our own words.
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WORDS = [
    "mẹ",
    "bố",
    "bé",
    "chị",
    "anh",
    "cô",
    "mèo",
    "chó",
    "cơm",
    "cá",
    "sách",
    "bài",
    "nhà",
    "trường",
    "nấu",
    "ăn",
    "đọc",
    "học",
    "mua",
    "thấy",
    "thích",
    "ngủ",
    "không",
    "đúng",
    "sai",
]
_MAKE = """
import sys, torch
from transformers import Qwen2Config, Qwen2ForCausalLM
torch.manual_seed(7)
config = Qwen2Config(vocab_size=int(sys.argv[2]), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024, tie_word_embeddings=True,
    bos_token_id=None, eos_token_id=0, pad_token_id=0)
Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(sys.argv[1])
"""


def environment() -> dict[str, str]:
    """Return the environment of a training subprocess: offline, quiet."""
    return os.environ | {"HF_HUB_OFFLINE": "1", "SFT_LANG": "en", "PYTHONWARNINGS": "ignore"}


def sft(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "sft", *arguments],
        cwd=folder, env=environment(), capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if check and done.returncode:
        raise AssertionError(f"sft {' '.join(arguments)} → {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def make_model(folder: Path) -> Path:
    """Write a tiny random Qwen2 and a tokenizer for it."""
    size = make_tokenizer(folder)
    subprocess.run(
        [sys.executable, "-c", _MAKE, str(folder), str(size)],
        env=environment(),
        check=True,
        capture_output=True,
    )
    return folder


def make_tokenizer(folder: Path) -> int:
    """Write a byte-level BPE tokenizer trained on our own words, and return how many tokens it knows."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 20, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
        "chat_template": TEMPLATE, "clean_up_tokenization_spaces": False, "model_max_length": 1024,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return int(tokenizer.get_vocab_size())


def write_graphs(path: Path, count: int) -> None:
    """Write invented AMR records in the form of the Vietnamese shared task."""
    draw = random.Random(3)
    who, what, verbs = WORDS[:6], WORDS[6:14], WORDS[14:21]
    lines, seen = [], set()
    while len(seen) < count:
        a, v, b = draw.choice(who), draw.choice(verbs), draw.choice(what)
        if (a, v, b) not in seen:
            seen.add((a, v, b))
            lines.append(f"#::snt {a} {v} {b} .\n(x / {v}\n    :agent(y / {a})\n    :theme(z / {b}))\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def write_statements(path: Path, count: int) -> None:
    """Write invented TRUE/FALSE statements as a CSV."""
    draw = random.Random(4)
    rows = {
        f"{draw.choice(WORDS[:6])} {draw.choice(WORDS[14:21])} {draw.choice(WORDS[6:14])}": None
        for _ in range(9 * count)
    }
    lines = ["STT,Mệnh đề,Đáp án"]
    lines += [f"{i},{row},{'TRUE' if i % 2 else 'FALSE'}" for i, row in enumerate(list(rows)[:count], 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
