"""Abstract Meaning Representation: PENMAN reader and printer, the variable-free Task 1 form, repair, and what to do with it.

The functions that a script wants, by one name each::

    >>> from sft.amr import align, convert, fix, parse, score
    >>> graph = parse("(m / muốn :agent (b / bé) :theme (n / ngủ :agent b))")
    >>> [node.concept for node in graph.nodes()]
    ['muốn', 'bé', 'ngủ']
    >>> round(score("(n / ngủ :agent (m / mèo))", graph).f1, 3)
    0.364
    >>> align("(n / ngủ :agent (m / mèo))", "(x / ngủ :agent (x2 / mèo))")
    {'n': 'x', 'm': 'x2'}
    >>> print(fix("(n / ngủ :agent (m / mèo)").text)
    (n / ngủ :agent (m / mèo))

They live in modules of this package and in `sft.smatch`, which itself stands on this package: a name is looked up
when it is first used (PEP 562), because an import here would make a circle, and would make every user of the
reader load the scorer too. The modules have other names than the functions: importing a module sets its name here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sft.amr.checks import Check, Found, check
    from sft.amr.figures import Stats, stats
    from sft.amr.fixes import Fixed, Repair, fix
    from sft.amr.forms import Converted, convert
    from sft.amr.graph import Const, Graph, Node, Ref
    from sft.amr.penman import (
        Block,
        Problem,
        Reading,
        blocks,
        canonical,
        parse,
        read,
        read_block,
        rename_variables,
        to_penman,
    )
    from sft.amr.task1 import from_task1, to_task1
    from sft.amr.triples import from_triples, to_triples
    from sft.smatch.graphs import align, score
    from sft.smatch.score import CorpusScore, PairScore, score_corpus
    from sft.smatch.select import Choice, select

_HOME = {
    "sft.amr.checks": ("Check", "Found", "check"),
    "sft.amr.figures": ("Stats", "stats"),
    "sft.amr.fixes": ("Fixed", "Repair", "fix"),
    "sft.amr.forms": ("Converted", "convert"),
    "sft.amr.graph": ("Const", "Graph", "Node", "Ref"),
    "sft.amr.penman": (
        *("Block", "Problem", "Reading", "blocks", "canonical", "parse", "read", "read_block"),
        *("rename_variables", "to_penman"),
    ),
    "sft.amr.task1": ("from_task1", "to_task1"),
    "sft.amr.triples": ("from_triples", "to_triples"),
    "sft.smatch.graphs": ("align", "score"),
    "sft.smatch.score": ("CorpusScore", "PairScore", "score_corpus"),
    "sft.smatch.select": ("Choice", "select"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Block", "Check", "Choice", "Const", "Converted", "CorpusScore", "Fixed", "Found", "Graph", "Node", "PairScore",
    "Problem", "Reading", "Ref", "Repair", "Stats", "align", "blocks", "canonical", "check", "convert", "fix",
    "from_task1", "from_triples", "parse", "read", "read_block", "rename_variables", "score", "score_corpus",
    "select", "stats", "to_penman", "to_task1", "to_triples",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Return what stands behind a name of this package."""
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE[name]), name)


def __dir__() -> list[str]:
    """Name what the package offers."""
    return sorted({*globals(), *__all__})
