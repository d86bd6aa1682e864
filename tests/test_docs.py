"""The pages say what the program does: generated ones are current, both READMEs name every command and real flags."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sft.cli import app

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = re.findall(r"^## `sft (\w+)", (ROOT / "docs/cli.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/gen_docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["README.md", "README.vi.md"])
def test_readme_names_every_command_and_no_other(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `sft (\w+)", text, re.MULTILINE))
    assert table == set(COMMANDS)


@pytest.mark.parametrize("name", ["README.md", "README.vi.md"])
def test_every_flag_in_the_readme_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = re.findall(r"^(?:\$ )?sft +(prep|train|smatch|eval|init)\b([^#\n]*)", text, re.MULTILINE)
    assert len(lines) >= 8
    for command, rest in lines:
        known = CliRunner().invoke(app, [command, "--help"]).stdout
        for flag in re.findall(r"--[a-z-]+", rest):
            assert flag in known, f"sft {command} {flag}"
