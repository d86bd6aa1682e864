r"""Task 1: a graph without variables, on one line, from which the graph comes back whole.

A node is ``(concept :role child …)``, a constant is bare, a reference is ``~concept``. Only where several nodes
share a concept and one of them is referred to do they carry a number, ``concept#k`` (in text order), and so do the
references to them::

    (and :op1 (hỏi :agent (người#1)) :op2 (cười :agent ~người#1 :theme (người#2)))

A backslash takes the meaning from the next character: a constant that begins with ``~`` is written ``\~…``, a
concept that ends like a number ``a\#2``, a backslash ``\\``. Quoted strings are left alone.
"""

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from sft.amr.graph import Const, Graph, Node, Ref
from sft.amr.penman import Reading
from sft.amr.problems import PER_KIND, Log
from sft.amr.settle import bare_words, report_roles, unclosed
from sft.amr.tokens import TASK1_TOKEN, blank_comments, quoted, strip_alignment
from sft.amr.tree import EMPTY, Atom, Draft, freeze, plant, preorder
from sft.amr.variables import rename_variables, written

# Only what the writer escapes; any other backslash is a character like another.
_ESCAPED = re.compile(r'\A\\(~)(?!")|\\([\\#])')
_VARIABLE = re.compile(r'([^\s"/]+)(?:\s+/\s*|\s*/\s+)(.*)', re.DOTALL)


def to_task1(graph: Graph) -> str:
    """Return the indexed form of the graph.

    >>> from sft.amr.penman import parse
    >>> to_task1(parse("(m / mở :agent (ô / ông) :patient (c / cửa :poss ô))"))
    '(mở :agent (ông) :patient (cửa :poss ~ông))'
    """
    labels = _labels(graph)
    out: list[str] = []
    stack: list[str | Node] = [graph.root]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        out.append(f"({labels[item.var]}")
        stack.append(")")
        for role, child in reversed(item.children):
            if isinstance(child, Node):
                stack.extend((child, f" {role} "))
            elif isinstance(child, Ref):
                stack.append(f" {role} ~{labels[child.var]}")
            else:
                stack.append(f" {role} {_constant(child.text)}")
    return "".join(out)


def _labels(graph: Graph) -> dict[str, str]:
    """Return the text that stands for each variable: its concept, numbered where that would be ambiguous."""
    concepts = {node.var: _concept(node.concept) for node in graph.nodes()}
    children = (child for node in graph.nodes() for _, child in node.children)
    referred = {concepts[child.var] for child in children if isinstance(child, Ref)}
    copies = Counter(concepts.values())
    seen: Counter[str] = Counter()
    labels: dict[str, str] = {}
    for var, concept in concepts.items():
        seen[concept] += 1
        ambiguous = copies[concept] > 1 and concept in referred
        labels[var] = f"{concept}#{seen[concept]}" if ambiguous else concept
    return labels


def _concept(text: str) -> str:
    text = _constant(text)
    head, hash_, number = text.rpartition("#")
    return f"{head}\\#{number}" if hash_ and _is_number(number) and not text.startswith('"') else text


def _constant(text: str) -> str:
    text = written(text)
    if text.startswith('"'):
        return text
    text = text.replace("\\", "\\\\")
    return f"\\{text}" if text.startswith("~") else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def from_task1(text: str, line: int = 1, limit: int | None = PER_KIND) -> Reading:
    """Return the graph of an indexed form, with the variables of `rename_variables`; never raises.

    `line` is the file line on which `text` begins; at most `limit` problems of a kind are listed, with None all.
    A reference that fits no node becomes a node itself, so that later ones can refer to it; one that fits several
    means the nearest before it. The rest of the policy is that of `sft.amr.penman.read`.
    """
    log = Log(limit)
    root = plant(blank_comments(text), log, TASK1_TOKEN)
    if root is None:
        log.add("no_graph", 0)
        return Reading(None, log.problems(text, line))
    tree = _Resolver(log, root).resolve()
    return Reading(rename_variables(Graph(tree, {}, line)), log.problems(text, line))


@dataclass(slots=True)
class _Resolver:
    """Find out which node each reference of a tree means."""

    log: Log
    root: Draft
    numbers: dict[str, Draft] = field(default_factory=dict)  # "concept#k" -> its node
    nodes: dict[str, list[Draft]] = field(default_factory=dict)  # concept -> its nodes in text order
    aliases: dict[str, Draft] = field(default_factory=dict)  # variables, which Task 1 should not have
    leaves: dict[int, Ref | Const] = field(default_factory=dict)

    def resolve(self) -> Node:
        order = preorder(self.root)
        bracketed = [draft for draft in order if not self._define(draft)]
        report_roles(order, self.log)
        for draft in order:
            for index, (role, child, at) in enumerate(draft.children):
                if isinstance(child, Atom):
                    target = self._leaf(child)
                    if target:
                        draft.children[index] = (role, target, at)
        for draft in bracketed:
            concept, number = self._label(draft.label, draft.start + 1)
            target = self._find(concept, number, draft.at)
            if target:
                draft.reference = target.var
            else:
                self._add(draft, concept)
        return freeze(preorder(self.root), lambda atom: self.leaves[id(atom)])

    def _define(self, draft: Draft) -> bool:
        """Read the words of a node; False when it is a reference in brackets."""
        slashed = draft.slash and (draft.name, draft.label)  # the slash came late, or the bracket was missing
        if not slashed and (found := _VARIABLE.match(draft.label)):
            slashed = (found[1], found[2])
        alias, raw = slashed or ("", draft.label or draft.name)
        if slashed:
            self.log.add("variable_in_task1", draft.start, text=alias)
        childless = not draft.children and draft is not self.root
        if raw.startswith("~"):
            self.log.add("stray_token", draft.start, text="()" if childless else "~")
            raw = raw[1:]
            if childless:
                draft.label = raw
                return False
        concept, number = self._label(raw, draft.start)
        key = f"{written(concept)}#{number}" if number else ""
        if key in self.numbers or alias in self.aliases:
            self.log.add(
                "repeated_definition" if childless else "duplicate_variable", draft.at, text=key or alias
            )
            if childless:
                draft.reference = (self.numbers.get(key) or self.aliases[alias]).var
                return True
        self._add(draft, concept)
        if key:
            self.numbers.setdefault(key, draft)
        if alias:
            self.aliases.setdefault(alias, draft)
        return True

    def _add(self, draft: Draft, concept: str) -> None:
        draft.concept = concept or EMPTY
        draft.var = f"n{id(draft)}"
        self.nodes.setdefault(written(draft.concept), []).append(draft)

    def _label(self, raw: str, at: int) -> tuple[str, str]:
        """Split the text of a node or reference into concept and number ('' when it has none)."""
        raw = raw.lstrip(":")
        if raw.startswith(('"', '~"')):
            parts = quoted(raw)
            if parts is None:
                return unclosed(raw, at, self.log), ""
            number = parts[2].removeprefix("#")
            return parts[1], number if _is_number(number) else ""
        text = _words(raw)
        head, hash_, number = text.rpartition("#")
        if hash_ and _is_number(number) and not _escapes(head):
            head = _unaligned(head)
            return _unescape("" if head == "/" else head), number
        return _unescape(text), ""

    def _leaf(self, atom: Atom) -> Draft | None:
        """Decide what an atom is; a node when it refers to nothing."""
        if atom.text.startswith("~") and len(atom.text) > 1:
            concept, number = self._label(atom.text[1:], atom.at + 1)
            target = self._find(concept, number, atom.at)
            if target is None:
                self.log.add("unknown_reference", atom.at, text=concept)
                node = Draft(atom.at, atom.at)
                self._add(node, concept)
                return node
            self.leaves[id(atom)] = Ref(target.var)
        elif atom.text in self.aliases:
            self.leaves[id(atom)] = Ref(self.aliases[atom.text].var)
        elif atom.text.startswith('"'):
            parts = quoted(atom.text)
            text = parts[1] if parts else f'"{unclosed(atom.text, atom.at, self.log)}"'
            self.leaves[id(atom)] = Const(text)
        else:
            text = _words(atom.text)
            if " " in text:
                self.log.add("space_in_constant", atom.at, text=text)
            self.leaves[id(atom)] = Const(_unescape(text))
        return None

    def _find(self, concept: str, number: str, at: int) -> Draft | None:
        spelling = written(concept)
        nodes = self.nodes.get(spelling, [])
        exact = self.numbers.get(f"{spelling}#{number}")
        if exact or len(nodes) < 2:
            return exact or next(iter(nodes), None)
        self.log.add("ambiguous_reference", at, text=concept)
        return nodes[max(0, bisect_left(nodes, at, key=lambda node: node.at) - 1)]


def _escapes(text: str) -> bool:
    """Tell whether a backslash at the end of `text` takes the meaning from what follows."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _words(text: str) -> str:
    """Return the words with single blanks, without alignment marks."""
    words = bare_words(text)
    return " ".join([*map(_unaligned, words[:1]), *map(strip_alignment, words[1:])])


def _unaligned(text: str) -> str:
    bare = strip_alignment(text)
    return text if bare == "\\" else bare  # `\~3` is the word `~3`


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: match[match.lastindex or 0], text) if "\\" in text else text
