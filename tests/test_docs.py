"""The pages say what the program does: generated ones are current, both READMEs name every command and real flags."""

import doctest
import json
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


def test_the_notebook_runs_commands_that_exist_and_holds_no_output() -> None:
    notebook = json.loads((ROOT / "scripts/colab.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], len(notebook["cells"])) == (4, 11)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    text = "".join("".join([*cell["source"], "\n"]) for cell in cells)
    lines = re.findall(r"(?:^!|&& |\|\| )sft (\w+)([^\n)]*)", text, re.MULTILINE)
    assert [command for command, _rest in lines] == ["doctor", "init", "prep", "train", "smatch", "runs"]
    for command, rest in lines:
        known = CliRunner().invoke(app, [command, "--help"]).stdout
        for flag in re.findall(r"--[a-z-]+", rest):
            assert flag in known, f"sft {command} {flag}"


def test_the_page_on_graphs_says_what_the_program_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs/amr.md"
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for name, content in zip(("vi.amr", "s1.amr", "s2.amr", "s3.amr"), files, strict=True):
        Path(name).write_text(content, encoding="utf-8")
    sessions = "".join(re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    runs = re.findall(r"^\$ sft ([^\n]*)\n(.*?)(?=^\$ |\Z)", sessions, re.MULTILINE | re.DOTALL)
    assert [CliRunner().invoke(app, line.split(), prog_name="sft").stdout for line, _ in runs] == [
        shown for _, shown in runs
    ]
    assert len(runs) >= 6
    done = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert done.failed == 0 and done.attempted > 10
