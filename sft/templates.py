"""Versioned prompt templates: find, load, render, identify, check.

One renderer serves preparation, training and prediction. A template is a TOML file
``templates/<family>/<name>.toml``; its identity is ``family/name@<first 8 of the file's sha256>``. Message text
loses the line breaks at both ends (TOML's ``'''`` blocks add them) and nothing else.
"""

import difflib
import functools
import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sft.errors import SftError, TemplateError
from sft.i18n import _
from sft.records import Message
from sft.template_rules import TASKS, VARIABLE, Marker, problems, substitute
from sft.text import nfc, read_text

__all__ = [
    "TASKS", "Marker", "Template", "check", "extract", "find", "folders", "load", "locked", "read", "render",
    "substitute",
]  # fmt: skip


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
        used = {name for message in self.prompt for name in VARIABLE.findall(message.content)}
        return tuple(name for name in self.variables if name in used)

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Return the messages before the answer, which is the last message when that is the assistant's."""
        answered = bool(self.messages) and self.messages[-1].role == "assistant"
        return self.messages[:-1] if answered else self.messages


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
    found = problems(value)
    if found:
        raise TemplateError(
            _("{n} problem(s) in the template").format(n=len(found)),
            where=str(path),
            parts=tuple(TemplateError(p, where=str(path)) for p in found),
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
    chosen = template.prompt if prompt_only else template.messages
    return tuple(Message(m.role, substitute(m.content, fields)) for m in chosen)


def extract(template: Template, answer: str) -> dict[str, str]:
    """Read the parts of an answer back by the template's markers.

    A part stands behind the *last* `after` marker, up to the next `before` marker or the end. A part whose
    `after` marker is missing is left out of the result: the caller counts it, nothing is guessed here.
    """
    text = nfc(answer)
    parts = {name: marker.find(text) for name, marker in template.extract.items()}
    return {name: part for name, part in parts.items() if part is not None}


def locked(folder: Path) -> dict[str, str]:
    """Return ``templates/LOCK`` as ``{"family/name": sha256}``; empty when the folder has none.

    Raises `TemplateError` with the line that is neither a comment nor a hash and a name.
    """
    path = folder / "LOCK"
    if not path.is_file():
        return {}
    locks: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise TemplateError(
                _("not a line of a LOCK file: hash, blank, name"),
                where=f"{path}:{number}",
                hint=_("restore the file"),
            )
        locks[words[1]] = words[0]
    return locks


def check(workspace: Path | None = None) -> tuple[list[Template], list[SftError]]:
    """Read every template and compare the published ones with their LOCK; return the good ones and all errors."""
    good: list[Template] = []
    errors: list[SftError] = []
    for path in find(workspace).values():
        try:
            good.append(read(path))
        except TemplateError as error:
            errors.extend(error.parts or (error,))
    for folder in folders(workspace):
        try:
            errors += _unlocked(folder, locked(folder))
        except SftError as error:
            errors.append(error)
    return good, errors


def _unlocked(folder: Path, locks: Mapping[str, str]) -> Iterator[TemplateError]:
    """Yield an error for each published template of `folder` that was changed or is gone."""
    for name, wanted in locks.items():
        path = folder / f"{name}.toml"
        now = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        if now == wanted:
            continue
        message = _("published template was changed: LOCK says {then}, file is {now}")
        yield TemplateError(
            (message if now else _("published template is gone: LOCK says {then}")).format(
                then=wanted[:8], now=now[:8]
            ),
            where=str(path),
            hint=_("restore it, and put the new wording into a new file"),
        )
