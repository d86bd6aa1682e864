"""Answers and labels: missing ones, words for missing ones, classes that are too few, answers that the question holds."""

from collections import Counter

from sft.checks.survey import Mark, Survey
from sft.i18n import _
from sft.keys import key
from sft.records import Finding, Severity
from sft.splits import TRAIN

EXAMPLES = 5
_SOME = 0.01
_LONGEST_LABEL = 8  # words


def findings(survey: Survey, limit: int = EXAMPLES) -> list[Finding]:
    """Return what is odd about answers and labels."""
    found = [*missing(survey, limit), answer_in_prompt(survey, limit)]
    if survey.closed:
        found += [imbalance(survey), unseen(survey, limit)]
    return [finding for finding in found if finding is not None]


def missing(survey: Survey, limit: int = EXAMPLES) -> list[Finding]:
    """Find empty questions and answers, and answers that are what a spreadsheet library writes for an empty cell."""
    out = []
    for mark, kind, message, hint in (
        (
            Mark.EMPTY_ANSWER,
            "empty_target",
            _("{n} rows have an empty answer"),
            _("fill them in or remove them: an empty answer teaches the model to stop at once"),
        ),
        (
            Mark.NAN_ANSWER,
            "nan_target",
            _("{n} answers are a word for a missing value (nan, None, NA)"),
            _("check the cells in the source: such words come from empty ones"),
        ),
        (
            Mark.EMPTY_QUESTION,
            "empty_question",
            _("{n} rows ask nothing"),
            _("leave them out with --min-chars text=1, unless silence is an input that means something"),
        ),
    ):
        rows = survey.marked(mark)
        if rows:
            told = tuple(survey.ids[row] for row in rows[:limit])
            severity: Severity = "error" if kind == "empty_target" else "warning"
            numbers = tuple((row,) for row in rows[:limit])
            said = message.format(n=len(rows))
            out.append(Finding(kind, severity, len(rows), said, told, hint, rows=numbers))
    return out


def label_counts(survey: Survey) -> dict[str, dict[str, int]]:
    """Count the rows of each label and split."""
    counts = Counter((survey.label[row], survey.side[row]) for row in survey.rows())
    table: dict[str, dict[str, int]] = {}
    for (label, side), n in counts.items():
        table.setdefault(survey.labels.names[label], {})[survey.sides.names[side]] = n
    return table


def imbalance(survey: Survey) -> Finding | None:
    """Find a label set whose largest class is five times the smallest, or 70 % of the rows."""
    counts = Counter({label: sum(sides.values()) for label, sides in label_counts(survey).items()})
    if len(counts) < 2:
        return None
    ordered = counts.most_common()
    (most, high), (least, low) = ordered[0], ordered[-1]
    if high < 5 * low and high < 0.7 * counts.total():
        return None
    return Finding(
        "imbalance",
        "warning",
        high,
        _("labels are unbalanced: {most} {high} rows ({share:.0%}), {least} {low} rows").format(
            most=most, high=high, share=high / counts.total(), least=least, low=low
        ),
        hint=_("read macro-F1 and the majority baseline, not the accuracy alone"),
    )


def unseen(survey: Survey, limit: int = EXAMPLES) -> Finding | None:
    """Find labels that no training row carries."""
    missing_labels = {label: rows for label, rows in label_counts(survey).items() if TRAIN not in rows}
    if not missing_labels:
        return None
    return Finding(
        "unseen_label",
        "warning",
        sum(sum(rows.values()) for rows in missing_labels.values()),
        _("{n} labels occur in held-out rows only: {names}").format(
            n=len(missing_labels), names=", ".join(sorted(missing_labels)[:limit])
        ),
        hint=_("the model cannot learn them; add training rows or leave them out of the test"),
    )


def answer_in_prompt(survey: Survey, limit: int = EXAMPLES) -> Finding | None:
    """Find questions that hold their own answer. An answer inside the context is what reading is about.

    The word of a label ("đúng", "không") stands in questions by chance: it counts when the questions hold their own label
    far more often than another one.
    """
    rows = survey.marked(Mark.ANSWER_ASKED)
    if not rows or (survey.closed and not _tells(survey)):
        return None
    share = len(rows) / max(1, sum(1 for _row in survey.rows()))
    return Finding(
        "answer_in_prompt",
        "warning" if share >= _SOME else "info",
        len(rows),
        _("{n} questions ({share:.1%}) hold their own answer").format(n=len(rows), share=share),
        tuple(survey.ids[row] for row in rows[:limit]),
        _("look at them: what can be copied from the question is not learnt"),
        rows=tuple((row,) for row in rows[:limit]),
    )


def _tells(survey: Survey) -> bool:
    """Tell whether the questions of the sample hold their own label beyond chance: three standard deviations."""
    spelt = {key(name): code for code, name in enumerate(survey.labels.names)}
    longest = min(_LONGEST_LABEL, max((len(name.split()) for name in spelt), default=0))
    own = other = 0
    for row, asked in survey.sample():
        words = asked.split()
        grams = {
            " ".join(words[at : at + size]) for size in range(1, longest + 1) for at in range(len(words))
        }
        held = {spelt[gram] for gram in grams & spelt.keys()}
        own += survey.label[row] in held
        other += bool(held - {survey.label[row]})
    return own >= 5 and own > other + 3 * (own + other) ** 0.5
