"""What stands in a prepared set, counted in one pass over its rows: labels, lengths, repetitions, sources, findings."""

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

from sft import chat
from sft.audit import spread
from sft.checks.lengths import LIMITS
from sft.prepared import Prepared
from sft.records import Message, Row
from sft.tokenizer import Loaded


def stats(data: Prepared, loaded: Loaded | None = None) -> dict[str, Any]:
    """Count a set; lengths in tokens only with a tokenizer. Raises `DataError` for a row that cannot be encoded."""
    seen: set[int] = set()
    asked: dict[int, str] = {}
    splits = {split: _split(split, rows, loaded, seen, asked) for split, rows in data.rows.items()}
    return {
        "folder": str(data.folder),
        "template": data.template,
        "task": data.task,
        "rows": {split: part["rows"] for split, part in splits.items()},
        "splits": splits,
        "sources": [
            {name: source.get(name) for name in ("path", "rows", "sha256")}
            for source in data.manifest.get("sources", ())
        ],
        "rejected": dict(data.manifest.get("rejected", {})),
        "findings": _findings(data),
    }


def _split(
    split: str, rows: Sequence[Row], loaded: Loaded | None, seen: set[int], asked: dict[int, str]
) -> dict[str, Any]:
    labels: Counter[str] = Counter()
    lengths = {name: array("L") for name in ("prompt", "answer", "total")}
    repeated = {"rows": 0, "prompts": 0, "across": 0}

    def passed() -> Iterator[tuple[str, Sequence[Message]]]:
        for row in rows:
            if "label" in row.meta:
                labels[str(row.meta["label"])] += 1
            answered = bool(row.messages) and row.messages[-1].role == "assistant"
            total = sum(len(message.content) for message in row.messages)
            answer = len(row.messages[-1].content) if answered else 0
            for name, size in (("prompt", total - answer), ("answer", answer), ("total", total)):
                lengths[name].append(size)
            _repetitions(row, answered, split, seen, asked, repeated)
            yield row.id, row.messages

    tokens = array("L"), array("L")
    if loaded is None:
        for _row in passed():
            pass
    else:
        for item in chat.encode_all(passed(), loaded.tokenizer, loaded.format):
            tokens[0].append(len(item.ids))
            tokens[1].append(item.supervised)
    out: dict[str, Any] = {
        "rows": len(lengths["total"]),
        "labels": dict(labels.most_common()),
        "characters": {name: spread(values) for name, values in lengths.items()},
        "repeated": repeated,
    }
    if loaded is not None:
        out["tokens"] = {
            "total": spread(tokens[0]),
            "supervised": spread(tokens[1]),
            "sum": sum(tokens[0]),
            "cut": {str(cut): sum(n > cut for n in tokens[0]) for cut in LIMITS},
        }
    return out


def _repetitions(
    row: Row, answered: bool, split: str, seen: set[int], asked: dict[int, str], counts: dict[str, int]
) -> None:
    """Count a row that is as an earlier one, one whose prompt is, and one whose prompt is that of another split."""
    whole, prompt = _hash(row.messages), _hash(row.messages[:-1] if answered else row.messages)
    counts["rows"] += whole in seen
    counts["prompts"] += prompt in asked
    counts["across"] += asked.get(prompt, split) != split
    seen.add(whole)
    asked.setdefault(prompt, split)


def _hash(messages: Sequence[Message]) -> int:
    text = "\0".join(part for message in messages for part in (message.role, message.content))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _findings(data: Prepared) -> list[dict[str, Any]]:
    """Return id, severity and count of what the preparation found; nothing where its report is gone."""
    try:
        report = json.loads((data.folder / "report.json").read_text(encoding="utf-8"))
        return [
            {name: each[name] for name in ("id", "severity", "count")} for each in report.get("findings", ())
        ]
    except (OSError, ValueError, KeyError, AttributeError):
        return []
