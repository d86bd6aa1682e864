"""`sft data`: look at prepared sets: rows as the model will see them, what differs, what stands in them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sft.cli import screen, set_tables
from sft.cli.flags import Json, Model
from sft.errors import DataError, MissingError
from sft.i18n import _

if TYPE_CHECKING:
    from sft.prepared import Prepared
    from sft.records import Row
    from sft.tokenizer import Loaded

data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_("Look at prepared sets."))

Set = Annotated[
    Path | None, typer.Argument(metavar="SET", help=_("prepared set, folder or name; default: the newest"))
]
One = Annotated[Path, typer.Argument(metavar="SET", help=_("prepared set, folder or name"))]


@data_app.command("show")
def show(
    data: Set = None,
    split: Annotated[str, typer.Option(metavar="train|valid|test", help=_("split to look at"))] = "",
    row: Annotated[str, typer.Option(metavar="ID|N", help=_("one row, by its id or its number"))] = "",
    n: Annotated[int, typer.Option("--n", min=1, help=_("number of rows"))] = 3,
    mask: Annotated[bool, typer.Option("--mask", help=_("each token: text, id, supervised or not"))] = False,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Show rows as the model will see them, with the supervised part marked; tokens are counted with --model or --mask.

    Example: sft data show --row 5 --mask
    """
    from sft import rows_shown

    found = _load(data)
    chosen = list(_chosen(found, split, row, n))
    name, loaded = _tokenizer(model, needed=mask)
    shown = [
        rows_shown.picture(part, one, rows_shown.format_of(name, loaded), loaded) for part, one in chosen
    ]
    value = {"set": str(found.folder), "template": found.template, "model": name} | {
        "chat_format": rows_shown.format_of(name, loaded).name,
        "rows": [picture.as_dict(mask=mask) for picture in shown],
    }
    screen.result(value, set_tables.pictures(shown, mask=mask), as_json=as_json)


@data_app.command("diff")
def diff(a: One, b: One, as_json: Json = False) -> None:
    """Compare two prepared sets: template, sources, choices and rows; exit code 1 when they differ.

    Example: sft data diff data/prepared/v5_cot data/prepared/v5_cot_2
    """
    from sft import set_diff

    found = set_diff.diff(_load(a), _load(b))
    value = {
        "equal": found.equal,
        "same": found.same,
        "order": found.order,
        "settings": {name: list(pair) for name, pair in found.settings.items()},
        "rows": {kind: each.as_dict() for kind, each in found.rows.items()},
    }
    screen.result(value, set_tables.difference(found), as_json=as_json)
    if not found.equal:
        raise typer.Exit(1)


@data_app.command("stats")
def stats(data: Set = None, model: Model = None, as_json: Json = False) -> None:
    """Count a prepared set: rows, labels, lengths, repetitions, sources and findings; tokens with --model.

    Example: sft data stats --model qwen2.5-0.5b
    """
    from sft import set_stats

    found = _load(data)
    name, loaded = _tokenizer(model, needed=False)
    value = set_stats.stats(found, loaded) | {"model": name if loaded else None}
    screen.result(value, set_tables.statistics(value), as_json=as_json)


def _load(given: Path | None) -> "Prepared":
    """Open the set that was named, or the one `sft train` would take; say which."""
    from sft import prepared, settings

    place = given
    if place is None:
        named = settings.resolve_section(settings.DataSettings, {}).values.prepared
        place = Path(named) if named else prepared.newest(Path.cwd())
    elif not place.exists() and len(place.parts) == 1:
        place = Path("data") / "prepared" / place
    found = prepared.load(place)
    screen.note(_("prepared set {folder}, template {template}").format(folder=place, template=found.template))
    return found


def _chosen(data: "Prepared", split: str, row: str, n: int) -> Iterator[tuple[str, "Row"]]:
    """Yield the rows to show with their split: one by id or number, else the first `n`."""
    if split and split not in data.rows:
        raise DataError(
            _("the set has no split {name!r}").format(name=split),
            where=str(data.folder),
            hint=_("one of: {names}").format(names=", ".join(data.rows)),
        )
    parts = [split] if split else list(data.rows)
    if not row:
        first = next((part for part in parts if len(data.rows[part])), parts[0] if parts else "")
        yield from ((first, one) for one in data.rows.get(first, ())[:n])
        return
    for part in parts:
        for one in data.rows[part]:
            if one.id == row:
                yield part, one
                return
    part = parts[0] if parts else ""
    if not (row.isdecimal() and 1 <= int(row) <= len(data.rows.get(part, ()))):
        raise DataError(
            _("no row {row!r}").format(row=row),
            where=str(data.folder),
            hint=_("an id, or a number from 1 to {n} in {split}").format(
                n=len(data.rows.get(part, ())), split=part
            ),
        )
    yield part, data.rows[part][int(row) - 1]


def _tokenizer(model: str | None, *, needed: bool) -> tuple[str, "Loaded | None"]:
    """Return the model's name and its tokenizer, which is fetched only when asked for; say what is missing."""
    from sft import base, models, settings, tokenizer

    values: Any = settings.resolve_train({"model": model} if model else {}).values
    chosen = models.resolve(values.model)
    if not (model or needed):
        screen.note(_("tokens are not counted: name the model with --model"))
        return chosen.name, None
    try:
        folder = base.fetch(chosen, weights=False).folder
        return chosen.name, tokenizer.load(folder, chosen, values.chat_format)
    except MissingError as error:
        if needed:
            raise
        screen.note(_("tokens are not counted: {reason}").format(reason=error))
        screen.note(_("hint: {text}").format(text=error.hint))
        return chosen.name, None
