"""The shape of the code, read from its syntax trees: who imports whom, what is heavy, who prints, how long files are."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "sft").rglob("*.py"), *(ROOT / "data_prep").rglob("*.py")])

# Imports point to the left and up: a module may import only what stands before it. A package is one entry; what its
# modules import from each other is its own affair, as long as there is no cycle. A new module gets its place here.
# A package whose `__init__` gathers what others build on its modules names that façade as an entry of its own.
ORDER = (
    "__init__", "errors", "i18n",
    "text", "locks", "disk", "checkpoints",
    "records",
    "template_rules", "templates", "amr",
    "keys", "verdicts", "splits", "columns", "labels", "web", "smatch", "amr.__init__", "metrics", "baselines",
    "checks",
    "answers", "masks", "pieces", "chat_formats", "chat",
    "requirements", "installed", "probes", "devices", "models", "presets", "settings", "starter",
    "sources", "planner", "run_record", "runs.__init__",
    "embedded", "base", "tokenizer", "prepared", "token_file", "tokens", "audit",
    "rows_shown", "set_diff", "set_stats",
    "backends", "adapters", "generation", "report", "evaluation",
    "quiet", "prep", "prompts", "training", "predict", "heldout", "runs",
    "doctor",
    "cli", "__main__",
)  # fmt: skip
HEAVY = (
    "torch", "unsloth", "transformers", "trl", "peft", "datasets", "bitsandbytes", "numpy", "scipy", "highspy",
    "pandas", "pyarrow", "tokenizers", "huggingface_hub", "jinja2", "pydantic", "rich",
)  # fmt: skip
WITH_COMMANDS = set(HEAVY) - {"pydantic"}  # typer itself takes it for the parameters of a command
# Entries of their own (`python -m …`), and one line on stderr before the one job that takes a while without a screen.
MAY_PRINT = {"sft/embedded.py", "sft/probes.py"}
LONGEST = 350


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def imported(node: ast.AST, module: str) -> Iterator[str]:
    """Yield the modules of the project that an import statement names."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{module}: relative import in line {node.lineno}"
        assert all(alias.name != "*" for alias in node.names), f"{module}: star import in line {node.lineno}"
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return
    for name in names:
        if name.split(".")[0] not in ("sft", "data_prep"):
            continue
        while name not in MODULES:
            name = name.rpartition(".")[0]
        yield name


def entry(module: str) -> str:
    """Return the entry of `ORDER` that a module belongs to.

    >>> entry("sft.amr.penman"), entry("sft.amr"), entry("sft.smatch"), entry("sft.text"), entry("sft")
    ('amr', 'amr.__init__', 'smatch', 'text', '__init__')
    """
    parts = module.split(".")
    if len(parts) == 2 and f"{parts[1]}.__init__" in ORDER:
        return f"{parts[1]}.__init__"
    return parts[1] if len(parts) > 1 else "__init__"


def test_every_module_has_its_place() -> None:
    entries = {entry(module) for module in MODULES if module.split(".")[0] == "sft"}
    assert len(ORDER) == len(set(ORDER))
    assert entries - set(ORDER) == set(), "give the new module its place in ORDER"
    assert set(ORDER) - entries == set()


def test_imports_point_left() -> None:
    wrong = []
    for module, tree in MODULES.items():
        if module.split(".")[0] != "sft":
            continue
        for node in ast.walk(tree):
            for other in imported(node, module):
                if other.split(".")[0] != "sft" or entry(other) == entry(module):
                    continue
                if ORDER.index(entry(other)) > ORDER.index(entry(module)):
                    wrong.append(f"{module}:{node.lineno} imports {other}")
    assert wrong == []


def test_only_the_command_line_knows_the_readers() -> None:
    users = {
        m
        for m, tree in MODULES.items()
        for n in ast.walk(tree)
        if any(o.startswith("data_prep") for o in imported(n, m))
    }
    assert {m for m in users if m.startswith("sft")} <= {m for m in MODULES if m.startswith("sft.cli.")}
    allowed = {"errors", "i18n", "text", "records", "amr", "keys", "columns"}
    for module, tree in MODULES.items():
        if module.startswith("data_prep"):
            used = {entry(o) for n in ast.walk(tree) for o in imported(n, module) if o.startswith("sft")}
            assert used <= allowed, module


def test_no_import_cycle_at_module_level() -> None:
    graph = {
        module: {other for node in tree.body for other in imported(node, module)} - {module}
        for module, tree in MODULES.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module not in done:
            for other in graph[module]:
                visit(other, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield what runs on import: the body, and the bodies of ifs that are not for type checking, of tries and withs."""
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            pending += node.orelse
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            pending += [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)]


def test_nothing_heavy_is_imported_by_a_module_itself() -> None:
    # Where files and flags enter, the classes are pydantic's; commands import these two modules only when they run.
    checked = {"sft.presets": "pydantic", "sft.settings": "pydantic"}
    wrong = []
    for module, tree in MODULES.items():
        heavy = set(HEAVY) - {checked.get(module)}
        for node in top_level(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong += [f"{module}:{node.lineno}" for name in names if name.split(".")[0] in heavy]
    assert wrong == []


def test_the_command_line_and_every_help_text_import_nothing_heavy() -> None:
    code = """
import sys
import sft.cli
print("ALONE", *sorted({name.partition(".")[0] for name in sys.modules}))
from sft.cli import app
from typer.main import get_command

def commands(group, path=()):
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))

seen = list(commands(get_command(app)))
for path in seen:
    try:
        app([*path, "--help"], standalone_mode=False)
    except SystemExit as end:
        assert not end.code
print("MODULES", *sorted({name.partition(".")[0] for name in sys.modules}))
print("COMMANDS", *(".".join(path) for path in seen))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = {words[0]: set(words[1:]) for words in map(str.split, done.stdout.splitlines()) if words}
    assert {
        "init",
        "prep",
        "train",
        "predict",
        "smatch",
        "eval",
        "plan",
        "doctor",
        "templates.list",
    } <= lines["COMMANDS"]
    assert lines["ALONE"] & set(HEAVY) == set()
    assert lines["MODULES"] & WITH_COMMANDS == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["prep", "--help"], ["--version"], ["templates", "list"], ["models", "list"]]
)
def test_what_needs_no_training_package_loads_none(arguments: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["sft", *{arguments!r}]
from sft.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert set(done.stdout.splitlines()[-1].split()) & WITH_COMMANDS == set()


def test_only_the_command_line_prints() -> None:
    wrong = []
    for path in SOURCES:
        where = path.relative_to(ROOT).as_posix()
        if where.startswith("sft/cli/") or path.name == "__main__.py" or where in MAY_PRINT:
            continue
        for node in ast.walk(MODULES[name_of(path)]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                wrong += [f"{where}:{node.lineno}"] if node.func.id in ("print", "input") else []
    assert wrong == []


def test_modules_are_short_explained_and_change_no_globals() -> None:
    wrong = []
    for path in SOURCES:
        where, tree = path.relative_to(ROOT).as_posix(), MODULES[name_of(path)]
        lines = len(path.read_text(encoding="utf-8").splitlines())
        faults = {
            f"{lines} lines: split it by noun": lines > LONGEST,
            "no docstring": not ast.get_docstring(tree),
            "changes a global": any(isinstance(node, ast.Global) for node in ast.walk(tree)),
            "says nothing by its name": path.stem in {"utils", "util", "helpers", "common", "misc"},
        }
        wrong += [f"{where}: {fault}" for fault, holds in faults.items() if holds]
    assert wrong == []


def test_every_open_names_its_encoding() -> None:
    wrong = []
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in ("read_text", "write_text") and isinstance(
                node.func.value, ast.Call | ast.Attribute | ast.Name
            ):
                of_ours = isinstance(node.func.value, ast.Name) and node.func.value.id == "text"
                if not of_ours and "encoding" not in {keyword.arg for keyword in node.keywords}:
                    wrong.append(f"{module}:{node.lineno}")
    assert wrong == []
