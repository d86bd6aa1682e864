"""Measure `sft prep` with all checks on generated TRUE/FALSE rows: seconds, rows per second, peak memory.

    python scripts/bench/prep.py [N …] [--folder DIR] [-- FLAG …]

makes a table of N statements (default 154477 and 2000000) and prepares each in a process of its own. The rows are drawn
from a fixed seed: Vietnamese sentences of 8 to 40 words, 2 % repeated with another spelling, 0.2 % with the other label,
0.5 % with decomposed letters, 0.1 % without a label. What comes behind ``--`` goes to `sft prep`, e.g. ``--balance down``.
Exit code 1 when a row is not accounted for.
"""

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

WHO = [
    "mèo mướp",
    "chó vện",
    "gà trống",
    "vịt bầu",
    "bò vàng",
    "ngựa ô",
    "dê núi",
    "lợn rừng",
    "thỏ trắng",
    "cá chép",
    "chim sẻ",
    "ong mật",
]
WHAT = [
    "thường ngủ",
    "hay tìm ăn",
    "sinh con",
    "làm tổ",
    "tập trung thành đàn",
    "di chuyển",
    "uống nước",
    "kêu to",
    "trốn kẻ thù",
]
WHERE = [
    "trong vườn",
    "ngoài đồng",
    "bên bờ sông",
    "trên đồi cao",
    "dưới gốc cây",
    "gần nhà máy",
    "quanh làng",
    "ở thung lũng",
]
WHEN = [
    "vào ban đêm",
    "lúc sáng sớm",
    "khi trời mưa",
    "giữa mùa hè",
    "cuối mùa đông",
    "sau khi gặt lúa",
    "trước cơn bão",
]
WHY = [
    "vì thiếu thức ăn",
    "vì sợ tiếng động",
    "do thời tiết nóng",
    "để giữ ấm",
    "nhằm nuôi con nhỏ",
    "theo thói quen lâu đời",
]


def statements(count: int) -> Iterator[tuple[str, str]]:
    """Yield statements and labels, with the blemishes of real data."""
    rng = random.Random(42)
    made: list[tuple[str, str]] = []
    for _number in range(count):
        chance = rng.random()
        if made and chance < 0.022:
            text, label = rng.choice(made)
            text = text.upper() if chance < 0.01 else text.replace(" ", "  ")
            label = {"TRUE": "FALSE", "FALSE": "TRUE"}[label] if chance > 0.02 else label
        else:
            parts = [rng.choice(WHO), rng.choice(WHAT), rng.choice(WHERE), rng.choice(WHEN), rng.choice(WHY)]
            extra = [f"{rng.choice(WHAT)} {rng.choice(WHERE)}" for _again in range(rng.randrange(5))]
            text = ", ".join([" ".join(parts), *extra]).capitalize() + f", theo sổ {rng.randrange(10**6)}."
            label = rng.choice(("TRUE", "FALSE"))
            if len(made) < 50_000:
                made.append((text, label))
        if rng.random() < 0.005:
            text = unicodedata.normalize("NFD", text)
        yield text, "" if rng.random() < 0.001 else label


def write(path: Path, count: int) -> None:
    """Write the table."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(("STT", "Mệnh đề", "Đáp án"))
        rows.writerows((number, *row) for number, row in enumerate(statements(count), 1))


def measure(folder: Path, count: int, flags: list[str]) -> bool:
    """Prepare `count` rows, print the figures, and tell whether every row is accounted for."""
    table = folder / f"rows-{count}.csv"
    write(table, count)
    command = [sys.executable, "-m", "sft", "prep", str(table), "--template", "true_false_v1", "--json"]
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, "--out", str(folder / "set"), *flags],
        stdout=subprocess.PIPE,
        env=os.environ | {"SFT_CACHE": str(folder / "cache")},
        check=False,
    )
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return False
    told = json.loads(done.stdout)
    busy = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(
        f"{count} rows, {table.stat().st_size / 1e6:.0f} MB: {seconds:.1f} s ({busy:.1f} s of processor), "
        f"{count / seconds:.0f} rows/s, peak {after.ru_maxrss / 1024:.0f} MiB; kept {told['kept']}, "
        f"rejected {told['rejected']}, findings {', '.join(f['id'] for f in told['findings'])}",
        flush=True,
    )
    return bool(told["read"] == count == told["kept"] + sum(told["rejected"].values()))


def main() -> int:
    """Measure each size, smallest first: the peak is that of the largest process so far."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("counts", nargs="*", type=int, default=[154_477, 2_000_000])
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    own, _dashes, flags = " ".join(sys.argv[1:]).partition(" -- ")
    chosen = parser.parse_args(own.split())
    with tempfile.TemporaryDirectory(dir=chosen.folder) as place:
        every = [measure(Path(place), count, flags.split()) for count in sorted(chosen.counts)]
    return 0 if all(every) else 1


if __name__ == "__main__":
    sys.exit(main())
