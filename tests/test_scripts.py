"""The scripts: setup.sh against a Python that only pretends, the check of the locks, what the benchmarks are made of."""

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from sft.requirements import name_of

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "scripts"
SHELL = [*sorted(SCRIPTS.glob("*.sh")), ROOT / ".ci" / "run"]

# Answers what setup.sh asks of a Python, writes down each `pip install` and fails where FAIL_ON says so.
FAKE = """#!/usr/bin/env bash
case "$*" in
  *"sys.version_info"*) exit "${FAKE_TOO_OLD:-0}" ;;
  *"python_version()"*) echo 3.9.2 ;;
  *"import venv"*) exit "${FAKE_NO_VENV:-0}" ;;
  *"-m venv"*) mkdir -p "${@: -1}/bin" && cp "$0" "${@: -1}/bin/python" ;;
  *"pip install"*)
    echo "$*" >>"$CALLS"
    if [ -n "${FAIL_ON:-}" ] && [[ "$*" == *$FAIL_ON* ]]; then
      while [ "$1" != --log ]; do shift; done
      echo "$FAIL_WITH" >"$2"
      exit 1
    fi ;;
esac
"""


class Checkout:
    """A folder with setup.sh, locks of one pin and a pretended Python."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls, self.python = folder, folder / "calls", folder / "python3.11"
        (folder / "scripts").mkdir()
        shutil.copy(SCRIPTS / "setup.sh", folder / "scripts")
        for name in ("cpu", "gpu"):
            (folder / "scripts" / f"lock-{name}.txt").write_text(
                f"pip==1\ntorch==2.0.{len(name)}\n", encoding="utf-8"
            )
        (folder / "scripts" / "lock-dev.txt").write_text("pytest==1\n", encoding="utf-8")
        (folder / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
        self.python.write_text(FAKE, encoding="utf-8")
        self.python.chmod(0o755)

    def setup(self, *options: str, **env: str) -> tuple[int, str, list[str]]:
        """Run setup.sh; return its exit code, its stderr and what it had pip install in this run."""
        self.calls.write_text("", encoding="utf-8")
        done = subprocess.run(
            ["bash", self.folder / "scripts" / "setup.sh", *options],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHON": str(self.python), "CALLS": str(self.calls)} | env,
            check=False,
        )
        return (
            done.returncode,
            done.stderr,
            [self.kind(line) for line in self.calls.read_text(encoding="utf-8").splitlines()],
        )

    @staticmethod
    def kind(call: str) -> str:
        """Name a `pip install` by what it installs."""
        marks = {"--editable": "package", "lock-dev": "dev", "--no-deps": "rest", "--constraint": "torch"}
        return next((name for mark, name in marks.items() if mark in call), "pip")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "một kho"  # a space and letters beyond ASCII
    folder.mkdir()
    return Checkout(folder)


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_script_is_executable_bash_that_stops_at_the_first_error(script: Path) -> None:
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    subprocess.run(["bash", "-n", script], check=True)


def test_setup_explains_itself_and_refuses_unknown_options(checkout: Checkout) -> None:
    helped = subprocess.run(
        ["bash", SCRIPTS / "setup.sh", "--help"], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert helped.stdout.startswith("Set up .venv")
    assert "--gpu" in helped.stdout
    assert "set -euo" not in helped.stdout
    code, said, calls = checkout.setup("--gpuu")
    assert (code, calls) == (2, [])
    assert said.startswith("error: unknown option --gpuu")


def test_setup_installs_torch_first_and_then_nothing_twice(checkout: Checkout) -> None:
    code, said, calls = checkout.setup()
    assert (code, calls) == (0, ["pip", "torch", "rest", "package"]), said
    assert "==> ready" in said
    assert checkout.setup()[2] == []
    assert checkout.setup("--dev")[2] == ["dev"]
    assert checkout.setup("--dev")[2] == []
    assert checkout.setup("--force")[2] == ["pip", "torch", "rest", "package"]


def test_setup_does_again_only_what_changed(checkout: Checkout) -> None:
    checkout.setup()
    (checkout.folder / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    assert checkout.setup()[2] == ["package"]
    (checkout.folder / "scripts" / "lock-cpu.txt").write_text("pip==1\ntorch==2.1\n", encoding="utf-8")
    assert checkout.setup()[2] == ["pip", "torch", "rest"]


def test_setup_goes_on_where_it_was_interrupted(checkout: Checkout) -> None:
    code, said, calls = checkout.setup(FAIL_ON="--no-deps --only", FAIL_WITH="boom")
    assert (code, calls) == (3, ["pip", "torch", "rest"])
    assert "error: pip failed\nhint: " in said
    assert checkout.setup()[2] == ["rest", "package"]


def test_setup_keeps_the_set_once_chosen(checkout: Checkout) -> None:
    checkout.setup("--gpu")
    assert checkout.setup()[2] == []
    assert checkout.setup("--cpu")[2] == ["pip", "torch", "rest"]


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("OSError: [Errno 28] No space left on device", "error: the disk is full"),
        (
            "NewConnectionError(...)\nERROR: No matching distribution found for torch",
            "error: the package index cannot be reached",
        ),
        (
            "ERROR: No matching distribution found for torch==2.0.3",
            "error: the package index has no torch==2.0.3",
        ),
    ],
)
def test_setup_says_in_one_line_why_pip_failed(checkout: Checkout, log: str, error: str) -> None:
    code, said, _calls = checkout.setup(FAIL_ON="torch==", FAIL_WITH=log)
    assert code == 3
    lines = [line for line in said.splitlines() if line.startswith(("error:", "hint:"))]
    assert [line.partition(":")[0] for line in lines] == ["error", "hint"]
    assert lines[0].startswith(error)


def test_setup_names_a_python_that_is_too_old(checkout: Checkout) -> None:
    code, said, calls = checkout.setup(FAKE_TOO_OLD="1")
    assert (code, calls) == (3, [])
    assert said.startswith("error: no Python 3.11 to 3.14 found (")
    assert "is 3.9.2)\nhint: install one" in said


def test_setup_names_a_python_without_venv(checkout: Checkout) -> None:
    code, said, _calls = checkout.setup(FAKE_NO_VENV="1")
    assert code == 3
    assert "has neither ensurepip nor pip" in said
    assert "hint: install them" in said


def test_setup_without_any_python(checkout: Checkout) -> None:
    code, said, _calls = checkout.setup(PYTHON="/no/such/python")
    assert code == 3
    assert said.startswith("error: no Python 3.11 to 3.14 found\nhint: ")


@pytest.fixture(scope="module")
def locks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_locks", SCRIPTS / "check_locks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_locks"] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def test_locks_share_every_pin_they_can(locks: ModuleType) -> None:
    cpu, gpu = (locks.read_lock(SCRIPTS / f"lock-{name}.txt") for name in ("cpu", "gpu"))
    assert locks.disagreements(cpu, gpu, locks.declared()["differ"]) == []
    assert locks.disagreements({"trl": "1"}, {"trl": "2"}, []) == [
        "trl: 1 in lock-cpu.txt, 2 in lock-gpu.txt"
    ]
    assert not set(cpu) & set(locks.read_lock(SCRIPTS / "lock-dev.txt"))


@pytest.mark.parametrize("text", ["torch>=2\n", "Torch==2\n", "torch==2\ntorch==2\n", "torch==\n"])
def test_a_lock_holds_nothing_but_exact_pins(locks: ModuleType, tmp_path: Path, text: str) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"lock\.txt:\d"):
        locks.read_lock(lock)


def test_what_is_wrong_with_a_set_is_named(locks: ModuleType) -> None:
    pins = {"unsloth": "9", "trl": "1.16", "stray": "1", "torch": "2.13.0", "xformers": "0.0.35"}
    requires = {"unsloth": ["trl<=1.15.0", "certifi>=2", "xformers"]}
    allowed = [locks.Allowance(("cpu",), ("unsloth",), ("cert*",), "on purpose")]
    found: Callable[..., list[str]] = locks.findings
    assert found(pins, requires, ["unsloth", "torch"], allowed, {"xformers==0.0.35": "2.10.0"}) == [
        "unsloth asks for trl<=1.15.0, the lock has 1.16",
        "nothing asks for stray==1",
        "xformers==0.0.35 is built for torch 2.10.0, the lock has 2.13.0",
    ]
    assert locks.idle(allowed, [("unsloth", "certifi")]) == []
    assert locks.idle(allowed, [("trl", "certifi")]) == ["unsloth without cert*"]


def test_the_installed_set_keeps_its_promises(locks: ModuleType) -> None:
    pins = {name: v for file in locks.SETS["dev"][0] for name, v in locks.read_lock(SCRIPTS / file).items()}
    here = {
        name_of(each.metadata["Name"]): each
        for each in importlib.metadata.distributions()
        if each.metadata["Name"]
    }
    differing = [
        name for name, pin in pins.items() if name not in here or here[name].version.partition("+")[0] != pin
    ]
    if differing:
        pytest.skip(f"not the set of lock-cpu.txt and lock-dev.txt: {', '.join(differing)}")
    requires = {name: here[name].requires or [] for name in pins}
    roots = locks.roots(locks.SETS["dev"][1])
    assert locks.findings(pins, requires, roots, locks.exceptions_for("dev"), locks.declared()["built"]) == []


def test_invented_conversations_are_as_long_as_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS / "bench"))
    chats = importlib.import_module("chats")
    wanted = chats.lengths(50, 60, 600, 7)
    assert wanted == chats.lengths(50, 60, 600, 7)
    assert min(wanted) >= 60 and max(wanted) <= 600
    made = list(chats.of_length(wanted, lambda text: len(text.split()), 7))
    words = [sum(len(message["content"].split()) for message in messages) for messages in made]
    assert [n + 18 for n in words] == wanted  # 18 for headers and turn ends
    assert all([m["role"] for m in messages] == ["system", "user", "assistant"] for messages in made)
    assert all(message["content"] for messages in made for message in messages)


def test_the_benchmark_of_a_gpu_says_that_there_is_none() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "bench" / "train_gpu.py"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PATH": ""},
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: no NVIDIA GPU is seen (nvidia-smi)\nhint: ")
