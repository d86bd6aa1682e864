"""The language of messages: where it comes from, and that a catalogue is used when there is one."""

import array
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sft import i18n

NAMES = ("SFT_LANG", "LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE")


def write_catalogue(path: Path, messages: Mapping[str, str]) -> None:
    """Write a GNU .mo file: a header, two tables of (length, offset), the texts."""
    pairs = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **messages}.items())
    table, body = array.array("I"), b""
    start = 28 + 16 * len(pairs)
    for side in (0, 1):
        for pair in pairs:
            data = pair[side].encode()
            table.extend((len(data), start + len(body)))
            body += data + b"\0"
    head = struct.pack("=7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(head + table.tobytes() + body)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "fr_FR"}, "en"),
        ({"LANG": "en_US", "LC_MESSAGES": "vi_VN"}, "vi"),
        ({"LANG": "vi_VN", "LC_ALL": "C"}, "en"),
        ({"LANG": "vi_VN", "LC_ALL": ""}, "vi"),
        ({"SFT_LANG": "vi", "LC_ALL": "C"}, "vi"),
        ({"SFT_LANG": "en", "LC_ALL": "vi_VN"}, "en"),
        ({"SFT_LANG": "VI"}, "vi"),
        ({"SFT_LANG": "", "LANG": "vi"}, "vi"),
        ({"SFT_LANG": "de", "LANG": "vi"}, "en"),
    ],
)
def test_the_language_comes_from_the_flag_then_the_locale(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], wanted: str
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert i18n.language() == wanted


def test_a_text_without_translation_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFT_LANG", "vi")
    assert i18n._("no such sentence in any catalogue {n}") == "no such sentence in any catalogue {n}"


def test_a_catalogue_is_used_and_the_language_can_change(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_catalogue(
        tmp_path / "locale" / "vi" / "LC_MESSAGES" / "sft.mo", {"unknown model {name!r}": "không có {name!r}"}
    )
    monkeypatch.setattr(i18n, "__file__", str(tmp_path / "i18n.py"))
    i18n._catalogue.cache_clear()
    try:
        monkeypatch.setenv("SFT_LANG", "vi")
        assert i18n._("unknown model {name!r}").format(name="x") == "không có 'x'"
        monkeypatch.setenv("SFT_LANG", "en")
        assert i18n._("unknown model {name!r}") == "unknown model {name!r}"
    finally:
        i18n._catalogue.cache_clear()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    base = {name: value for name, value in os.environ.items() if name not in NAMES}
    return subprocess.run(
        [sys.executable, "-m", "sft", *arguments],
        env=base | environment, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


def test_the_flag_is_understood_in_both_spellings_and_another_language_is_refused() -> None:
    assert run("--lang", "vi", "models", "list").returncode == 0
    assert run("--lang=vi", "models", "list").returncode == 0
    wrong = run("--lang", "fr", "models", "list", LANG="vi_VN.UTF-8")
    assert wrong.returncode == 2
    assert "en, vi" in wrong.stderr


def test_the_flag_sets_the_language_before_the_help_is_made() -> None:
    code = """
import sys
from sft.__main__ import main
sys.argv = ["sft", "--lang", "vi", "--version"]
try:
    main()
except SystemExit:
    from sft.i18n import language
    print(language())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.split()[-1] == "vi"
