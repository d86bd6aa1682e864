r"""Task 1: a graph without variables, on one line, from which the graph comes back whole.

A node is ``(concept :role child …)``, a constant is bare, a reference is ``~concept``. Only where several nodes
share a concept and one of them is referred to do they carry a number, ``concept#k`` (in text order), and so do the
references to them::

    (and :op1 (hỏi :agent (người#1)) :op2 (cười :agent ~người#1 :theme (người#2)))

A backslash takes the meaning from the next character: a constant that begins with ``~`` is written ``\~…``, a
concept that ends like a number ``a\#2``, one that begins with a slash ``\/…``, a backslash ``\\``. Quoted strings
are left alone.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from sft.amr.graph import Const, Graph, Node, Ref
from sft.amr.penman import Reading
from sft.amr.problems import Log
from sft.amr.settle import report_roles, unclosed
from sft.amr.tokens import blank_comments, quoted
from sft.amr.tree import EMPTY, Atom, Draft, freeze, plant, preorder
from sft.amr.variables import rename_variables, written

_ESCAPED = re.compile(r"\\(.)")


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
    return f"\\{text}" if text.startswith(("~", "/")) else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def from_task1(text: str, line: int = 1) -> Reading:
    """Return the graph of an indexed form, with the variables of `rename_variables`; never raises.

    `line` is the file line on which `text` begins.
    A reference that fits no node becomes a node itself, so that later ones can refer to it; one that fits several
    means the nearest before it. The rest of the policy is that of `sft.amr.penman.read`.
    """
    log = Log()
    source = blank_comments(text)
    root = plant(source, log)
    if root is None:
        log.add("no_graph", 0)
        return Reading(None, log.problems(text, line))
    report_roles(preorder(root), log)
    tree = _Resolver(source, log, root).resolve()
    return Reading(rename_variables(Graph(tree, {}, line)), log.problems(text, line))


@dataclass(slots=True)
class _Resolver:
    """Find out which node each reference of a tree means."""

    source: str
    log: Log
    root: Draft
    numbers: dict[str, Draft] = field(default_factory=dict)  # "concept#k" -> its node
    nodes: dict[str, list[Draft]] = field(default_factory=dict)  # concept -> its nodes in text order
    aliases: dict[str, Draft] = field(default_factory=dict)  # variables, which Task 1 should not have
    leaves: dict[int, Ref | Const] = field(default_factory=dict)

    def resolve(self) -> Node:
        order = preorder(self.root)
        bracketed = [draft for draft in order if not self._define(draft)]
        for draft in order:
            for index, (role, child, at) in enumerate(draft.children):
                if isinstance(child, Atom):
                    target = self._leaf(child)
                    if target:
                        draft.children[index] = (role, target, at)
        for draft in bracketed:
            concept, number = self._label(self.source[draft.start + 1 : draft.end], draft.start + 1)
            target = self._find(concept, number, draft.at)
            if target:
                draft.reference = target.var
            else:
                self._add(draft, concept)
        return freeze(preorder(self.root), lambda atom: self.leaves[id(atom)])

    def _define(self, draft: Draft) -> bool:
        """Read the words of a node; False when it is a reference in brackets."""
        raw = self.source[draft.start : draft.end]
        childless = not draft.children and draft is not self.root
        if raw.startswith("~"):
            self.log.add("stray_token", draft.start, text="()" if childless else "~")
            if childless:
                return False
            raw = raw[1:]
        between = raw[len(draft.name) : len(raw) - len(draft.label)]
        alias = draft.name if draft.slash and between != "/" else ""
        if alias or (draft.slash and not raw.replace("/", "").strip()):
            self.log.add("variable_in_task1", draft.start, text=alias)
            raw = draft.label
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
        if raw.startswith('"'):
            parts = quoted(raw)
            if parts is None:
                return unclosed(raw, at, self.log), ""
            number = parts[2].removeprefix("#")
            return parts[1], number if _is_number(number) else ""
        words = [word for word in raw.split() if word != "/"]
        text = " ".join(words)
        head, hash_, number = text.rpartition("#")
        escaped = (len(head) - len(head.rstrip("\\"))) % 2
        if hash_ and _is_number(number) and not escaped:
            return _unescape(head), number
        return _unescape(text), ""

    def _leaf(self, atom: Atom) -> Draft | None:
        """Decide what an atom is; a node when it refers to nothing."""
        if atom.text.startswith("~") and len(atom.text) > 1:
            concept, number = self._label(atom.text[1:], atom.at + 1)
            target = self._find(concept, number, atom.at)
            if target is None:
                self.log.add("unknown_reference", atom.at, text=concept)
                node = Draft(atom.at, atom.at, atom.at)
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
            text = " ".join(atom.text.split())
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
        before = [node for node in nodes if node.at < at]
        return before[-1] if before else nodes[0]


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
