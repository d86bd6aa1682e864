"""A base model's tokenizer and chat format, read from its folder with neither torch nor transformers.

The chat format of a known model stands in ``models.toml``; any other model's is recognised by rendering a probe with
the model's own chat template and comparing it with every known format. What matches none is refused.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft import chat
from sft.errors import MissingError, SettingsError
from sft.i18n import _
from sft.models import Model
from sft.records import Message

_PROBE = (
    Message("system", "Bạn là trợ lý."),
    Message("user", "Một cộng một?"),
    Message("assistant", "Là hai."),
)
_SPARE_PADS = (
    "<|endoftext|>", "<pad>", "<|pad|>", "<|finetune_right_pad_id|>", "<|reserved_special_token_0|>", "<unk>",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """A tokenizer with what training sets on it: its chat format, the turn-end and padding tokens and their ids.

    `sha256` is the hash of its ``tokenizer.json``.
    """

    tokenizer: Any
    format: chat.ChatFormat
    origin: str
    turn_end: str
    turn_end_id: int
    pad: str
    pad_id: int
    sha256: str = ""


def load(folder: Path, model: Model, chat_format: str = "auto") -> Loaded:
    """Load ``tokenizer.json`` of `folder` and settle format, turn end and padding.

    Raises `SettingsError` when the chat format is unknown or the padding token would be the turn end.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingError(
            _("the package tokenizers is not installed"),
            hint=_("install the training packages: pip install 'sft[train]'"),
        ) from None
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise SettingsError(
            _("no tokenizer.json: only fast tokenizers are supported"),
            where=str(folder),
            hint=_("load the model with transformers and save its tokenizer again"),
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 — the Rust side raises nothing narrower
        raise SettingsError(
            _("tokenizer.json cannot be read: {reason}").format(reason=error),
            where=str(path),
            hint=_("download or save the model again"),
        ) from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    config = _config(folder)
    fmt, origin = settle_format(folder, model, chat_format, tokenizer, config)
    turn_end_id: int | None = tokenizer.token_to_id(fmt.turn_end)
    if turn_end_id is None:
        raise SettingsError(
            _("the tokenizer has no token {token}, which ends a turn in {name}").format(
                token=fmt.turn_end, name=fmt.name
            ),
            where=str(folder),
            hint=_("name the format the model was trained with: --chat-format"),
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Loaded(
        tokenizer, fmt, origin, fmt.turn_end, turn_end_id, *_pad(tokenizer, model, config, fmt), digest
    )


def _config(folder: Path) -> Mapping[str, Any]:
    path = folder / "tokenizer_config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError:
        raise SettingsError(
            _("not a JSON file"), where=str(path), hint=_("download or save the model again")
        ) from None
    jinja = folder / "chat_template.jinja"
    if jinja.is_file():
        config["chat_template"] = jinja.read_text(encoding="utf-8")
    return config


def settle_format(
    folder: Path, model: Model, wanted: str, tokenizer: chat.Tokenizer, config: Mapping[str, Any]
) -> tuple[chat.ChatFormat, str]:
    """Return the chat format and where it comes from: the flag, the model table, the model's own template."""
    if wanted != "auto":
        return chat.chat_format(wanted), _("set by --chat-format")
    if model.format:
        return chat.chat_format(model.format), _("known for {name}").format(name=model.name)
    template = config.get("chat_template")
    if isinstance(template, list):  # several named templates; "default" is the plain one
        template = next((t["template"] for t in template if t.get("name") == "default"), None)
    if isinstance(template, str):
        found = recognise(template, config)
        if found is not None:
            return found, _("recognised from the model's own chat template")
        raise SettingsError(
            _("the chat template of this model is none of the known formats"),
            where=str(folder),
            hint=_("if you know it: --chat-format {names}").format(names="|".join(chat.formats())),
        )
    if all(tokenizer.token_to_id(token) is not None for token in ("<|im_start|>", "<|im_end|>")):
        return chat.chat_format("chatml"), _(
            "the model has no chat template but ChatML's tokens: a base model"
        )
    raise SettingsError(
        _("this model has no chat template and no ChatML tokens"),
        where=str(folder),
        hint=_("take an instruct model, or name a format: --chat-format {names}").format(
            names="|".join(chat.formats())
        ),
    )


def recognise(template: str, config: Mapping[str, Any]) -> chat.ChatFormat | None:
    """Return the known format that renders a probe conversation exactly as `template` does, else None.

    A template that refuses a system turn can only be a format that puts the system text elsewhere.
    """
    for probe in (_PROBE, _PROBE[1:]):
        rendered = render_template(template, config, probe)
        if rendered is None:
            continue
        for fmt in chat.formats().values():
            same = rendered.rstrip("\n") == chat.layout(probe, fmt)[0].rstrip("\n")
            if same and (probe is _PROBE or fmt.system == "user"):
                return fmt
        return None
    return None


def render_template(template: str, config: Mapping[str, Any], messages: Sequence[Message]) -> str | None:
    """Render `messages` with a Jinja chat template in a sandbox; None when the template does not render them."""
    from jinja2 import TemplateError as JinjaError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise JinjaError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda fmt: ""
    tokens = {name: _token(config.get(name)) for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    turns = [message.as_dict() for message in messages]
    try:
        return environment.from_string(template).render(messages=turns, add_generation_prompt=False, **tokens)
    except (JinjaError, TypeError, ValueError):
        return None


def _token(value: object) -> str:
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def _pad(
    tokenizer: chat.Tokenizer, model: Model, config: Mapping[str, Any], fmt: chat.ChatFormat
) -> tuple[str, int]:
    """Return a padding token and its id that is not the turn end: else padding and turn end could be confused by id."""
    for token in (model.pad, _token(config.get("pad_token")), *_SPARE_PADS):
        token_id = tokenizer.token_to_id(token) if token and token != fmt.turn_end else None
        if token_id is not None:
            return token, token_id
    raise SettingsError(
        _("no padding token that differs from the turn end {token}").format(token=fmt.turn_end),
        hint=_("choose another model: tokens are never added to a vocabulary here"),
    )
