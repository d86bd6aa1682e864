"""Versioned prompt templates: find, load, render, identify, check.

One renderer serves preparation, training and prediction. A template is a TOML file
``templates/<family>/<name>.toml``; its identity is ``family/name@<first 8 of the file's sha256>``. Message text
loses the line breaks at both ends (TOML's ``'''`` blocks add them) and nothing else.
"""

import difflib
import functools
import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft.errors import SftError, TemplateError
from sft.i18n import _
from sft.records import Message, Role
from sft.text import nfc

TASKS = ("amr", "mtup", "true_false", "answer", "label", "chat")
_ROLES: tuple[Role, ...] = ("system", "user", "assistant")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_BARE = re.compile(r"\$(?!\{)")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_CHAT_MARKUP = re.compile(r"<\|[^|>]*\|>|</?s>|<(?:start|end)_of_turn>")
_KEYS = {"description", "task", "variables", "message", "extract", "labels"}


@dataclass(frozen=True, slots=True)
class Marker:
    """Where one part of an answer stands: behind the last `after`, up to the next `before`; '' = the edge."""

    after: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A loaded template; `labels` maps canonical label to the one word that prompt, target and parser use."""

    family: str
    name: str
    description: str
    task: str
    variables: tuple[str, ...]
    messages: tuple[Message, ...]
    extract: Mapping[str, Marker]
    labels: Mapping[str, str]
    sha256: str
    path: Path

    @property
    def id(self) -> str:
        """Return ``family/name@hash8``."""
        return f"{self.family}/{self.name}@{self.sha256[:8]}"

    @property
    def prompt_variables(self) -> tuple[str, ...]:
        """Return the variables the prompt needs, so those that must be there at prediction too."""
        used = [v for m in self.messages if m.role != "assistant" for v in _VARIABLE.findall(m.content)]
        return tuple(v for v in self.variables if v in used)


def folders(workspace: Path | None = None) -> list[Path]:
    """Return the template folders that exist, in search order: workspace, checkout, packaged copy.

    The checkout step serves editable installs, whose package folder holds no copy.
    """
    package = Path(__file__).parent
    places = [
        (workspace or Path.cwd()) / "templates",
        package.parent / "templates",
        package / "_data" / "templates",
    ]
    return list(dict.fromkeys(p.resolve() for p in places if p.is_dir()))


def find(workspace: Path | None = None) -> dict[str, Path]:
    """Return every template as ``{"family/name": path}``; the first folder in search order wins a name."""
    found: dict[str, Path] = {}
    for folder in folders(workspace):
        for path in sorted(folder.glob("*/*.toml")):
            found.setdefault(f"{path.parent.name}/{path.stem}", path)
    return found


def load(name: str, workspace: Path | None = None) -> Template:
    """Load a template by ``name``, ``family/name``, either with ``@hash8``, or by a path ending in ``.toml``.

    Raises `TemplateError` for an unknown or ambiguous name (with the nearest names) and for another hash.
    """
    if name.endswith(".toml"):
        return read(Path(name))
    wanted, _at, digest = name.partition("@")
    known = find(workspace)
    hits = [key for key in known if wanted in (key, key.partition("/")[2])]
    if len(hits) != 1:
        raise _not_found(wanted, hits, known)
    template = read(known[hits[0]])
    if digest and not template.sha256.startswith(digest):
        raise TemplateError(
            _("template {name} is now @{now}, not @{then}").format(
                name=hits[0], now=template.sha256[:8], then=digest
            ),
            where=str(template.path),
            hint=_("a published template never changes: restore the file, or prepare the data again"),
        )
    return template


def _not_found(wanted: str, hits: list[str], known: Mapping[str, Path]) -> TemplateError:
    if hits:
        return TemplateError(
            _("template name {name!r} is ambiguous: {hits}").format(name=wanted, hits=", ".join(hits)),
            hint=_("write family/name"),
        )
    short = {key.partition("/")[2]: key for key in known}
    near = difflib.get_close_matches(wanted, [*known, *short], n=1, cutoff=0.5)
    hint = _("did you mean {name}?").format(name=near[0]) if near else _("see: sft templates list")
    return TemplateError(_("unknown template {name!r}").format(name=wanted), hint=hint)


@functools.lru_cache(maxsize=64)
def _read_cached(path: Path, stamp: tuple[int, int]) -> Template:
    raw = path.read_bytes()
    try:
        value = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TemplateError(
            _("not a TOML file: {reason}").format(reason=error),
            where=str(path),
            hint=_("see: sft templates show"),
        ) from None
    problems = _problems(value)
    if problems:
        raise TemplateError(
            _("{n} problem(s) in the template").format(n=len(problems)),
            where=str(path),
            parts=tuple(TemplateError(p, where=str(path)) for p in problems),
            hint=_("compare with a shipped one: sft templates show v5_cot"),
        )
    return Template(
        family=path.parent.name,
        name=path.stem,
        description=value["description"],
        task=value["task"],
        variables=tuple(value["variables"]),
        messages=tuple(Message(m["role"], nfc(m["text"]).strip("\n")) for m in value.get("message", ())),
        extract={k: Marker(**{s: nfc(t) for s, t in v.items()}) for k, v in value["extract"].items()},
        labels={k: nfc(v) for k, v in value.get("labels", {}).items()},
        sha256=hashlib.sha256(raw).hexdigest(),
        path=path,
    )


def read(path: Path) -> Template:
    """Read and check one template file. Raises `TemplateError` that lists all its problems."""
    try:
        stat = path.stat()
    except OSError:
        raise TemplateError(
            _("no such template file"), where=str(path), hint=_("see: sft templates list")
        ) from None
    return _read_cached(path.resolve(), (stat.st_mtime_ns, stat.st_size))


def _problems(value: dict[str, Any]) -> list[str]:
    """Return what is wrong with a parsed template file, all of it."""
    out = [_("unknown key {key!r}").format(key=k) for k in sorted(set(value) - _KEYS)]
    out += [
        _("missing key {key!r}").format(key=k)
        for k in ("description", "task", "variables", "extract")
        if k not in value
    ]
    if out:
        return out
    if value["task"] not in TASKS:
        out.append(_("task must be one of {names}").format(names=", ".join(TASKS)))
    messages = value.get("message", [])
    used: set[str] = set()
    for number, message in enumerate(messages, 1):
        text = message.get("text")
        if message.get("role") not in _ROLES or not isinstance(text, str) or set(message) - {"role", "text"}:
            out.append(_("message {n} needs a role (system, user, assistant) and a text").format(n=number))
            continue
        if _BARE.search(text):
            out.append(_("message {n} has a bare '$': write ${{name}}").format(n=number))
        if _CHAT_MARKUP.search(text):
            out.append(_("message {n} holds chat markup: roles are the model's business").format(n=number))
        used.update(_VARIABLE.findall(text))
    out += _shape_problems(value, messages, used)
    return out


def _shape_problems(value: dict[str, Any], messages: list[dict[str, Any]], used: set[str]) -> list[str]:
    out: list[str] = []
    declared = set(value["variables"])
    if value["task"] != "chat" and (not messages or messages[-1].get("role") != "assistant"):
        out.append(_("the last message must be the assistant's"))
    if value["task"] != "chat":
        out += [_("variable {v!r} is declared but not used").format(v=v) for v in sorted(declared - used)]
    out += [_("variable {v!r} is used but not declared").format(v=v) for v in sorted(used - declared)]
    out += [
        _("variable {v!r} must be ASCII: a-z, 0-9, _").format(v=v)
        for v in sorted(used | declared)
        if not _NAME.match(v)
    ]
    for name, marker in value["extract"].items():
        if not isinstance(marker, dict) or set(marker) - {"after", "before"}:
            out.append(_("extract.{name} takes only 'after' and 'before'").format(name=name))
    answer = "".join(str(m.get("text")) for m in messages if m.get("role") == "assistant")
    for name, marker in value["extract"].items():
        for text in marker.values() if isinstance(marker, dict) and value["task"] != "chat" else ():
            if text not in answer:
                out.append(
                    _("extract.{name}: {text!r} does not stand in the assistant's text").format(
                        name=name, text=text
                    )
                )
    prompt = "".join(str(m.get("text")) for m in messages if m.get("role") != "assistant")
    for word in value.get("labels", {}).values():
        if word not in prompt:
            out.append(
                _("label word {word!r} is trained but never asked for in the prompt").format(word=word)
            )
    return out


def substitute(text: str, fields: Mapping[str, str]) -> str:
    """Replace each ``${name}`` by its field; a value is never scanned again.

    >>> substitute("Câu: ${sentence}", {"sentence": "giá ${x} là $5"})
    'Câu: giá ${x} là $5'
    """
    return _VARIABLE.sub(lambda found: fields[found.group(1)], text)


def render(
    template: Template, fields: Mapping[str, str], *, prompt_only: bool = False
) -> tuple[Message, ...]:
    """Render one example; `prompt_only` stops before the assistant's turn and needs only the prompt's variables.

    Raises `TemplateError` naming every variable that has no value.
    """
    needed = template.prompt_variables if prompt_only else template.variables
    missing = [name for name in needed if name not in fields]
    if missing:
        raise TemplateError(
            _("template {id} needs {names}").format(id=template.id, names=", ".join(missing)),
            hint=_("the data has: {names}").format(names=", ".join(sorted(fields)) or "-"),
        )
    chosen = [m for m in template.messages if not (prompt_only and m.role == "assistant")]
    return tuple(Message(m.role, substitute(m.content, fields)) for m in chosen)


def extract(template: Template, answer: str) -> dict[str, str]:
    """Read the parts of an answer back by the template's markers.

    A part stands behind the *last* `after` marker, up to the next `before` marker or the end. A part whose
    `after` marker is missing is left out of the result: the caller counts it, nothing is guessed here.
    """
    parts: dict[str, str] = {}
    text = nfc(answer)
    for name, marker in template.extract.items():
        start = text.rfind(marker.after) + len(marker.after) if marker.after else 0
        if marker.after and marker.after not in text:
            continue
        end = text.find(marker.before, start) if marker.before else -1
        parts[name] = text[start : end if end >= 0 else len(text)].strip()
    return parts


def locked(folder: Path) -> dict[str, str]:
    """Return ``templates/LOCK`` as ``{"family/name": sha256}``; empty when the folder has none."""
    path = folder / "LOCK"
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return {name: digest for digest, name in pairs}


def check(workspace: Path | None = None) -> tuple[list[Template], list[SftError]]:
    """Read every template and compare the published ones with their LOCK; return the good ones and all errors."""
    good: list[Template] = []
    errors: list[SftError] = []
    locks = {folder: locked(folder) for folder in folders(workspace)}
    for name, path in find(workspace).items():
        try:
            template = read(path)
        except TemplateError as error:
            errors.extend(error.parts or (error,))
            continue
        wanted = locks.get(path.parent.parent, {}).get(name)
        if wanted and wanted != template.sha256:
            errors.append(
                TemplateError(
                    _("published template was changed: LOCK says {then}, file is {now}").format(
                        then=wanted[:8], now=template.sha256[:8]
                    ),
                    where=str(path),
                    hint=_("restore it, and put the new wording into a new file"),
                )
            )
        good.append(template)
    return good, errors
