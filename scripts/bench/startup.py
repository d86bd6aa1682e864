"""Time ``sft --help`` and every ``sft COMMAND --help`` as whole processes, beside a bare interpreter and a bare typer app.

Run: ``python scripts/bench/startup.py [ROUNDS]``. Prints the minimum and median in seconds; rounds are interleaved, so
that noise of the machine falls on all alike.
"""

import statistics
import subprocess
import sys
import time

COMMANDS = [
    "",
    "init",
    "prep",
    "train",
    "predict",
    "smatch",
    "eval",
    "plan",
    "doctor",
    "data",
    "templates",
    "models",
    "presets",
]
BARE = "import typer; app = typer.Typer(rich_markup_mode=None); app.command()(lambda: None); app(['--help'])"


def seconds(arguments: list[str]) -> float:
    """Run one process to its end and return its wall time."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return time.perf_counter() - began


def main() -> None:
    """Measure and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    jobs = {"python": ["-c", "pass"], "bare typer": ["-c", BARE]}
    jobs |= {f"sft {name}".strip(): ["-m", "sft", *([name] if name else []), "--help"] for name in COMMANDS}
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _round in range(rounds):
        for name, arguments in jobs.items():
            times[name].append(seconds(arguments))
    bare = min(times["bare typer"])
    for name, values in times.items():
        print(
            f"{name:16} min {min(values):.3f}  median {statistics.median(values):.3f}  × bare typer {min(values) / bare:.2f}"
        )


if __name__ == "__main__":
    main()
