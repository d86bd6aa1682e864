"""The compiled scorer is the same scorer: the wheel of `scripts/compiled_wheel.sh` against the source, graph by graph."""

import os
import random
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(
    find_spec("hatch_mypyc") is None or (shutil.which("gcc") or shutil.which("cc")) is None,
    reason="needs hatch-mypyc (setup.sh --dev) and a C compiler",
)


def graph(seed: int, size: int) -> str:
    """Return a graph of few concepts and roles, with references, constants and inverted roles: many good mappings."""
    draw = random.Random(seed)
    text = ["" for _ in range(size)]
    for node in reversed(range(size)):
        inner = "".join(text[k] for k in range(node + 1, size) if (k - 1) // 2 == node)
        if draw.random() < 0.4:
            inner += f" :{draw.choice('abc')} v{draw.randrange(size)}"
        inner += draw.choice(["", "", " :polarity -", " :quant 7"])
        role = draw.choice((":a", ":b", ":c-of", ":mod"))
        body = f"(v{node} / {draw.choice(('chó', 'mèo', 'xe đạp', 'have-mod-91'))}{inner})"
        text[node] = f" {role} {body}" if node else body
    return text[0]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to import the compiled package from."""
    tree, target = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("site")
    for name in ("sft", "data_prep", "templates"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    code = "import sys, hatchling.build as b; print(b.build_wheel(sys.argv[1]))"
    run([sys.executable, "-c", code, str(target)], tree, HATCH_BUILD_HOOK_ENABLE_MYPYC="1")
    (wheel,) = target.glob("*.whl")
    shutil.unpack_archive(wheel, target, "zip")
    return target


def run(command: list[str], cwd: Path, **more: str) -> str:
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=cwd, env=os.environ | more, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("mode", ["smatch", "amr", "none"])
def test_every_pair_scores_alike(compiled: Path, tmp_path: Path, mode: str) -> None:
    assert list(compiled.glob("sft/smatch/bound.*.so")) or list(compiled.glob("sft/smatch/bound.*.pyd"))
    for name, shift in (("pred.txt", 0), ("gold.txt", 1000)):
        graphs = [graph(shift + k, 1 + k % 17) for k in range(60)]
        (tmp_path / name).write_text("\n\n".join(graphs) + "\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "sft.smatch",
        "pred.txt",
        "gold.txt",
        "--mode",
        mode,
        "--pairs",
        "--jobs",
        "1",
    ]
    ours = run(command, tmp_path, PYTHONPATH=str(ROOT))
    theirs = run(command, tmp_path, PYTHONPATH=str(compiled))
    assert ours.count("\n") == 62 and "proven 60" in ours
    assert theirs == ours


def test_the_intervals_are_alike(compiled: Path, tmp_path: Path) -> None:
    code = """
from sft.smatch import branch, intervals
from sft.smatch.score import PairScore
pairs = [PairScore(k % 7, 7 + k % 3, 9, 0, 0, True, "") for k in range(50)]
print(branch.__file__, intervals.bootstrap(pairs), intervals.compare(pairs, pairs[1:] + pairs[:1]))
"""
    ours = run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(ROOT)).split(maxsplit=1)
    theirs = run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(compiled)).split(maxsplit=1)
    assert ours[0].endswith(".py") and not theirs[0].endswith(".py")
    assert theirs[1] == ours[1]
