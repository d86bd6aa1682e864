"""A temporary workspace with invented data, and the command line run in it, in this process."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from sft import prepared
from sft.cli import app
from sft.records import Record, Reject
from sft.text import write_json, write_jsonl

GRAPHS = [
    ("mẹ nấu cơm .", "(n / nấu\n    :agent(m / mẹ)\n    :theme(c / cơm))"),
    ("bé ngủ .", "(n / ngủ\n    :agent(b / bé))"),
    ("bé muốn ngủ .", "(m / muốn\n    :agent(b / bé)\n    :theme(n / ngủ\n        :agent b))"),
    ("mèo không ăn cá .", "(ă / ăn\n    :polarity -\n    :agent(m / mèo)\n    :theme(c / cá))"),
    ("bố đọc sách .", "(đ / đọc\n    :agent(b / bố)\n    :theme(s / sách))"),
    ("chị mua hai quả xoài .", "(m / mua\n    :agent(c / chị)\n    :theme(q / quả_xoài\n        :quant 2))"),
    ("trời mưa .", "(m / mưa\n    :agent(t / trời))"),
    ("anh đi học .", "(đ / đi_học\n    :agent(a / anh))"),
]
BROKEN = ("ông câu cá .", "(c / câu\n    :agent(ô / ông)\n    :theme(c1 / cá)")  # the last bracket is missing
FACTS = ("Mèo", "Chó", "Gà", "Vịt", "Bò", "Ngựa", "Dê", "Lợn", "Thỏ", "Cá")
PLACES = ("trong vườn", "ngoài đồng", "bên sông", "trên đồi")


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Return stdout as the one JSON object that it must be."""
        value: dict[str, Any] = json.loads(self.out)
        return value


def sft(*arguments: str | Path) -> Ran:
    """Run the command line in the current folder."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="sft")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ran(done.exit_code, done.stdout, done.stderr)


def error(*arguments: str | Path, code: int = 2) -> str:
    """Run a command that must fail with one ``error:`` line and one ``hint:`` line; return what it said."""
    done = sft(*arguments)
    lines = done.err.splitlines()
    assert done.code == code, done
    assert done.out == ""
    assert "Traceback" not in done.err
    assert sum(line.startswith("error: ") for line in lines) == 1, done.err
    assert sum(line.startswith("hint: ") for line in lines) == 1, done.err
    assert lines[-1].startswith("hint: ") and len(lines[-1]) > len("hint: ")
    return done.err


def amr(records: Iterable[tuple[str, str]] = GRAPHS) -> str:
    """Return an AMR file in the form of the Vietnamese shared task."""
    return "\n".join(f"#::snt {sentence}\n{graph}\n" for sentence, graph in records)


def statements(count: int = 40) -> list[tuple[str, str]]:
    """Return distinct invented statements with balanced labels that no word gives away."""
    pairs = [(who, where) for where in PLACES for who in FACTS][:count]
    return [
        (f"{who} ngủ {where} vào ban đêm.", "Đúng" if (n // 2 + n // 10) % 2 else "Sai")
        for n, (who, where) in enumerate(pairs)
    ]


def csv(rows: Iterable[Sequence[str]], head: Sequence[str] = ("STT", "Câu hỏi", "Đáp án")) -> str:
    """Return a comma table; with the default head the rows are numbered."""
    if "STT" in head:
        rows = [(str(n), *row) for n, row in enumerate(rows, 1)]
    return "\n".join(",".join(cells) for cells in [head, *rows]) + "\n"


def put(path: Path | str, content: str | bytes) -> Path:
    """Write a file, its folders too."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def records(rows: Iterable[Mapping[str, str]], source: str = "a.csv") -> list[Record | Reject]:
    """Return records as a reader gives them."""
    return [Record(f"{Path(source).stem}:{n}", f"{source}:{n + 1}", row) for n, row in enumerate(rows, 1)]


def graph_records(items: Iterable[tuple[str, str]] = GRAPHS, source: str = "a.txt") -> list[Record | Reject]:
    """Return AMR records."""
    return records(({"sentence": sentence, "graph": graph} for sentence, graph in items), source)


def finished_run(
    folder: Path, predictions: Mapping[str, Mapping[str, Any]], name: str = "r1", **extra: Any
) -> Path:
    """Write a finished run on a prepared set, with predictions by row id for its held-out rows; no model needed."""
    data = prepared.load(folder)
    run = Path("runs") / name
    held = data.rows.get("test") or data.rows["valid"]
    value = {
        "status": "finished",
        "started": f"2026-01-01T00:00:0{len(list(Path('runs').glob('*')))}",
        "data": {"folder": str(folder.resolve()), "sha256": data.digest},
        "template": data.template,
        "model": {"name": "tiny"},
        "settings": {"seed": 5},
        "train_ids": [row.id for row in data.rows["train"]],
        "valid_ids": [row.id for row in data.rows["valid"]],
    }
    write_json(run / "run.json", value | extra)
    path = run / "predictions" / f"{'test' if data.rows.get('test') else 'valid'}.jsonl"
    lines = [
        {"id": row.id, "raw": "", "stopped": True, "readable": False, **predictions[row.id]} for row in held
    ]
    write_jsonl(path, lines)
    write_json(path.with_suffix(".facts.json"), {"template": data.template})
    return run
