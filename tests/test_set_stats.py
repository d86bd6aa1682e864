"""Counts of a prepared set, with and without a tokenizer."""

import json
from pathlib import Path
from typing import Any

from sft import chat, set_stats
from sft.prepared import Prepared
from sft.records import Message, Row
from sft.tokenizer import Loaded

SOURCE = {"path": "a.csv", "sha256": "11", "rows": 5, "format": "csv"}


def row(name: str, question: str, answer: str, **meta: str) -> Row:
    return Row(name, (Message("user", question), Message("assistant", answer)), meta)


def prepared(folder: Path) -> Prepared:
    rows = {
        "train": (
            row("1", "Mèo ngủ?", "Đúng", label="TRUE"),
            row("2", "Mèo ngủ?", "Đúng", label="TRUE"),
            row("3", "Mèo ngủ?", "Sai", label="FALSE"),
        ),
        "valid": (row("4", "Mèo ngủ?", "Sai", label="FALSE"), row("5", "Chó sủa?", "Đúng", label="TRUE")),
    }
    manifest = {"template": "qa/x@1", "task": "labels", "sources": [SOURCE], "rejected": {"empty": 2}}
    return Prepared(folder, manifest, rows)


def test_rows_labels_lengths_and_repetitions(tmp_path: Path) -> None:
    finding = {
        "id": "duplicate",
        "severity": "warning",
        "count": 1,
        "message": "m",
        "examples": [],
        "hint": "",
    }
    (tmp_path / "report.json").write_text(json.dumps({"findings": [finding]}), encoding="utf-8")
    found = set_stats.stats(prepared(tmp_path))
    assert found["rows"] == {"train": 3, "valid": 2}
    assert found["splits"]["train"]["labels"] == {"TRUE": 2, "FALSE": 1}
    assert found["splits"]["train"]["repeated"] == {"rows": 1, "prompts": 2, "across": 0}
    assert found["splits"]["valid"]["repeated"] == {"rows": 1, "prompts": 1, "across": 1}
    assert found["splits"]["train"]["characters"]["total"]["max"] == len("Mèo ngủ?Đúng")
    assert found["splits"]["train"]["characters"]["answer"]["min"] == 3
    assert "tokens" not in found["splits"]["train"]
    assert found["sources"] == [{"path": "a.csv", "rows": 5, "sha256": "11"}]
    assert found["findings"] == [{"id": "duplicate", "severity": "warning", "count": 1}]
    assert found["rejected"] == {"empty": 2}


def test_tokens_with_a_tokenizer(tmp_path: Path, qwen: Any) -> None:
    fmt = chat.chat_format("chatml")
    loaded = Loaded(qwen, fmt, "", "<|im_end|>", 2, "<|endoftext|>", 0)
    data = prepared(tmp_path)
    found = set_stats.stats(data, loaded)
    lengths = [len(chat.encode(one.messages, qwen, fmt).ids) for one in data.rows["train"]]
    tokens = found["splits"]["train"]["tokens"]
    assert (tokens["sum"], tokens["total"]["max"]) == (sum(lengths), max(lengths))
    assert tokens["cut"] == {"256": 0, "512": 0, "1024": 0, "2048": 0}
    assert found["findings"] == []  # no report is there
