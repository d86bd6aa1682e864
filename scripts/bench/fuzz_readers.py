"""Damage raw files of every format at random and check that the readers stand: no crash, and no row lost in silence.

    python scripts/bench/fuzz_readers.py [N] [--seed S] [--folder DIR]

makes N damaged files (default 20000) out of the fixtures ``tests/data/raw_*`` and of workbooks, Parquet, gzip and zstandard
files made here: bytes cut, put in, doubled; lines moved; JSON values exchanged; XML inside a workbook changed; other
encodings. Each is detected and read, sometimes with a format, delimiter or rule forced on it. Every file must end in an
`SftError` with a hint, or in records and rejects with ids of their own: as many as an independent count of the rows of JSON,
Parquet and lines, and with every word of a table's row in its cells.
Stops at the first broken promise and keeps that file. A workbook needs openpyxl, a .zst file zstandard.
"""

import argparse
import gzip
import importlib.util
import io
import json
import random
import re
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_prep import Rules, Source, detect, formats, read
from sft.errors import SftError
from sft.records import Record, Reject
from sft.text import clean

WORD = re.compile(r"\w+")
DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
PIECES = (
    b'"', b'""', b"\n", b"\r", b"\r\n", b"\n\n", b",", b";", b"\t", b"|", b"{", b"}", b"[", b"]", b":", b"\\", b"\x00", b"\xff",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"null", b"NaN", b"true", b"1e999", b"-", b"__dict__",
    b"# ::snt ", b"(a / b", b"## intent:x\n", b"- ", b"O\n", "ế".encode(), "ế".encode("utf-16-le"), b"\xe2\x80\xa8", b"\\ud800",
    b'{"a": 1}', b"[" * 60, "áº¿".encode(), b"sep=;\n", b"<c r='B9'/>", b"</row>",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 0, -1.5, "", "x", "None", [], {}, ["a", "b"], [{}], {"text": ["a"], "answer_start": [0]}, [None], "\ud800", "[1",
    {"role": "user", "content": "a"}, [{"from": "gpt", "value": 3}], 10**30, "{'text': ['a']}", float("nan"),
)  # fmt: skip
RULES = (
    Rules(),
    Rules(answers="each", turns="merge", impossible="refusal", repair_mojibake=True),
    Rules(turns="last", impossible="reject", numbered_from=0),
)


def seeds() -> list[tuple[str, bytes]]:
    """Return the files to damage, by name."""
    found = [(path.name, path.read_bytes()) for path in sorted(DATA.glob("raw_*"))]
    table = [["id", "question", "answers", "A", "B", "C", "đáp án"]]
    table += [
        [n, f"Câu {n}?", "{'text': ['Huế'], 'answer_start': [3]}", "một", "B. hai", None, "B"]
        for n in range(4)
    ]
    if importlib.util.find_spec("pyarrow"):
        import pyarrow
        import pyarrow.parquet

        columns = {str(name): [str(row[at]) for row in table[1:]] for at, name in enumerate(table[0])}
        stream = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(columns | {"số": [1.5, None, 2.0, 3.0]}), stream)
        found.append(("made.parquet", stream.getvalue()))
    if importlib.util.find_spec("openpyxl"):
        import openpyxl

        book = openpyxl.Workbook()
        for row in table:
            book.active.append(row)
        stream = io.BytesIO()
        book.save(stream)
        found.append(("made.xlsx", stream.getvalue()))
    return found


def damage_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return `data` after one to six random edits."""
    for _n in range(rng.choice((1, 1, 1, 2, 3, 6))):
        i = rng.randrange(len(data) + 1)
        j = min(len(data), i + rng.choice((1, 1, 2, 5, 40)))
        match rng.randrange(5):
            case 0:
                data = data[:i] + data[j:]
            case 1:
                data = data[:i] + rng.choice(PIECES) + data[i:]
            case 2:
                data = data[:i] + rng.choice(PIECES) + data[j:]
            case 3:
                data = data[:i] + data[i:j] * 2 + data[j:]
            case 4:
                data = data[:i] if rng.random() < 0.3 else data[:i] + rng.randbytes(3) + data[j:]
    return data


def damage_lines(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with lines taken out, doubled, moved, or ended in another way."""
    lines = data.splitlines(keepends=True)
    for _n in range(rng.randrange(1, 4)):
        if not lines:
            break
        at = rng.randrange(len(lines))
        match rng.randrange(4):
            case 0:
                del lines[at]
            case 1:
                lines.insert(rng.randrange(len(lines)), lines[at])
            case 2:
                lines[at] = lines[at].rstrip(b"\r\n") + rng.choice((b"", b"\r", b"\r\n", b"\n \n"))
            case 3:
                rng.shuffle(lines)
    return b"".join(lines)


def damage_json(data: bytes, rng: random.Random) -> bytes:
    """Return JSON or JSON lines with a few values exchanged; other files with other bytes."""
    try:
        text = data.decode("utf-8")
        try:
            return json.dumps(_exchanged(json.loads(text), rng)).encode()
        except ValueError:
            rows = [
                json.dumps(_exchanged(json.loads(line), rng)) for line in text.splitlines() if line.strip()
            ]
            return "\n".join(rows).encode()
    except (ValueError, RecursionError):
        return damage_bytes(data, rng)


def _exchanged(value: Any, rng: random.Random) -> Any:
    if rng.random() < 0.06:
        return rng.choice(VALUES)
    if isinstance(value, dict):
        return {
            rng.choice((key, key, key, key + "1", "answers")) if rng.random() < 0.05 else key: _exchanged(
                each, rng
            )
            for key, each in value.items()
        }
    return [_exchanged(each, rng) for each in value] if isinstance(value, list) else value


def damage_archive(data: bytes, rng: random.Random) -> bytes:
    """Return a workbook with one of its parts changed; other files with other bytes."""
    if not data.startswith(b"PK"):
        return damage_bytes(data, rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        names = old.namelist()
        chosen = rng.choice([*names, *(name for name in names if "sheet" in name or "shared" in name)])
        for name in names:
            part = old.read(name)
            new.writestr(name, damage_bytes(part, rng) if name == chosen else part)
    return stream.getvalue()


def recode(data: bytes, rng: random.Random) -> bytes:
    """Return the text in another encoding, or misread with another one."""
    text = data.decode("utf-8", "replace")
    if rng.random() < 0.3:
        return (
            text.encode("utf-8").decode(rng.choice(("cp1252", "cp1254", "latin-1")), "ignore").encode("utf-8")
        )
    return text.encode(
        rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "cp1258", "latin-1")), "ignore"
    )


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    damage_bytes, damage_bytes, damage_lines, damage_json, damage_json, damage_archive, recode,
)  # fmt: skip


def packed(data: bytes, rng: random.Random) -> bytes:
    """Return `data` compressed, sometimes damaged once more."""
    if rng.random() < 0.5 and importlib.util.find_spec("zstandard"):
        import zstandard

        data = zstandard.ZstdCompressor().compress(data)
    else:
        data = gzip.compress(data, 1)
    return damage_bytes(data, rng) if rng.random() < 0.5 else data


def least(source: Source, data: bytes) -> int:
    """Count the rows of a file in another way than the readers do; 0 where there is no such way."""
    if source.binary == "parquet":
        import pyarrow.parquet

        return int(pyarrow.parquet.ParquetFile(io.BytesIO(data)).metadata.num_rows)
    if source.binary:
        return 0
    text = data.decode(source.encoding)
    end = "\r" if "\r" in text and "\n" not in text else "\n"
    filled = [line for line in text.split(end) if line.strip()]
    if source.format == "plain_lines" or (
        source.part == "lines" and source.format in {"jsonl", "chat", "passages"}
    ):
        return len(filled)
    if source.part.startswith("$") and source.format in {"json_list", "chat", "passages", "squad"}:
        value = json.loads(text)
        for key in filter(None, source.part.removeprefix("$").split(".")):
            value = value[key]
        return len(value)
    return 0


def lost(source: Source, data: bytes, items: list[Record | Reject]) -> set[str]:
    """Return the words of a table that stand in the lines of a record and in none of its cells.

    A multiple choice says its answer as a letter, whatever stands in the table: it is passed over.
    """
    text = data.decode(source.encoding)
    lines = text.split("\r" if "\r" in text and "\n" not in text else "\n")
    starts = [int(item.where.rpartition(":")[2]) - 1 for item in items] + [len(lines)]
    for item, start, end in zip(items, starts, starts[1:], strict=False):
        if isinstance(item, Record) and "options" not in item.fields:
            raw, cells = "\n".join(lines[start:end]), "\n".join(item.fields.values())
            words = set(WORD.findall(clean(raw.replace("\r", "\n")))) - set(WORD.findall(cells))
            if words and "[" not in raw and "{" not in raw:
                return words
    return set()


def check(path: Path, data: bytes, rng: random.Random) -> tuple[str, int]:
    """Hold every promise against one file; return what it was taken for and how many rows came of it."""
    how: dict[str, Any] = {"rules": rng.choice(RULES)}
    if rng.random() < 0.2:
        how["format"] = rng.choice(sorted(formats()))
    if rng.random() < 0.1:
        how |= rng.choice(({"delimiter": ";"}, {"encoding": "cp1258"}, {"part": "$.data"}, {"part": "Sheet"}))
    try:
        source = detect(path, **how)
        items = list(read(source))
    except SftError as error:
        assert error.message and (error.hint or error.parts), f"no hint: {error}"
        return f"refused: {type(error).__name__}", 0
    assert all(isinstance(item, (Record, Reject)) for item in items)
    assert len({item.id for item in items}) == len(items), "two rows with one id"
    assert all(item.where.startswith(str(path)) for item in items), "a row without its place"
    if data[:2] != b"\x1f\x8b" and data[:4] != b"\x28\xb5\x2f\xfd":
        expected = least(source, data)
        if source.format == "csv_table" and not source.rules.repair_mojibake:
            missing = lost(source, data, items)
            assert not missing, f"words of a row that reached nobody: {missing}"
        assert len(items) >= expected, f"{source.format}: {len(items)} items, {expected} rows counted"
    return source.format, len(items)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("n", nargs="?", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the files are made, e.g. on a RAM disk"
    )
    options = parser.parse_args()
    rng = random.Random(options.seed)
    originals = seeds()
    kinds: Counter[str] = Counter()
    rows, slowest, began = 0, (0.0, ""), time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for number in range(options.n):
            # A workbook costs a hundred times a text: one file in thirty.
            heavy = [each for each in originals if each[0].endswith(".xlsx")]
            name, data = rng.choice(
                heavy if heavy and rng.random() < 1 / 30 else originals[: -len(heavy) or None]
            )
            data = rng.choice(DAMAGES)(data, rng)
            data = packed(data, rng) if rng.random() < 0.05 else data
            path = Path(folder, "seq.in" if rng.random() < 0.01 else "raw.txt")
            path.write_bytes(data)
            start = time.monotonic()
            try:
                kind, count = check(path, data, rng)
            except BaseException:
                kept = Path(f"fuzz_{options.seed}_{number}_{name}")
                kept.write_bytes(data)
                print(f"broken promise at file {number}, made of {name}; kept as {kept}")
                raise
            slowest = max(slowest, (time.monotonic() - start, name))
            kinds[kind] += 1
            rows += count
    passed = time.monotonic() - began
    print(
        f"{options.n} files, {rows} rows, {passed:.0f} s, {options.n / passed:.0f} files/s, seed {options.seed}"
    )
    print(f"slowest: {slowest[0] * 1000:.0f} ms ({slowest[1]})")
    print(", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))


if __name__ == "__main__":
    main()
