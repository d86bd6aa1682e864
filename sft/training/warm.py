"""Warm start: a training that begins with the weights of an adapter, with a new optimizer and a schedule of its own."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sft import adapters, disk, prepared, runs, tokens
from sft.backends import TARGETS
from sft.errors import DataError, SettingsError, SftError, TemplateError, raise_all
from sft.i18n import _
from sft.models import Model
from sft.templates import Template

if TYPE_CHECKING:
    from sft.presets import TrainSettings

_A = ".lora_A."


@dataclass(frozen=True, slots=True)
class Start:
    """An adapter to begin with: its folder, its facts, its measures, the sha256 of its weights.

    `name` is that of its run, or the path that was given.
    """

    name: str
    folder: Path
    facts: Mapping[str, Any]
    rank: int
    alpha: int
    targets: frozenset[str]
    sha256: str

    def revision(self, model: Model) -> str:
        """Return the commit of a base model that the adapter belongs to; '' for a local model, and for another one."""
        return str(self.facts["revision"]) if self.facts["model_id"] == model.id else ""

    def as_dict(self) -> dict[str, Any]:
        """Return what ``run.json`` and the adapter's own facts keep."""
        return {
            "from": self.name,
            "folder": str(self.folder),
            "sha256": self.sha256,
            "template": self.facts["template"],
            "data_sha256": self.facts["data_sha256"],
        }


def find(workspace: Path, name: str) -> Start:
    """Return the adapter of a run (its name or folder), or the one in an adapter folder.

    Raises `DataError` when there is none, when the run has none yet, and when the folder is damaged.
    """
    folder = Path(name).expanduser()
    if not (folder / adapters.FACTS).is_file():
        run = runs.find(workspace, name)
        name, folder = run.name, run.adapter
        if not folder.is_dir():
            raise DataError(
                _("this run is {status}: it has no adapter").format(status=_(run.status)),
                where=run.name,
                hint=_("finish it: the command it was started with goes on from its last checkpoint"),
            )
    shapes = {key: shape for key, shape in adapters.shapes(folder).items() if _A in key}
    ranks = {shape[0] for shape in shapes.values()}
    if len(ranks) != 1:
        raise DataError(
            _("is no LoRA adapter of one rank"),
            where=str(folder / adapters.WEIGHTS),
            hint=_("only adapters of sft train can be gone on with"),
        )
    return Start(
        name=name,
        folder=folder.resolve(),
        facts=adapters.facts(folder),
        rank=ranks.pop(),
        alpha=int(adapters.config(folder)["lora_alpha"]),
        targets=frozenset(key.partition(_A)[0].rpartition(".")[2] for key in shapes),
        sha256=disk.sha256(folder / adapters.WEIGHTS),
    )


def known(start: Start, workspace: Path, held: Collection[str]) -> int | None:
    """Return how many of the groups of rows `held` out the adapter was trained on already, itself or what it began with.

    None when that cannot be told: a run or its prepared set is no longer there.
    """
    seen: set[str] = set()
    folder: Path | None = start.folder
    try:
        while folder:
            run = runs.load(folder.parent)
            told = run.data["data"]
            data = prepared.load(workspace / told["folder"])
            if data.digest != told["sha256"]:
                return None
            names, ids = tokens.names(data), set(run.data["train_ids"])
            seen |= {group for row, group in zip(names.ids, names.groups, strict=True) if row in ids}
            before = run.data.get("warm_start")
            folder = Path(before["folder"]) if before else None
    except (DataError, KeyError):
        return None
    return sum(group in seen for group in held)


def load(model: Any, start: Start) -> None:
    """Put the weights of an adapter in place of the fresh ones of `model`."""
    found = model.load_adapter(str(start.folder), "default", is_trainable=True)
    if (
        found.missing_keys
        or found.unexpected_keys
        or disk.sha256(start.folder / adapters.WEIGHTS) != start.sha256
    ):
        raise DataError(
            _("the weights are not those of the adapter to begin with"),
            where=str(start.folder),
            hint=_("the base model or the adapter was changed meanwhile: run the same command again"),
        )


def require(
    start: Start,
    *,
    model: Model,
    chat_format: str,
    settings: "TrainSettings",
    template: Template,
    asked: Template | None = None,
) -> None:
    """Refuse an adapter that this training cannot go on with; `asked` is the template that was named to insist on.

    Raises `SftError` with everything that does not fit.
    """
    found = list(_misfits(start, model, chat_format, settings))
    try:
        _require_named(asked, template)
        adapters.require_template(start.facts["template"], template, asked=asked is not None)
    except TemplateError as error:
        found.append(error)
    raise_all(
        _("{n} things do not fit the adapter of --warm-start"),
        *found,
        hint=_("train as the adapter was trained, or leave out --warm-start"),
        kind=SettingsError,
    )


def _require_named(asked: Template | None, template: Template) -> None:
    if asked is not None and asked.id != template.id:
        raise TemplateError(
            _("the data was prepared with {now}, not with {asked}").format(now=template.id, asked=asked.id),
            hint=_("--template names the template of the data, to insist on it"),
        )


def _misfits(start: Start, model: Model, chat_format: str, settings: "TrainSettings") -> Iterator[SftError]:
    facts = start.facts
    if facts["model_id"] != model.id:
        yield SettingsError(
            _("the adapter belongs to the model {then}, this training is on {now}").format(
                then=facts["model"], now=model.name
            ),
            hint=f"--model {facts['model']}",
        )
    elif facts["chat_format"] != chat_format:
        yield SettingsError(
            _("the adapter was trained in the chat format {then}, this training is in {now}").format(
                then=facts["chat_format"], now=chat_format
            ),
            hint=f"--chat-format {facts['chat_format']}",
        )
    for key, then, now in (
        ("lora_r", start.rank, settings.lora_r),
        ("lora_alpha", start.alpha, settings.lora_alpha),
    ):
        if then != now:
            yield SettingsError(
                _("{key} of the adapter is {then}, that of this training {now}").format(
                    key=key, then=then, now=now
                ),
                hint=_("sft.toml, [train]: {line}").format(line=f"{key} = {then}"),
            )
    if start.targets != frozenset(TARGETS):
        yield SettingsError(
            _("the adapter lies on {then}, this training is on {now}").format(
                then=", ".join(sorted(start.targets)), now=", ".join(sorted(TARGETS))
            ),
            hint=_("only adapters of sft train can be gone on with"),
        )
