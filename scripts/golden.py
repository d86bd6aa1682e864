"""Write `tests/golden/`: three rows of each shipped template, byte for byte as the model is trained on them.

    python scripts/golden.py

Reads ``tests/golden/records.json`` (raw records by task, with decomposed letters, odd blanks, emoji, signs that look like
variables), sends them through cleaning, preparation and layout, and writes for each template ``<family>/<name>.jsonl``
(the messages) and ``<family>/<name>.txt`` (the ChatML text, rows parted by a ruled line). A difference in a review is a
change of what models are trained on; for a published template there must be none.
"""

import json
import sys
import tempfile
from pathlib import Path

from data_prep._tidy import Notes, tidy
from sft import chat, templates
from sft.prep import passes, spool
from sft.prep.choices import Options
from sft.records import Message, Record, Row
from sft.text import write_text

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"


def records(task: str) -> list[Record]:
    """Return the raw records for a task."""
    raw = json.loads((GOLDEN / "records.json").read_text(encoding="utf-8"))[task]
    if task == "chat":
        turns = [tuple(Message(turn["role"], turn["content"]) for turn in row) for row in raw]
        return [Record(str(n), f"chat:{n}", {}, messages) for n, messages in enumerate(turns, 1)]
    return [Record(str(n), f"{task}:{n}", fields) for n, fields in enumerate(raw, 1)]


def prepared(template: templates.Template, raw: list[Record]) -> list[Row]:
    """Return the rows that a preparation makes of raw records."""
    with tempfile.TemporaryDirectory() as place, spool.Folder(Path(place)) as folder:
        source, _before = folder.take("golden", lambda: tidy(raw, Notes()))
        made = passes.build([source], Options(template), folder.path)
        if made.rejected:
            raise SystemExit(f"{template.id}: rejected {made.rejected}")
        return [draft.row(template, made.label_set) for _number, draft in made.drafts()]


def render() -> dict[str, str]:
    """Return the text of every golden file by its path below `tests/golden`."""
    files: dict[str, str] = {}
    for path in sorted((ROOT / "templates").glob("*/*.toml")):
        template = templates.read(path)
        own = {"context": "context", "options": "choice"}
        task = next((own[name] for name in template.variables if name in own), template.task)
        raw = records("graph" if task in ("amr", "mtup") else task)
        made = prepared(template, raw)
        name = f"{template.family}/{template.name}"
        rows = [{"id": row.id, "messages": row.as_dict()["messages"]} for row in made]
        files[f"{name}.jsonl"] = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        chatml = chat.chat_format("chatml")
        files[f"{name}.txt"] = "".join(
            f"════ {row.id}\n{chat.layout(row.messages, chatml)[0]}" for row in made
        )
    return files


def main() -> int:
    """Write what changed, remove what no template has any more, and say both."""
    files = render()
    for path in sorted(GOLDEN.glob("*/*")):
        if path.relative_to(GOLDEN).as_posix() not in files:
            path.unlink()
            print(f"removed {path.relative_to(ROOT)}")
    for name, text in files.items():
        path = GOLDEN / name
        if not path.is_file() or path.read_bytes() != text.encode():
            write_text(path, text)
            print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
