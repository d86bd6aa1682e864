"""Invented conversations for the benchmarks, and the chat template that lets TRL mark the answers as `sft` does."""

import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

WORDS = [
    "mẹ",
    "bố",
    "bé",
    "chị",
    "anh",
    "cô",
    "giáo",
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
    "bệnh",
    "nhân",
    "thuốc",
    "điều",
    "trị",
    "sốt",
    "cao",
    "triệu",
    "chứng",
    "bác",
    "sĩ",
    "kiểm",
    "tra",
    "kết",
    "quả",
    "thời",
    "tiết",
    "đường",
    "phố",
    "mùa",
    "thu",
    "hoạch",
    "ruộng",
    "lúa",
    "sông",
    "núi",
]
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% if m['role'] == 'assistant' %}{% generation %}"
    "{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}{{ m['content'] + '<|im_end|>' }}{% endif %}"
    "{{ '\n' }}{% endfor %}"
)
SYSTEM = "Trả lời ngắn gọn."
_SPREAD = 0.7  # sigma of the logarithm: at a median of 150 the middle two thirds are 75 to 300 tokens long


def lengths(count: int, shortest: int, longest: int, seed: int) -> list[int]:
    """Return `count` row lengths in tokens: log-normal around the geometric mean of the two limits, cut off at both.

    >>> drawn = sorted(lengths(1000, 40, 600, 7))
    >>> drawn[0] >= 40, drawn[-1] <= 600, 140 < drawn[500] < 170
    (True, True, True)
    """
    draw = random.Random(seed)
    middle = math.log(math.sqrt(shortest * longest))
    return [min(max(round(draw.lognormvariate(middle, _SPREAD)), shortest), longest) for _row in range(count)]


def of_length(wanted: list[int], cost: Callable[[str], int], seed: int) -> Iterator[list[dict[str, str]]]:
    """Yield a conversation for each wanted number of tokens; `cost` tells how many a text takes.

    System text, question, answer; the answer has 20 to 60 % of the words.
    """
    draw = random.Random(seed)
    costs = {word: cost(f" {word}") for word in WORDS}
    frame = cost(SYSTEM) + 18  # three headers, turn ends and line feeds
    for tokens in wanted:
        words: list[str] = []
        left = tokens - frame
        while left > 0 or len(words) < 2:
            words.append(draw.choice(WORDS))
            left -= costs[words[-1]]
        cut = max(1, round(len(words) * draw.uniform(0.4, 0.8)))
        cut = min(cut, len(words) - 1)
        texts = (SYSTEM, " ".join(words[:cut]), " ".join(words[cut:]))
        yield [
            {"role": role, "content": text}
            for role, text in zip(("system", "user", "assistant"), texts, strict=True)
        ]


def write(path: Path, rows: Iterator[list[dict[str, str]]]) -> None:
    """Write conversations as JSON lines, as chat data comes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as stream:
        for messages in rows:
            stream.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
