"""What preparation must say about labelled rows before anyone trains on them.

Duplicates, contradictions, leaks, missing answers, imbalance, columns that give the label away, and shortcuts: a
bag of words or one phrase that already decides the label. Content problems are reported as `Finding`, never
raised and never mended here. `items` may be any iterable that can be gone through again and again, such as one that
streams from disk: no check holds all rows, and the probes for shortcuts look at a drawn part of a large set.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sft.i18n import _
from sft.records import Finding, Severity
from sft.shortcuts import BEGIN, END, bag_of_words, pure_phrases, telling_columns
from sft.splits import TRAIN, VALID, smallest

PROBED = 20_000  # rows that the shortcut probes look at
_EXAMPLES = 5
SEED = 42
_NAN_WORDS = frozenset(("nan", "none", "null", "na", "n/a", "<na>"))


@dataclass(frozen=True, slots=True)
class Item:
    """One row as the checks see it: the comparison key of its input, its label (or answer), its split, its texts.

    `key` is of everything the row asks, the context included; `source` is the file, `where` the place in it.
    """

    id: str
    key: str
    label: str
    split: str = TRAIN
    question: str = ""
    answer: str = ""
    context: str = ""
    source: str = ""
    where: str = ""


def check(items: Iterable[Item], *, closed: bool = True) -> list[Finding]:
    """Return every finding about `items`, which are gone through several times.

    `closed` says that the labels are a small fixed set; free-text answers are spared the checks on labels.
    """
    found = [duplicates(items), *targets(items), contradictions(items, closed=closed)]
    if closed:
        probed = sample(items, PROBED)
        found += [imbalance(items), unseen(items)]
        found += [_of_sample(probe(probed), probed) for probe in (shortcut_bow, shortcut_phrases)]
    return [finding for finding in found if finding is not None]


def sample(items: Iterable[Item], most: int) -> list[Item]:
    """Return all items, or `most` of them drawn by the hash of their ids, in their own order."""
    drawn = smallest(((item.id, number) for number, item in enumerate(items)), most, SEED)
    if drawn is None:
        return list(items)
    return [item for number, item in enumerate(items) if number in drawn]


def _of_sample(finding: Finding | None, probed: Sequence[Item]) -> Finding | None:
    """Say in a finding that it is about a drawn part of the rows, when it is."""
    if finding is None or len(probed) < PROBED:
        return finding
    told = _("{message} (looked at {n} rows, drawn by hash)").format(message=finding.message, n=len(probed))
    return replace(finding, message=told)


def duplicates(items: Iterable[Item]) -> Finding | None:
    """Find rows whose input has the key of an earlier row."""
    seen: set[int] = set()
    count = 0
    again: list[str] = []
    for item in items:
        mark = hash(item.key)
        if mark in seen:
            count += 1
            again += [item.id] if count <= _EXAMPLES else []
        seen.add(mark)
    if not count:
        return None
    return Finding(
        "duplicate",
        "warning",
        count,
        _("{n} rows repeat an earlier input").format(n=count),
        tuple(again),
        _("they stay on one side of the split; --duplicates drop leaves out those with the same answer"),
    )


def contradictions(items: Iterable[Item], *, closed: bool = True) -> Finding | None:
    """Find inputs that carry more than one label, or answer when the labels are not `closed`; each group is listed."""
    answers: dict[int, int] = {}
    several: set[int] = set()
    for item in items:
        mark, answer = hash(item.key), hash(item.label)
        if answers.setdefault(mark, answer) != answer:
            several.add(mark)
    if not several:
        return None
    answers.clear()
    groups: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        if hash(item.key) in several:
            groups[item.key].append(item)
    message = (
        _("{n} inputs carry more than one label") if closed else _("{n} inputs have more than one answer")
    )
    return Finding(
        "contradiction",
        "warning",
        len(groups),
        message.format(n=len(groups)),
        tuple(map(_labelled if closed else _answered, groups.values())),
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


def targets(items: Iterable[Item]) -> list[Finding]:
    """Find answers that are empty, or are what a spreadsheet library writes for an empty cell."""
    counts = [0, 0]
    ids: tuple[list[str], list[str]] = ([], [])
    for item in items:
        folded = item.label.strip().lower()
        if folded and folded not in _NAN_WORDS:
            continue
        kind = int(bool(folded))
        counts[kind] += 1
        ids[kind].extend([item.id] if counts[kind] <= _EXAMPLES else [])
    empty, nan = counts
    out = []
    if empty:
        message = _("{n} rows have an empty answer").format(n=empty)
        hint = _("fill them in or remove them: an empty answer teaches the model to stop at once")
        out.append(Finding("empty_target", "error", empty, message, tuple(ids[0]), hint))
    if nan:
        message = _("{n} answers are a word for a missing value (nan, None, NA)").format(n=nan)
        hint = _("check the cells in the source: such words come from empty ones")
        out.append(Finding("nan_target", "warning", nan, message, tuple(ids[1]), hint))
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
