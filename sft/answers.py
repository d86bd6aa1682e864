"""Read a generated answer back: by the template's markers, then by the task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sft import labels, templates
from sft.amr import penman, repair, task1
from sft.amr.problems import Problem


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read from one raw answer.

    AMR tasks fill `graph` (one-line PENMAN), `graph_source` (which part it came from), `repairs` (kinds of defects
    mended) and for MTUP `task1`, or `problem` (the first defect) when no graph came out; label tasks `label`; free
    answers `text`. `readable` is False when nothing fits.
    """

    readable: bool
    graph: str | None = None
    graph_source: str = ""
    repairs: tuple[str, ...] = ()
    task1: str | None = None
    label: str | None = None
    text: str | None = None
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the entries of a prediction row that are filled in."""
        values = {
            "readable": self.readable,
            "graph": self.graph,
            "graph_source": self.graph_source or None,
            "repairs": list(self.repairs) or None,
            "task1": self.task1,
            "label": self.label,
            "text": self.text,
            "problem": self.problem,
        }
        return {name: value for name, value in values.items() if value is not None}


def read(template: templates.Template, raw: str, label_set: Sequence[str] = ()) -> Answer:
    """Read `raw` as an answer to `template`; `label_set` are the data's labels for a ``label`` task."""
    parts = templates.extract(template, raw)
    if template.task in ("amr", "mtup"):
        return _graph(raw, parts)
    if template.task == "true_false":
        label = labels.parse(parts.get("answer", raw), template.labels)
        return Answer(label is not None, label=label)
    if template.task == "label":
        label = labels.parse_label(parts.get("label", raw), label_set)
        return Answer(label is not None, label=label)
    text = parts.get("answer", raw).strip()
    return Answer(bool(text), text=text)


def _graph(raw: str, parts: Mapping[str, str]) -> Answer:
    found = repair.extract_graph(raw, parts)
    first = task1.from_task1(parts["task1"]).graph if "task1" in parts else None
    structure = task1.to_task1(first) if first else None
    kinds = [problem.kind for problem in found.problems if problem.severity == "error" or problem.repaired]
    if found.graph is None:
        return Answer(False, task1=structure, problem=kinds[0] if kinds else "no_graph")
    return Answer(
        readable=True,
        graph=penman.to_penman(found.graph),
        graph_source=found.source,
        repairs=tuple(sorted(set(kinds))),
        task1=structure,
    )


def graph_problems(template: templates.Template, raw: str) -> tuple[Problem, ...]:
    """Return what is wrong with the graph of an answer; their places are in a part of it, so they are left out."""
    found = repair.extract_graph(raw, templates.extract(template, raw))
    return tuple(replace(problem, line=0, column=0) for problem in found.problems)
