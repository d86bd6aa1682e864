"""The package as a user gets it: a wheel, a checkout or an editable install; templates are found from all three."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(f"{path.parent.name}/{path.stem}" for path in (ROOT / "templates").glob("*/*.toml"))
LOOK = (
    "import json, sft, sft.templates as t; good, errors = t.check(); "
    "print(json.dumps([sft.__file__, str(t.folders()[0]), [str(e) for e in errors], sorted(t.find()), len(t.locked(t.folders()[0]))]))"
)

pytestmark = pytest.mark.skipif(
    find_spec("hatchling") is None or find_spec("editables") is None,
    reason="needs hatchling and editables (setup.sh)",
)


def run(*command: object, path: Path | None = None, cwd: Path) -> str:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path is not None:
        env["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(kind: str, folder: Path) -> Path:
    code = f"import sys, hatchling.build as b; print(b.build_{kind}(sys.argv[1]))"
    return folder / run(sys.executable, "-c", code, folder, cwd=ROOT).split()[-1]


def install(wheel: Path, *where: object) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-index", "--no-compile", "--no-warn-conflicts"]
    if where[0] == "--python":
        pip, where = [*pip, *map(str, where)], ()
    run(*pip, "install", *options, *where, wheel, cwd=wheel.parent)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    install(wheel, "--target", target)
    return target


def test_wheel_holds_every_file_the_program_reads(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in ("sft", "data_prep")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {
        f"sft/_data/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "templates").rglob("*")
        if path.is_file()
    }
    assert sorted(expected - inside) == []
    assert {name.partition("/")[0] for name in inside} == {
        "sft",
        "data_prep",
        next(n for n in inside if "dist-info" in n).partition("/")[0],
    }
    for name in ("sft/models.toml", "sft/presets/quick_test.toml", "sft/_data/templates/LOCK"):
        assert name in inside
    assert any(name.startswith("data_prep/sample/") for name in inside)


def test_wheel_starts_and_finds_its_own_templates(unpacked: Path, tmp_path: Path) -> None:
    where, folder, errors, names, locked = json.loads(
        run(sys.executable, "-c", LOOK, path=unpacked, cwd=tmp_path)
    )
    assert Path(where) == unpacked / "sft" / "__init__.py"
    assert Path(folder) == unpacked / "sft" / "_data" / "templates"
    assert (errors, names) == ([], NAMES)
    assert locked > 0
    assert "doctor" in run(sys.executable, "-m", "sft", "--help", path=unpacked, cwd=tmp_path)
    assert "doctor" in run(unpacked / "bin" / "sft", "--help", path=unpacked, cwd=tmp_path)


def test_checkout_finds_its_templates(tmp_path: Path) -> None:
    where, folder, errors, names, _locked = json.loads(
        run(sys.executable, "-c", LOOK, path=ROOT, cwd=tmp_path)
    )
    assert Path(where) == ROOT / "sft" / "__init__.py"
    assert (Path(folder), errors, names) == (ROOT / "templates", [], NAMES)


def test_editable_install_finds_the_templates_of_its_checkout(tmp_path: Path) -> None:
    home = tmp_path / "env"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    install(build("editable", tmp_path), "--python", python)
    # The dependencies of this Python, but not its own copy of sft: a path line in a .pth file is not searched for more.
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    (Path(site) / "zz_outer.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    where, folder, errors, names, _locked = json.loads(run(python, "-c", LOOK, cwd=tmp_path))
    assert Path(where) == ROOT / "sft" / "__init__.py"
    assert (Path(folder), errors, names) == (ROOT / "templates", [], NAMES)
    assert "doctor" in run(home / "bin" / "sft", "--help", cwd=tmp_path)


def test_a_template_of_the_workspace_comes_before_the_shipped_one(unpacked: Path, tmp_path: Path) -> None:
    own = tmp_path / "templates" / NAMES[0]
    own.parent.mkdir(parents=True)
    own.with_name(own.name + ".toml").write_bytes((ROOT / "templates" / f"{NAMES[0]}.toml").read_bytes())
    code = f"import sft.templates as t; print(t.find()[{NAMES[0]!r}])"
    assert run(sys.executable, "-c", code, path=unpacked, cwd=tmp_path).strip() == f"{own}.toml"
