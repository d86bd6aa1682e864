"""Run contenders (`contender.py`) on the same rows, in turns or one by one, and compare what they did."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import chats
from contender import ROWS, TUNED, Task

from sft import base, devices, embedded, models, runs, tokenizer
from sft.planner import flops

HERE = Path(__file__).parent
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "SFT_LANG": "en",
    "PYTHONWARNINGS": "ignore",
}
TRL, UNSLOTH, HF = "TRL", "sft unsloth", "sft hf"
PACKAGES = ("torch", "trl", "transformers", "peft", "unsloth", "bitsandbytes")
HEAD = (
    "", "tokens/s", "× TRL", "in CPU time", "padding", "loss by pass", "first step, s", "peak GB", "forecast GB", "MFU", "HFU", "how"
)  # fmt: skip
__all__ = ["HF", "TRL", "TUNED", "UNSLOTH", "Result", "Task"]


class Ended(SystemExit):
    """A contender ended before it was done."""


@dataclass(slots=True)
class Result:
    """What a contender told: `facts` when its first step began, then a dictionary for every step."""

    name: str
    task: Task
    began: float
    facts: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    def sums(self, what: str) -> list[float]:
        """Return the sum over the steps of each pass."""
        per = self.task.steps
        return [sum(step[what] for step in self.steps[n : n + per]) for n in range(0, len(self.steps), per)]

    @property
    def rate(self) -> float:
        """Return the tokens a second of the fastest pass, padding not counted."""
        return max(n / seconds for n, seconds in zip(self.sums("tokens"), self.sums("seconds"), strict=True))

    @property
    def cpu_rate(self) -> float:
        """Return the tokens a second of processor time of the pass that took least of it."""
        return max(n / seconds for n, seconds in zip(self.sums("tokens"), self.sums("cpu"), strict=True))

    @property
    def padding(self) -> float:
        """Return the part of what went through the model that was padding, over all passes."""
        return 1 - sum(self.sums("tokens")) / sum(self.sums("filled"))

    @property
    def losses(self) -> list[float]:
        """Return the mean loss of a supervised token in each pass."""
        return [loss / n for loss, n in zip(self.sums("loss"), self.sums("learnt"), strict=True)]

    @property
    def start(self) -> float:
        """Return the seconds from the start of the process to the first step."""
        return float(self.facts["at"]) - self.began

    @property
    def memory(self) -> int:
        """Return the peak in bytes; on a GPU with what CUDA itself takes there."""
        return max(step["peak"] + step["beside"] for step in self.steps)


@dataclass(slots=True)
class Running:
    """A contender's process."""

    process: "subprocess.Popen[str]"
    log: Path
    result: Result

    def next(self) -> dict[str, Any]:
        """Wait for what it tells next. Raises `Ended` with the end of its log when it ended instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            raise Ended("\n".join([f"{self.result.name} ended with {self.process.wait()}:", *said]))
        told: dict[str, Any] = json.loads(line)
        return told

    def go(self) -> dict[str, Any]:
        """Let it take a step, and return how it went."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.result.steps.append(self.next())
        return self.result.steps[-1]


@contextmanager
def running(name: str, task: Task, **environment: str) -> Iterator[Running]:
    """Start a contender, wait until its first step begins, and end it afterwards."""
    log = Path(task.workspace) / f"{name.replace(' ', '-')}.log"
    with log.open("a", encoding="utf-8") as stream:
        began = time.time()
        process = subprocess.Popen(
            [sys.executable, HERE / "contender.py", name, json.dumps(asdict(task))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            encoding="utf-8",
            env=os.environ | QUIET | environment,
        )
    one = Running(process, log, Result(name, task, began))
    try:
        one.result.facts = one.next()
        yield one
    finally:
        process.kill()
        process.communicate()


def with_rows(task: Task, folder: Path, lengths: Sequence[int]) -> Task:
    """Return the task with a workspace: a prepared set of conversations of about these lengths, in tokens of its model."""
    known = models.resolve(task.model)
    encode = tokenizer.load(base.fetch(known, weights=False).folder, known, "auto").tokenizer.encode
    cost = lambda text: len(encode(text, add_special_tokens=False).ids)
    chats.write(folder / "data/raw/rows.jsonl", chats.of_length(lengths, cost, task.seed))
    done = subprocess.run(
        [sys.executable, "-m", "sft", "prep", "--template", "passthrough_v1", "--val-split", "0", "--out", ROWS],
        cwd=folder, env=os.environ | QUIET, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"sft prep ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return replace(task, workspace=str(folder.resolve()))


def in_turns(names: Sequence[str], task: Task) -> list[Result]:
    """Let the contenders take turns, so that a disturbance meets all of them: all are loaded, one works."""
    with ExitStack() as stack:
        all_of_them = [stack.enter_context(running(name, task)) for name in names]
        for _step in range(task.passes * task.steps):
            for one in all_of_them:
                _say(one, one.go())
    return _checked([one.result for one in all_of_them])


def one_by_one(names: Sequence[str], task: Task) -> list[Result]:
    """Let each contender train its passes before the next is loaded: a card holds one model. Some may not fit."""
    found = []
    for name in names:
        try:
            with running(name, task) as one:
                for _step in range(task.passes * task.steps):
                    _say(one, one.go())
                found.append(one.result)
        except Ended as error:
            print(error, file=sys.stderr)
            last = str(error).splitlines()[-1]
            found.append(Result(name, task, 0.0, error="out of memory" if "memory" in last else last))
    return _checked(found)


def starts(names: Sequence[str], task: Task, cache: Path) -> dict[str, tuple[float, float]]:
    """Return the seconds from the start of each contender's process to its first step: caches empty, then full."""
    kept = embedded.cache_folder()
    cache.mkdir()
    for part in ("models", "unsloth"):  # the model itself is not what is cold
        (cache / part).symlink_to(kept / part)
    own = {"SFT_CACHE": str(cache), "HF_DATASETS_CACHE": str(cache / "datasets")}
    found = {}
    for name in names:
        times = []
        for _again in range(2):
            with running(name, task, **own) as one:
                times.append(one.result.start)
        found[name] = (times[0], times[1])
    return found


def _say(one: Running, told: dict[str, Any]) -> None:
    name, number = one.result.name, len(one.result.steps)
    print(
        f"step {number}, {name}: {told['tokens']} tokens, {told['seconds']:.2f} s",
        file=sys.stderr,
        flush=True,
    )


def _checked(found: list[Result]) -> list[Result]:
    """Return the results. Raises `SystemExit` unless all contenders had the same rows and trained all of each."""
    for name in ("rows", "digest"):
        told = {one.name: one.facts[name] for one in found if one.steps}
        if len(set(told.values())) > 1:
            raise SystemExit(f"not the same {name}: {told}")
    tokens = {each for one in found for each in one.sums("tokens")}
    if len(tokens) > 1:
        raise SystemExit(f"passes of different size: {sorted(tokens)}")
    return found


def heading(found: Sequence[Result], machine: str, load: float) -> str:
    """Return what a reader has to know of a measurement: when, on what, with what, on which rows."""
    task = found[0].task
    packages = runs.versions()
    versions = ", ".join(f"{each} {packages[each]}" for each in PACKAGES if each in packages)
    lengths = next((one.facts["lengths"] for one in found if one.facts), [0])
    pick = lambda part: lengths[round(part * (len(lengths) - 1))]
    spread = (
        f"{lengths[0]} to {lengths[-1]} tokens (median {pick(0.5)}, p95 {pick(0.95)}), {sum(lengths)} a pass"
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}, load before {load:.1f}; Python {platform.python_version()}, {versions}\n"
        f"{Path(task.model).name}: {len(lengths)} rows of {spread}; {task.batch} rows a step, LoRA r {task.r}\n"
    )


def table(found: Sequence[Result], peak: float | None = None) -> str:
    """Return the results as a table in Markdown; `peak` is what MFU and HFU are parts of, in FLOP a second."""
    by = next((one for one in found if one.name == TRL and one.steps), None)
    rows = [HEAD, ("---",) * len(HEAD), *(_line(one, by, peak) for one in found)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _line(one: Result, by: Result | None, peak: float | None) -> tuple[str, ...]:
    if not one.steps:
        return (one.name, *["–"] * 10, one.error)
    forecast, recompute = one.facts["forecast"], one.facts["recompute"]
    off = f"{forecast / 1e9:.2f} ({forecast / one.memory - 1:+.0%})" if forecast else "–"
    shape, parts = models.resolve(one.task.model).shape, ["–", "–"]
    if shape and peak:
        work = flops.per_token(shape, one.task.r, one.facts["attended"], checkpointing=recompute)
        parts = [f"{one.rate * each / peak:.1%}" for each in (work.needed, work.done)]
    micro, checkpointing = one.facts["micro"], "on" if recompute else "off"
    return (
        one.name,
        f"{one.rate:.0f}",
        f"{one.rate / by.rate:.2f}" if by else "–",
        f"{one.cpu_rate / by.cpu_rate:.2f}" if by else "–",
        f"{one.padding:.1%}",
        ", ".join(f"{loss:.3f}" for loss in one.losses),
        f"{one.steps[0]['seconds']:.1f}",
        f"{one.memory / 1e9:.2f}",
        off,
        *parts,
        f"{micro} × {one.task.batch // micro}, {one.facts['weights']}, checkpointing {checkpointing}",
    )


def processor() -> str:
    """Return how many cores of what processor this machine has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    name = next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )
    return f"{os.cpu_count()} cores, {name} {'with' if devices.has_amx() else 'without'} AMX"
