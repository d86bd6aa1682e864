"""The Vietnamese catalogue: complete, fit for the texts it translates, and seen on every page of the command line."""

import gettext
import os
import re
import string
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import translate

SAID = translate.read(translate.CATALOGUE)
MO = translate.CATALOGUE.with_suffix(".mo")
MENDED = "run python scripts/translate.py and fill the empty lines of the .po file"


def test_every_text_is_in_the_catalogue_with_a_translation_and_no_other_is() -> None:
    found = translate.texts()
    assert [text for text in found if not SAID.get(text)] == [], MENDED
    assert [text for text in SAID if text not in found] == [], MENDED


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    assert MO.read_bytes() == translate.compiled(SAID), MENDED
    with MO.open("rb") as file:
        read = gettext.GNUTranslations(file)  # another reader than ours
    assert {text: read.gettext(text) for text in SAID} == SAID


def test_every_text_that_is_not_a_literal_is_collected_in_another_way() -> None:
    described, shown = "field.description or ''", {"heading", "text", "form", "value"}
    known = {described, f"section.model_fields[key].{described.removeprefix('field.')}", *shown}
    known |= {"m.note", "job.model.note", "preset.description", "origins.get(name, '')"}
    known |= {"outcome.status", "run.status", "look.state", "inspect.getdoc(command.callback) or ''"}
    assert set(translate.computed()) <= known


def fields(text: str) -> list[tuple[str, str, str]]:
    """Return the placeholders of a text, sorted."""
    parts = string.Formatter().parse(text)
    return sorted((name, form or "", how or "") for _text, name, form, how in parts if name is not None)


@pytest.mark.parametrize(
    ("what", "part"),
    [
        ("placeholders", fields),
        ("blanks at the ends", lambda text: (re.match(r"\s*", text)[0], re.search(r"\s*$", text)[0])),
        ("flags", lambda text: sorted(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))),
        ("commands", lambda text: sorted(re.findall(r"\bsft (?!again)[a-z]+(?: list| show| check)?\b", text))),
        ("file names", lambda text: sorted(re.findall(r"\w+\.(?:jsonl?|toml|sh|txt)\b", text))),
        ("lines", lambda text: text.count("\n")),
    ],
)  # fmt: skip
def test_a_translation_keeps_what_is_not_language(what: str, part: object) -> None:
    assert callable(part)
    wrong = {text: said for text, said in SAID.items() if part(text) != part(said)}
    assert wrong == {}, what


def test_translations_are_composed() -> None:
    assert [said for said in SAID.values() if not unicodedata.is_normalized("NFC", said)] == []


@given(st.dictionaries(
    st.text(st.sampled_from('ab {}"\\\n\t\rếđ\u2028#'), min_size=1), st.text(st.sampled_from('x"\\\n\r#é')), max_size=4,
))  # fmt: skip
def test_a_catalogue_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("po") / "sft.po"
    path.write_bytes(translate.written({text: ["sft/a.py"] for text in said}, said).encode())
    assert translate.read(path) == said


def test_the_script_keeps_translations_and_names_what_lacks_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vi" / "sft.po"
    monkeypatch.setattr(translate, "ROOT", tmp_path)
    monkeypatch.setattr(translate, "CATALOGUE", path)
    monkeypatch.setattr(translate, "texts", lambda: {"name": ["sft/a.py"], "new": ["sft/a.py", "sft/b.py"]})
    monkeypatch.setattr(sys, "argv", ["translate.py"])
    path.parent.mkdir()
    path.write_text('msgid "name"\nmsgstr "tên"\n\nmsgid "old"\nmsgstr "cũ"\n', encoding="utf-8")
    assert translate.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        "gone: 'old', which was: 'cũ'",
        "no translation: 'new' (sft/a.py, sft/b.py)",
        "2 texts, 1 without translation",
    ]
    path.write_text(
        path.read_text(encoding="utf-8").replace('"new"\nmsgstr ""', '"new"\nmsgstr "mới"'), encoding="utf-8"
    )
    monkeypatch.setattr(sys, "argv", ["translate.py", "--check"])
    assert translate.main() == 1
    assert "sft.mo is stale" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["translate.py"])
    assert translate.main() == 0
    monkeypatch.setattr(sys, "argv", ["translate.py", "--check"])
    assert translate.main() == 0


PAGES = """
import os
from typer.main import get_command
from typer.testing import CliRunner
from sft.cli import app
pages = [[]]
for name, command in get_command(app).commands.items():
    pages += [[name], *([name, below] for below in getattr(command, "commands", {}))]
for page in pages:
    print(CliRunner().invoke(app, [*page, "--help"], prog_name="sft", terminal_width=300).stdout)
"""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=os.environ | environment, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


def test_the_help_pages_are_vietnamese_and_stay_english_in_english() -> None:
    vi, en = (run("-c", PAGES, SFT_LANG=code).stdout for code in ("vi", "en"))
    assert len(re.findall("(?m)^Cách dùng: sft", vi)) == len(re.findall("(?m)^Usage: sft", en)) > 12
    last = lambda line: re.sub(r"\s*\[x[<>]=[^]]*\]$", "", line.strip()).split("  ")[
        -1
    ]  # a range is no language
    texts = {last(line) for line in en.splitlines() if len(line) > 9}
    assert [line.strip() for line in vi.splitlines() if last(line) in texts - {""}] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prep", "--template", "v5_cto"], ["lỗi: không có template 'v5_cto'", "gợi ý: có phải ý bạn là v5_cot?"]),
        (["prp"], ["lỗi: không có lệnh 'prp'. Có phải ý bạn là 'prep'?", "gợi ý: python -m sft --help"]),
        (["plan", "--epochs", "x"], ["lỗi: giá trị của '--epochs' không hợp lệ: cần một số", "gợi ý: python -m sft plan --help"]),
    ],
)  # fmt: skip
def test_errors_are_vietnamese(arguments: list[str], said: list[str]) -> None:
    done = run("-m", "sft", "--lang", "vi", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == said
