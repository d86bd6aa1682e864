"""Time LoRA training on this machine's CPU: `sft` with both backends beside plain TRL with its own defaults.

    python scripts/bench/train.py [--steps N] [--rounds R] [--batch B] [--tiny] [--start ROWS] [--folder DIR]

All contenders train the embedded model (with ``--tiny`` a small random one) on the same conversations, with the same
adapter, effective batch and learning rate. Everything else is as each chooses it: `sft` takes the micro-batch and the
checkpointing that its plan settles on and steps of rows of like length; TRL has gradient checkpointing, fp32 weights
under bf16 autocast, rows in random order. A further line is TRL tuned by hand. Lengths are log-normal between 40 and 600
tokens around 155. A pass has N steps of B rows (default 12 of 8), each row once; R passes (default 2) are trained in
turns and the fastest of each contender counts. The order of `sft` groups lengths within 32 steps: in a set of more
rows it pads as little as here or less. Ids and labels of all contenders are compared, and so are the tokens of each pass.

The last lines tell how long it is from the start of the process to the first step, on ROWS rows (default 20000, 0 leaves
it out): with the caches of tokens empty, and with them full.
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
from harness import HF, TRL, TUNED, UNSLOTH, Task

SHORTEST, LONGEST = 40, 600


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--start", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument("--only", nargs="*", default=[UNSLOTH, HF, TRL, TUNED])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        folder = Path(place)
        model = str(random_model.write(folder / "tiny")) if given.tiny else "smollm2-135m"
        wanted = chats.lengths(given.steps * given.batch, SHORTEST, LONGEST, 7)
        rows = harness.workspace(folder / "rows", model, wanted, 7)
        task = Task(str(rows), model, given.batch, given.steps, given.rounds, 2 * LONGEST, turn=1)
        load = os.getloadavg()[0]
        found = harness.in_turns(given.only, task)
        print(harness.heading(task, found, load), harness.table(found, task), sep="\n", flush=True)
        if given.start:
            many = chats.lengths(given.start, SHORTEST, LONGEST, 8)
            rows = harness.workspace(folder / "many", model, many, 8)
            task = Task(str(rows), model, given.batch, given.start // given.batch, 1, 2 * LONGEST, turn=1)
            told = harness.starts([UNSLOTH, HF, TRL], task, folder / "cache")
            for name, (cold, warm) in told.items():
                print(
                    f"{name}, {given.start} rows: first step after {cold:.1f} s, with its cache {warm:.1f} s"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
