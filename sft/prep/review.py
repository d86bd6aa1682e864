"""What is odd about the rows of a preparation: findings for people, before anyone trains on them.

The rows passed by once, while they were read (`sft.checks.survey`, `sft.checks.telling`); nothing is read again here. A finding of
severity "error" stops the preparation unless it is allowed by its id (`sft.checks.findings.known`).
"""

from array import array
from collections.abc import Iterable
from dataclasses import replace

from sft.checks import findings, giveaways, lengths
from sft.errors import SettingsError
from sft.i18n import _
from sft.prep import crossings
from sft.prep.made import Made
from sft.prep.rows import TARGETS
from sft.records import Finding

_LONG = 2048  # tokens from which a row is worth a word when no limit is set


def require_known(names: Iterable[str]) -> None:
    """Raise `SettingsError` for a finding that does not exist; the hint names those that can stop a preparation."""
    known = findings.known()
    stopping = sorted(name for name in known if "error" in findings.severities(name))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(
            _("--allow: no finding {name!r}").format(name=unknown[0]),
            hint=_("these can stop a preparation: {names}").format(names=", ".join(stopping)),
        )


def check(made: Made) -> list[Finding]:
    """Return what is odd about the rows: graph quirks, repetition, leaks, answers, languages, shortcuts, columns, lengths."""
    quirks = made.quirks
    found = [
        Finding(kind, "info", count, quirks.examples[kind][1], (quirks.examples[kind][0],))
        for kind, count in sorted(quirks.counts.items())
    ]
    found += [
        *_mostly_rejected(made),
        *_no_validation(made),
        *crossings.check(made),
        *findings.about(made.survey, made.repeats),
    ]
    pairs = {pair for mapping in made.mappings.values() for pair in mapping.items()}
    used = sorted({column for name, column in pairs if name not in TARGETS})
    telling = giveaways.label_columns(made.columns, used) if made.closed else None
    asked = [name for name in made.options.template.prompt_variables if name != "labels"]
    return [
        *found,
        *([telling] if telling else []),
        *giveaways.variables(made.variables, asked),
        *_lengths(made),
    ]


def _mostly_rejected(made: Made) -> list[Finding]:
    """Say that more was refused than kept: the template, the columns or the file may be the wrong one."""
    refused = sum(made.rejects.counts.values())
    if refused <= made.read - refused:
        return []
    message = _("more rows were rejected than kept")
    hint = _("look at the reasons: another template, --map or --format may fit better")
    return [Finding("mostly_rejected", "warning", refused, message, (), hint)]


def _no_validation(made: Made) -> list[Finding]:
    """Say that nothing validates although a share was asked for: the rows are all tied to each other."""
    if not made.options.val_split or made.sizes()["valid"] or made.kept < 2:
        return []
    message = _("no row validates: all of them hang together")
    hint = _("look at --group-by and at what repeats, or name a file with --valid; --val-split 0 wants none")
    return [Finding("no_validation", "warning", made.kept, message, (), hint)]


def _lengths(made: Made) -> list[Finding]:
    """Say which rows are long, and that label words differ, where a tokenizer counts."""
    loaded = made.options.loaded
    if loaded is None:
        return []
    rows = array("I", made.table.kept())
    prompts, answers = counted(made)
    long = lengths.too_long(
        prompts, answers, made.options.max_tokens or _LONG, lambda place: made.survey.ids[rows[place]]
    )
    if long is not None:
        long = replace(long, rows=tuple((rows[place],) for (place,) in long.rows))
    words = made.options.template.labels

    def tokens(word: str) -> int:
        return len(loaded.tokenizer.encode(word, add_special_tokens=False).ids)

    differing = lengths.verbalisers(words, tokens)[1] if words else None
    return [finding for finding in (long, differing) if finding is not None]


def counted(made: Made) -> tuple["array[int]", "array[int]"]:
    """Return the tokens of the prompts and answers of the rows that stay."""
    rows = array("I", made.table.kept())
    return tuple(
        array("I", (side[row] for row in rows)) for side in (made.lengths.prompt, made.lengths.answer)
    )  # type: ignore[return-value]
