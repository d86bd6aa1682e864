"""Settle what the words of a PENMAN tree mean: variables, concepts, references, constants."""

import re

from sft.amr.frames import FRAMES, misspelt
from sft.amr.graph import Const, Node, Ref
from sft.amr.problems import Log
from sft.amr.tokens import is_alignment, is_plain, is_plain_role, is_variable_like, quoted, strip_alignment
from sft.amr.tree import EMPTY, Atom, Draft, freeze, preorder
from sft.amr.variables import Names, written

_LISTED = re.compile(r"(:op|:snt)([0-9]{1,6})")


def phrase(text: str, at: int, log: Log, *, close: bool = False) -> str:
    """Return a concept or constant with single blanks, without alignment marks and stray slashes.

    An unclosed quote is closed when `close`, else dropped. '' when nothing is left.
    """
    if is_plain(text):
        return text
    if text.startswith(('"', '~"')):
        return string(text, at, log) or (f'"{unclosed(text, at, log)}"' if close else unclosed(text, at, log))
    kept = bare_words(text)
    if "/" in text.split():
        log.add("stray_token", at, text="/")
    return " ".join(map(strip_alignment, kept))


def bare_words(text: str) -> list[str]:
    """Return the words of `text` but for slashes and alignment marks that stand alone."""
    words = [word for word in text.split() if strip_alignment(word) != "/"]
    return words[:1] + [word for word in words[1:] if not is_alignment(word)]


def string(text: str, at: int, log: Log) -> str:
    """Return the quoted string that `text` is, without what is glued to it; '' when no quote closes it."""
    parts = quoted(text)
    if parts is None:
        return ""
    before, body, behind = parts
    if before or (behind and not is_alignment(behind)):
        log.add("stray_token", at, text=before + behind)
    return body


def unclosed(text: str, at: int, log: Log) -> str:
    """Return the words behind a quotation mark that nothing closes."""
    log.add("unclosed_quote", at, text=text)
    # Blanks, not nothing: `a:"b` must not become `a:b`, which is a word and a role.
    words = bare_words(text.removeprefix("~").replace('"', " ").replace("\\", " "))
    return " ".join(map(strip_alignment, words)).lstrip(": ")


def settle(root: Draft, log: Log) -> Node:
    """Return the tree as nodes: every variable unique, every reference defined, every node with a concept."""
    order = preorder(root)
    defined = _definitions(order, log)
    atoms = {id(child): child for draft in order for _, child, _ in draft.children if isinstance(child, Atom)}
    texts = {key: phrase(atom.text, atom.at, log, close=True) for key, atom in atoms.items()}
    names = Names(set(defined).union(map(written, texts.values()), (t.split(" ")[0] for t in texts.values())))
    for draft in order:
        _name(draft, root, defined, names, log)
    report_roles(order, log)
    variables = {draft.var for draft in order if not draft.reference}

    def leaf(atom: Atom) -> Ref | Const:
        return _leaf(texts[id(atom)], atom.at, variables, log)

    return freeze(order, leaf)


def _definitions(order: list[Draft], log: Log) -> dict[str, Draft]:
    """Read the words of every node; return the node that defines each variable, one with a concept first."""
    defined: dict[str, Draft] = {}
    for draft in order:
        if draft.slash:
            first, *rest = draft.name.split() or [""]
            if rest:
                log.add("stray_token", draft.start, text=" ".join(rest))
            usable = "/" not in first and not first.startswith(('"', '~"'))
            draft.var = strip_alignment(first) if usable else ""
            draft.concept = phrase(draft.label, draft.start, log) if draft.label else ""
        else:
            draft.concept = phrase(draft.name or draft.label, draft.start, log) if not draft.blank else ""
        if draft.var and draft.concept:
            defined.setdefault(draft.var, draft)
    for draft in order:
        if draft.var:
            defined.setdefault(draft.var, draft)
    return defined


def _name(draft: Draft, root: Draft, defined: dict[str, Draft], names: Names, log: Log) -> None:
    """Give the node a variable of its own and a concept, or make it a reference."""
    childless = not draft.children and draft is not root
    if not draft.slash:
        if not draft.blank:
            log.add("missing_slash", draft.at, text=draft.concept)
        if childless and draft.concept in defined:
            draft.reference = draft.concept
            return
    elif not draft.concept:
        log.add("missing_concept", draft.at)
        if childless and defined.get(draft.var, draft) is not draft:
            draft.reference = draft.var
            return
        draft.concept = draft.var
    elif not draft.var:
        log.add("missing_variable", draft.at, text=draft.concept)
    draft.concept = draft.concept or EMPTY
    if draft.var and defined[draft.var] is not draft:
        if childless and written(draft.concept) == written(defined[draft.var].concept):
            log.add("repeated_definition", draft.at, text=draft.var)
            draft.reference = draft.var
            return
        log.add("duplicate_variable", draft.at, text=draft.var)
        draft.var = ""
    draft.var = draft.var or names.fresh(draft.concept)
    _quirks(draft, log)


def _quirks(draft: Draft, log: Log) -> None:
    """Report what is legal to read but worth a look."""
    if not draft.var[0].isalpha():
        log.add("odd_variable", draft.start, text=draft.var)
    if " " in draft.concept and not draft.concept.startswith('"'):
        log.add("space_in_concept", draft.start, text=draft.concept)
    near = misspelt(draft.concept)
    if near:
        log.add("misspelt_frame", draft.start, text=draft.concept, near=near)


def report_roles(order: list[Draft], log: Log) -> None:
    """Report unusual roles and name the missing ones: the next ``:op`` of a list, else ``:mod``."""
    for draft in order:
        for index, (role, child, at) in enumerate(draft.children):
            if not role:
                log.add("missing_role", at, text=child.text if isinstance(child, Atom) else child.concept)
                draft.children[index] = (_next_role(draft, index), child, at)
            elif not is_plain_role(role) or role[1:] in FRAMES:
                log.add("odd_role", at, text=role)
            elif role == ":wiki" and isinstance(child, Draft) and child.children:
                log.add("wiki_with_children", at)


def _next_role(draft: Draft, index: int) -> str:
    """Continue the list that the sibling before belongs to, or begin the one that the concept calls for."""
    first = {"multi-sentence": ":snt0", "and": ":op0", "or": ":op0", "name": ":op0"}.get(draft.concept, "")
    listed = _LISTED.fullmatch(draft.children[index - 1][0] if index else first)
    return f"{listed[1]}{int(listed[2]) + 1}" if listed else ":mod"


def _leaf(text: str, at: int, variables: set[str], log: Log) -> Ref | Const:
    if text in variables:
        return Ref(text)
    if " " not in text or text.startswith('"'):
        if is_variable_like(text):
            log.add("undefined_reference", at, text=text)
        return Const(text)
    first, _, rest = text.partition(" ")
    if written(text) in variables:
        return Ref(written(text))
    if first in variables:
        log.add("stray_token", at, text=rest)
        return Ref(first)
    log.add("space_in_constant", at, text=text)
    return Const(text)
