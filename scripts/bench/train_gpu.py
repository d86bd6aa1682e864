"""Time LoRA training on a CUDA card: `sft` with both backends beside plain TRL, on Qwen2.5 shapes with random weights.

    python scripts/bench/train_gpu.py [--models qwen2.5-0.5b …] [--bits 16 4] [--steps N] [--rounds R] [--batch B]
    python scripts/bench/train_gpu.py --device cpu --tiny --steps 2       # every line of it, without a card

No weights are fetched: a model of random weights is as fast and as large as the real one. Each contender has the card to
itself, so they run one after the other, on the same rows (see `train.py`). Printed is a table in Markdown for
docs/benchmarks.md: tokens a second without padding, MFU and HFU of the card's dense 16-bit peak, and the peak of memory
beside what `sft plan` forecast for it. Without CUDA it ends with 3.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "SFT_LANG": "en"}

import chats
import harness
import random_model
from harness import HF, TRL, UNSLOTH, Task

from sft import devices
from sft.planner import cards

SHORTEST, LONGEST = 40, 600


def main() -> int:
    """Measure and print a table for each model and precision."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["qwen2.5-0.5b", "qwen2.5-3b", "qwen2.5-7b"])
    parser.add_argument("--bits", nargs="+", type=int, choices=(4, 16), default=[16, 4])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--longest", type=int, default=LONGEST, help="tokens of the longest row")
    parser.add_argument("--folder", type=Path, help="where to work; 40 GB for the largest model")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a small random model in place of --models")
    given = parser.parse_args()
    cpu = given.device == "cpu"
    device = devices.cpu() if cpu else devices.choose()
    if not cpu and device.kind == "cpu":
        print(
            "error: no CUDA card is seen\nhint: --device cpu --tiny tries the script itself", file=sys.stderr
        )
        return 3
    peak = None if cpu else cards.peak(device)
    for name in [""] if given.tiny else given.models:
        with tempfile.TemporaryDirectory(dir=given.folder) as place:
            folder = Path(place)
            model = str(random_model.write(folder / (name or "tiny"), name))
            wanted = chats.lengths(given.steps * given.batch, SHORTEST, given.longest, 7)
            rows = harness.workspace(folder / "rows", model, wanted, 7)
            for bits in given.bits:
                task = Task(
                    str(rows), model, given.batch, given.steps, given.rounds, 2 * given.longest,
                    turn=given.steps, bits=bits, cpu=cpu,
                )  # fmt: skip
                load = os.getloadavg()[0]
                found = harness.one_by_one([UNSLOTH, HF, TRL], task)
                print(f"\n{bits} bit", harness.heading(task, found, load), sep="\n")
                print(harness.table(found, task, peak), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
