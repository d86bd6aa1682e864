"""What gives a label away: a bag of words, a phrase, a rule of few words, the length, a raw column.

The words are those of a sample of the rows, at most 20,000; a finding says so when there are more.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from sft.checks.cues import MARGIN, cue_rule
from sft.checks.shortcuts import BEGIN, END, bag_of_words, beats, pure_phrases
from sft.checks.survey import Survey
from sft.checks.telling import TOGETHER, Columns, predicted
from sft.checks.ties import hash64
from sft.i18n import _
from sft.records import Finding, Severity
from sft.splits import TRAIN, VALID

EXAMPLES = 5
_DRAWN = 12  # phrases whose purity is told in figures
_FEWEST = 100  # rows below which a length is luck
_STEP = 3  # words

Pair = tuple[str, str]


def findings(survey: Survey) -> list[Finding]:
    """Return the shortcuts in the questions of a set with a fixed set of labels."""
    if not survey.closed:
        return []
    sample = survey.sample()
    worded = [(row, asked) for row, asked in sample if asked]  # silence has no words
    rows = [(asked, survey.label_of(row)) for row, asked in worded]
    sides = [survey.side_of(row) for row, _asked in worded]
    severity: Severity = "warning" if len({label for _asked, label in rows}) <= 2 else "info"
    train = [row for row, side in zip(rows, sides, strict=True) if side == TRAIN]
    valid = [row for row, side in zip(rows, sides, strict=True) if side == VALID]
    found = [bow(train, valid, severity), phrases(rows, severity), words(rows), length(rows)]
    total = sum(1 for _row in survey.rows())
    return [_sampled(finding, len(sample), total) for finding in found if finding is not None]


def _sampled(finding: Finding, looked_at: int, total: int) -> Finding:
    """Say of a finding that it goes by a part of the rows."""
    if looked_at >= total:
        return finding
    said = _("{message} (in a sample of {n} of {total} rows)").format(
        message=finding.message, n=looked_at, total=total
    )
    return Finding(finding.id, finding.severity, finding.count, said, finding.examples, finding.hint)


def bow(train: Sequence[Pair], valid: Sequence[Pair], severity: Severity) -> Finding | None:
    """Find out whether a bag of words beats the majority class by 15 points on held-out rows.

    Intents are meant to be told by their words; a true/false statement is not: hence the severity.
    """
    probe = bag_of_words(train, valid)
    if probe is None or not probe.fires:
        return None
    named = ", ".join(f"“{word}” → {label}" for word, label in probe.telling)
    return Finding(
        "shortcut_bow",
        severity,
        probe.correct,
        _(
            "a bag of words scores {score:.1%} of {n} rows, the majority class {plain:.1%}; it goes by {words}"
        ).format(score=probe.correct / probe.n, n=probe.n, plain=probe.plain / probe.n, words=named),
        hint=_("a model may learn these words and nothing else: compare every score with this one"),
        figures=_score(probe.n, probe.correct, probe.plain),
    )


def phrases(rows: Sequence[Pair], severity: Severity) -> Finding | None:
    """Find phrases that stand in 50 rows or more and have more than 95 % one label."""
    found = pure_phrases(rows)
    if not found:
        return None
    named = "; ".join(
        _("“{text}” in {rows} rows, {share:.1%} {label}").format(
            text=_shown(phrase.text), rows=phrase.rows, share=phrase.hits / phrase.rows, label=phrase.label
        )
        for phrase in found[:EXAMPLES]
    )
    return Finding(
        "shortcut_template",
        severity,
        sum(phrase.new for phrase in found),
        _("a phrase gives the label away: {phrases}").format(phrases=named),
        hint=_("write the same phrase with every label, or leave these rows out"),
        figures={"phrases": [_purity(_shown(p.text), p.label, p.rows, p.hits) for p in found[:_DRAWN]]},
    )


def _score(n: int, correct: int, plain: int) -> dict[str, int]:
    """Return what a rule of thumb scores, as figures: of `n` rows it gets `correct`, the majority class gets `plain`."""
    return {"n": n, "correct": correct, "plain": plain}


def _purity(text: str, label: str, rows: int, hits: int) -> dict[str, Any]:
    """Return how pure a phrase is, as figures: it stands in `rows` rows, `hits` of them with `label`."""
    return {"text": text, "label": label, "rows": rows, "hits": hits}


def _shown(text: str) -> str:
    """Return a phrase for a reader: "sốt cao …" begins a row, "… phải không" ends one."""
    before = "… " if text.endswith(f" {END}") else ""
    after = " …" if text.startswith(f"{BEGIN} ") else ""
    return before + text.removeprefix(f"{BEGIN} ").removesuffix(f" {END}") + after


def words(rows: Sequence[Pair]) -> Finding | None:
    """Find out whether "contains one of these words" beats the majority class of two labels by 10 points."""
    rule = cue_rule(rows)
    if rule is None or not rule.fires:
        return None
    named = ", ".join(
        _("“{word}” ({hits} of {rows} rows)").format(word=word, hits=hits, rows=n)
        for word, (n, hits) in zip(rule.words, rule.found, strict=True)
    )
    message = _(
        "rows with one of these words are {label}: {words}; this rule alone scores {score:.1%} of {n} rows, the majority"
        " class {plain:.1%}"
    )
    return Finding(
        "shortcut_words",
        "warning",
        rule.correct,
        message.format(
            label=rule.label, words=named, score=rule.correct / rule.n, n=rule.n, plain=rule.plain / rule.n
        ),
        hint=_("write such words with both labels; until then a score near this one shows no understanding"),
        figures=_score(rule.n, rule.correct, rule.plain)
        | {
            "phrases": [_purity(w, rule.label, *seen) for w, seen in zip(rule.words, rule.found, strict=True)]
        },
    )


def length(rows: Sequence[Pair]) -> Finding | None:
    """Find out whether the number of words alone beats the majority class by 10 points."""
    labels = [label for _asked, label in rows]
    if len(rows) < _FEWEST or len(set(labels)) < 2:
        return None
    plain = max(Counter(labels).values())
    halves = [bool(hash64(asked) & 1) for asked, _label in rows]
    score = predicted(labels, [len(asked.split()) // _STEP for asked, _label in rows], halves)
    correct = round(score * len(rows))
    if not beats(correct, plain, len(rows), MARGIN):
        return None
    message = _(
        "the length of the question alone predicts {score:.1%} of {n} labels, the majority class {plain:.1%}"
    )
    return Finding(
        "shortcut_length",
        "warning" if len(set(labels)) <= 2 else "info",
        correct,
        message.format(score=score, n=len(rows), plain=plain / len(rows)),
        hint=_("write questions of all lengths with every label"),
        figures=_score(len(rows), correct, plain),
    )


def label_columns(columns: Columns, used: Collection[str] = ()) -> Finding | None:
    """Find raw columns whose presence or value gives the label away.

    `columns` were added without the label's own; `used` are those that reach the prompt: when one of them is
    concerned, the finding is an error.
    """
    telling = columns.telling()
    if not telling:
        return None
    severe = [name for name in telling if name in used]
    shown = {name: _("which columns are filled") if name == TOGETHER else name for name in telling}
    return Finding(
        "label_columns",
        "error" if severe else "warning",
        len(telling),
        _("{n} columns give the label away: {names}").format(
            n=len(telling), names=", ".join(f"{shown[name]} ({share:.0%})" for name, share in telling.items())
        ),
        tuple(telling),
        _("take {names} out of the prompt").format(names=", ".join(severe))
        if severe
        else _("keep them out of the prompt"),
    )


def variables(columns: Columns, used: Collection[str]) -> list[Finding]:
    """Find template variables that say the same in every row, or nothing in most."""
    out = []
    constant = columns.constant(used)
    if constant:
        message = _("the same text in every row: {names}").format(names=", ".join(constant))
        hint = _("write it into the template, or map another column")
        out.append(Finding("constant_variable", "info", len(constant), message, tuple(constant), hint))
    sparse = columns.sparse(used)
    if sparse:
        named = ", ".join(f"{name} ({n / columns.rows:.0%})" for name, n in sparse.items())
        message = _("empty in most rows: {names}").format(names=named)
        hint = _("use a template without it, or map another column")
        out.append(Finding("empty_variable", "warning", len(sparse), message, tuple(sparse), hint))
    return out
