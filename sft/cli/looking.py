"""The nouns: `sft templates`, `sft models`, `sft presets`."""

from pathlib import Path
from typing import Annotated

import typer

from sft.cli import screen
from sft.cli.flags import Json
from sft.i18n import _

templates_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_("Look at prompt templates."))
models_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help=_("Look at the models known by a short name.")
)
presets_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_("Look at training presets."))

Name = Annotated[str, typer.Argument(help=_("name"))]


@templates_app.command("list")
def list_templates(as_json: Json = False) -> None:
    """List every template with its identity.

    Example: sft templates list
    """
    from sft import templates

    good, errors = templates.check(Path.cwd())
    for error in errors:
        screen.note(f"! {error}")
    rows = [(t.id, t.task, t.description) for t in good]
    value = {"templates": [{"id": i, "task": task, "description": text} for i, task, text in rows]}
    screen.result(
        value, screen.table([_("template"), _("task"), _("description")], rows, indent=""), as_json=as_json
    )


@templates_app.command("show")
def show_template(name: Name, as_json: Json = False) -> None:
    """Show one template: variables, messages and how the answer is read back.

    Example: sft templates show v5_cot
    """
    from sft import templates

    found = templates.load(name, Path.cwd())
    value = {
        "id": found.id,
        "description": found.description,
        "task": found.task,
        "variables": list(found.variables),
        "messages": [message.as_dict() for message in found.messages],
        "labels": dict(found.labels),
        "path": str(found.path),
    }
    lines = [
        f"{found.id}  {found.description}",
        _("variables: {names}").format(names=", ".join(found.variables)),
        str(found.path),
    ]
    for message in found.messages:
        lines += ["", f"[{message.role}]", message.content]
    screen.result(value, lines, as_json=as_json)


@templates_app.command("check")
def check_templates(as_json: Json = False) -> None:
    """Check every template and that no published one was changed; exit code 1 when something is wrong.

    Example: sft templates check
    """
    from sft import templates

    good, errors = templates.check(Path.cwd())
    lines = [_("{n} templates, {bad} problems").format(n=len(good), bad=len(errors))]
    lines += [f"  ✗ {error}" + (f"  ({error.hint})" if error.hint else "") for error in errors]
    screen.result({"n": len(good), "problems": [str(error) for error in errors]}, lines, as_json=as_json)
    if errors:
        raise typer.Exit(1)


@models_app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the models known by a short name; any Hugging Face id or folder is accepted too.

    Example: sft models list
    """
    from sft import models

    known = models.known().values()
    rows = [
        (m.name, m.id, f"{(m.parameters or 0) / 1e9:.2f} B", m.context, m.format, m.licence, _(m.note))
        for m in known
    ]
    head = [_("model"), "id", _("parameters"), _("context"), _("chat format"), _("licence"), _("note")]
    screen.result(
        {"models": [m.as_dict() for m in known]}, screen.table(head, rows, indent=""), as_json=as_json
    )


@presets_app.command("list")
def list_presets(as_json: Json = False) -> None:
    """List the training presets.

    Example: sft presets list
    """
    from sft import presets

    found = [presets.load(name) for name in presets.names()]
    rows = [(preset.name, ", ".join(preset.also_known_as), _(preset.description)) for preset in found]
    value = {"presets": [preset.as_dict() for preset in found]}
    screen.result(
        value, screen.table([_("preset"), _("also"), _("description")], rows, indent=""), as_json=as_json
    )


@presets_app.command("show")
def show_preset(name: Name, as_json: Json = False) -> None:
    """Show one preset: the commented file, with the reason of each odd value.

    Example: sft presets show full_training
    """
    from sft import presets

    found = presets.load(name)
    screen.result(found.as_dict(), [found.text.rstrip(), "", str(found.path)], as_json=as_json)
