"""How the texts are written: language, tone placement, joined words, markup, empty contexts, texts out of all proportion."""

from collections.abc import Sequence

from sft.checks.lengths import percentiles
from sft.checks.survey import SHORT_CONTEXT, Mark, Survey
from sft.i18n import _
from sft.records import Finding, Severity

EXAMPLES = 5
_SOME = 0.01
_MANY = 0.05  # share of the rows from which words joined by "_" are the work of a word segmenter
_HUGE, _FAR = 1_000, 8  # characters, and times the 95th percentile, that put a text out of proportion
_FEW = 20  # rows below which nothing is out of proportion


def findings(survey: Survey, limit: int = EXAMPLES) -> list[Finding]:
    """Return what is odd about the texts."""
    found = [
        language_mix(survey, limit),
        unaccented(survey, limit),
        tone_mixed(survey, limit),
        segmented(survey, limit),
        html(survey, limit),
        empty_context(survey, limit),
        outliers(survey, limit),
    ]
    return [finding for finding in found if finding is not None]


def _finding(
    kind: str, survey: Survey, rows: Sequence[int], severity: Severity, message: str, hint: str, limit: int
) -> Finding:
    told = rows[:limit]
    names, numbers = tuple(survey.ids[row] for row in told), tuple((row,) for row in told)
    return Finding(kind, severity, len(rows), message, names, hint, rows=numbers)


def _graded(rows: Sequence[int], survey: Survey, share: float = _SOME) -> Severity:
    return "warning" if len(rows) >= share * sum(1 for _row in survey.rows()) else "info"


def language_mix(survey: Survey, limit: int = EXAMPLES) -> Finding | None:
    """Find rows of another language in a Vietnamese set; or Vietnamese ones in an English set."""
    vietnamese, english = survey.marked(Mark.VIETNAMESE), survey.marked(Mark.ENGLISH)
    script, answers = survey.marked(Mark.SCRIPT), survey.marked(Mark.ENGLISH_ANSWER)
    if len(english) > len(vietnamese):
        rows, answers = vietnamese, []
        told = _("{n} Vietnamese questions among English ones").format(n=len(vietnamese))
    else:
        rows = english
        told = _("{n} English questions, {answers} English answers").format(
            n=len(english), answers=len(answers)
        )
    odd = sorted({*rows, *answers, *script})
    if not odd:
        return None
    message = _("{n} rows mix languages: {told}, {script} with letters of another script").format(
        n=len(odd), told=told, script=len(script)
    )
    hint = _("translate them or leave them out, unless the task is about languages")
    return _finding("language_mix", survey, odd, _graded(odd, survey), message, hint, limit)


def unaccented(survey: Survey, limit: int = EXAMPLES) -> Finding | None:
    """Find Vietnamese questions without accents, among others that have them."""
    rows = survey.marked(Mark.UNACCENTED)
    if not rows or not survey.marked(Mark.VIETNAMESE):
        return None
    message = _("{n} questions are Vietnamese without accents").format(n=len(rows))
    hint = _("keep them if users type so; else accents can be restored before")
    return _finding("unaccented", survey, rows, "info", message, hint, limit)


def tone_mixed(survey: Survey, limit: int = EXAMPLES) -> Finding | None:
    """Find both styles of tone placement in one set."""
    old, new = survey.marked(Mark.OLD_TONE), survey.marked(Mark.NEW_TONE)
    if not old or not new:
        return None
    message = _("tones stand in the old place (hòa) in {old} rows, in the new one (hoà) in {new}").format(
        old=len(old), new=len(new)
    )
    hint = _("keys treat both alike; the tokens differ, so choose one if it is cheap to")
    return _finding("tone_mixed", survey, min(old, new, key=len), "info", message, hint, limit)


def segmented(survey: Survey, limit: int = EXAMPLES) -> Finding | None:
    """Find texts of a word segmenter: what users will type has no ``_``. A few rows are rather names and code."""
    rows = survey.marked(Mark.JOINED)
    if not rows:
        return None
    message = _("words joined by “_” reach the prompt as they are")
    hint = _("write them with blanks in the source, as users will: the model reads two different texts")
    return _finding("segmented", survey, rows, _graded(rows, survey, _MANY), message, hint, limit)


def html(survey: Survey, limit: int = EXAMPLES) -> Finding | None:
    """Find remains of markup."""
    rows = survey.marked(Mark.HTML)
    if not rows:
        return None
    message = _("{n} rows hold HTML tags or entities").format(n=len(rows))
    hint = _("remove the markup, unless the task is about it")
    return _finding("html", survey, rows, _graded(rows, survey), message, hint, limit)


def empty_context(survey: Survey, limit: int = EXAMPLES) -> Finding | None:
    """Find rows without a usable context in a set that has contexts."""
    sizes = survey.context_size
    rows = [row for row in survey.rows() if sizes[row] < SHORT_CONTEXT]
    if not rows or 2 * len(rows) > sum(1 for _row in survey.rows()):
        return None
    empty = sum(not sizes[row] for row in rows)
    message = _("{n} rows have a context of less than {least} characters, {empty} of them none").format(
        n=len(rows), least=SHORT_CONTEXT, empty=empty
    )
    hint = _("leave them out: the answer cannot be found where nothing is written")
    return _finding("empty_context", survey, rows, "warning", message, hint, limit)


def outliers(survey: Survey, limit: int = EXAMPLES) -> Finding | None:
    """Find questions and answers many times as long as nearly all others."""
    rows = list(survey.rows())
    if len(rows) < _FEW:
        return None
    far: set[int] = set()
    for sizes in (survey.question_size, survey.answer_size):
        top = percentiles([sizes[row] for row in rows])["p95"]
        far |= {row for row in rows if sizes[row] > max(_HUGE, _FAR * top)}
    if not far:
        return None
    message = _("{n} rows are many times as long as nearly all others").format(n=len(far))
    hint = _("look at them: files pasted into one cell, quotation marks that were never closed")
    return _finding("outlier", survey, sorted(far), "info", message, hint, limit)
