"""`sft amr stats`: what files of graphs are made of, side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sft.cli import graphs, screen
from sft.cli.flags import Json
from sft.cli.graphs import Encoding, Many
from sft.i18n import _

if TYPE_CHECKING:
    from sft.amr.figures import Stats


def count_graphs(files: Many, encoding: Encoding = "", as_json: Json = False) -> None:
    """Count what files of graphs are made of: sizes, re-entrancies, vocabulary, spelling, and what is odd.

    Example: sft amr stats train.amr test.amr
    """
    from sft.amr.figures import stats

    counted = {name: stats(text) for name, text in graphs.texts(files, encoding).items()}
    value = {"files": [{"path": name, **each.as_dict()} for name, each in counted.items()]}
    screen.result(value, _lines(counted), as_json=as_json)


def _lines(counted: "dict[str, Stats]") -> list[str]:
    each = list(counted.values())
    rows = [[name, *map(show, each)] for name, show in _rows()]
    for title, keys in (
        (_("graphs with {name}"), sorted({kind for one in each for kind in one.kinds})),
        (_("records with ::{name}"), sorted({key for one in each for key in one.headers})),
    ):
        for key in keys:
            rows.append([
                title.format(name=key),
                *(str((one.kinds | one.headers).get(key, 0)) for one in each),
            ])
    short = [Path(name).name for name in counted]
    lines = screen.table(["", *(short if len(set(short)) == len(short) else counted)], rows)
    for name, one in counted.items():
        lines.append(_("{file}: most frequent").format(file=name))
        for what, frequent in ((_("concepts"), one.frequent_concepts), (_("roles"), one.frequent_roles)):
            lines.append(f"    {what}: " + ", ".join(f"{text} {count}" for text, count in frequent))
    return lines


def _rows() -> "list[tuple[str, Callable[[Stats], str]]]":
    """Return the rows of the table: what it is called, and how it is shown."""
    return [
        (_("records"), lambda one: str(one.records)),
        (_("graphs"), lambda one: str(one.graphs)),
        (_("unparsable"), lambda one: str(one.unparsable)),
        (_("repaired"), lambda one: str(one.repaired)),
        (_("sentences"), lambda one: str(one.sentences)),
        (_("distinct sentences"), lambda one: str(one.distinct_sentences)),
        (_("tokens per sentence"), lambda one: f"{one.tokens_mean:.1f}"),
        (_("nodes"), lambda one: str(one.nodes)),
        (_("nodes per graph: mean"), lambda one: f"{one.nodes_mean:.1f}"),
        (_("nodes per graph: median"), lambda one: f"{one.nodes_median:g}"),
        (_("nodes per graph: most"), lambda one: str(one.nodes_max)),
        (_("edges between nodes"), lambda one: str(one.edges)),
        (_("attributes"), lambda one: str(one.attributes)),
        (_("depth: mean"), lambda one: f"{one.depth_mean:.1f}"),
        (_("depth: most"), lambda one: str(one.depth_max)),
        (_("graphs with re-entrancy"), lambda one: str(one.reentrant)),
        (_("re-entrant references"), lambda one: str(one.references)),
        (_("distinct concepts"), lambda one: str(one.concepts)),
        (_("distinct frames"), lambda one: str(one.frames)),
        (_("distinct roles"), lambda one: str(one.roles)),
        (_("concepts with blanks"), lambda one: str(one.blanks)),
        (_("concepts with _"), lambda one: str(one.underscores)),
    ]
