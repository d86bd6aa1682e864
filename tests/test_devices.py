"""The device is chosen by nvidia-smi's word: the emptiest GPU that may be seen, else the CPU."""

import os
import subprocess
from pathlib import Path

import pytest

from sft import devices
from sft.errors import MissingError, SettingsError

THREE = """\
0, GPU-11aa, NVIDIA GeForce RTX 3090, 24576, 11102, 8.6, 0
1, GPU-22bb, NVIDIA GeForce RTX 3090, 24576, 18120, 8.6, 0
2, GPU-33cc, NVIDIA GeForce RTX 3090, 24576, 5990, 8.6, 99
"""
MIB = 1024 * 1024


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A nvidia-smi that prints what stands in the file `says`."""
    says = tmp_path / "says"
    says.write_text(THREE, encoding="utf-8")
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\ncat "{says}"\n[ ! -f "{tmp_path}/broken" ]\n', encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "_PAUSE", 0.0)
    return says


def test_the_emptiest_of_three_cards_is_taken(smi: Path) -> None:
    chosen = devices.choose()
    assert (chosen.kind, chosen.index, chosen.uuid) == ("gpu", 1, "GPU-22bb")
    assert (chosen.free, chosen.total) == (18120 * MIB, 24576 * MIB)
    assert chosen.bf16
    assert [gpu.index for gpu in devices.gpus()] == [0, 1, 2]
    assert chosen.reason == "most free memory of 3, never a busy one: GPU 2 at 99 %"


def test_a_busy_card_is_never_taken_however_empty(smi: Path) -> None:
    smi.write_text(THREE.replace("5990", "23990"), encoding="utf-8")
    assert devices.choose().index == 1
    smi.write_text(THREE.replace("18120, 8.6, 0", "18120, 8.6, 30"), encoding="utf-8")
    assert devices.choose().index == 0


def test_all_busy_is_an_error_that_says_how_to_insist(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi.write_text(THREE.replace("8.6, 0", "8.6, 80"), encoding="utf-8")
    with pytest.raises(MissingError, match="GPU 0 at 80 %, GPU 1 at 80 %, GPU 2 at 99 %") as caught:
        devices.choose()
    assert "CUDA_VISIBLE_DEVICES=0" in caught.value.hint
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert devices.choose().index == 2


@pytest.mark.parametrize(("wanted", "index"), [("0", 0), ("2", 2), ("GPU-33", 2)])
def test_a_card_that_is_named_is_taken_busy_or_not(smi: Path, wanted: str, index: int) -> None:
    chosen = devices.choose(wanted)
    assert chosen.index == index and ("although it is busy" in chosen.reason) == (index == 2)


def test_cpu_by_name_and_an_unknown_card(smi: Path) -> None:
    assert devices.choose("cpu").kind == "cpu"
    with pytest.raises(SettingsError) as caught:
        devices.choose("3")
    assert "1 (NVIDIA GeForce RTX 3090)" in caught.value.hint


def test_several_looks_are_one() -> None:
    """Between two steps a training card stands still for a moment, and neighbours grow."""
    resting = devices.parse(THREE.replace("99", "0"))
    found = devices.together(resting, devices.parse(THREE.replace("18120", "9000")))
    assert [gpu.load for gpu in found] == [0, 0, 99]
    assert found[1].free == 9000 * MIB


def test_equally_empty_cards_the_first_wins() -> None:
    found = devices.parse(THREE.replace("11102", "18120"))
    chosen = devices.emptiest(found)
    assert chosen is not None and chosen.index == 0
    assert devices.emptiest([]) is None


@pytest.mark.parametrize(
    ("allowed", "kept"),
    [
        (None, [0, 1, 2]),
        ("0,2", [0, 2]),
        ("2,0", [2, 0]),
        ("GPU-33", [2]),
        (" 1 ", [1]),
        ("", []),
        ("-1", []),
        ("0,-1,1", [0]),  # as CUDA: what stands behind an invalid name is not visible
        ("7", []),
        ("1,1", [1]),
    ],
)
def test_cuda_visible_devices_is_obeyed(allowed: str | None, kept: list[int]) -> None:
    assert [gpu.index for gpu in devices.visible(devices.parse(THREE), allowed)] == kept


def test_a_hidden_card_is_not_taken(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    assert devices.choose().index == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.choose().kind == "cpu"


def test_without_the_tool_or_with_a_broken_driver_the_cpu_is_taken(
    smi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (smi.parent / "broken").touch()
    assert devices.gpus() == [] and devices.choose().kind == "cpu"
    monkeypatch.setenv("PATH", str(smi.parent / "none"))
    assert devices.gpus() == [] and devices.choose().kind == "cpu"


def test_a_tool_that_hangs_or_cannot_start_is_no_gpu(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_arguments: object, **_options: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", 20)

    monkeypatch.setattr(subprocess, "run", hang)
    assert devices.gpus() == []


def test_noise_is_passed_over_and_untold_memory_is_none() -> None:
    text = (
        "WARNING: infoROM is corrupted\n" + THREE + "3, GPU-44dd, NVIDIA GB10, [N/A], [N/A], 12.1, [N/A]\n\n"
    )
    found = devices.parse(text)
    assert [gpu.index for gpu in found] == [0, 1, 2, 3]
    assert (found[3].free, found[3].total, found[3].bf16) == (None, None, True)
    assert devices.emptiest(found[3:]) is found[3]
    assert devices.parse("No devices were found") == []
    assert devices.parse("0, GPU-a, Tesla K80, 11441, 11000, [N/A], 0")[0].bf16 is False


def test_bf16_begins_with_capability_8() -> None:
    turing, ampere = devices.parse("0, a, T4, 15360, 15000, 7.5, 0\n1, b, A100, 40960, 40000, 8.0, 0")
    assert (turing.bf16, ampere.bf16) == (False, True)
    assert (turing.number, ampere.number) == ("fp16", "bf16")


def test_a_cpu_trains_in_bf16_only_with_matrix_units_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = "processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 amx_tile\n"
    for text, number in (
        (vector, "fp32"),
        (vector.replace("amx_tile", "amx_tile amx_bf16"), "bf16"),
        ("", "fp32"),
    ):
        monkeypatch.setattr(devices, "_meminfo", dict)
        monkeypatch.setattr(Path, "read_text", lambda path, text=text, **_: text)
        assert devices.cpu().number == number


def test_the_cpu_knows_its_memory() -> None:
    found = devices.cpu()
    assert found.total is not None and found.free is not None and 0 < found.free <= found.total
    assert found.as_dict()["kind"] == "cpu"


def test_one_card_is_made_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    devices.use(devices.parse(THREE)[2])
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-33cc"
    devices.use(devices.cpu())
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"  # what the user set is kept
    monkeypatch.delenv("OMP_WAIT_POLICY")
    devices.use(devices.cpu())
    assert os.environ.pop("GOMP_SPINCOUNT") == "10000"


def test_a_mig_slice_is_a_gpu_of_unknown_memory() -> None:
    found = devices.visible(devices.parse(THREE), "MIG-7f1a")
    assert [(gpu.kind, gpu.uuid, gpu.free) for gpu in found] == [("gpu", "MIG-7f1a", None)]
    assert found[0].bf16
