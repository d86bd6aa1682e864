"""What is scored: graphs of a file or of a run with what is known of each, and which belongs to which."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sft.amr.graph import Graph
from sft.errors import DataError, raise_all
from sft.i18n import _
from sft.smatch.parallel import Sides
from sft.smatch.reader import records, scan, text_of
from sft.smatch.triples import Convention, Plain, flatten

_NEXT = r"(?=\s::[A-Za-z][\w-]*(?:\s|$)|$)"
_ID = re.compile(rf"(?:^#+|\s)::id(?=\s|$)(.*?){_NEXT}", re.MULTILINE)
_SENTENCE = re.compile(rf"(?:^#+|\s)::snt(?=\s|$)(.*?){_NEXT}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Item:
    """One graph to be scored: `plain` is None when unparsable; `repaired` when the reader had to mend a defect.

    `text` is the graph as written and `line` where it begins; `header` holds the lines above it.
    """

    id: str
    plain: Plain | None
    repaired: bool = False
    where: str = ""
    text: str = ""
    line: int = 1
    header: str = ""

    @property
    def sentence(self) -> str:
        """Return the sentence of the header, '' without one."""
        found = _SENTENCE.findall(self.header)
        return found[-1].strip() if found else ""

    @property
    def graph(self) -> Graph | None:
        """Read the graph anew, as a tree."""
        from sft.amr.penman import read

        return read(self.text, self.line).graph


def item(
    text: str, name: str = "", *, where: str = "", line: int = 1, header: str = "", repaired: bool = False
) -> Item:
    """Read one graph; `repaired` says that it was mended already when it was written.

    >>> item("(m / mưa", "a.1").repaired, item("không có").plain
    (True, None)
    """
    name = unicodedata.normalize("NFC", name)
    plain = scan(text)
    if plain is None:
        from sft.amr.penman import read

        reading = read(text, line)
        if reading.graph is None:
            return Item(name, None, False, where, text, line, header)
        plain = flatten(reading.graph)
        repaired = repaired or any(problem.repaired for problem in reading.problems)
    return Item(name, plain, repaired, where, text, line, header)


def read_items(path: str) -> list[Item]:
    """Read a file of graphs, or the JSON lines of predictions or prepared rows; every record counts, read or not.

    Raises `DataError` when the file cannot be read or holds no record.
    """
    return items_of(text_of(path), path)


def items_of(text: str, path: str) -> list[Item]:
    """Read the text of the file `path` as `read_items` does."""
    items = list((_rows if text.lstrip()[:1] == "{" else _graphs)(text, path))
    if not items:
        raise DataError(
            _("no graph in this file"), where=path, hint=_("records are separated by blank lines")
        )
    return items


def _graphs(text: str, path: str) -> Iterator[Item]:
    for line, header, body, body_line in records(text):
        ids = _ID.findall(header)
        name = ids[-1].strip() if ids else ""
        yield item(body, name, where=f"{path}:{line}", line=body_line, header=header)


def _rows(text: str, path: str) -> Iterator[Item]:
    """Yield the graph of every row: ``graph`` of a prediction, ``meta.graph`` of a prepared row."""
    from sft.text import json_lines

    for number, row in json_lines(text, path):
        facts = row.get("meta", row) if isinstance(row, dict) else {}
        if not isinstance(facts, dict) or not ("graph" in facts or "readable" in facts):
            raise DataError(
                _("a row without a graph"),
                where=f"{path}:{number}",
                hint=_("graphs in PENMAN, predictions of an AMR run, or prepared AMR rows are scored"),
            )
        header = f"# ::snt {' '.join(str(facts.get('sentence', '')).split())}"
        graph, mended = facts.get("graph") or "", bool(facts.get("repairs"))
        yield item(graph, str(row.get("id", "")), where=f"{path}:{number}", header=header, repaired=mended)


def read_files(paths: Iterable[str]) -> list[list[Item]]:
    """Read several files; raises one `DataError` that says what is wrong with each of them."""
    read, faults = [], []
    for path in paths:
        try:
            read.append(read_items(path))
        except DataError as error:
            faults.append(error)
    raise_all(_("{n} files cannot be read"), *faults, hint=_("check the paths"))
    return read


def same_ids(pred: Sequence[Item], gold: Sequence[Item]) -> bool:
    """Tell whether both sides have the same ids, each once: then ids pair them, whatever their order."""
    ours, theirs = {item.id for item in pred}, {item.id for item in gold}
    return "" not in ours and ours == theirs and len(ours) == len(pred) == len(gold)


def align(
    pred: Sequence[Item], gold: Sequence[Item], pred_name: str, gold_name: str
) -> list[tuple[Item, Item]]:
    """Pair predictions with gold: by id when both have the same unique ids, else by order.

    Raises `DataError` on unequal numbers, naming what is missing where ids or sentences tell.
    """
    if same_ids(pred, gold):
        by_id = {item.id: item for item in pred}
        return [(by_id[item.id], item) for item in gold]
    if len(pred) == len(gold):
        return list(zip(pred, gold, strict=True))
    missing, extra = _left_over(gold, pred), _left_over(pred, gold)
    detail = "".join(
        _("; {what}: {names}").format(what=what, names=", ".join(names[:5]) + ("…" if len(names) > 5 else ""))
        for what, names in ((_("missing"), missing), (_("not in gold"), extra))
        if names
    )
    raise DataError(
        _("{pred} has {n} graphs, {gold} has {m}{detail}").format(
            pred=pred_name, n=len(pred), gold=gold_name, m=len(gold), detail=detail
        ),
        hint=_(
            "one record per sentence, between blank lines, in the same order; an answer without a graph stays as a header with no graph"
        ),
    )


@dataclass(frozen=True, slots=True)
class Paired:
    """Predictions with their gold, paired `by` ``id`` or ``order``; `gold` is the `fingerprint` of the gold graphs.

    `crossed` counts the pairs of unlike ids in files that have some ids in common: order may not be what was meant.
    """

    pairs: list[tuple[Item, Item]]
    gold: str
    by: str
    crossed: int = 0


def pair_files(pred: str, gold: str) -> Paired:
    """Read two files and pair their graphs. Raises `DataError` as `read_files` and `align`, or without a gold graph."""
    ours, theirs = read_files([pred, gold])
    if all(item.plain is None for item in theirs):
        raise DataError(
            _("no gold graph can be read"), where=gold, hint=_("predictions come first, then gold: PRED GOLD")
        )
    pairs = align(ours, theirs, pred, gold)
    if same_ids(ours, theirs):
        return Paired(pairs, fingerprint(theirs), "id")
    shared = {item.id for item in ours} & {item.id for item in theirs} - {""}
    crossed = sum(a.id != b.id for a, b in pairs if a.id and b.id) if shared else 0
    return Paired(pairs, fingerprint(theirs), "order", crossed)


def fingerprint(items: Iterable[Item]) -> str:
    r"""Return eight digits that tell these graphs from others, whatever their line ends and indentation.

    >>> fingerprint([item("(n / ngủ\r\n  :time (đ / đêm))")]) == fingerprint([item("(n / ngủ :time (đ / đêm))")])
    True
    """
    from zlib import (
        crc32,
    )  # loaded in a tenth of the time of a cryptographic hash, and nobody attacks this one

    text = "\n".join([" ".join(item.text.split()) for item in items])
    return f"{crc32(unicodedata.normalize('NFC', text).encode('utf-8', 'surrogatepass')):08x}"


def doubt(crossed: int) -> str:
    """Return in words that so many pairs have unlike ids."""
    return _("! paired by order, but {n} pairs have unlike ids: is the order the same?").format(n=crossed)


def sides(pairs: Iterable[tuple[Item, Item]], convention: Convention) -> list[Sides]:
    """Return the triples of both graphs of every pair; None for an unparsable one."""
    return [
        (pred.plain and convention.triples(*pred.plain), gold.plain and convention.triples(*gold.plain))
        for pred, gold in pairs
    ]


def _left_over(items: Sequence[Item], others: Sequence[Item]) -> list[str]:
    """Name the `items` that `others` lacks: by id, else by sentence, when most of both have it; else nothing."""
    keys: tuple[Callable[[Item], str], ...] = (
        lambda item: item.id,
        lambda item: " ".join(item.sentence.split()),
    )
    for key in keys:
        if all(2 * sum(bool(key(item)) for item in side) > len(side) for side in (items, others)):
            spare = Counter(key(item) for item in others)
            left = []
            for item in items:
                if spare[key(item)]:
                    spare[key(item)] -= 1
                else:
                    left.append(item.id or f"{item.where} “{item.sentence[:40]}”".removesuffix(" “”"))
            return left
    return []
