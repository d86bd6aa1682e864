"""What can be wrong with a written graph: the kinds, their severity, their wording, and where they stand.

An *error* is not well-formed PENMAN in any reading: `sft.amr.penman.parse` refuses it and the tolerant reader says
how it was repaired. A *warning* is a quirk that gold data has and that is read with one declared meaning.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sft.i18n import _

PER_KIND = 50  # one runaway output can hold a million defects; nobody reads more than these

# kind -> wording; looked up when a problem is reported, so that the language in force applies.
_WORDING: dict[str, Callable[[], str]] = {
    "no_graph": lambda: _("no graph"),
    "junk_before_start": lambda: _("text before the first bracket: {text!r}"),
    "junk_after_end": lambda: _("text after the graph has closed: {text!r}"),
    "missing_bracket": lambda: _("{n} closing bracket(s) missing at the end"),
    "missing_opening": lambda: _("no opening bracket before {text!r}"),
    "extra_bracket": lambda: _("a bracket too many"),
    "duplicate_variable": lambda: _("variable {text!r} is defined twice"),
    "repeated_definition": lambda: _(
        "variable {text!r} is defined twice with one concept: read as a reference"
    ),
    "missing_slash": lambda: _("node without '/': {text!r}"),
    "missing_concept": lambda: _("node without a concept"),
    "missing_role": lambda: _("no role before {text!r}"),
    "missing_target": lambda: _("nothing follows the role {text!r}"),
    "glued_word": lambda: _("a word is glued to the role in {text!r}"),
    "stray_token": lambda: _("stray text {text!r}"),
    "unclosed_quote": lambda: _("quotation mark not closed: {text!r}"),
    "unknown_reference": lambda: _("reference to {text!r}, which no node is: read as a new node"),
    "ambiguous_reference": lambda: _(
        "reference to {text!r} fits several nodes: the nearest before it is taken"
    ),
    "variable_in_task1": lambda: _("variable {text!r} in a graph without variables"),
    "number_as_node": lambda: _("a number written as a node, {n} time(s): read as a constant"),
    "missing_variable": lambda: _("node without a variable: {text!r}"),
    "undefined_reference": lambda: _("no node defines {text!r}: read as a constant"),
    "space_in_concept": lambda: _("blanks inside the concept {text!r}"),
    "space_in_constant": lambda: _("blanks inside the constant {text!r}"),
    "odd_variable": lambda: _("variable {text!r} does not begin with a letter"),
    "odd_role": lambda: _("unusual role {text!r}"),
    "misspelt_frame": lambda: _("{text!r} looks like a misspelling of {near!r}"),
    "wiki_with_children": lambda: _("the :wiki node holds other relations"),
}
# `number_as_node` is well-formed, and mended only in model output (`sft.amr.repair`).
_WARNINGS = frozenset({
    "number_as_node", "missing_variable", "undefined_reference", "space_in_concept", "space_in_constant", "odd_variable", "odd_role",
    "misspelt_frame", "wiki_with_children",
})  # fmt: skip
KINDS = tuple(_WORDING)


@dataclass(frozen=True, slots=True)
class Problem:
    """One defect or quirk: machine `kind`, 1-based `line` and `column`, wording, and whether it was repaired."""

    kind: str
    line: int
    column: int
    message: str
    severity: Literal["error", "warning"]
    repaired: bool = True

    def caret(self, text: str, first_line: int = 1) -> str:
        r"""Return the source line with a ``^`` under the place; `text` begins at file line `first_line`.

        >>> print(Problem("missing_target", 1, 9, "", "error").caret("(c / cá :mod )"))
        (c / cá :mod )
                ^
        """
        lines = text.split("\n")
        row = self.line - first_line
        source = lines[row].rstrip() if 0 <= row < len(lines) else ""
        lead = "".join(c if c == "\t" else " " for c in source[: self.column - 1])
        return f"{source}\n{lead.ljust(self.column - 1)}^"


@dataclass(slots=True)
class Log:
    """Collect defects by offset while a graph is read, and turn them into problems at the end.

    Beyond `limit` of a kind only the count grows; None keeps all.
    """

    limit: int | None = PER_KIND
    found: list[tuple[int, str, dict[str, object]]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, at: int, **details: object) -> None:
        """Note one defect at offset `at`."""
        seen = self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.limit is None or seen <= self.limit:
            self.found.append((at, kind, details))

    def problems(self, text: str, line: int) -> tuple[Problem, ...]:
        """Return the defects in text order; `line` is the file line on which `text` begins."""
        result: list[Problem] = []
        start = done = 0  # `start`: offset of the current line; `done`: up to where lines are counted
        for at, kind, details in sorted(self.found, key=lambda item: item[0]):
            line += text.count("\n", done, at)
            start = text.rfind("\n", 0, at) + 1 if text.count("\n", done, at) else start
            done = at
            result.append(
                Problem(
                    kind=kind,
                    line=line,
                    column=at - start + 1,
                    message=_WORDING[kind]().format(**{k: _short(v) for k, v in details.items()}),
                    severity="warning" if kind in _WARNINGS else "error",
                    repaired=kind == "number_as_node" or (kind not in _WARNINGS and kind != "no_graph"),
                )
            )
        return tuple(result)


def _short(value: object) -> object:
    if isinstance(value, str):
        flat = " ".join(value[:200].split())
        return flat if len(flat) <= 40 else flat[:39] + "…"
    return value
