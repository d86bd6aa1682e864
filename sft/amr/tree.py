"""Grow a tree out of tokens, whatever they are: brackets are balanced here, names are settled by the caller.

Nothing here recurses: depth is bounded by memory, not by the stack.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sft.amr.graph import Const, Node, Ref
from sft.amr.problems import Log
from sft.amr.tokens import TOKEN, strip_alignment

EMPTY = "amr-empty"  # concept of a node that has children but no word of its own


@dataclass(slots=True)
class Atom:
    """A leaf as written; whether it is a reference is known only when the whole graph is."""

    text: str
    at: int


@dataclass(slots=True, eq=False)
class Draft:
    """A node while it is read; `name` and `label` are the texts before and behind the slash.

    `at` is where its bracket stands, `start` where its words do.
    """

    at: int
    start: int
    name: str = ""
    slash: bool = False
    label: str = ""
    children: "list[tuple[str, Draft | Atom, int]]" = field(default_factory=list)
    var: str = ""
    concept: str = ""
    reference: str = ""  # set when the node turned out to be a reference to this variable

    @property
    def blank(self) -> bool:
        """Tell whether nothing was written between the bracket and the first child."""
        return not (self.name or self.slash or self.label)


@dataclass(slots=True)
class _Planter:
    log: Log
    root: Draft | None = None
    stack: list[Draft] = field(default_factory=list)

    def take(self, match: "re.Match[str]") -> None:
        """Do what one token inside the tree says."""
        role, bracket, _name, _slash, _label, atom, closing = match.groups()
        plain = strip_alignment(role).removesuffix(":") if role else ""
        if bracket:
            self.open(plain, _draft(match), match.start(1) if role else match.start(2))
        elif atom:
            self.atom(plain, atom, match.start(6), match.start(1))
        else:
            if role:
                self.lonely(plain or role, match.start(1))
            if closing:
                self.close()

    def open(self, role: str, draft: Draft, at: int) -> None:
        if self.stack:
            self.stack[-1].children.append((role, draft, at))
        else:
            self.root = draft
        self.stack.append(draft)

    def close(self) -> None:
        """Pop a node; an empty one is dropped, and a pair of doubled brackets becomes one."""
        draft = self.stack.pop()
        if not draft.blank:
            return
        heir: Draft | None = None
        if draft.children:
            role, child, _at = draft.children[0]
            if len(draft.children) > 1 or role or not isinstance(child, Draft):
                self.log.add("missing_concept", draft.at)
                return
            heir = child
        self.log.add("extra_bracket" if heir else "missing_concept", draft.at)
        if not self.stack:
            self.root = heir
        else:
            role, _child, at = self.stack[-1].children.pop()
            if heir:
                self.stack[-1].children.append((role, heir, at))

    def atom(self, role: str, text: str, at: int, role_at: int) -> None:
        """Attach a leaf, or make sense of words that stand where no leaf can."""
        top = self.stack[-1]
        words = [] if text.startswith(('"', '~"')) or "/" not in text else text.split()
        cut = next((i for i, word in enumerate(words) if strip_alignment(word) == "/"), -1)
        if cut >= 0:
            self._slashed(role, words[:cut], words[cut + 1 :], at, role_at)
        elif role:
            top.children.append((role, Atom(text, at), role_at))
        elif top.blank and not top.children:
            top.label, top.start = text, at
        else:
            self.log.add("stray_token", at, text=text)

    def _slashed(self, role: str, before: list[str], behind: list[str], at: int, role_at: int) -> None:
        """Read ``c / chị`` where a leaf should stand: its bracket is missing, or the slash comes late."""
        top = self.stack[-1]
        name, label = " ".join(before), " ".join(behind)
        if not role and not top.children and not top.slash:
            top.name = top.name or top.label or name
            top.label, top.slash = label, True
        elif role and label:
            self.log.add("missing_opening", at, text=f"{name} / {label}")
            self.open(role, Draft(at, at, name, True, label), role_at)
        else:
            self.log.add("stray_token", at, text=f"{name} / {label}")
            if role and name:
                top.children.append((role, Atom(name, at), role_at))

    def lonely(self, role: str, at: int) -> None:
        """Handle a role without a target; ``:pivot-nó`` is a role with its word glued on."""
        head, _dash, tail = role.partition("-")
        name = strip_alignment(head)
        if len(name) > 1 and not tail.isascii():
            self.log.add("glued_word", at, text=role)
            start = at + len(head) + 1
            self.stack[-1].children.append((name, Draft(start, start, tail), at))
        else:
            self.log.add("missing_target", at, text=role)


def plant(text: str, log: Log, token: "re.Pattern[str]" = TOKEN) -> Draft | None:
    """Return the first tree of `text`, or None; every departure from well-formed text is logged.

    The tree ends where its root closes; nodes still open at the end of the text are closed there.
    """
    planter = _Planter(log)
    before = -1  # where the text before the first bracket begins
    for match in token.finditer(text):
        if match.lastindex is None:
            continue  # nothing but blanks
        if planter.stack:
            planter.take(match)
        elif planter.root is not None:
            _report_rest(text, match.start(), log)
            break
        elif match[2]:
            if before >= 0 or match[1]:
                start = before if before >= 0 else match.start(1)
                log.add("junk_before_start", start, text=text[start : match.start(2)])
            before = -1
            planter.open("", _draft(match), match.start(2))
        elif before < 0:
            before = match.start()
    if planter.stack:
        log.add("missing_bracket", len(text.rstrip()), n=len(planter.stack))
        while planter.stack:
            planter.close()
    return planter.root


def _draft(match: "re.Match[str]") -> Draft:
    _role, _bracket, name, slash, label, _atom, _closing = match.groups()
    start = match.start(3) if name else match.start(4) if slash else match.start(5) if label else match.end(2)
    return Draft(match.start(2), start, name or "", bool(slash), label or "")


def _report_rest(text: str, start: int, log: Log) -> None:
    rest = text[start:].strip()
    at = text.index(rest[0], start)
    if not rest.replace(")", "").strip():
        log.add("extra_bracket", at)
    else:
        log.add("junk_after_end", at, text=rest)


def preorder(root: Draft) -> list[Draft]:
    """Return every draft of the tree, depth-first in text order."""
    order: list[Draft] = []
    stack = [root]
    while stack:
        draft = stack.pop()
        order.append(draft)
        stack.extend(child for _, child, _ in reversed(draft.children) if isinstance(child, Draft))
    return order


def freeze(order: list[Draft], leaf: Callable[[Atom], Ref | Const]) -> Node:
    """Turn settled drafts (in text order) into nodes; `leaf` decides what an atom is."""
    done: list[Node | Ref] = []
    for draft in reversed(order):
        # In reversed text order the results of a node's children lie on top of the pile, first child topmost.
        children = tuple(
            (role, done.pop() if isinstance(child, Draft) else leaf(child))
            for role, child, _ in draft.children
        )
        done.append(Ref(draft.reference) if draft.reference else Node(draft.var, draft.concept, children))
    root = done.pop()
    assert isinstance(root, Node), "a root is never a reference"
    return root
