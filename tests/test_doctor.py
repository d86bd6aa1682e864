"""`sft doctor`: what is found wrong, and the command that mends it."""

import json
import locale
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sft import doctor, installed, probes
from sft.cli import app
from sft.devices import Device
from sft.doctor import Check

ROOT = Path(__file__).resolve().parents[1]
OLD = Device("gpu", "NVIDIA T4", 0, "GPU-a", 16 * 1024**3, 15 * 1024**3, "7.5")
NEW = Device("gpu", "NVIDIA GeForce RTX 3090", 1, "GPU-b", 24 * 1024**3, 18 * 1024**3, "8.6")


def by_id(checks: list[Check]) -> dict[str, Check]:
    return {check.id: check for check in checks}


def test_a_package_is_missing_outside_its_range_or_fine() -> None:
    installed = {"trl": "1.16.0", "torch": "2.13.0+cpu"}
    wanted = {
        "train": ["trl>=1.9,<=1.15.0", "torch>=2.4,<2.15", "peft>=0.18"],
        "gpu": ["triton>=3.0; platform_system == 'Linux'"],
    }
    found = by_id(list(doctor.packages(installed, wanted, gpu=False)))
    assert {name: check.ok for name, check in found.items()} == {"trl": False, "torch": True, "peft": False}
    assert "1.16.0" in found["trl"].detail
    assert "'trl>=1.9,<=1.15.0'" in found["trl"].hint or "setup.sh" in found["trl"].hint
    assert "triton" in by_id(list(doctor.packages(installed, wanted, gpu=True)))


def test_gpu_packages_are_only_a_note() -> None:
    (check,) = doctor.packages({}, {"gpu": ["xformers>=0.0.27"]}, gpu=True)
    assert check.ok
    assert check.hint


def test_versions_that_do_not_accept_each_other_are_named() -> None:
    installed = {"unsloth": "2026.10.9", "transformers": "5.18.0", "certifi": "2026.10.18"}
    requires = {"unsloth": ["transformers<=5.17.0", "certifi>=2026.10.19", "diffusers"]}
    check = doctor.agreement(installed, requires)
    assert not check.ok
    # certifi and diffusers are not part of the training stack: the pinned sets go without on purpose.
    assert check.detail == "unsloth 2026.10.9 wants transformers<=5.17.0, 5.18.0 is here"
    assert check.hint
    assert doctor.agreement(installed | {"transformers": "5.17.0"}, requires).ok


@pytest.mark.parametrize(
    ("trl", "triton", "gpu", "ok"),
    [
        ("1.15.0", True, False, False),
        ("1.15.0", True, True, True),
        ("1.15.0", False, False, True),
        ("1.14.2", True, False, True),
    ],
)
def test_the_trl_release_that_needs_a_gpu(trl: str, triton: bool, gpu: bool, ok: bool) -> None:
    installed = {"trl": trl} | ({"triton": "3.7.1"} if triton else {})
    check = doctor.trl(installed, gpu=gpu)
    assert check.ok is ok
    assert bool(check.hint) is not ok


@pytest.mark.parametrize(
    ("cuda", "gpus", "driver", "ok"),
    [
        (None, [], None, True),
        ("13.0", [], None, True),
        (None, [NEW], "580.95.05", False),
        ("13.0", [NEW], "580.95.05", True),
        ("13.0", [NEW], "535.161.08", False),
        ("12.8", [OLD], "535.161.08", True),
    ],
)
def test_torch_build_must_fit_gpu_and_driver(
    cuda: str | None, gpus: list[Device], driver: str | None, ok: bool
) -> None:
    check = doctor.torch_build("2.13.0", cuda, gpus, driver)
    assert check.ok is ok
    assert bool(check.hint) is not ok


def test_xformers_wants_the_torch_it_was_built_for() -> None:
    check = doctor.xformers("0.0.35", "2.10.0+cu128", "2.13.0+cu130")
    assert not check.ok
    assert "2.10.0+cu128" in check.detail
    assert "torch==2.10.0" in check.hint or "--gpu" in check.hint
    assert doctor.xformers("0.0.35", "2.10.0+cu128", "2.10.0+cu128").ok
    assert doctor.xformers(None, None, "2.13.0").ok


def test_gpus_are_named_and_none_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    detail = doctor.gpu([OLD, NEW]).detail
    assert (
        detail
        == "0: NVIDIA T4, 15.0 of 16.0 GB free, fp16; 1: NVIDIA GeForce RTX 3090, 18.0 of 24.0 GB free, bf16"
    )
    monkeypatch.setenv("PATH", "")
    assert doctor.gpu([]) == Check("gpu", True, "none seen: training runs on the CPU, slowly")


def test_a_machine_without_tmux_gets_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    found = by_id(list(doctor.machine(tmp_path)))
    assert found["tmux"] == Check(
        "tmux", True, "not installed; sft train --detach needs it", "sudo apt install tmux"
    )
    assert str(tmp_path) in found["disk"].detail


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SFT_CACHE", str(tmp_path / "file" / "cache"))
    check = doctor.cache()
    assert not check.ok
    assert check.hint.startswith("export SFT_CACHE=")


def test_a_terminal_without_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "getpreferredencoding", lambda _set: "ANSI_X3.4-1968")
    check = doctor.encoding()
    assert not check.ok
    assert "C.UTF-8" in check.hint


def test_templates_are_checked_in_the_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert doctor.template_files().ok
    broken = tmp_path / "templates" / "riêng" / "hỏng.toml"
    broken.parent.mkdir(parents=True)
    broken.write_text("description = 1", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    check = doctor.template_files()
    assert not check.ok
    assert check.hint


def test_the_set_up_script_mends_its_own_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(ROOT / ".venv"))
    assert doctor.mend("trl==1.14.2") == f"{ROOT}/scripts/setup.sh --force"
    assert doctor.mend("torch==2.10.0", "--gpu") == f"{ROOT}/scripts/setup.sh --gpu"
    monkeypatch.setattr(sys, "prefix", "/opt/other")
    assert doctor.mend("trl<=1.15.0").endswith("-m pip install --no-deps 'trl<=1.15.0'")
    assert "--no-deps" not in doctor.mend("torch<2.15")


def test_builds_are_read_without_importing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = {
        "torch": "from typing import Optional\n__version__ = '2.10.0+cu128'\ncuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n",
        "xformers": '{"version": {"cuda": 1208, "hip": null, "torch": "2.10.0+cu128"}, "env": {}}',
    }
    monkeypatch.setattr(installed, "_text_of", lambda package, _path: text[package])
    assert installed.torch_build() == ("2.10.0+cu128", "12.8")
    assert installed.xformers_torch() == "2.10.0+cu128"
    text |= {"torch": "__version__ = '2.13.0+cpu'\ncuda: str | None = None\n", "xformers": ""}
    assert installed.torch_build() == ("2.13.0+cpu", None)
    assert installed.xformers_torch() is None


def test_ranges_come_from_pyproject() -> None:
    assert any(line.startswith("trl") for line in installed.declared()["train"])


def test_the_quick_checks_import_no_training_package() -> None:
    code = (
        "import sys; from sft import doctor; found = doctor.run(); "
        "heavy = {'torch', 'transformers', 'trl', 'unsloth', 'datasets', 'numpy'} & set(sys.modules); "
        "assert not heavy, heavy; assert len({c.id for c in found}) == len(found) > 10"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_command_prints_json_and_exits_with_the_findings(
    monkeypatch: pytest.MonkeyPatch, ok: bool, code: int
) -> None:
    check = Check("trl", ok, "1.16.0", "" if ok else "pip install trl==1.14.2")
    monkeypatch.setattr(doctor, "run", lambda *, deep: [check])
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == code
    assert json.loads(result.stdout) == {"checks": [check.as_dict()]}
    assert CliRunner().invoke(app, ["doctor"]).stdout.startswith("ok" if ok else "FAIL")


def test_deep_checks_say_why_a_package_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.probes, "run", lambda name: (name != "unsloth", f"{name} said so"))
    deep = by_id(doctor.run(deep=True))
    assert deep["torch-deep"] == Check("torch-deep", True, "torch said so")
    assert not deep["unsloth-deep"].ok
    assert deep["unsloth-deep"].hint


def test_a_probe_that_crashes_or_hangs_costs_one_check() -> None:
    assert probes.run("no such") == (False, "KeyError: 'no such'")
    assert probes.run("torch", timeout=0.001) == (False, "no answer in 0 s")


@pytest.mark.train
@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="needs the training packages")
def test_a_real_four_bit_layer() -> None:
    fine, detail = probes.run("bitsandbytes")
    assert fine, detail
    assert "Linear4bit" in detail
