"""`sft amr`: check, repair and convert files of graphs; the app that `select` and `stats` belong to as well."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from sft.cli import graphs, screen
from sft.cli.candidates import select_graphs
from sft.cli.flags import Json
from sft.cli.graphs import Encoding, Many, One, Out
from sft.cli.inventory import count_graphs
from sft.errors import SettingsError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.amr.checks import Check, Found
    from sft.amr.fixes import Fixed
    from sft.records import Severity

amr_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help=_("Check, repair and convert files of graphs.")
)

_MOST = 20  # places named one by one beside the graphs; a JSON report names all


@amr_app.command("check")
def check_graphs(
    files: Many,
    severity: Annotated[
        str, typer.Option(metavar="error|warning|info", help=_("show nothing less severe"))
    ] = "info",
    limit: Annotated[
        int | None, typer.Option(min=0, help=_("places shown per kind and file; default: all"))
    ] = None,
    encoding: Encoding = "",
    as_json: Json = False,
) -> None:
    """List every defect and quirk of every graph with its place; exit code 1 when there is an error or a warning shown.

    Example: sft amr check data/raw/vi.amr
    """
    from sft.amr.checks import RANK, check

    if severity not in RANK:
        names = ", ".join(RANK)
        raise SettingsError(
            _("unknown severity {name!r}").format(name=severity),
            hint=_("one of: {names}").format(names=names),
        )
    least: Severity = severity
    shown = {name: check(text).only(least) for name, text in graphs.texts(files, encoding).items()}
    totals: dict[str, int] = {
        rank: sum(f.severity == rank for done in shown.values() for f in done.found) for rank in RANK
    }
    value = {
        "files": [
            {"path": name, "graphs": d.graphs, "counts": d.counts(), "found": [f.as_dict() for f in d.found]}
            for name, d in shown.items()
        ],
        **totals,
    }
    lines = [line for name, done in shown.items() for line in _findings(name, done, limit)]
    lines.append(
        _("{n} graphs in {k} file(s): {error} errors, {warning} warnings, {info} to know").format(
            n=sum(done.graphs for done in shown.values()), k=len(shown), **totals
        )
    )
    screen.result(value, lines, as_json=as_json)
    if totals["error"] or totals["warning"]:
        raise typer.Exit(1)


def _findings(name: str, done: "Check", limit: int | None) -> list[str]:
    """Return the places, then a line per kind; beyond `limit` places of a kind only the count is shown."""
    seen: dict[str, int] = {}
    lines = []
    for found in done.found:
        seen[found.kind] = seen.get(found.kind, 0) + 1
        if limit is None or seen[found.kind] <= limit:
            lines.append(_place(name, found))
            lines += [f"    {line}" for line in found.caret().split("\n")]
    severity = {found.kind: found.severity for found in done.found}
    rows = [(_severity(severity[kind]), kind, count) for kind, count in done.counts().items()]
    lines.append(_("{file}: {n} graphs").format(file=name, n=done.graphs))
    return lines + (screen.table([_("severity"), _("kind"), "n"], rows) if rows else [])


def _place(name: str, found: "Found") -> str:
    graph = _("graph {n}").format(n=found.graph) + (f" ({found.id})" if found.id else "")
    return f"{name}:{found.line}:{found.column}: {graph}: {_severity(found.severity)}: {found.message}"


def _severity(name: str) -> str:
    return {"error": _("error"), "warning": _("warning"), "info": _("info")}[name]


@amr_app.command("fix")
def fix_graphs(
    file: One,
    out: Out = None,
    in_place: Annotated[bool, typer.Option("--in-place", help=_("write to the file itself"))] = False,
    quirks: Annotated[
        bool, typer.Option("--quirks", help=_("name unnamed nodes too, and write _ for blanks inside words"))
    ] = False,
    encoding: Encoding = "",
    as_json: Json = False,
) -> None:
    """Repair the broken graphs of a file and name each repair; exit code 1 when a record holds no graph to repair.

    Example: sft amr fix predicted.txt -o repaired.txt
    """
    from sft.amr.fixes import fix

    if in_place and (out or str(file) == "-"):
        raise SettingsError(
            _("--in-place writes to the file itself"), hint=_("give either -o OUT or --in-place")
        )
    graphs.refuse_same([] if in_place else [file], out)
    graphs.refuse_json(as_json, file if in_place else out)
    name, text, mark = graphs.text(file, encoding)
    with graphs.named(name):
        done = fix(text, quirks=quirks)
    value = {
        "graphs": done.graphs,
        "repaired": len(done.repairs),
        "counts": done.counts(),
        "without": [found.as_dict() for found in done.without],
        "joined": done.joined,
        "repairs": [
            {"graph": r.graph, "id": r.id, "line": r.line, "mended": [found.as_dict() for found in r.mended]}
            for r in done.repairs
        ],
    }
    if in_place and not done.repairs:
        screen.result(value, _repairs(name, done), as_json=as_json)
    else:
        target = file.resolve() if in_place else out
        graphs.deliver(mark + done.text, target, value, _repairs(name, done), as_json=as_json)
    if done.without:
        raise typer.Exit(1)


def _repairs(name: str, done: "Fixed") -> list[str]:
    lines = [
        _("{file}: {n} graphs: {mended} repaired, {same} as they were, {none} without a graph, kept").format(
            file=name,
            n=done.graphs,
            mended=len(done.repairs),
            same=done.graphs - len(done.repairs) - len(done.without),
            none=len(done.without),
        )
    ]
    lines += _counts(done.counts())
    for repair in done.repairs:
        graph = _("graph {n}").format(n=repair.graph) + (f" ({repair.id})" if repair.id else "")
        what = [f"{found.line}:{found.column} {found.message}" for found in repair.mended[:_MOST]]
        if len(repair.mended) > _MOST:
            what.append(_("… and {n} more").format(n=len(repair.mended) - _MOST))
        lines.append(f"{name}:{repair.line}: {graph}: {'; '.join(what)}")
    lines += [_place(name, found) for found in done.without]
    if done.joined:
        lines.append(
            _("! {n} graphs can be read only with _ for the blanks inside words").format(n=done.joined)
        )
    return lines


@amr_app.command("convert")
def convert_graphs(
    file: One,
    to: Annotated[
        str, typer.Option(metavar="FORM", help=_("oneline, penman, task1, canonical or triples (JSON lines)"))
    ],
    out: Out = None,
    source: Annotated[
        str,
        typer.Option("--from", metavar="FORM", help=_("penman, task1 or triples; default: the text tells")),
    ] = "",
    allow_repairs: Annotated[
        bool,
        typer.Option("--allow-repairs", help=_("exit code 0 also when graphs were repaired or are missing")),
    ] = False,
    encoding: Encoding = "",
    as_json: Json = False,
) -> None:
    """Write the graphs of a file in another form, one record for each; exit code 1 when some were repaired or are missing.

    Example: sft amr convert vi.amr --to task1 -o vi.task1
    """
    from sft.amr.forms import convert

    graphs.refuse_same([file], out)
    graphs.refuse_json(as_json, out)
    name, text, _mark = graphs.text(file, encoding)
    with graphs.named(name):
        done = convert(text, to, source, name)
    repaired = len({found.graph for found in done.found if found.severity == "error"})
    value = {
        "graphs": done.graphs,
        "from": done.source,
        "to": to,
        "repaired": repaired,
        "repairs": done.counts("error"),
        "quirks": done.counts("warning"),
        "without": len(done.without),
        "found": [found.as_dict() for found in (*done.found, *done.without)],
    }
    form = _("{file}: {source}, as named") if source else _("{file}: {source}, as the text tells")
    lines = [
        form.format(file=name, source=done.source),
        _("{n} records written as {form}: {mended} repaired, {none} without a graph, kept").format(
            n=done.graphs, form=to, mended=repaired, none=value["without"]
        ),
        *_counts(done.counts("error")),
        *([_("quirks, read with one declared meaning:")] if done.counts("warning") else []),
        *_counts(done.counts("warning")),
    ]
    places = [_place(name, found) for found in (*done.found, *done.without) if found.severity == "error"]
    lines += places[:_MOST]
    if len(places) > _MOST:
        lines.append(_("… and {n} more: sft amr check {file}").format(n=len(places) - _MOST, file=name))
    graphs.deliver(done.text, out, value, lines, as_json=as_json)
    if (repaired or done.without) and not allow_repairs:
        raise typer.Exit(1)


def _counts(counts: Mapping[str, int]) -> list[str]:
    return [f"  {kind} × {count}" for kind, count in counts.items()]


amr_app.command("select")(select_graphs)
amr_app.command("stats")(count_graphs)
