"""What a preparation comes to before it is written: rows and rejects on disk, the compact table, what was decided."""

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from sft.checks import lengths
from sft.checks.repeats import Repeats
from sft.checks.survey import Survey
from sft.checks.telling import Columns
from sft.i18n import _
from sft.prep import decide, shorten
from sft.prep.choices import Options
from sft.prep.rows import Draft, Names, Quirks
from sft.prep.shorten import Lengths
from sft.prep.spool import Spooled
from sft.prep.table import RULE, SIDES, TEST, TRAIN, VALID, Table
from sft.records import Reject, Row

SHOWN = 80  # characters of a question that a reject shows


@dataclass(slots=True)
class Rejects:
    """What was refused while reading: on disk, with counts, and the first and the last of each reason."""

    path: Path
    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, Reject] = field(default_factory=dict)
    last_where: dict[str, str] = field(default_factory=dict)

    def note(self, reject: Reject) -> None:
        """Count a reject."""
        self.counts[reject.reason] += 1
        self.first.setdefault(reject.reason, reject)
        self.last_where[reject.reason] = reject.where


@dataclass(slots=True)
class Made:
    """What a preparation comes to before it is written.

    `mappings` holds for each source which column fills which variable, `labels` the label set of the prompts, `cuts`
    the characters of a shortened context that stay and those that went, `lengths` the tokens of prompt and answer where
    a tokenizer counts. `survey`, `columns` (the raw ones beside the target) and `variables` are what the checks go by.
    """

    options: Options
    sources: Sequence[Spooled]
    path: Path
    rejects: Rejects
    table: Table
    mappings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    quirks: Quirks = field(default_factory=Quirks)
    decided: decide.Decided = field(default_factory=decide.Decided)
    labels: tuple[str, ...] = ()
    cuts: dict[int, tuple[int, int]] = field(default_factory=dict)
    lengths: Lengths = field(default_factory=Lengths)
    survey: Survey = field(default_factory=lambda: Survey(closed=False))
    repeats: Repeats | None = None
    columns: Columns = field(default_factory=Columns)
    variables: Columns = field(default_factory=Columns)

    @property
    def read(self) -> int:
        """Return how many records were read."""
        return sum(source.read for source in self.sources)

    @property
    def kept(self) -> int:
        """Return how many of them are in the set; copies do not count."""
        return sum(not fate for fate in self.table.fate)

    @property
    def rejected(self) -> dict[str, int]:
        """Return how many were refused by reason, the most frequent first."""
        return dict((self.rejects.counts + Counter(self.table.rejected())).most_common())

    @property
    def closed(self) -> bool:
        """Tell whether every row has a label of a small fixed set."""
        return bool(len(self.table)) and all(
            label >= 0 for label, fate in zip(self.table.label, self.table.fate, strict=True) if not fate
        )

    @property
    def label_set(self) -> str:
        """Return the labels as a prompt names them."""
        return ", ".join(self.labels)

    def sizes(self) -> dict[str, int]:
        """Return the rows of each split, copies included."""
        counts = Counter(self.table.side[row] for row in self.table.kept())
        counts[TRAIN] += len(self.decided.copies)
        return {SIDES[side]: counts[side] for side in (TRAIN, VALID, TEST) if side != TEST or counts[side]}

    def label_counts(self) -> dict[str, dict[str, int]]:
        """Return the rows of each label in each split, where every row has one."""
        if not self.closed:
            return {}
        rows = chain(self.table.kept(), (row for row, _number in self.decided.copies))
        counts = Counter((self.table.side[row], self.table.label[row]) for row in rows)
        found = {
            SIDES[side]: {name: counts[side, code] for name, code in sorted(self.table.labels.items())}
            for side in (TRAIN, VALID, TEST)
        }
        used = {side: {name: n for name, n in names.items() if n} for side, names in found.items()}
        return {side: names for side, names in used.items() if names}

    def outcome(self) -> dict[str, Any]:
        """Return what the choices came to, beyond the rows refused."""
        found: dict[str, Any] = {}
        if self.decided.shares:
            found["shares"] = self.decided.shares
        if self.cuts:
            gone = sum(gone for _stay, gone in self.cuts.values())
            found["shortened"] = {"rows": len(self.cuts), "characters": gone}
        return found

    def length_table(self) -> dict[str, Any]:
        """Return how long the rows are: in tokens where a tokenizer counts, else in characters."""
        found = lengths.table(*self._sizes())
        if self.lengths:
            return {"unit": _("tokens"), "tokenizer": self.options.tokenizer, **found}
        told = {"unit": _("characters, without the template's own"), **found}
        return {name: value for name, value in told.items() if name != "cut"}

    def histograms(self) -> dict[str, Any]:
        """Return how the lengths of prompts, answers and both are spread, in the unit of `length_table`."""
        prompts, answers = self._sizes()
        totals = array("I", map(int.__add__, prompts, answers))
        every = {"prompt": prompts, "answer": answers, "total": totals}
        return {name: lengths.histogram(values) for name, values in every.items()}

    def size(self, row: int) -> tuple[int, int]:
        """Return how long prompt and answer of a row are, in the unit of `length_table`."""
        if self.lengths:
            return self.lengths.of(row)
        survey = self.survey
        return survey.question_size[row] + survey.context_size[row], survey.answer_size[row]

    def _sizes(self) -> tuple["array[int]", "array[int]"]:
        prompts, answers = array("I"), array("I")
        for prompt, answer in map(self.size, self.table.kept()):
            prompts.append(prompt)
            answers.append(answer)
        return prompts, answers

    def kept_of(self) -> list[int]:
        """Return how many rows of each source stay."""
        counts = Counter(self.table.source[row] for row in self.table.kept())
        return [counts[number] for number in range(len(self.sources))]

    def drafts(self, side: int = RULE) -> Iterator[tuple[int, Draft]]:
        """Yield the rows that stay, of one side or of all, as they will be rendered."""
        fate, sides = self.table.fate, self.table.side
        chosen = (row for row in range(len(fate)) if not fate[row] and (not side or sides[row] == side))
        yield from self._read(chosen)

    def draft(self, row: int) -> Draft:
        """Return one row by its number in the table."""
        return next(self._read(iter((row,))))[1]

    def _read(self, rows: Iterator[int]) -> Iterator[tuple[int, Draft]]:
        """Yield drafts by ascending numbers of rows."""
        following = -1
        with self.path.open("rb", buffering=1 << 18) as stream:
            for row in rows:
                if row != following:
                    stream.seek(self.table.place[row])
                following = row + 1
                draft = Draft.take(stream)
                yield row, shorten.shortened(draft, self.cuts[row][0]) if row in self.cuts else draft

    def rows(self, side: str) -> Iterator[Row]:
        """Yield the rendered rows of a split; a copy follows its row."""
        group = _Groups(self.table, self.decided.roots)
        copies = Counter(row for row, _number in self.decided.copies) if side == "train" else Counter()
        names = Names()
        if copies:
            for _row, draft in self.drafts():
                names.unique(draft.id)
        for number, draft in self.drafts(SIDES.index(side)):
            row = draft.row(self.options.template, self.label_set)
            tied = group(number)
            more: dict[str, Any] = {"group": tied} if tied else {}
            more |= {"context_cut": self.cuts[number][1]} if number in self.cuts else {}
            row = replace(row, meta={**row.meta, **more}) if more else row
            yield row
            for _copy in range(copies[number]):
                yield replace(row, id=names.unique(draft.id))

    def rejected_rows(self) -> Iterator[Reject]:
        """Yield everything that was refused: while reading, then by choice."""
        with self.rejects.path.open("rb") as stream:
            for line in stream:
                yield Reject(*json.loads(line.decode("utf-8", "surrogatepass")))
        for row, draft in self._read(row for row, fate in enumerate(self.table.fate) if fate):
            yield self._reject(row, draft)

    def first_rejects(self) -> dict[str, Reject]:
        """Return the first reject of each reason."""
        found = dict(self.rejects.first)
        for code, reason in enumerate(self.table.reasons):
            if code and reason not in found and code in self.table.fate:
                row = self.table.fate.index(code)
                found[reason] = self._reject(row, self.draft(row))
        return found

    def _reject(self, row: int, draft: Draft) -> Reject:
        reason = self.table.reasons[self.table.fate[row]]
        return Reject(
            draft.id, draft.where, reason, self._detail(row, reason), draft.meta["question"][:SHOWN]
        )

    def _detail(self, row: int, reason: str) -> str:
        if reason in (decide.IN_TEST, decide.IN_VALID):
            return _("the held-out file has it too")
        if reason == decide.DUPLICATE:
            twin = self.draft(self.table.twin[row])
            return _("repeats {id} ({where})").format(id=twin.id, where=twin.where)
        if reason == shorten.TOO_LONG:
            return shorten.detail(sum(self.lengths.of(row)), self.options.max_tokens or 0)
        return {
            decide.OVER_SHARE: _("beyond the share of its source"),
            decide.OVER_LIMIT: _("beyond --limit {n}").format(n=self.options.limit),
            decide.BALANCED_OUT: _("its label has more rows than the rarest"),
        }[reason]


class _Groups:
    """Names the group of a row that hangs together with rows of other keys: training splits by it."""

    def __init__(self, table: Table, roots: Sequence[int]) -> None:
        self._rank: dict[int, int] = {}
        self._roots = roots
        mixed = {roots[row] for row in table.kept() if table.group[row] != table.group[roots[row]]}
        for row in table.kept() if mixed else ():
            if roots[row] in mixed:
                self._rank[roots[row]] = min(table.group[row], self._rank.get(roots[row], 1 << 64))

    def __call__(self, row: int) -> str:
        rank = self._rank.get(self._roots[row]) if self._rank else None
        return "" if rank is None else f"{rank:016x}"
