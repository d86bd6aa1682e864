"""`sft init`: make a workspace."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from sft.cli import screen
from sft.errors import MissingError, SettingsError
from sft.i18n import _

_SAMPLES = {"amr": ("amr",), "qa": ("qa/true_false.csv",)}


def init(
    folder: Annotated[Path, typer.Argument(help=_("folder of the workspace"))] = Path(),
    sample: Annotated[
        str, typer.Option(metavar="amr|qa", help=_("copy the shipped sample data into data/raw"))
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help=_("print one JSON object"))] = False,
) -> None:
    """Make a workspace: sft.toml with every setting explained, and the folders data/raw and runs.

    Example: sft init my-project --sample amr
    """
    from sft import settings, starter
    from sft.text import write_text

    if sample and sample not in _SAMPLES:
        raise SettingsError(
            _("unknown sample {name!r}").format(name=sample),
            hint=_("one of: {names}").format(names=", ".join(_SAMPLES)),
        )
    for path in (*folder.parents, folder, folder / "data", folder / "data/raw", folder / "runs"):
        if path.exists() and not path.is_dir():
            raise SettingsError(_("is a file, not a folder"), where=str(path), hint=_("name another folder"))
    made: list[str] = []
    for name in ("data/raw", "runs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    toml = folder / settings.FILE
    if not toml.exists():  # what the user changed is never overwritten
        write_text(toml, starter.commented())
        made.append(str(toml))
    made += _copy_sample(sample, folder / "data" / "raw") if sample else []
    lines = [_("workspace: {folder}").format(folder=folder.resolve()), *(f"  + {name}" for name in made)]
    if not made:
        lines.append(_("  everything is there already; nothing was changed"))
    screen.result(
        {"workspace": str(folder.resolve()), "made": made},
        [*lines, _("next: {steps}").format(steps="; ".join(_next(folder, sample)))],
        as_json=as_json,
    )


def _next(folder: Path, sample: str) -> list[str]:
    steps = [f"cd {shlex.quote(str(folder))}"] if folder.resolve() != Path.cwd() else []
    if not any(path.is_file() for path in (folder / "data" / "raw").rglob("*")):
        steps.append(_("put raw files into data/raw"))
    return [*steps, f"sft prep --template {'true_false_v1' if sample == 'qa' else 'v5_cot'}"]


def _copy_sample(sample: str, target: Path) -> list[str]:
    import shutil
    from importlib.util import find_spec

    spec = find_spec("data_prep")
    if spec is None or spec.origin is None:
        raise MissingError(_("the sample data is not installed"), hint=_("install sft again"))
    made = []
    for name in _SAMPLES[sample]:
        source = Path(spec.origin).parent / "sample" / name
        files = sorted(p for p in source.iterdir() if p.suffix == ".txt") if source.is_dir() else [source]
        for path in files:
            if not (target / path.name).exists():
                shutil.copyfile(path, target / path.name)
                made.append(str(target / path.name))
    return made
