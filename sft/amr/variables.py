"""Names of nodes: fresh variables, the deterministic ones of Task 2, and the canonical spelling of concepts."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sft.amr.graph import Const, Graph, Node, Ref
from sft.text import nfc

_SEPARATORS = re.compile(r"(?<=[^ _])[ _]+(?=[^ _])")


@dataclass(slots=True)
class Names:
    """Hand out variables that are not `taken`: first letter of the concept, then the letter with 2, 3, …."""

    taken: set[str]
    last: dict[str, int] = field(default_factory=dict)

    def fresh(self, concept: str) -> str:
        """Return an unused variable for a node of this concept.

        >>> names = Names({"c2"})
        >>> [names.fresh(concept) for concept in ("chị", "Cá", "cơm", "đi", "7h")]
        ['c', 'c3', 'c4', 'đ', 'h']
        """
        letter = initial(concept)
        number = self.last.get(letter, 0) + 1
        while (name := letter if number == 1 else f"{letter}{number}") in self.taken:
            number += 1
        self.last[letter] = number
        self.taken.add(name)
        return name


def initial(concept: str) -> str:
    """Return the first letter of `concept` in lower case, Vietnamese letters kept; ``x`` when it has none.

    >>> initial("Đà_Lạt"), initial("1900")
    ('đ', 'x')
    """
    return next((letter for letter in nfc(concept).lower() if letter.isalpha()), "x")


def written(text: str) -> str:
    """Return a concept or constant as one token: blanks become ``_``, except in a quoted string."""
    return spaced(text, "_")


def spaced(text: str, blank: str) -> str:
    """Return a concept or constant with its blanks as `blank`, except in a quoted string."""
    return text if text.startswith('"') or " " not in text else text.replace(" ", blank)


def rebuild(
    root: Node, name: Callable[[Node], tuple[str, str]], leaf: Callable[[Ref | Const], Ref | Const]
) -> Node:
    """Return the tree with every node's (variable, concept) and every leaf replaced; depth is not limited.

    `name` is called in reversed text order.
    """
    done: list[Node] = []
    for node in reversed(list(Graph(root).nodes())):
        children = tuple(
            (role, done.pop() if isinstance(child, Node) else leaf(child)) for role, child in node.children
        )
        done.append(Node(*name(node), children))
    return done.pop()


def leaves(graph: Graph) -> list[Ref | Const]:
    """Return every leaf in the order of its node."""
    return [child for node in graph.nodes() for _, child in node.children if not isinstance(child, Node)]


def rename_variables(graph: Graph) -> Graph:
    """Return the graph with the variables of Task 2: first letter of the concept, then 2, 3, … in text order.

    A name that is also the text of a constant is left out, so a constant never becomes a reference.
    """
    names = Names({written(leaf.text) for leaf in leaves(graph) if isinstance(leaf, Const)})
    new: dict[str, str] = {}
    for node in graph.nodes():
        new.setdefault(node.var, names.fresh(node.concept))
    root = rebuild(
        graph.root,
        lambda node: (new[node.var], node.concept),
        lambda leaf: Ref(new.get(leaf.var, leaf.var)) if isinstance(leaf, Ref) else leaf,
    )
    return Graph(root, graph.metadata, graph.line)


def spell(text: str, separator: str = "_") -> str:
    """Return a concept in NFC with one `separator` for the blanks and underscores inside; a quoted text only in NFC.

    >>> spell("xe đạp"), spell("xe _đạp"), spell('"Hà Nội"'), spell("_")
    ('xe_đạp', 'xe_đạp', '"Hà Nội"', '_')
    """
    text = nfc(text)
    if text.startswith('"') or (" " not in text and "_" not in text):
        return text
    return _SEPARATORS.sub(lambda _: separator, text)


def spell_constant(text: str, separator: str = "_") -> str:
    """Return a constant as `spell` does when it holds a letter; numbers and signs stay."""
    return spell(text, separator) if any(map(str.isalpha, text)) else text


def canonical(graph: Graph, separator: str = "_") -> Graph:
    """Return the graph in NFC with one `separator` for blanks and underscores inside concepts and constants.

    Quoted texts only become NFC.
    """

    def leaf(item: Ref | Const) -> Ref | Const:
        return Ref(nfc(item.var)) if isinstance(item, Ref) else Const(spell_constant(item.text, separator))

    variables = [node.var for node in graph.nodes()]
    if len(set(map(nfc, variables))) < len(variables):
        graph = rename_variables(graph)  # two variables that differ only in their normal form
    root = rebuild(graph.root, lambda node: (nfc(node.var), spell(node.concept, separator)), leaf)
    return Graph(root, graph.metadata, graph.line)
