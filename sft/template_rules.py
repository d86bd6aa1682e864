"""What a template file must be: every rule in one place, every problem of a file in one list.

Pure: a parsed TOML file in, problems as text out. `sft.templates` reads the files and raises.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sft.i18n import _

VARIABLE = re.compile(r"\$\{([^}]*)\}")
_BARE = re.compile(r"\$(?!\{[^}]*\})")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_CHAT_MARKUP = re.compile(r"<\|[^|>]*\|>|</?s>|<(?:bos|eos|pad)>|<(?:start|end)_of_turn>|\[/?INST\]")
_ROLES = ("system", "user", "assistant")
_KEYS = {"description", "task", "variables", "message", "extract", "labels"}
# Per task, the variables without which its rows can be neither made nor scored.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "amr": ("sentence",),
    "mtup": ("sentence", "task1", "task2"),
    "true_false": ("answer",),
    "answer": ("answer",),
    "label": ("label",),
    "chat": (),
}
TASKS = tuple(_NEEDED)
_GOLD = frozenset({"graph", "task1", "task2", "answer", "label"})
_GRAPHS = frozenset({"graph", "task1", "task2"})


@dataclass(frozen=True, slots=True)
class Marker:
    """Where one part of an answer stands: behind the last `after`, up to the next `before`; '' = the edge."""

    after: str = ""
    before: str = ""

    def find(self, text: str) -> str | None:
        """Return the part of `text`, stripped; None when `after` does not stand in it.

        >>> Marker("[B2]", "").find("[B1] (ngủ) [B2] (n / ngủ)"), Marker("[B3]").find("[B2] (n / ngủ)")
        ('(n / ngủ)', None)
        """
        start = 0
        if self.after:
            found = text.rfind(self.after)
            if found < 0:
                return None
            start = found + len(self.after)
        end = text.find(self.before, start) if self.before else -1
        return text[start : end if end >= 0 else len(text)].strip()


def substitute(text: str, fields: Mapping[str, str]) -> str:
    """Replace each ``${name}`` by its field; a value is never scanned again.

    >>> substitute("Câu: ${sentence}", {"sentence": "giá ${x} là $5"})
    'Câu: giá ${x} là $5'
    """
    return VARIABLE.sub(lambda found: fields[found.group(1)], text)


def problems(value: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with a parsed template file."""
    out = [_("unknown key {key!r}").format(key=key) for key in sorted(set(value) - _KEYS)]
    description = value.get("description", "?")
    if not isinstance(description, str) or not description.strip():
        out.append(_("description must be a text"))
    types = list(_types(value))
    out += types
    messages = value.get("message", [])
    if isinstance(messages, list):
        for number, message in enumerate(messages, 1):
            if _is_message(message):
                out += _text_problems(number, message)
    # The rules between the parts need parts of the right type.
    return out if types else out + list(_relations(value, messages))


def _types(value: Mapping[str, Any]) -> Iterator[str]:
    for key in ("description", "task", "variables", "extract"):
        if key not in value:
            yield _("missing key {key!r}").format(key=key)
    if "task" in value and value["task"] not in TASKS:
        yield _("task must be one of {names}").format(names=", ".join(TASKS))
    names = value.get("variables", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        yield _("variables must be a list of names")
    extract = value.get("extract", {})
    if not isinstance(extract, dict):
        yield _("extract must be tables: [extract.NAME]")
    else:
        for name, marker in extract.items():
            if not _is_marker(marker):
                yield _("extract.{name} takes only the texts 'after' and 'before'").format(name=name)
    labels = value.get("labels", {})
    if not isinstance(labels, dict) or not all(isinstance(word, str) and word for word in labels.values()):
        yield _("labels must be a table of words")
    messages = value.get("message", [])
    if not isinstance(messages, list):
        yield _("message must be tables: [[message]]")
    else:
        for number, message in enumerate(messages, 1):
            if not _is_message(message):
                yield _("message {n} needs a role (system, user, assistant) and a text").format(n=number)


def _is_marker(value: object) -> bool:
    if not isinstance(value, dict) or set(value) - {"after", "before"}:
        return False
    return all(isinstance(text, str) for text in value.values())


def _is_message(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"role", "text"}:
        return False
    return value["role"] in _ROLES and isinstance(value["text"], str) and bool(value["text"].strip())


def _text_problems(number: int, message: Mapping[str, str]) -> Iterator[str]:
    if _BARE.search(message["text"]):
        yield _("message {n} has a bare '$': write ${{name}}").format(n=number)
    if _CHAT_MARKUP.search(message["text"]):
        yield _("message {n} holds chat markup: roles are the model's business").format(n=number)
    if message["role"] == "system" and number > 1:
        yield _("message {n}: a system message can only be the first").format(n=number)


def _relations(value: Mapping[str, Any], messages: Sequence[Mapping[str, str]]) -> Iterator[str]:
    declared, task = value["variables"], value["task"]
    used = {name for message in messages for name in VARIABLE.findall(message["text"])}
    for name in sorted({name for name in declared if declared.count(name) > 1}):
        yield _("variable {v!r} is declared twice").format(v=name)
    if task != "chat":
        for name in sorted(set(declared) - used):
            yield _("variable {v!r} is declared but not used").format(v=name)
    for name in sorted(used - set(declared)):
        yield _("variable {v!r} is used but not declared").format(v=name)
    for name in sorted(used | set(declared)):
        if not _NAME.match(name):
            yield _("variable {v!r} must be ASCII: a-z, 0-9, _").format(v=name)
    needed = [*_NEEDED[task], *(["graph"] if task == "amr" and not _GRAPHS & set(declared) else [])]
    for name in needed:
        if name not in declared:
            yield _("a template of the task {task} needs the variable {v!r}").format(task=task, v=name)
    labels = value.get("labels", {})
    if task == "true_false" and set(labels) != {"TRUE", "FALSE"}:
        yield _("a template of the task true_false needs the labels TRUE and FALSE")
    if len(set(labels.values())) < len(labels):
        yield _("two labels have the same word")
    if task == "chat":
        return
    roles = [message["role"] for message in messages]
    if roles[-2:] == ["user", "assistant"]:
        yield from _answer(value, messages)
    else:
        yield _("the last messages must be the user's and the assistant's")


def _answer(value: Mapping[str, Any], messages: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Check what stands between prompt and answer: gold only in the answer, labels in the prompt, markers that work."""
    answer = messages[-1]["text"]
    prompt = "".join(message["text"] for message in messages[:-1])
    for name in sorted(_GOLD & set(VARIABLE.findall(prompt))):
        yield _("variable {v!r} is the answer, and it stands in the prompt").format(v=name)
    for word in value.get("labels", {}).values():
        if word not in prompt:
            yield _("label word {word!r} is trained but never asked for in the prompt").format(word=word)
    probe = substitute(answer, {name: f"({name})" for name in VARIABLE.findall(answer)})
    for name, texts in value["extract"].items():
        strange = [text for text in texts.values() if text not in answer]
        for text in strange:
            yield _("extract.{name}: {text!r} does not stand in the assistant's text").format(
                name=name, text=text
            )
        if not strange and name in VARIABLE.findall(answer) and Marker(**texts).find(probe) != f"({name})":
            yield _("extract.{name} does not give ${{{name}}} back").format(name=name)
