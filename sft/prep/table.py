"""What a preparation remembers of every row: about a hundred bytes, whatever the text; the text itself is on disk.

Texts are compared by 64-bit hashes of their keys (`sft.checks.ties`).
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

RULE, TRAIN, VALID, TEST = range(4)  # the side of a row; RULE: not given, the rule decides
SIDES = ("", "train", "valid", "test")
KEPT = 0


class Table:
    """The rows in order of reading, one array a column.

    `input` is all that the row asks, `answer` its target, `group` the rank that decides the split. `ties` holds by
    name what keeps rows together: ``question``, ``context``, and one for each column the user grouped by. `fate` is 0
    for a row that stays, else the place of its reason in `reasons`; `twin` says which row it repeats.
    """

    __slots__ = (
        "answer", "fate", "given", "group", "input", "label", "labels", "place", "raw", "reasons", "side", "source", "ties",
        "twin",
    )  # fmt: skip

    def __init__(self, ties: Iterable[str] = ()) -> None:
        self.input = array("Q")
        self.answer = array("Q")
        self.group = array("Q")
        self.ties = {name: array("Q") for name in ties}
        self.label = array("i")
        self.labels: dict[str, int] = {}
        self.source = array("I")
        self.given = array("b")
        self.side = array("b")
        self.fate = array("b")
        self.twin = array("I")
        self.place = array("Q")
        self.raw = array("Q")
        self.reasons = [""]

    def __len__(self) -> int:
        return len(self.input)

    def add(
        self,
        texts: tuple[int, int, int],
        ties: Sequence[int],
        label: str | None,
        place: tuple[int, int, int, int],
    ) -> None:
        """Add a row: hashes of input, answer and group; its ties; its label; source, side, place and raw place."""
        self.input.append(texts[0])
        self.answer.append(texts[1])
        self.group.append(texts[2])
        for column, value in zip(self.ties.values(), ties, strict=True):
            column.append(value)
        self.label.append(-1 if label is None else self.labels.setdefault(label, len(self.labels)))
        source, given, at, raw = place
        self.source.append(source)
        self.given.append(given)
        self.side.append(given)
        self.fate.append(KEPT)
        self.twin.append(0)
        self.place.append(at)
        self.raw.append(raw)

    def reject(self, row: int, reason: str, twin: int = 0) -> None:
        """Refuse a row that was read well."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        self.fate[row] = self.reasons.index(reason)
        self.twin[row] = twin

    def kept(self) -> Iterator[int]:
        """Yield the rows that stay, in order."""
        return (row for row, fate in enumerate(self.fate) if not fate)

    def rejected(self) -> dict[str, int]:
        """Count the rows refused here by reason."""
        counts = [0] * len(self.reasons)
        for fate in self.fate:
            counts[fate] += 1
        return {reason: n for reason, n in zip(self.reasons, counts, strict=True) if reason and n}

    def ranked(self, rows: Iterable[int], seed: int, purpose: str) -> list[int]:
        """Return rows in an order drawn by seed and content: added rows and another order of reading change nothing."""
        head = f"{seed}\0{purpose}\0".encode()

        def rank(row: int) -> int:
            text = self.input[row].to_bytes(8, "big") + self.answer[row].to_bytes(8, "big")
            drawn = blake2b(head + text, digest_size=8, person=b"choice").digest()
            return int.from_bytes(drawn, "big") << 32 | row  # rows of one content in their own order

        return sorted(rows, key=rank)
