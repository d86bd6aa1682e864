"""Time how conversations become ids and labels: `sft`, cold and warm, beside TRL's own preparation of the same rows.

    python scripts/bench/prep_tokens.py [N] [--rounds R] [--processes P] [--alone]

N conversations (default 10000) of about 113 tokens are drawn from a fixed seed and tokenised with the embedded model's
tokenizer. TRL prepares them as its trainer does with ``assistant_only_loss``, with a chat template that marks the
answers, in one process as is its default and in P processes. Rounds are interleaved and the best of each is shown, so
that noise of the machine falls on all alike; CPU seconds stand beside the wall. Exit code 1 when ids or labels of any
row differ. With ``--alone`` TRL is left out (no torch is imported), and the peak memory is that of `sft`.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "SFT_LANG": "en"}

from chats import TEMPLATE, WORDS

from sft import embedded, models, tokenizer, tokens
from sft.prepared import Prepared
from sft.records import Message, Row


class Quiet:
    """Nobody watches."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def begin(self, done: int, total: int) -> None:
        """Draw nothing."""

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        """Draw nothing."""

    def end(self) -> None:
        """Draw nothing."""


def conversations(count: int) -> tuple[Row, ...]:
    """Return invented conversations: a system text, a question of 4 to 28 words, an answer of 1 to 16."""
    draw = random.Random(42)

    def words(few: int, many: int) -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(few, many)))

    return tuple(
        Row(
            str(number),
            (
                Message("system", "Bạn là trợ lý y tế."),
                Message("user", f"{words(4, 28).capitalize()}?"),
                Message("assistant", f"{words(1, 16).capitalize()}."),
            ),
        )
        for number in range(count)
    )


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return wall seconds, CPU seconds of this process and its children, and the result."""
    cpu = lambda: sum(os.times()[:4])
    began, used = time.perf_counter(), cpu()
    result = work()
    return time.perf_counter() - began, cpu() - used, result


def trl_jobs(rows: tuple[Row, ...], folder: Path, counts: list[int]) -> dict[str, Callable[[], Any]]:
    """Return TRL's preparation of `rows` as a job for each number of processes."""
    from datasets import Dataset, disable_caching
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from trl import SFTConfig, SFTTrainer

    disable_caching()
    whole = Dataset.from_list([{"messages": [m.as_dict() for m in row.messages]} for row in rows])
    hf = AutoTokenizer.from_pretrained(embedded.folder())
    hf.chat_template = TEMPLATE
    tiny = LlamaConfig(
        vocab_size=len(hf), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    jobs: dict[str, Callable[[], Any]] = {}
    for count in counts:
        config = SFTConfig(
            output_dir=str(folder / "trl"), assistant_only_loss=True, max_length=None, report_to="none", use_cpu=True,
            disable_tqdm=True, dataset_num_proc=None if count == 1 else count,
        )  # fmt: skip
        few = whole.select(range(4))
        trainer = SFTTrainer(LlamaForCausalLM(tiny), args=config, train_dataset=few, processing_class=hf)
        jobs[f"TRL, {count} process{'es' if count > 1 else ''}"] = lambda trainer=trainer, config=config: (
            trainer._prepare_dataset(whole, hf, config, False, None, "train")
        )
    return jobs


def sft_jobs(rows: tuple[Row, ...]) -> dict[str, Callable[[], Any]]:
    """Return `sft`'s way with `rows`, without the cache, into it and from it."""
    loaded = tokenizer.load(embedded.folder(), models.resolve("smollm2-135m"))
    data = Prepared(Path("none"), {"template": "none", "sha256": str(len(rows))}, {"train": rows})
    names, every = tokens.names(data), range(len(rows))

    def cold(limit: str) -> Any:
        os.environ[tokens.LIMIT] = limit
        return tokens.make(data, loaded, names, every, Quiet())

    return {
        "sft, not kept": lambda: cold("0"),
        "sft, cold": lambda: cold("10"),
        "sft, warm": lambda: tokens.find(data, loaded, Quiet()),
    }


def differ(ours: Any, theirs: Any) -> int:
    """Return how many rows have other ids or labels."""
    pairs = zip(range(len(theirs)), theirs, strict=True)
    return sum(
        (ours[n].ids, ours[n].labels) != (list(row["input_ids"]), list(row["labels"])) for n, row in pairs
    )


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("n", nargs="?", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--alone", action="store_true")
    given = parser.parse_args()
    embedded.folder()  # converted before the cache moves
    rows = conversations(given.n)
    with tempfile.TemporaryDirectory() as place:
        jobs = sft_jobs(rows)
        tokens.folder = lambda: Path(place) / "tokens"  # type: ignore[assignment]
        if not given.alone:
            jobs = trl_jobs(rows, Path(place), sorted({1, given.processes})) | jobs
        best: dict[str, tuple[float, float]] = {}
        results: dict[str, Any] = {}
        for _round in range(given.rounds):
            for name, job in jobs.items():
                wall, cpu, results[name] = timed(job)
                best[name] = min(best.get(name, (wall, cpu)), (wall, cpu))
        warm = results["sft, warm"]
        print(f"{given.n} rows, {sum(warm.lengths) / given.n:.1f} tokens a row, {os.cpu_count()} cores")
        slowest = best.get("TRL, 1 process", (0.0, 0.0))[0]
        for name, (wall, cpu) in best.items():
            ratio = f"  × TRL {slowest / wall:8.1f}" if slowest else ""
            print(f"{name:20} {given.n / wall:10.0f} rows/s  {wall:7.2f} s  CPU {cpu:7.2f} s{ratio}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"peak memory {peak / (1 << 20 if sys.platform != 'darwin' else 1 << 30):.2f} GiB")
        wrong = sum(differ(warm, results[name]) for name in results if name.startswith("TRL"))
        print(f"rows with other ids or labels: {wrong}" if not given.alone else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
