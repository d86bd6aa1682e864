"""Write the generated pages: ``docs/cli.md`` from ``--help``, ``docs/templates.md`` from rendered samples, and
``docs/findings.md`` from the list of what the checks find.

Run ``python scripts/gen_docs.py``; with ``--check`` nothing is written and stale pages are exit code 1.
"""

import os
import sys
from pathlib import Path

os.environ |= {"SFT_LANG": "en", "COLUMNS": "100", "NO_COLOR": "1"}
ROOT = Path(__file__).parent.parent
SAMPLE = {
    "sentence": "bé muốn ngủ .",
    "task1": "(muốn :agent (bé) :theme (ngủ :agent ~bé))",
    "task2": "(m / muốn :agent (b / bé) :theme (n / ngủ :agent b))",
    "graph": "(m / muốn :agent (b / bé) :theme (n / ngủ :agent b))",
    "question": "Cá sống dưới nước.",
    "answer": "Đúng",
    "context": "Hồ nước trong làng có nhiều cá chép.",
    "text": "cho tôi đặt một bát phở",
    "label": "đặt_món",
    "labels": "chào_hỏi, đặt_món, hủy_món",
}
CHOICE = {"question": "Cá sống ở đâu?", "options": "A. Trên cây\nB. Dưới nước", "label": "B"}


def cli() -> str:
    """Return the command reference."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from sft.cli import app

    runner = CliRunner()
    commands: list[list[str]] = [[]]
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        commands.append([name])
        commands += [[name, sub] for sub in getattr(command, "commands", {})]
    parts = ["# Commands\n", "Made from `--help` by `scripts/gen_docs.py`.\n"]
    for words in commands:
        text = runner.invoke(app, [*words, "--help"], prog_name="sft", terminal_width=100).stdout.strip()
        parts.append(f"## `{' '.join(['sft', *words])}`\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def templates() -> str:
    """Return every shipped template rendered once."""
    from sft import templates as core

    parts = ["# Templates\n", "Each shipped template with one sample, made by `scripts/gen_docs.py`.\n"]
    for name, path in sorted(core.find(ROOT).items()):
        if not path.is_relative_to(ROOT / "templates"):
            continue
        found = core.read(path)
        parts.append(f"## {name}\n\n`{found.id}`: {found.description}\n\n```text")
        messages = (
            core.render(found, SAMPLE | (CHOICE if "options" in found.variables else {}))
            if found.task != "chat"
            else found.messages
        )
        parts += [f"[{message.role}]\n{message.content}\n" for message in messages]
        parts.append("```\n")
    return "\n".join(parts)


def findings() -> str:
    """Return what each finding of a preparation means."""
    from sft.checks.findings import known, severities

    parts = [
        "# Findings of `sft prep`\n",
        "What the checks can say about raw data, made by `scripts/gen_docs.py`. A finding comes with its count, examples and",
        "what to do, on screen and in `report.json`, `report.md` and `report.html` of the set. One of severity error stops the",
        "preparation, unless it is allowed by its name: `--allow NAME`.\n",
        "| Finding | Meaning | Severity |\n|---|---|---|",
    ]
    parts += [
        f"| `{name}` | {meaning} | {', '.join(severities(name))} |" for name, meaning in known().items()
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Write or check the pages."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name, make in (("cli.md", cli), ("templates.md", templates), ("findings.md", findings)):
        path, text = ROOT / "docs" / name, make()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8", newline="\n")
    for name in stale:
        print(f"docs/{name} {'is stale: run python scripts/gen_docs.py' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
