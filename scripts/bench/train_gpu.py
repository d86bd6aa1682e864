"""Time LoRA training on a GPU: `sft` with both backends beside plain TRL, in 16 and in 4 bit; a table in Markdown.

    python scripts/bench/train_gpu.py [--models NAMES] [--bits 16 4] [--rows-length A-B|N] [--steps N] [--rounds R]
                                      [--batch B] [--folder DIR] [--peak TFLOPS]

The models have the shape of Qwen2.5 and random weights, written to a folder (twice the bytes of their 16-bit weights;
they are removed in the end): as fast and as large as the real ones. NAMES default to qwen2.5-0.5b,qwen2.5-3b,qwen2.5-7b.
Everything is as in `train.py`, except that each contender has the card to itself. B rows a step (default 32): `sft`
takes the micro-batch of its plan, TRL its own of 8. The first pass of R (default 3) compiles; the fastest counts.

tokens/s leave padding out, and so do MFU and HFU: the work that the tokens need, and that with what checkpointing
computes again, as parts of the card's peak (`sft/planner/cards.toml`, or --peak). Peak memory is what torch reserved and
what CUDA takes beside it; the forecast is that of `sft plan`. Exit code 3 without a GPU, 1 when a contender had other
rows; one that runs out of memory is a line of the table.

    python scripts/bench/train_gpu.py --device cpu --tiny     tries the whole script where there is no GPU
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "SFT_LANG": "en"}

import chats
import harness
import random_model
from harness import HF, TRL, TUNED, UNSLOTH, Task

from sft import devices
from sft.planner import cards

MODELS = "qwen2.5-0.5b,qwen2.5-3b,qwen2.5-7b"
CUDA = "import sys, torch; sys.exit(not torch.cuda.is_available())"


def missing() -> str:
    """Return what is missing for a training on a GPU, '' when nothing is."""
    if not devices.gpus():
        return "no NVIDIA GPU is seen (nvidia-smi)"
    if subprocess.run([sys.executable, "-c", CUDA], check=False).returncode:
        return "torch has no CUDA here: ./scripts/setup.sh --gpu"
    return ""


def compare(given: argparse.Namespace, folder: Path, name: str, card: devices.Device) -> None:
    """Measure one model in every precision on a card, and print its tables."""
    peak = given.peak * 1e12 if given.peak else cards.peak(card)
    machine = card.name if card.kind == "gpu" else harness.processor()
    model = random_model.write(folder / (name or "tiny"), name)
    first, _dash, last = given.rows_length.partition("-")
    lengths = chats.lengths(given.steps * given.batch, int(first), int(last or first), 7)
    for bits in given.bits:
        device = card.uuid or "cpu"
        task = Task("", str(model), given.batch, given.steps, given.rounds, bits=bits, device=device)
        task = harness.with_rows(task, folder / f"rows-{name}-{bits}", lengths)
        load = os.getloadavg()[0]
        found = harness.one_by_one([UNSLOTH, HF, TRL, TUNED], task)
        print(harness.heading(found, machine, load), harness.table(found, peak), "", sep="\n", flush=True)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--bits", type=int, nargs="+", choices=(4, 16), default=[16, 4])
    parser.add_argument("--rows-length", default="40-600", metavar="A-B|N")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--peak", type=float, metavar="TFLOPS")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args()
    if given.device == "gpu" and (reason := missing()):
        print(f"error: {reason}\nhint: --device cpu --tiny tries this script without one", file=sys.stderr)
        return 3
    card = devices.choose("cpu" if given.device == "cpu" else devices.AUTO)
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        for name in [""] if given.tiny else given.models.split(","):
            compare(given, Path(place), name, card)
    return 0


if __name__ == "__main__":
    sys.exit(main())
