"""Record → draft of a row: the variables that the template needs, what scoring needs, or why it is refused.

A draft is rendered when it is written: the label set that a prompt names is only known after the last record.
"""

import marshal
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any, TypeVar

from sft import columns, keys, labels, templates
from sft.amr import penman, task1
from sft.checks.survey import Facts
from sft.checks.ties import hash64
from sft.i18n import _
from sft.prep.choices import Options
from sft.records import Message, Record, Reject, Row

GRAPH_TASKS = ("amr", "mtup")
SEGMENTED = re.compile(r"(?<=\w)_(?=\w)")
UNSEGMENTED = "segmented"
LABEL_WORDS = "label_words"
_DERIVED = {"task1": "graph", "task2": "graph"}  # variable of the template → the variable it is derived from
TARGETS = frozenset({"answer", "label"})  # variables that hold what is learnt
_QUESTIONS = ("sentence", "question", "text")
_HEAD = 4  # bytes of the length before a draft
_MANY = 4096  # spellings of labels that are remembered
_Named = TypeVar("_Named", Record, Row)


@dataclass(slots=True)
class Quirks:
    """Rows with something read in a declared way: how many of each kind, and the first one's place and message."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, kind: str, where: str, message: str) -> None:
        """Count one row."""
        self.counts[kind] += 1
        self.examples.setdefault(kind, (where, message))


@dataclass(frozen=True, slots=True)
class Draft:
    """A usable row before it is rendered.

    `key` is the comparison key of all that it asks, `asked` that of the question alone, `turns` are those of a chat.
    """

    id: str
    where: str
    key: str
    asked: str
    fields: Mapping[str, str]
    meta: Mapping[str, Any]
    turns: tuple[Message, ...] = ()

    def put(self, stream: IO[bytes]) -> int:
        """Write the draft and return its length; only this process reads it, hence not JSON but what is fastest."""
        turns = [(turn.role, turn.content) for turn in self.turns]
        texts = [self.id, self.where, self.key, self.asked]
        data = marshal.dumps([*texts, dict(self.fields), dict(self.meta), turns])
        stream.write(len(data).to_bytes(_HEAD, "little") + data)
        return _HEAD + len(data)

    @classmethod
    def take(cls, stream: IO[bytes]) -> "Draft":
        """Read the next draft."""
        size = int.from_bytes(stream.read(_HEAD), "little")
        data = marshal.loads(stream.read(size))
        name, where, key, asked, fields, meta, turns = data
        return cls(name, where, key, asked, fields, meta, tuple(Message(role, text) for role, text in turns))

    def answer(self, template: templates.Template) -> str:
        """Return the text that is learnt."""
        if self.turns:
            return self.turns[-1].content
        return templates.substitute(template.messages[-1].content, self.fields)

    def row(self, template: templates.Template, label_set: str) -> Row:
        """Render the row."""
        if self.turns:
            return Row(self.id, self.turns, self.meta)
        fields = {**self.fields, "labels": label_set}
        return Row(self.id, templates.render(template, fields), self.meta)


class Names:
    """Makes ids unique over all sources: a second file may number its rows the same way."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def unique(self, name: str) -> str:
        """Return the name, or the next free one of ``name~2``, ``name~3`` and so on."""
        free, number = name, 1
        while (mark := hash64(free)) in self._seen:
            number += 1
            free = f"{name}~{number}"
        self._seen.add(mark)
        return free


def unique(items: Iterable[_Named]) -> Iterator[_Named]:
    """Make the ids of items unique."""
    names = Names()
    for item in items:
        name = names.unique(item.id)
        yield item if name == item.id else replace(item, id=name)


def wanted(template: templates.Template) -> list[str]:
    """Return the variables that must come from the data: derived ones give way to what they are derived from."""
    names = [_DERIVED.get(name, name) for name in template.variables if name != "labels"]
    return list(dict.fromkeys(names))


def wrong_kind(record: Record) -> Reject:
    """Refuse a conversation where rows are wanted, or the other way round."""
    detail = (
        _("a conversation; such rows want a template of the task chat")
        if record.messages
        else _("not a conversation, as a template of the task chat wants")
    )
    return Reject(record.id, record.where, "wrong_kind", detail)


class Maker:
    """Makes drafts of records, by the template and the choices that concern one row alone."""

    def __init__(self, options: Options, quirks: Quirks) -> None:
        self._template = options.template
        self._options = options
        self._quirks = quirks
        self._wanted = wanted(options.template)
        self._asked = [name for name in options.template.prompt_variables if name != "labels"]
        self._question = next((name for name in _QUESTIONS if name in self._wanted), "")
        self._beside = [name for name in self._asked if name not in (self._question, "context")]
        # Where one text is given a label, no text at all may have one too: a caller who says nothing.
        silent = options.template.task == "label" and len(self._asked) == 1
        self._silent = self._asked[0] if silent else ""
        self._words = {
            keys.key(word): label for label, words in options.label_words.items() for word in words
        }
        self._known: dict[str, str | None] = {}

    def __call__(self, record: Record, mapping: Mapping[str, str]) -> Draft | Reject:
        """Return the draft, or the reject that says why there is none."""
        if bool(record.messages) != (self._template.task == "chat"):
            return wrong_kind(record)
        if record.messages:
            return self._conversation(record)
        fields = columns.values(record.fields, mapping, self._wanted, self._template.task)
        empty = [name for name, value in fields.items() if not value and name != self._silent]
        if empty:
            return Reject(record.id, record.where, f"empty_{empty[0]}")
        meta: dict[str, Any] = {"where": record.where}
        refused = None
        if self._template.task in GRAPH_TASKS:
            refused = self._graph(record, fields, meta)
        elif self._template.task in ("true_false", "label"):
            refused = self._label(record, fields, meta)
        return refused or self._draft(record, fields, meta)

    def too_short_or_long(self, draft: Draft) -> Reject | None:
        """Refuse a row whose texts are outside the limits that the user set."""
        limits = (("short", self._options.min_chars, -1), ("long", self._options.max_chars, 1))
        for kind, table, sign in limits:
            for name, limit in table.items():
                length = len(self._measured(draft, name))
                if (length - limit) * sign > 0:
                    detail = _("{n} characters, limit {limit}").format(n=length, limit=limit)
                    return Reject(
                        draft.id, draft.where, f"{kind}_{name}", detail, draft.meta["question"][:80]
                    )
        return None

    def facts(self, draft: Draft) -> Facts:
        """Return a row as the checks see it; what a conversation asked before its last answer is its context."""
        question = str(draft.meta["question"])
        said = "\n".join(turn.content for turn in draft.turns[:-1] if turn.role != "system")
        return Facts(
            id=draft.id,
            question=question,
            answer=draft.answer(self._template),
            context=draft.fields.get("context", "") or said.removeprefix(question),
            label=str(draft.meta.get("label", "")),
            beside="\n".join(draft.fields[name] for name in self._beside if name in draft.fields),
        )

    def _measured(self, draft: Draft, name: str) -> str:
        if draft.turns:
            return str(draft.meta["question"]) if name == "question" else draft.turns[-1].content
        return draft.fields[name]

    def _draft(self, record: Record, fields: dict[str, str], meta: dict[str, Any]) -> Draft:
        meta["question"] = fields.get(self._question, "")
        question = keys.key(meta["question"])
        others = {
            name: keys.key(fields[name]) for name in self._asked if name != self._question and name in fields
        }
        key = " ".join([question, *others.values()])
        meta["key"] = others.get("context") or key
        if self._options.keep:
            meta["columns"] = {name: record.fields.get(name, "") for name in self._options.keep}
        return Draft(record.id, record.where, key, question, fields, meta)

    def _label(self, record: Record, fields: dict[str, str], meta: dict[str, Any]) -> Reject | None:
        name = "label" if self._template.task == "label" else "answer"
        raw = fields[name]
        spelt = self._words.get(keys.key(raw)) if self._words else None
        if spelt is not None:
            self._quirks.add(LABEL_WORDS, record.where, _("labels spelt as --labels says"))
        if name == "label":
            meta["label"] = fields["label"] = raw if spelt is None else spelt
            return None
        label = spelt if spelt is not None else self._canonical(raw)
        if label is None:
            known = ", ".join([*self._template.labels, *self._template.labels.values()])
            detail = _("known: {names}").format(names=known)
            return Reject(record.id, record.where, "unknown_label", detail, raw[:80])
        meta["label"], fields["answer"] = label, self._template.labels[label]
        return None

    def _canonical(self, raw: str) -> str | None:
        if raw not in self._known:
            if len(self._known) >= _MANY:
                self._known.clear()
            self._known[raw] = labels.canonical(raw, self._template.labels)
        return self._known[raw]

    def _graph(self, record: Record, fields: dict[str, str], meta: dict[str, Any]) -> Reject | None:
        """Fill in ``task1``, ``task2`` and a one-line ``graph`` with variables by rule; gold with a defect is refused."""
        fields["sentence"], joints = SEGMENTED.subn(" ", fields["sentence"])
        if joints:
            self._quirks.add(UNSEGMENTED, record.where, _("words joined by “_” are written with a blank"))
        meta |= {"sentence": fields["sentence"], "graph": fields["graph"]}
        body = fields["graph"]
        reading = penman.read(body)
        errors = [problem for problem in reading.problems if problem.severity == "error"]
        if errors or reading.graph is None:
            kind = errors[0].kind if errors else "no_graph"
            detail = errors[0].message if errors else ""
            excerpt = errors[0].caret(body) if errors else body[:80]
            return Reject(record.id, record.where, kind, detail, excerpt)
        for kind, problem in {problem.kind: problem for problem in reversed(reading.problems)}.items():
            self._quirks.add(kind, record.where, problem.message)
        fields["graph"] = fields["task2"] = penman.to_penman(penman.rename_variables(reading.graph))
        fields["task1"] = task1.to_task1(reading.graph)
        back = task1.from_task1(fields["task1"]).graph
        if back is None or penman.to_penman(penman.rename_variables(back)) != fields["task2"]:
            return Reject(record.id, record.where, "task1_not_lossless", excerpt=fields["task1"][:80])
        return None

    def _conversation(self, record: Record) -> Draft:
        turns = record.messages
        if turns[0].role != "system":
            turns = (*self._template.messages, *turns)
        question = next((turn.content for turn in turns if turn.role == "user"), "")
        asked = keys.key(question)
        key = " ".join(keys.key(turn.content) for turn in turns[:-1] if turn.role != "system")
        # Many chats open alike, and are others all the same.
        short = key if key == asked else f"{asked} {hash64(key):016x}"
        meta = {"where": record.where, "question": question, "key": short}
        return Draft(record.id, record.where, key, asked, {}, meta, turns)
