"""A prepared set on disk: whole or not there, checked when it is read, never in the place of anything else."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from workspace import GRAPHS, graph_records, options, prepare, put, records, statements, write_set

from sft import locks, prepared, templates
from sft.errors import DataError, TemplateError
from sft.prep import account, passes
from sft.prep.choices import Options
from sft.records import Finding, Reject

ROOT = Path(__file__).parents[1]
SOURCE = {
    "path": "a.txt",
    "format": "amr",
    "detail": "header lines: ::snt",
    "sha256": "ab" * 32,
    "rows": len(GRAPHS),
}


def write(out: Path, count: int = len(GRAPHS)) -> dict[str, Any]:
    items = [*graph_records(GRAPHS[:count]), Reject("a:9", "a.txt:40", "no_graph")]
    return write_set(out, options("v5_cot", val_split=0.3), items, [SOURCE])


def test_a_set_is_complete_and_reads_back(tmp_path: Path) -> None:
    out = tmp_path / "data/prepared/v5_cot"
    manifest = write(out)
    assert sorted(p.name for p in out.iterdir()) == [
        "manifest.json", "rejected.jsonl", "report.html", "report.json", "report.md", "train.jsonl", "valid.jsonl",
    ]  # fmt: skip
    found = prepared.load(out)
    assert (found.template, found.task, found.digest) == (manifest["template"], "mtup", manifest["sha256"])
    assert sum(map(len, found.rows.values())) == len(GRAPHS)
    assert prepared.template_of(found, ROOT).name == "v5_cot"
    assert [path.name for path in out.parent.iterdir()] == ["v5_cot"]  # nothing is left beside it


def test_the_manifest_accounts_for_every_row(tmp_path: Path) -> None:
    manifest = write(tmp_path / "x")
    assert (manifest["read"], manifest["kept"], manifest["rejected"]) == (9, 8, {"no_graph": 1})
    assert manifest["split"] == {"rule": "blake2b(seed, key) < share", "val_split": 0.3, "seed": 42}
    (source,) = manifest["sources"]  # type: ignore[misc]
    assert source["columns"] == {"sentence": "sentence", "graph": "graph"}
    assert source["sha256"] == SOURCE["sha256"] and source["rows"] == 8
    assert str(manifest["template"]).startswith("mtup/v5_cot@") and "NFC" in str(manifest["normalisation"])
    rejected = [
        json.loads(line) for line in (tmp_path / "x/rejected.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert rejected == [{"id": "a:9", "where": "a.txt:40", "reason": "no_graph", "detail": "", "excerpt": ""}]


def test_rows_are_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    write(tmp_path / "x")
    raw = (tmp_path / "x/train.jsonl").read_bytes()
    assert (
        b"\r" not in raw
        and b"\\u" not in raw
        and "nấu".encode() in raw + (tmp_path / "x/valid.jsonl").read_bytes()
    )
    row = json.loads(raw.splitlines()[0])
    assert row.keys() == {"id", "messages", "meta"}
    assert [m["role"] for m in row["messages"]] == ["system", "user", "assistant"]


def test_the_manifest_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    for name in ("write_json", "write_jsonl", "write_text"):
        real = getattr(prepared, name)
        monkeypatch.setattr(
            prepared, name, lambda path, value, real=real: (written.append(path.name), real(path, value))
        )
    write(tmp_path / "x")
    assert written[-1] == prepared.MANIFEST
    assert {"train.jsonl", "valid.jsonl", "rejected.jsonl", "report.json", "report.md", "report.html"} < set(
        written
    )


@pytest.mark.parametrize("name", ["write_json", "write_jsonl", "write_text", "rows_digest", "_swap"])
def test_an_interrupted_write_leaves_the_old_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    out = tmp_path / "x"
    write(out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(prepared, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            write(out, 4)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    prepared.load(out)


def test_a_failed_move_brings_the_old_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "x"
    digest = write(out)["sha256"]
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if target == out and (self / prepared.MANIFEST).is_file() and len(list(self.iterdir())) and moved:
            moved.clear()
            raise OSError("disk full")
        return real(self, target)

    moved = [True]
    monkeypatch.setattr(prepared, "_exchange", lambda _one, _two: False)
    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="disk full"):
        write(out, 4)
    assert prepared.load(out).digest == digest


def test_a_new_set_replaces_the_old_one_and_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    write(tmp_path / "x")
    write(tmp_path / "x", 4)
    assert prepared.load(tmp_path / "x").manifest["kept"] == 4


def test_what_a_killed_process_left_beside_is_cleared_and_what_a_living_one_has_is_not(
    tmp_path: Path,
) -> None:
    dead, living, other = (tmp_path / name for name in (".x-deaddead", ".x-living00", ".xy-deaddead"))
    for folder in (dead, living, other):
        put(folder / locks.NAME, "")
        put(folder / "set/train.jsonl", "half")
    handle = locks.hold(living)
    write(tmp_path / "x")
    os.close(handle)
    assert sorted(path.name for path in tmp_path.iterdir()) == [living.name, other.name, "x"]


def test_nothing_but_a_prepared_set_is_ever_replaced(tmp_path: Path) -> None:
    mine = put(tmp_path / "data/raw/mine.csv", "x")
    for place in (tmp_path / "data", tmp_path / "data/raw", tmp_path, mine):
        with pytest.raises(DataError) as caught:
            write(place)
        assert caught.value.where == str(place) and "--out" in caught.value.hint
    assert mine.read_text(encoding="utf-8") == "x"
    write(tmp_path / "s")
    put(tmp_path / "s/notes.txt", "mine")
    with pytest.raises(DataError, match=r"notes\.txt"):
        write(tmp_path / "s")


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    put(tmp_path / "file", "x")
    with pytest.raises(DataError, match="cannot be written"):
        write(tmp_path / "file" / "x")


@pytest.mark.parametrize("file", ["train.jsonl", "valid.jsonl"])
def test_an_edited_row_is_found_out(tmp_path: Path, file: str) -> None:
    write(tmp_path / "x")
    path = tmp_path / "x" / file
    path.write_text(path.read_text(encoding="utf-8").replace("câu", "Câu", 1), encoding="utf-8")
    with pytest.raises(DataError, match="not the ones") as caught:
        prepared.load(tmp_path / "x")
    assert "prepare again" in caught.value.hint


def test_rows_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "x")
    rows = prepared.load(tmp_path / "x").rows["train"]
    every = list(rows)
    assert len(rows) == len(every) > 3
    assert [rows[n] for n in range(len(rows))] == every
    assert rows[-1] == every[-1] and rows[1:3] == tuple(every[1:3]) and rows[::-1] == tuple(every[::-1])
    assert every[2] in rows and rows.index(every[2]) == 2
    with pytest.raises(IndexError):
        rows[len(rows)]


def test_an_added_split_is_found_out(tmp_path: Path) -> None:
    write(tmp_path / "x")
    put(tmp_path / "x/test.jsonl", (tmp_path / "x/valid.jsonl").read_bytes())
    with pytest.raises(DataError, match="not the ones"):
        prepared.load(tmp_path / "x")


def test_what_is_no_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        prepared.load(tmp_path / "x")
    write(tmp_path / "x")
    good = (tmp_path / "x/train.jsonl").read_bytes()
    for broken in (b"{}\n", b"[]\n", b'{"id": "1", "messages": [{"role": "user"}]}\n', b"7\n"):
        put(tmp_path / "x/train.jsonl", good + broken)
        with pytest.raises(DataError, match="not a prepared row") as caught:
            prepared.load(tmp_path / "x")
        assert caught.value.where.endswith(f"train.jsonl:{good.count(10) + 1}")
    put(tmp_path / "x/train.jsonl", good)
    for broken in (b"{", b"[]", b"\xff"):
        put(tmp_path / "x/manifest.json", broken)
        with pytest.raises(DataError, match="manifest does not read"):
            prepared.load(tmp_path / "x")
    (tmp_path / "x/manifest.json").unlink()
    with pytest.raises(DataError, match="not a complete prepared set"):
        prepared.load(tmp_path / "x")


def test_the_newest_complete_set_is_taken(tmp_path: Path) -> None:
    for number, name in enumerate(("b", "a", "c")):
        out = tmp_path / "data/prepared" / name
        write(out)
        os.utime(out / prepared.MANIFEST, (1_700_000_000 + number, 1_700_000_000 + number))
    assert prepared.newest(tmp_path).name == "c"
    (tmp_path / "data/prepared/c/manifest.json").unlink()
    assert prepared.newest(tmp_path).name == "a"
    with pytest.raises(DataError, match="no prepared set"):
        prepared.newest(tmp_path / "elsewhere")


def test_a_changed_template_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "templates/qa/true_false_v1.toml").read_text(encoding="utf-8")
    path = put(tmp_path / "templates/my/own.toml", text)
    rows = records([{"question": q, "answer": a} for q, a in statements()])
    write_set(tmp_path / "x", Options(templates.load("my/own", tmp_path)), rows)
    put(path, text.replace("Chỉ trả lời", "Hãy trả lời"))
    with pytest.raises(TemplateError, match="is now @"):
        prepared.template_of(prepared.load(tmp_path / "x"), tmp_path)


# The report


def test_the_report_for_people_says_what_the_data_say(tmp_path: Path) -> None:
    write(tmp_path / "x")
    page = (tmp_path / "x/report.md").read_text(encoding="utf-8")
    report = json.loads((tmp_path / "x/report.json").read_text(encoding="utf-8"))
    assert f"Read 9 rows, kept 8: train {report['rows']['train']}, valid {report['rows']['valid']}." in page
    assert "* no_graph: 1" in page and "rejected.jsonl" in page
    assert "| a.txt (header lines: ::snt) | 8 | sentence ← sentence; graph ← graph | abababab |" in page
    assert page.endswith("## Findings\n\nNone.\n")


def test_the_report_shows_labels_and_findings() -> None:
    done = prepare(options("true_false_v1"), records([{"question": q, "answer": a} for q, a in statements()]))
    finding = Finding("duplicate", "warning", 2, "2 rows repeat", ("a:1", "a:2", "a:3", "a:4"), "remove them")
    report = passes.summary(done.made, [finding], [])
    assert report["label_set"] == ["TRUE", "FALSE"]
    assert sum(report["labels"]["train"].values()) == len(done.sets["train"])
    page = account.markdown(report)
    assert f"* train: FALSE {report['labels']['train']['FALSE']}" in page
    assert "* **warning** `duplicate` × 2: 2 rows repeat (a:1, a:2, a:3); remove them" in page
    assert "Rejected" not in page
