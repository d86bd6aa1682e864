"""Collect every text that users read into ``sft/locale/vi/LC_MESSAGES/sft.po`` and compile it to ``sft.mo``.

    python scripts/translate.py            # add new texts, drop those gone, compile; exit code 1: some lack a translation
    python scripts/translate.py --check    # write nothing; exit code 1: the catalogue is not what this would write

After changing a text in the code: run it, fill the empty ``msgstr`` lines in the .po file, run it again. Both files are
committed, so that the wheel is built without a step of its own. Nothing but gettext's two formats is needed, so they are
written and read here: https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
"""

import ast
import inspect
import os
import re
import struct
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

os.environ["SFT_LANG"] = "en"
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sft.cli import commands, wording

CATALOGUE = ROOT / "sft" / "locale" / "vi" / "LC_MESSAGES" / "sft.po"
HEADER = (
    "Project-Id-Version: sft\nLanguage: vi\nMIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"
)
# Shown through `_` as the value of a variable: what typer itself says, the states of a run, the origin of a setting.
BY_VALUE = {
    "sft/cli/wording.py": (*wording.HELP, *wording.REFUSALS, *wording.REASONS),
    "sft/runs/states.py": ("stale", "starting"),
    "sft/training/train.py": ("failed", "finished", "interrupted", "running"),
    "sft/settings.py": ("default",),
}
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def texts() -> dict[str, list[str]]:
    """Return every text that is shown through ``_``, with the files it stands in."""
    found: dict[str, set[str]] = {}
    for file, text in (
        *_calls(),
        *_commands(),
        *_tables(),
        *((f, t) for f, ts in BY_VALUE.items() for t in ts),
    ):
        found.setdefault(text, set()).add(file)
    return {text: sorted(found[text]) for text in sorted(found)}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(path for folder in ("sft", "data_prep") for path in (ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _calls() -> Iterator[tuple[str, str]]:
    """Yield the literals inside ``_(…)`` and, of the settings, the descriptions."""
    for file, module in _modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                wanted = {
                    "_": node.args[:1],
                    "Field": [k.value for k in node.keywords if k.arg == "description"],
                }
                yield from (
                    (file, value.value)
                    for value in wanted.get(node.func.id, [])
                    if isinstance(value, ast.Constant) and isinstance(value.value, str)
                )


def computed() -> list[str]:
    """Return the arguments of ``_`` that are no literals, as code: what they may be must be collected otherwise."""
    return sorted(
        ast.unparse(node.args[0])
        for _file, module in _modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"
        if not isinstance(node.args[0], ast.Constant)
    )


def _commands() -> Iterator[tuple[str, str]]:
    """Yield the docstring of each command: its help."""
    for command in commands():
        code = inspect.unwrap(command.callback).__code__
        file = Path(code.co_filename).resolve().relative_to(ROOT).as_posix()
        yield file, inspect.getdoc(command.callback) or ""


def _tables() -> Iterator[tuple[str, str]]:
    """Yield the descriptions of the presets and the notes on the models."""
    models = ROOT / "sft" / "models.toml"
    for path in (models, *sorted((ROOT / "sft" / "presets").glob("*.toml"))):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        said = [entry.get("note") for entry in table.values()] if path == models else [table["description"]]
        yield from ((path.relative_to(ROOT).as_posix(), text) for text in said if text)


def read(path: Path) -> dict[str, str]:
    """Read a catalogue as ``{text: translation}``; what is marked as gone (``#~``) is left out."""
    pairs: list[tuple[list[str], list[str]]] = []
    part: list[str] = []
    for line in path.read_text(encoding="utf-8").split("\n") if path.is_file() else ():
        keyword, _blank, rest = line.partition(" ")
        if keyword == "msgid":
            part = []
            pairs.append((part, []))
        elif keyword == "msgstr":
            part = pairs[-1][1]
        elif line.startswith('"'):
            rest = line
        elif line and not line.startswith("#"):
            raise SystemExit(f"error: {path}: not understood: {line}")
        if rest.startswith('"'):
            part.append(ast.literal_eval(rest))
    return {"".join(text): "".join(said) for text, said in pairs if "".join(text)}


def written(found: Mapping[str, Iterable[str]], said: Mapping[str, str]) -> str:
    """Return the .po file: each text with its files and its translation, empty where there is none."""
    parts = [f"msgid {_quoted('')}\nmsgstr {_quoted(HEADER)}\n"]
    for text, files in found.items():
        where = "".join(f"#: {file}\n" for file in files)
        parts.append(f"{where}msgid {_quoted(text)}\nmsgstr {_quoted(said.get(text, ''))}\n")
    return "\n".join(parts)


def _quoted(text: str) -> str:
    lines = [
        "".join(ESCAPES.get(char, char) for char in line) for line in re.findall(r"[^\n]*\n|[^\n]+", text)
    ]
    return "\n".join(f'"{line}"' for line in (lines if len(lines) == 1 else ["", *lines]))


def compiled(said: Mapping[str, str]) -> bytes:
    """Return the .mo file: a header, the tables of (length, offset) of texts and translations, both of them sorted."""
    pairs = sorted((text.encode(), words.encode()) for text, words in {"": HEADER, **said}.items() if words)
    tables, body = b"", b""
    start = 28 + 16 * len(pairs)
    for side in (0, 1):
        for pair in pairs:
            tables += struct.pack("<II", len(pair[side]), start + len(body))
            body += pair[side] + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0) + tables + body


def main() -> int:
    """Write or check the catalogue."""
    found, old = texts(), read(CATALOGUE)
    said = {text: old.get(text, "") for text in found}
    new = {CATALOGUE: written(found, said).encode(), CATALOGUE.with_suffix(".mo"): compiled(said)}
    stale = [path for path, data in new.items() if not path.is_file() or path.read_bytes() != data]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run python scripts/translate.py")
    else:
        CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
        for path in stale:
            path.write_bytes(new[path])
        for text in old.keys() - found.keys():
            print(f"gone: {text!r}, which was: {old[text]!r}")
    empty = [text for text, words in said.items() if not words]
    for text in empty:
        print(f"no translation: {text!r} ({', '.join(found[text])})")
    print(f"{len(found)} texts, {len(empty)} without translation")
    return 1 if empty or ("--check" in sys.argv[1:] and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
