"""The base model on disk: a folder, a snapshot of the hub, and every way in which the hub may refuse."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sft import base, embedded, models
from sft.base import Base
from sft.errors import MissingError, SettingsError
from sft.models import Model

HUB = Model(alias="", id="nobody-here/no-such-model")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for the download: what it is asked for is kept, what it does is set by the test."""
    pytest.importorskip("huggingface_hub")
    asked: dict[str, Any] = {}

    def download(
        repo: str, *, allow_patterns: list[str], revision: str | None, local_files_only: bool
    ) -> str:
        asked.update(repo=repo, patterns=allow_patterns, revision=revision, local=local_files_only)
        if isinstance(asked.get("does"), Exception):
            raise asked["does"]
        return str(asked["does"])

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    return asked


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    config = {"model_type": "llama", "max_position_embeddings": 512}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = base.fetch(models.resolve(str(tmp_path)), weights=True)
    assert (found.folder, found.revision) == (tmp_path.resolve(), "")
    assert base.generation_limit(found) == 512


@pytest.mark.parametrize(("config", "limit"), [({"max_position_embeddings": 4096}, 4096), ({}, 2048)])
def test_the_longest_sequence_comes_from_the_config(
    tmp_path: Path, config: dict[str, int], limit: int
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert base.generation_limit(Base(HUB, tmp_path)) == limit
    known = models.resolve("qwen2.5-0.5b")
    assert base.generation_limit(Base(known, tmp_path)) == config.get("max_position_embeddings", 32768)


def test_a_folder_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"config.json") as caught:
        base.generation_limit(Base(HUB, tmp_path))
    assert caught.value.where == str(tmp_path)


def test_the_embedded_model_never_asks_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded, "folder", lambda: tmp_path)
    assert base.fetch(models.resolve("smollm2-135m"), weights=True).folder == tmp_path


def test_only_small_files_are_fetched_until_the_weights_are_needed(
    hub: dict[str, Any], tmp_path: Path
) -> None:
    snapshot = tmp_path / "0123abcd"
    snapshot.mkdir()
    hub["does"] = snapshot
    found = base.fetch(HUB, weights=False)
    assert (found.folder, found.revision) == (snapshot, "0123abcd")
    assert hub["repo"] == HUB.id and hub["revision"] is None
    assert "*.safetensors" not in hub["patterns"]
    assert not {"*.bin", "*.pt", "*.py"} & set(hub["patterns"])  # pickles and code are never fetched
    (snapshot / "model.safetensors").touch()
    base.fetch(HUB, weights=True, revision="0123abcd")
    assert "*.safetensors" in hub["patterns"] and hub["revision"] == "0123abcd"


def test_a_repository_without_safetensors_is_refused(hub: dict[str, Any], tmp_path: Path) -> None:
    hub["does"] = tmp_path
    with pytest.raises(SettingsError, match="no weights in the safetensors form") as caught:
        base.fetch(HUB, weights=True)
    assert "--model FOLDER" in caught.value.hint


def refusals() -> list[tuple[str, Any, type[Exception], str]]:
    return [
        ("GatedRepoError", "response", MissingError, "hf auth login"),
        ("RepositoryNotFoundError", "response", SettingsError, "sft models list"),
        ("RevisionNotFoundError", "response", SettingsError, "hub"),
        ("HfHubHTTPError", "response", MissingError, "--model FOLDER"),
        ("LocalEntryNotFoundError", "", MissingError, "--model FOLDER"),
        ("HFValidationError", "", SettingsError, "sft models list"),
    ]


@pytest.mark.parametrize(("name", "takes", "kind", "hint"), refusals())
def test_what_the_hub_refuses_is_said_with_a_way_out(
    hub: dict[str, Any], name: str, takes: str, kind: type[Exception], hint: str
) -> None:
    import httpx
    from huggingface_hub import errors

    response = httpx.Response(404, request=httpx.Request("GET", "https://example.invalid"))
    hub["does"] = getattr(errors, name)("x", **({"response": response} if takes else {}))
    with pytest.raises(kind) as caught:
        base.fetch(HUB, weights=True, revision="main")
    assert HUB.id in str(caught.value)
    assert hint in caught.value.hint  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", ["httpx.ProxyError", "httpx.ReadTimeout", "ConnectionError", "OSError"])
def test_a_broken_line_is_no_traceback(hub: dict[str, Any], error: str) -> None:
    import builtins

    import httpx

    module, _, name = error.rpartition(".")
    hub["does"] = getattr(httpx if module else builtins, name)("x")
    with pytest.raises(MissingError, match="cannot be reached") as caught:
        base.fetch(HUB, weights=False)
    assert caught.value.exit_code == 3
    assert "smollm2-135m" in caught.value.hint


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("way", ["offline", "no server", "no proxy"])
def test_without_a_hub_a_model_that_is_not_here_is_a_clear_error(tmp_path: Path, way: str) -> None:
    pytest.importorskip("huggingface_hub")
    nowhere = f"http://127.0.0.1:{closed_port()}"
    way_out = {
        "offline": {"HF_HUB_OFFLINE": "1"},
        "no server": {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": nowhere, "NO_PROXY": "*"},
        "no proxy": {"HF_HUB_OFFLINE": "0", "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere, "NO_PROXY": ""},
    }[way]
    proxies = dict.fromkeys(("ALL_PROXY", "all_proxy", "https_proxy", "http_proxy", "no_proxy"), "")
    code = (
        "from sft import base, models\nfrom sft.errors import MissingError\n"
        f"try: base.fetch(models.resolve({HUB.id!r}), weights=False)\n"
        "except MissingError as error: print(error, error.hint, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | proxies | {"HF_HOME": str(tmp_path)} | way_out,
        capture_output=True, text=True, encoding="utf-8", check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    message, hint = done.stdout.strip().split("\n")
    assert HUB.id in message and "cannot be reached" in message
    assert "--model FOLDER" in hint


def test_a_plan_asks_this_machine_only(hub: dict[str, Any], tmp_path: Path) -> None:
    hub["does"] = tmp_path
    base.fetch(HUB, weights=False, local=True)
    assert hub["local"] is True
    base.fetch(HUB, weights=False)
    assert hub["local"] is False
