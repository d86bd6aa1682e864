"""What is said about raw files, and what was seen in them. Pure: patterns and counts in, settings and findings out."""

import fnmatch
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sft.errors import SettingsError
from sft.i18n import _
from sft.records import Finding, Severity

if TYPE_CHECKING:
    from sft.settings import SourceSettings

# Kinds of notes that make a finding of another severity, or one together.
_JOINED = frozenset({"mojibake", "offset_mismatch", "offset_mismatch_many"})


def fits(pattern: str, path: Path) -> bool:
    """Tell whether a file is meant by a pattern; one without a slash is about the name alone.

    >>> fits("exam*.csv", Path("data/raw/exam_1.csv")), fits("data/*/exam*.csv", Path("data/raw/exam_1.csv"))
    (True, True)
    >>> fits("raw/exam*.csv", Path("data/raw/exam_1.csv"))
    False
    """
    whole = path.as_posix()
    if fnmatch.fnmatchcase(whole, Path(pattern).as_posix()):
        return True
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return fits(pattern, path.relative_to(Path.cwd()))
    return "/" not in pattern and fnmatch.fnmatchcase(path.name, pattern)


def merged(tables: "Sequence[tuple[SourceSettings, str]]") -> tuple[dict[str, Any], str]:
    """Return all that is said about one file, and where. Raises `SettingsError` when two tables disagree."""
    said: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for table, where in tables:
        for name, value in table.model_dump(exclude_unset=True, exclude={"files"}).items():
            if said.setdefault(name, value) != value:
                raise SettingsError(
                    _("{name} of the same file is said twice, here and at {other}").format(
                        name=name, other=origins[name]
                    ),
                    where=where,
                    hint=_("make the patterns differ"),
                )
            origins.setdefault(name, where)
    return said, ", ".join(dict.fromkeys(where for _table, where in tables))


def noted(counts: Mapping[str, int], examples: Mapping[str, str]) -> list[Finding]:
    """Return one finding for each kind of thing that was mended or noticed while reading."""
    said = _said()
    found = [
        Finding(kind, "info", count, said.get(kind, kind), (examples[kind],))
        for kind, count in sorted(counts.items())
        if kind not in _JOINED
    ]
    found += _misplaced(counts, examples)
    if counts.get("mojibake"):
        message = _("rows were refused for mojibake")
        hint = _("get the file again as UTF-8; what lost nothing can be turned back: --repair-mojibake")
        found.append(
            Finding("mojibake", "warning", counts["mojibake"], message, (examples["mojibake"],), hint)
        )
    return found


def _said() -> dict[str, str]:
    return {
        "nfd": _("rows with decomposed letters (NFD), composed to NFC"),
        "invisible": _("rows with invisible characters, removed"),
        "control": _("rows with control characters, removed"),
        "nbsp": _("rows with no-break spaces, made plain ones"),
        "carriage_return": _("rows with bare carriage returns, made line ends"),
        "look_alike": _("rows with the letter Ð (U+00D0), which only looks like Đ; left as it is"),
        "mojibake_repaired": _("rows with mojibake turned back without loss, as asked"),
        "unnamed_column": _("rows with text in a column without a name; it reaches no prompt unless --map names it"),
        "options": _("rows of multiple choice: their options are joined, the answer is a letter"),
        "further_answers": _("rows with further answers, left out: the first is taken; --answers each takes them all"),
        "each_answer": _("rows with several answers, each made a row of its own"),
        "same_answer": _("rows that give the same answer twice; once is enough"),
        "refusal": _("rows whose passage gives no answer, with the fixed refusal as their answer"),
        "turns_merged": _("chats with assistant turns in a row, merged"),
        "turns_left_out": _("chats with assistant turns in a row, all but the last left out"),
    }  # fmt: skip


def _misplaced(counts: Mapping[str, int], examples: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is wrong with answers that do not stand where they should: many in one file mean it was changed."""
    few, many = counts.get("offset_mismatch", 0), counts.get("offset_mismatch_many", 0)
    if few or many:
        severity: Severity = "error" if many else "warning"
        where = examples["offset_mismatch_many" if many else "offset_mismatch"]
        message = _("answers do not stand where their offset says")
        hint = _(
            "the passages were changed or translated after the offsets were counted: get the original file"
        )
        yield Finding("offset_mismatch", severity, few + many, message, (where,), hint)


def same(hashes: Sequence[tuple[str, str]]) -> list[Finding]:
    """Return the sources that are the same file."""
    times = Counter(digest for _path, digest in hashes)
    twice = tuple(path for path, digest in hashes if times[digest] > 1)
    if not twice:
        return []
    message, hint = _("sources with the same content"), _("leave one of them out")
    return [Finding("same_source", "warning", len(twice), message, twice, hint)]
