"""Golden rows: what models are trained on does not change by accident. Rewritten only by `scripts/golden.py`."""

import json
import runpy
import unicodedata
from pathlib import Path

import pytest

from sft import chat, templates, text
from sft.records import Row

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
NAMES = sorted(f"{path.parent.name}/{path.stem}" for path in (ROOT / "templates").glob("*/*.toml"))


@pytest.fixture(scope="module")
def rendered() -> dict[str, str]:
    files: dict[str, str] = runpy.run_path(str(ROOT / "scripts" / "golden.py"))["render"]()
    return files


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ending", ["jsonl", "txt"])
def test_every_shipped_template_renders_its_golden_rows(
    rendered: dict[str, str], name: str, ending: str
) -> None:
    file = f"{name}.{ending}"
    assert (GOLDEN / file).read_bytes() == rendered[file].encode()


def test_no_golden_file_is_left_over(rendered: dict[str, str]) -> None:
    assert {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob("*/*")} == set(rendered)
    assert sorted(rendered) == sorted(f"{name}.{ending}" for name in NAMES for ending in ("jsonl", "txt"))


@pytest.mark.parametrize("name", NAMES)
def test_golden_rows_are_prepared_rows(name: str) -> None:
    rows = [Row.from_dict(value) for _line, value in text.iter_jsonl(GOLDEN / f"{name}.jsonl")]
    assert len(rows) == 3
    task = templates.load(name, ROOT).task
    for row in rows:
        assert row.messages[-1].role == "assistant"
        assert row.messages[0].role == "system"
        for message in row.messages:
            assert message.content == text.clean(message.content)
            assert text.mojibake(message.content) == ""
        if task in ("amr", "mtup"):
            assert (
                "\n"
                not in templates.extract(templates.load(name, ROOT), row.messages[-1].content).popitem()[1]
            )


@pytest.mark.parametrize("name", NAMES)
def test_the_golden_text_is_the_layout_of_the_golden_rows(name: str) -> None:
    rows = [Row.from_dict(value) for _line, value in text.iter_jsonl(GOLDEN / f"{name}.jsonl")]
    chatml = chat.chat_format("chatml")
    parts = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").split("════ ")[1:]
    assert parts == [f"{row.id}\n{chat.layout(row.messages, chatml)[0]}" for row in rows]


def test_the_raw_records_hold_the_odd_characters_of_real_data() -> None:
    raw = (GOLDEN / "records.json").read_text(encoding="utf-8")
    assert raw.isascii()  # escaped, so that a review shows them
    everything = json.dumps(json.loads(raw), ensure_ascii=False)
    assert not unicodedata.is_normalized("NFC", everything)
    for mark in ("\u00a0", "\u200b", "\ufeff", "\\r\\n", "\\t", "${answer}", "$x", "😀", "“"):
        assert mark in everything, mark
