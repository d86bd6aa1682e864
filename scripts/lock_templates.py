"""Write `templates/LOCK`: the sha256 of every published template.

Run after adding a template: ``python scripts/lock_templates.py``. A line that is already there never changes:
editing a published template is refused, because data, adapters and scores name it by its hash.
"""

import hashlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "templates"
HEADER = "# sha256 and name of every published template. A published template never changes: put new wording into a new file.\n"


def main() -> int:
    """Add lines for new templates; return 1 when a published one was edited or removed."""
    lock = FOLDER / "LOCK"
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else []
    known = {name: digest for digest, name in (line.split() for line in lines if line and line[0] != "#")}
    now = {
        f"{path.parent.name}/{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(FOLDER.glob("*/*.toml"))
    }
    broken = [name for name, digest in known.items() if now.get(name) != digest]
    for name in broken:
        print(f"error: {name}: a published template was changed or removed; restore it", file=sys.stderr)
    if broken:
        return 1
    body = "".join(f"{now[name]} {name}\n" for name in sorted(now))
    lock.write_text(HEADER + body, encoding="utf-8", newline="\n")
    print(f"{len(now)} templates locked, {len(now) - len(known)} new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
