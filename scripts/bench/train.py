"""Time LoRA training on this machine's CPU: `sft` with both backends beside plain TRL with its own defaults.

    python scripts/bench/train.py [--steps N] [--rounds R] [--batch B] [--tiny] [--start ROWS] [--folder DIR]

All contenders train the embedded model (with ``--tiny`` a small random one) on the same conversations, with the same
adapter, effective batch, learning rate and thread settings, and write a line of log for every step. Everything else is
as each chooses it. `sft`: steps of rows of like length; micro-batch, type of the weights and checkpointing as its plan
settles them. TRL: gradient checkpointing, fp32 weights under bf16 autocast, rows in random order. The last line is TRL
tuned by hand: fp32 where the CPU has no AMX (else 16-bit weights), no checkpointing, its own grouping by length.

Lengths are log-normal between 40 and 600 tokens around 155. A pass has N steps (default 8) of B rows (default 8), each
row once; contenders take turns step by step, and the fastest of R passes (default 1) counts. Grouping pads more in
so few rows than in a real set: of 10,000 such rows the order of `sft` pads 4 %. Exit code 1 when ids or labels of two
contenders differ, or the tokens of a pass. Nine minutes on two quiet cores.

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
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--start", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        folder = Path(place)
        model = str(random_model.write(folder / "tiny")) if given.tiny else "smollm2-135m"
        task = Task("", model, given.batch, given.steps, given.rounds)
        lengths = chats.lengths(given.steps * given.batch, SHORTEST, LONGEST, 7)
        load = os.getloadavg()[0]
        found = harness.in_turns([UNSLOTH, HF, TRL, TUNED], harness.with_rows(task, folder / "rows", lengths))
        print(harness.heading(found, harness.processor(), load), harness.table(found), sep="\n", flush=True)
        if given.start:
            task = Task("", model, given.batch, given.start // given.batch, 1)
            task = harness.with_rows(task, folder / "many", chats.lengths(given.start, SHORTEST, LONGEST, 8))
            for name, (cold, warm) in harness.starts([UNSLOTH, HF, TRL], task, folder / "cache").items():
                print(
                    f"{name}, {given.start} rows: first step after {cold:.1f} s, from its cache {warm:.1f} s"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
