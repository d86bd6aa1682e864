"""Compare `sft.smatch` with the `smatch` and `smatchpp` packages: match counts, whole-command time, peak memory.

    python -m venv peers && peers/bin/pip install smatch==1.0.4 smatchpp==1.8.0
    python scripts/bench/smatch.py --peers peers PRED GOLD [PRED GOLD ...]

The peers run in their own environment and only there. Counts are compared pair by pair wherever the text is
well-formed and both sides count the same number of triples; time is the least of `--repeat` runs of the whole command,
start-up included: `python -m sft.smatch`, the score alone, and `sft smatch` with all it reports (canonical view,
bootstrap interval). Exit code 1 when a count differs from smatchpp's ILP, lies below smatch, or a pair is not proven.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PEER = r"""
import json, re, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

def graphs(path):
    text = open(path, encoding="utf-8").read().replace("\r", "")
    body, out, seen = [], [], False
    for line in text.split("\n") + [""]:
        line = line.strip()
        if not line:
            if seen:
                out.append(re.sub(r'(:[^\s()"]+)\(', r"\1 (", " ".join(body)))  # smatchpp needs the blank
            body, seen = [], False
        else:
            seen = True
            if not line.startswith("#"):
                body.append(line)
    return out

def stock():
    import smatch
    def count(a, b):
        smatch.match_triple_dict.clear()
        return smatch.get_amr_match(a, b)
    return count

def ilp(kind):
    from smatchpp import Smatchpp, solvers
    from smatchpp.model_factory import StandardizerFactory
    scorer = Smatchpp(
        alignmentsolver=solvers.get_solver("ilp"),
        graph_standardizer=StandardizerFactory.get_standardizer(kind),
    )
    def count(a, b):
        match, status, _ = scorer.process_pair(a, b)
        first, _second, x, y = match["main"]
        if status[1] - status[0] > 0.5:
            return None
        return int(first), int(x), int(y)
    return count

tool, pred, gold = sys.argv[1:4]
count = {"smatch": stock, "amr": lambda: ilp("amr"), "none": lambda: ilp(None)}[tool]()
rows = []
for a, b in zip(graphs(pred), graphs(gold)):
    try:
        with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
            rows.append(count(a, b))
    except Exception:
        rows.append(None)
json.dump(rows, sys.stdout)
"""

Count = list[int] | None


def main() -> int:
    """Run the comparison on the files given and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", help="PRED GOLD [PRED GOLD ...]")
    parser.add_argument(
        "--peers", type=Path, required=True, help="virtual environment with smatch and smatchpp"
    )
    parser.add_argument(
        "--python",
        type=Path,
        default=Path(sys.executable),
        help="interpreter of our command: a compiled wheel's, say",
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of our command")
    parser.add_argument("--peer-repeat", type=int, default=1, help="runs of the peers' commands")
    parser.add_argument("--no-counts", action="store_true", help="time only")
    parser.add_argument(
        "--no-smatch", action="store_true", help="leave smatch out (it takes minutes on 80+ nodes)"
    )
    options = parser.parse_args()
    if len(options.files) % 2:
        parser.error("files come in pairs: PRED GOLD")
    bad = 0
    for pred, gold in zip(options.files[::2], options.files[1::2], strict=True):
        print(f"== {Path(pred).name} {Path(gold).name}", flush=True)
        _times(options, pred, gold)
    for pred, gold in zip(
        options.files[::2], options.files[1::2], strict=True
    ):  # last: a child's peak includes ours
        if not options.no_counts:
            print(f"== {Path(pred).name} {Path(gold).name}", flush=True)
            bad += _counts(options, pred, gold)
    return 1 if bad else 0


def _counts(options: argparse.Namespace, pred: str, gold: str) -> int:
    python = str(options.peers / "bin" / "python")
    bad = 0
    plain = [a and b for a, b in zip(_plain(pred), _plain(gold), strict=True)]
    counted: dict[str, list[Count]] = {}
    for tool, mode in (("smatch", "smatch"), ("smatch", "compat"), ("amr", "amr"), ("none", "none")):
        if tool == "smatch" and options.no_smatch:
            continue
        ours = _compat(pred, gold) if mode == "compat" else _ours(pred, gold, mode)
        if tool not in counted:
            counted[tool] = json.loads(_output([python, "-c", PEER, tool, pred, gold]))
        theirs = counted[tool]
        if len(ours) != len(theirs):
            print(f"   {tool}: {len(theirs)} pairs against {len(ours)}")
            bad += 1
            continue
        proven = sum(row[0] == row[1] for row in ours)
        alike = [
            (k, row[0], other[0])
            for k, (row, other) in enumerate(zip(ours, theirs, strict=True))
            if other and row[2:] == other[1:] and plain[k]
        ]
        higher = [row for row in alike if row[1] > row[2]]
        lower = [row for row in alike if row[1] < row[2]]
        name = {"smatch": "smatch -r 4", "compat": "smatch -r 4 against --compat"}.get(
            mode, f"smatchpp ilp {mode}"
        )
        print(
            f"   {name}: {len(ours)} pairs, {proven} proven; {sum(plain)} well-formed; {sum(other is None for other in theirs)} not solved by the "
            f"peer; same triple counts {len(alike)}, equal {len(alike) - len(higher) - len(lower)}, "
            f"ours higher {len(higher)}, ours lower {len(lower)}",
            flush=True,
        )
        wrong = lower if tool == "smatch" else lower + higher
        for k, mine, other in wrong[:5]:
            print(f"      pair {k + 1}: ours {mine}, peer {other}")
        bad += len(wrong) + len(ours) - proven
    return bad


def _compat(pred: str, gold: str) -> list[list[int]]:
    """Return [lower, upper, pred, gold] per pair as the original tool counts."""
    from sft.smatch.compat import score_corpus_compat
    from sft.smatch.items import read_files

    ours, theirs = ([item.plain for item in items] for items in read_files([pred, gold]))
    pairs = score_corpus_compat(zip(ours, theirs, strict=True)).pairs
    return [[p.lower, p.upper, p.pred, p.gold] for p in pairs]


def _plain(path: str) -> list[bool]:
    """Tell per record whether every reader agrees on it: well-formed, one definition a variable, no blank in a concept."""
    from sft.smatch.reader import records, scan, text_of

    read = [scan(record.body) for record in records(text_of(path))]
    return [graph is not None and not any(" " in text for _node, text in graph[1]) for graph in read]


def _ours(pred: str, gold: str, mode: str) -> list[list[int]]:
    """Return [lower, upper, pred, gold] per pair."""
    output = _output([sys.executable, "-m", "sft.smatch", pred, gold, "--mode", mode, "--pairs"])
    rows = [line.split("\t") for line in output.splitlines() if "\t" in line]
    return [[int(value) for value in row[1:5]] for row in rows]


def _times(options: argparse.Namespace, pred: str, gold: str) -> None:
    bin_ = options.peers / "bin"
    ours = str(options.python)
    runs: list[tuple[str, Sequence[str], int]] = [
        (f"sft {mode}", [ours, "-m", "sft.smatch", pred, gold, "--mode", mode], options.repeat)
        for mode in ("smatch", "amr")
    ]
    runs.append(("sft smatch, all", [ours, "-m", "sft", "smatch", pred, gold], options.repeat))
    if not options.no_smatch:
        stock = [str(bin_ / "python"), str(bin_ / "smatch.py"), "-r", "4", "-f", pred, gold]
        runs.append(("smatch -r 4", stock, options.peer_repeat))
    plus = [str(bin_ / "python"), "-m", "smatchpp", "-a", pred, "-b", gold, "-score_type", "micro"]
    runs.append(("smatchpp amr", [*plus, "-graph_type", "amr", "-solver", "ilp"], options.peer_repeat))
    taken: dict[str, tuple[float, float]] = {}
    cache = tempfile.mkdtemp()  # compiled modules, as an installed package has them; the peers have theirs
    _run(runs[0][1], cache)
    for name, command, repeat in runs:
        done = [_run(command, cache) for _ in range(repeat)]
        wall, cpu, peak, code = (min(column) for column in zip(*done, strict=True))
        taken[name] = (wall, cpu)
        bases = {"smatch -r 4": ["sft smatch", "sft smatch, all"], "smatchpp amr": ["sft amr"]}.get(name, [])
        note = "" if code == 0 or (code == 1 and not bases) else f"  (stopped, exit code {code})"
        ratio = "".join(
            f"  {wall / taken[base][0]:6.1f} x {base} ({cpu / taken[base][1]:.1f} x its CPU)"
            for base in bases
        )
        print(f"   {name:15} {wall:8.3f} s  {cpu:8.3f} s CPU  {peak:6.0f} MB{ratio}{note}", flush=True)


def _run(command: Sequence[str], cache: str) -> tuple[float, float, float, int]:
    """Return wall seconds, CPU seconds, peak memory in MB and the exit code of one command."""
    own = "sft" in command or "sft.smatch" in command
    env = os.environ | {"PYTHONPYCACHEPREFIX": cache} if own else dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    quiet = subprocess.DEVNULL
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, env=env) as process:
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode not in {0, 1}:
        sys.exit(f"{' '.join(command[:4])} …: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
