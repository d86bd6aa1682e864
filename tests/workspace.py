"""A temporary workspace with invented data, and the command line run in it, in this process."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from sft import prepared, templates
from sft.checks import findings
from sft.cli import app
from sft.prep import passes, review, spool
from sft.prep.choices import Options
from sft.prep.made import Made
from sft.records import Finding, Record, Reject, Row
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


Items = Iterable[Record | Reject]


@dataclass(frozen=True, slots=True)
class Done:
    """A preparation, taken out of its folder: rows in order of reading and by split, everything refused, findings."""

    made: Made
    rows: list[Row]
    sets: dict[str, list[Row]]
    rejects: list[Reject]
    found: dict[str, Finding]


def options(name: str, **changes: object) -> Options:
    """Return the default choices for a shipped template, or others."""
    return replace(Options(templates.load(name, Path(__file__).parents[1])), **changes)  # type: ignore[arg-type]


def spooled(folder: spool.Folder, items: Items, side: str = "") -> list[spool.Spooled]:
    """Put items on disk, each source by itself."""
    sources: dict[str, list[Record | Reject]] = {}
    for item in items:
        sources.setdefault(item.where.rpartition(":")[0], []).append(item)
    return [
        replace(folder.take(name, lambda group=group: group)[0], side=side)  # type: ignore[misc]
        for name, group in sources.items()
    ]


@contextmanager
def making(chosen: Options, items: Items, test: Items = (), valid: Items = ()) -> Iterator[Made]:
    """Prepare items up to the decisions."""
    with tempfile.TemporaryDirectory() as place, spool.Folder(Path(place)) as folder:
        sources = spooled(folder, items) + spooled(folder, valid, "valid") + spooled(folder, test, "test")
        yield passes.build(sources, chosen, folder.path)


def prepare(chosen: Options, items: Items, test: Items = (), valid: Items = ()) -> Done:
    """Prepare items and take out everything."""
    with making(chosen, items, test, valid) as made:
        rows = [draft.row(chosen.template, made.label_set) for _number, draft in made.drafts()]
        sets = {side: list(made.rows(side)) for side in made.sizes()}
        found = {finding.id: finding for finding in review.check(made)}
        assert found.keys() <= findings.known().keys()
        assert all(each.severity in findings.severities(name) for name, each in found.items())
        done = Done(made, rows, sets, list(made.rejected_rows()), found)
        assert made.read == made.kept + len(done.rejects) == made.kept + sum(made.rejected.values())
        assert made.sizes() == {side: len(rows) for side, rows in sets.items()}
        return done


def write_set(
    out: Path, chosen: Options, items: Items, told: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Prepare items and write the set; return its manifest."""
    with making(chosen, items) as made:
        return passes.write(out, made, review.check(made), told)


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
