"""What preparation must say about labelled rows before anyone trains on them.

Duplicates, contradictions, leaks, missing answers, imbalance, columns that give the label away, and shortcuts: a
bag of words or one phrase that already decides the label. Content problems are reported as `Finding`, never
raised and never mended here. Time and memory grow linearly with the text.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sft.i18n import _
from sft.records import Finding, Severity
from sft.shortcuts import BEGIN, END, bag_of_words, pure_phrases, telling_columns
from sft.splits import TRAIN, VALID

_EXAMPLES = 5
_NAN_WORDS = frozenset(("nan", "none", "null", "na", "n/a", "<na>"))


@dataclass(frozen=True, slots=True)
class Item:
    """One row as the checks see it: the comparison key of its input, its label (or answer) and its split."""

    id: str
    key: str
    label: str
    split: str = TRAIN


def check(items: Sequence[Item], heldout: Collection[str] = (), *, closed: bool = True) -> list[Finding]:
    """Return every finding about `items`; `heldout` holds the keys of a test file.

    `closed` says that the labels are a small fixed set; free-text answers are spared the checks on labels.
    """
    found = [duplicates(items), *leaks(items, heldout), *targets(items)]
    if closed:
        found += [contradictions(items), imbalance(items), unseen(items), shortcut_bow(items)]
        found.append(shortcut_phrases(items))
    return [finding for finding in found if finding is not None]


def _examples(ids: Iterable[str], limit: int = _EXAMPLES) -> tuple[str, ...]:
    return tuple(name for name, _n in zip(ids, range(limit), strict=False))


def _by_key(items: Iterable[Item]) -> dict[str, list[Item]]:
    groups: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.key].append(item)
    return groups


def duplicates(items: Iterable[Item]) -> Finding | None:
    """Find rows whose input has the key of an earlier row."""
    again = [item.id for group in _by_key(items).values() for item in group[1:]]
    if not again:
        return None
    return Finding(
        "duplicate",
        "warning",
        len(again),
        _("{n} rows repeat an earlier input").format(n=len(again)),
        _examples(again),
        _("they stay on one side of the split; remove them if the repetition is not wanted"),
    )


def contradictions(items: Iterable[Item], *, closed: bool = True) -> Finding | None:
    """Find inputs that carry more than one label, or answer when the labels are not `closed`; each group is listed."""
    groups = [g for g in _by_key(items).values() if len({item.label for item in g}) > 1]
    if not groups:
        return None
    several = (
        _("{n} inputs carry more than one label") if closed else _("{n} inputs have more than one answer")
    )
    return Finding(
        "contradiction",
        "warning",
        len(groups),
        several.format(n=len(groups)),
        tuple(map(_labelled if closed else _answered, groups)),
        _("decide which label is right: a model cannot learn both, and a score counts one as an error")
        if closed
        else _("look at them: a model cannot learn both, and a score counts one as an error"),
    )


def _labelled(group: Iterable[Item]) -> str:
    return " ≠ ".join(f"{item.id} ({item.label})" for item in group)


def _answered(group: Iterable[Item]) -> str:
    """Name the rows only, those with one answer side by side: an answer may be long."""
    by_answer: defaultdict[str, list[str]] = defaultdict(list)
    for item in group:
        by_answer[item.label].append(item.id)
    return " ≠ ".join(" = ".join(ids) for ids in by_answer.values())


def leaks(items: Sequence[Item], heldout: Collection[str] = ()) -> list[Finding]:
    """Find inputs that stand on both sides of the split, and training inputs that a test file holds."""
    sides: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        sides[item.key].add(item.split)
    across = [item.id for item in items if item.split != TRAIN and TRAIN in sides[item.key]]
    known = frozenset(heldout)
    tested = [item.id for item in items if item.split == TRAIN and item.key in known]
    out = []
    if across:
        message = _("{n} held-out rows have an input that is trained on").format(n=len(across))
        hint = _("split by key: sft prep does, unless the split came with the data")
        out.append(Finding("leak_question", "error", len(across), message, _examples(across), hint))
    if tested:
        message = _("{n} training rows have an input of the held-out file").format(n=len(tested))
        hint = _("remove them from training, or the held-out score says nothing")
        out.append(Finding("leak_heldout", "error", len(tested), message, _examples(tested), hint))
    return out


def targets(items: Iterable[Item]) -> list[Finding]:
    """Find answers that are empty, or are what a spreadsheet library writes for an empty cell."""
    empty: list[str] = []
    nan: list[str] = []
    for item in items:
        folded = item.label.strip().lower()
        if not folded:
            empty.append(item.id)
        elif folded in _NAN_WORDS:
            nan.append(item.id)
    out = []
    if empty:
        message = _("{n} rows have an empty answer").format(n=len(empty))
        hint = _("fill them in or remove them: an empty answer teaches the model to stop at once")
        out.append(Finding("empty_target", "error", len(empty), message, _examples(empty), hint))
    if nan:
        message = _("{n} answers are a word for a missing value (nan, None, NA)").format(n=len(nan))
        hint = _("check the cells in the source: such words come from empty ones")
        out.append(Finding("nan_target", "warning", len(nan), message, _examples(nan), hint))
    return out


def label_counts(items: Iterable[Item]) -> dict[str, dict[str, int]]:
    """Count the rows of each label and split.

    >>> label_counts([Item("1", "a", "Đúng"), Item("2", "b", "Đúng", "valid")])
    {'Đúng': {'train': 1, 'valid': 1}}
    """
    counts: dict[str, dict[str, int]] = {}
    for item in items:
        row = counts.setdefault(item.label, {})
        row[item.split] = row.get(item.split, 0) + 1
    return counts


def imbalance(items: Iterable[Item]) -> Finding | None:
    """Find a label set whose largest class is five times the smallest, or 70 % of the rows."""
    counts = Counter(item.label for item in items)
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


def unseen(items: Iterable[Item]) -> Finding | None:
    """Find labels that no training row carries."""
    missing = {label: rows for label, rows in label_counts(items).items() if TRAIN not in rows}
    if not missing:
        return None
    return Finding(
        "unseen_label",
        "warning",
        sum(sum(rows.values()) for rows in missing.values()),
        _("{n} labels occur in held-out rows only: {names}").format(
            n=len(missing), names=", ".join(sorted(missing)[:_EXAMPLES])
        ),
        hint=_("the model cannot learn them; add training rows or leave them out of the test"),
    )


def _severity(items: Iterable[Item]) -> Severity:
    """Intents are meant to be told by their words; a true/false statement is not."""
    return "warning" if len({item.label for item in items}) <= 2 else "info"


def shortcut_bow(items: Sequence[Item]) -> Finding | None:
    """Find out whether a bag of words beats the majority class by 15 points on held-out rows."""
    train = [(item.key, item.label) for item in items if item.split == TRAIN]
    valid = [(item.key, item.label) for item in items if item.split == VALID]
    probe = bag_of_words(train, valid)
    if probe is None or not probe.fires:
        return None
    words = ", ".join(f"“{word}” → {label}" for word, label in probe.telling)
    return Finding(
        "shortcut_bow",
        _severity(items),
        probe.correct,
        _(
            "a bag of words scores {score:.1%} of {n} rows, the majority class {plain:.1%}; it goes by {words}"
        ).format(score=probe.correct / probe.n, n=probe.n, plain=probe.plain / probe.n, words=words),
        hint=_("a model may learn these words and nothing else: compare every score with this one"),
    )


def shortcut_phrases(items: Sequence[Item]) -> Finding | None:
    """Find phrases that stand in 50 rows or more and have more than 95 % one label."""
    found = pure_phrases([(item.key, item.label) for item in items])
    if not found:
        return None
    named = "; ".join(
        _("“{text}” in {rows} rows, {share:.1%} {label}").format(
            text=_shown(phrase.text), rows=phrase.rows, share=phrase.hits / phrase.rows, label=phrase.label
        )
        for phrase in found[:_EXAMPLES]
    )
    return Finding(
        "shortcut_template",
        _severity(items),
        sum(phrase.new for phrase in found),
        _("a phrase gives the label away: {phrases}").format(phrases=named),
        hint=_("write the same phrase with every label, or leave these rows out"),
    )


def _shown(text: str) -> str:
    """Return a phrase for a reader: "sốt cao …" begins a row, "… phải không" ends one."""
    before = "… " if text.endswith(f" {END}") else ""
    after = " …" if text.startswith(f"{BEGIN} ") else ""
    return before + text.removeprefix(f"{BEGIN} ").removesuffix(f" {END}") + after


def label_columns(
    labels: Sequence[str], rows: Sequence[Mapping[str, str]], used: Collection[str] = ()
) -> Finding | None:
    """Find raw columns whose presence or value gives the label away.

    `rows` are the raw columns without the label's own; `used` are those that reach the prompt: when one of them is
    concerned, the finding is an error.
    """
    telling = telling_columns(labels, rows)
    if not telling:
        return None
    severe = [name for name in telling if name in used]
    return Finding(
        "label_columns",
        "error" if severe else "warning",
        len(telling),
        _("{n} columns give the label away: {names}").format(
            n=len(telling), names=", ".join(f"{name} ({share:.0%})" for name, share in telling.items())
        ),
        tuple(telling),
        _("take {names} out of the prompt").format(names=", ".join(severe))
        if severe
        else _("keep them out of the prompt"),
    )
