"""The task metric of a training: a fixed slice of held-out rows is answered by the model as it is, and scored.

Smatch F1 for graphs, accuracy for labels, token F1 for free answers. The slice is sampled by seed, the answers are
greedy, and nothing of the training changes: neither weights nor random numbers nor modes.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sft import answers, backends, base, chat, generation, report, splits, templates, tokenizer
from sft.evaluation import LABEL_TASKS
from sft.i18n import _
from sft.metrics import classify, text_scores
from sft.records import Row
from sft.training import best
from sft.training.order import named
from sft.training.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from sft.training.job import Job

_SECONDS = 5.0  # for one pair of graphs: an open one counts what is proven to match


@dataclass(frozen=True, slots=True)
class Exam:
    """The rows of the slice with their prompts, and how answers are read; `figure` names the metric."""

    figure: str
    rows: tuple[Row, ...]
    prompts: tuple[list[int], ...]
    limit: int
    template: templates.Template
    label_set: tuple[str, ...]
    loaded: tokenizer.Loaded
    backend: str

    def take(self, model: Any, note: Callable[[str], None], together: Ranks = ALONE) -> float:
        """Return the metric of `model`; each of several processes answers its share of the rows, all return the same."""
        import torch

        mine = range(together.rank, len(self.rows), together.count)
        raw: list[str] = []
        with (
            torch.random.fork_rng(),
            torch.inference_mode(),
            backends.answering(self.backend, model),
        ):
            batch = generation.batch_for(model)
            prompts = [self.prompts[n] for n in mine]
            found = generation.generate(
                model, self.loaded, prompts, self.limit, batch, lambda done: None, note
            )
            raw = [one.raw for one in found]
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # training needs the memory in other pieces
        every = {n: text for part in together.all_of(list(zip(mine, raw, strict=True))) for n, text in part}
        return self.mark([every[n] for n in range(len(self.rows))])

    def mark(self, raw: Sequence[str]) -> float:
        """Return the metric of the answers, one for every row; what does not read counts as wrong."""
        read = [answers.read(self.template, text, self.label_set) for text in raw]
        if self.template.task in LABEL_TASKS:
            gold = [str(row.meta["label"]) for row in self.rows]
            return classify(gold, [one.label for one in read], self.label_set).accuracy
        if self.template.task in ("amr", "mtup"):
            lines = [{"id": row.id, **one.as_dict()} for row, one in zip(self.rows, read, strict=True)]
            pairs = list(zip(report.predicted_items(lines), report.gold_items(self.rows), strict=True))
            return float(report.brief(pairs, "smatch", _SECONDS)["f1"])
        return text_scores([row.messages[-1].content for row in self.rows], [one.text for one in read]).f1


def figure(task: str) -> str:
    """Return the name of a task's metric.

    >>> figure("mtup"), figure("label"), figure("chat")
    ('smatch_f1', 'accuracy', 'token_f1')
    """
    if task in ("amr", "mtup"):
        return "smatch_f1"
    return "accuracy" if task in LABEL_TASKS else "token_f1"


def of(job: "Job", note: Callable[[str], None]) -> Exam:
    """Return the exam of a job: `task_rows` of its held-out rows, those left out that are too long for the model."""
    context = base.generation_limit(job.base)
    chosen = set(splits.sample(job.held_out, job.settings.task_rows, job.settings.seed))
    rows = [row for side in job.data.rows.values() for row in side if row.id in chosen]
    loaded = job.loaded
    prompts = [chat.prompt_ids(generation.prompt_of(row), loaded.tokenizer, loaded.format) for row in rows]
    # No longer than the longest answer of the slice needs: early in a training nothing stops by itself.
    gold = [loaded.tokenizer.encode(row.messages[-1].content, add_special_tokens=False).ids for row in rows]
    limit = generation.limit_for(max(map(len, gold)) + 1)
    fitting = [n for n, prompt in enumerate(prompts) if len(prompt) + limit <= context]
    if not fitting:  # the answers may be shorter than the limit
        fitting, limit = list(range(len(rows))), max(1, context - max(map(len, prompts)))
    if len(fitting) < len(rows):
        note(
            _("! {n} of the {of} rows to answer are too long for the model, and left out: {ids}").format(
                n=len(rows) - len(fitting),
                of=len(rows),
                ids=named([row.id for n, row in enumerate(rows) if n not in fitting]),
            )
        )
    return Exam(
        figure=figure(job.template.task),
        rows=tuple(rows[n] for n in fitting),
        prompts=tuple(prompts[n] for n in fitting),
        limit=limit,
        template=job.template,
        label_set=tuple(job.data.manifest["label_set"]),
        loaded=loaded,
        backend=job.backend,
    )


def measure(
    job: "Job", note: Callable[[str], None], together: Ranks = ALONE
) -> Callable[[Any], dict[str, float]] | None:
    """Return what measures the task metric of a model and the seconds it takes; None where it decides nothing."""
    if job.settings.best != best.TASK:
        return None
    exam = of(job, note)

    def taken(model: Any) -> dict[str, float]:
        began = time.monotonic()
        value = exam.take(model, note, together)
        return {f"eval_{exam.figure}": value, "eval_task_seconds": round(time.monotonic() - began, 1)}

    return taken
