"""`sft amr select`: one file out of several candidates, sentence by sentence."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import graphs, screen
from sft.cli.flags import Json
from sft.cli.graphs import Encoding, Out
from sft.errors import SettingsError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.amr.sources import Source
    from sft.smatch.items import Item
    from sft.smatch.select import Choice


def select_graphs(
    files: Annotated[list[Path], typer.Argument(help=_("files with one graph per sentence, two or more"))],
    out: Out = None,
    mode: Annotated[str, typer.Option(metavar="smatch|amr|none", help=_("triple convention"))] = "smatch",
    encoding: Encoding = "",
    as_json: Json = False,
) -> None:
    """Keep, per sentence, the candidate that agrees most with the others; exit code 1 when one has none that parses.

    Example: sft amr select seed1.txt seed2.txt seed3.txt -o best.txt
    """
    from sft.smatch.select import select

    graphs.require_mode(mode)
    if len(files) < 2:
        raise SettingsError(
            _("one file leaves no choice"), hint="sft amr select seed1.txt seed2.txt seed3.txt"
        )
    graphs.refuse_same(files, out)
    graphs.refuse_json(as_json, out)
    candidates = _candidates(files, encoding)
    chosen = select([[item.graph for item, _source in each] for each in candidates], mode, jobs=0)
    repaired = sum(candidates[choice.index][n][0].repaired for n, choice in enumerate(chosen))
    value = _report(files, chosen) | {"mode": mode, "repaired": repaired}
    graphs.deliver(_text(candidates, chosen), out, value, _lines(value), as_json=as_json)
    if value["none_parsable"]:
        raise typer.Exit(1)


Candidates = list[list[tuple["Item", "Source"]]]


def _candidates(files: Sequence[Path], encoding: str) -> Candidates:
    """Return the records of every file in the order of the first, aligned as predictions are with gold."""
    from sft.amr.sources import sources
    from sft.smatch.items import align, items_of

    texts = graphs.texts(files, encoding, folders=False)
    read = []
    for path in files:
        text = texts[str(path)]
        read.append(list(zip(items_of(text, str(path)), sources(text).records, strict=True)))
    first = [item for item, _source in read[0]]
    aligned = [read[0]]
    for path, each in zip(files[1:], read[1:], strict=True):
        source = {id(item): source for item, source in each}
        pairs = align([item for item, _source in each], first, str(path), str(files[0]))
        aligned.append([(item, source[id(item)]) for item, _gold in pairs])
    return aligned


def _text(candidates: Candidates, chosen: "Sequence[Choice]") -> str:
    """Return the chosen graphs under the header lines of the first file: as written, or printed when repaired."""
    from sft.amr.forms import assemble, entry_of
    from sft.amr.penman import to_penman

    entries, words = [], {}
    for number, choice in enumerate(chosen):
        item, source = candidates[choice.index][number]
        graph = item.graph
        made = entry_of(candidates[0][number][1], graph)
        entries.append(made)
        words[made.number] = to_penman(graph, 4) if graph and item.repaired else source.words
    return assemble(entries, lambda made: words[made.number])


def _report(files: Sequence[Path], chosen: "Sequence[Choice]") -> dict[str, Any]:
    means = [[choice.means[k] for choice in chosen] for k in range(len(files))]
    return {
        "n": len(chosen),
        "files": [
            {
                "path": str(path),
                "won": sum(choice.index == k for choice in chosen if choice.parsable),
                "agreement": sum(means[k]) / len(chosen),
            }
            for k, path in enumerate(files)
        ],
        "agreement": sum(choice.agreement for choice in chosen) / len(chosen),
        "none_parsable": sum(not choice.parsable for choice in chosen),
        "choices": [
            {"file": choice.index, "agreement": choice.agreement, "parsable": choice.parsable}
            for choice in chosen
        ],
    }


def _lines(value: dict[str, Any]) -> list[str]:
    rows = [(each["path"], each["won"], f"{each['agreement']:.4f}") for each in value["files"]]
    rows.append((_("chosen"), value["n"] - value["none_parsable"], f"{value['agreement']:.4f}"))
    lines = screen.table([_("file"), _("won"), _("mean F to the others")], rows)
    lines.append(
        _("{n} sentences, {none} without a graph that parses; {mended} of the chosen graphs repaired").format(
            n=value["n"], none=value["none_parsable"], mended=value["repaired"]
        )
    )
    if len(value["files"]) == 2:
        lines.append(
            _(
                "! two files agree equally with each other: the first wins wherever it parses; three make a choice"
            )
        )
    return lines
