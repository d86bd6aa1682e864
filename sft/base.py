"""The base model on disk: the embedded one, a folder, or a snapshot of a Hugging Face repository.

Everything downstream gets a local folder, so that tokenizer and weights are of one revision.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from sft import embedded
from sft.errors import MissingError, SettingsError
from sft.i18n import _
from sft.models import Model

_SMALL = ["*.json", "*.jinja", "tokenizer*", "vocab*", "merges*"]
_WEIGHTS = ["*.safetensors"]


@dataclass(frozen=True, slots=True)
class Base:
    """A base model's folder; `revision` is the commit of the hub snapshot, '' elsewhere."""

    model: Model
    folder: Path
    revision: str = ""


def fetch(model: Model, *, weights: bool, revision: str = "", local: bool = False) -> Base:
    """Return the folder of `model`; without `weights` only config and tokenizer files are downloaded.

    `local` asks the cache of this machine only.

    Raises `MissingError` when the hub cannot be reached or refuses, `SettingsError` for an unknown repository.
    """
    if model.package:
        return Base(model, embedded.folder())
    path = Path(model.id).expanduser()
    if path.is_dir():
        return Base(model, path.resolve())
    return _snapshot(model, _SMALL + (_WEIGHTS if weights else []), revision, local=local)


def _snapshot(model: Model, patterns: list[str], revision: str, *, local: bool) -> Base:
    try:
        import httpx
        from huggingface_hub import errors, snapshot_download
    except ImportError:
        raise MissingError(
            _("huggingface_hub is not installed"),
            hint=_("install the training packages: pip install 'sft[train]'"),
        ) from None
    try:
        folder = snapshot_download(
            model.id, allow_patterns=patterns, revision=revision or None, local_files_only=local
        )
    except errors.GatedRepoError:
        raise MissingError(
            _("access to {id} must be granted on the hub first").format(id=model.id),
            hint=_("open its page, accept the terms, then: hf auth login"),
        ) from None
    except errors.RevisionNotFoundError:
        raise SettingsError(
            _("{id} has no revision {revision}").format(id=model.id, revision=revision), hint=_("see the hub")
        ) from None
    except errors.RepositoryNotFoundError:
        raise SettingsError(
            _("no model {id} on the Hugging Face hub").format(id=model.id), hint=_("see: sft models list")
        ) from None
    except errors.HFValidationError:
        raise SettingsError(
            _("{id!r} cannot be a Hugging Face id").format(id=model.id), hint=_("see: sft models list")
        ) from None
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise MissingError(
            _("{id} is not on this machine and the Hugging Face hub cannot be reached ({reason})").format(
                id=model.id, reason=type(error).__name__
            ),
            hint=_(
                "download it where there is a network and give its folder: --model FOLDER; or --model smollm2-135m"
            ),
        ) from None
    if _WEIGHTS[0] in patterns and not any(Path(folder).glob(_WEIGHTS[0])):
        raise SettingsError(
            _("{id} has no weights in the safetensors form").format(id=model.id),
            hint=_("load it with transformers, save it again, and give that folder: --model FOLDER"),
        )
    return Base(model, Path(folder), Path(folder).name)


def generation_limit(base: Base) -> int:
    """Return the longest sequence the model takes, from its config; 2048 when the config does not say.

    Raises `SettingsError` when the folder has no readable config.json: then it is no model.
    """
    try:
        config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise SettingsError(
            _("no readable config.json, so this is not a base model"),
            where=str(base.folder),
            hint=_("name a model, not an adapter or a tokenizer"),
        ) from None
    return int(config.get("max_position_embeddings") or base.model.context or 2048)
