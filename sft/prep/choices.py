"""What the user chose for a preparation: template, split, and what is to be left out, shortened, weighed or repeated.

The defaults leave every usable row as it is. Each choice acts on the rows that train or validate; the rows of a
held-out file, or of a side that the data names, stay as they were given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sft import keys
from sft.errors import SettingsError, raise_all
from sft.i18n import _
from sft.prep.table import SIDES
from sft.templates import Template

if TYPE_CHECKING:
    from sft.tokenizer import Loaded

Duplicates = Literal["keep", "drop"]
TooLong = Literal["reject", "shorten-context"]
Balance = Literal["no", "down", "up"]

NEAR = "near"  # what --group-by takes for rows that are almost the same

_SIDES = {
    "train": "train training", "valid": "valid validation val dev development", "test": "test testing",
}  # fmt: skip
_SIDE_OF = {spelling: SIDES.index(side) for side, names in _SIDES.items() for spelling in names.split()}


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the rows that should come from one source argument; `sources` are the names it stands for."""

    name: str
    weight: float
    sources: frozenset[str]


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose for a preparation."""

    template: Template
    val_split: float = 0.1
    seed: int = 42
    mapping: Mapping[str, str] = field(default_factory=dict)
    source_mapping: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    split_column: str = ""
    keep: tuple[str, ...] = ()
    duplicates: Duplicates = "keep"
    balance: Balance = "no"
    limit: int | None = None
    min_chars: Mapping[str, int] = field(default_factory=dict)
    max_chars: Mapping[str, int] = field(default_factory=dict)
    max_tokens: int | None = None
    too_long: TooLong = "reject"
    loaded: "Loaded | None" = None
    tokenizer: str = ""
    label_words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shares: tuple[Share, ...] = ()

    @property
    def measured(self) -> tuple[str, ...]:
        """Return what `min_chars` and `max_chars` may name: the texts that a row has."""
        if self.template.task == "chat":
            return ("question", "answer")
        return tuple(name for name in self.template.variables if name != "labels")

    def told(self) -> dict[str, object]:
        """Return the choices that are not the default, as they stand in the manifest."""
        values = {
            "group_by": list(self.group_by),
            "split_column": self.split_column,
            "keep": list(self.keep),
            "duplicates": "" if self.duplicates == "keep" else self.duplicates,
            "balance": "" if self.balance == "no" else self.balance,
            "limit": self.limit,
            "min_chars": dict(self.min_chars),
            "max_chars": dict(self.max_chars),
            "max_tokens": self.max_tokens,
            "too_long": self.too_long if self.max_tokens else "",
            "labels": {label: list(words) for label, words in self.label_words.items()},
        }
        return {name: value for name, value in values.items() if value}


def check(options: Options) -> None:
    """Raise `SettingsError` for choices that the template cannot follow; all of them are told together."""
    faults = [*_measures(options), *_tokens(options), *_label_words(options)]
    labelled = options.template.task == "label" or bool(options.template.labels)
    if options.balance != "no" and not labelled:
        faults.append(
            SettingsError(
                _("this template has no labels to balance"),
                hint=_("leave out --balance: its answers are free"),
            )
        )
    message, hint = _("{n} choices do not fit the template"), _("see: sft prep --help")
    raise_all(message, *faults, hint=hint, kind=SettingsError)


def _measures(options: Options) -> list[SettingsError]:
    unknown = sorted({*options.min_chars, *options.max_chars} - set(options.measured))
    return [
        SettingsError(
            _("the rows have no {name!r} to measure; they have {names}").format(
                name=name, names=", ".join(options.measured)
            ),
            hint=_("e.g. --min-chars {name}=2").format(name=options.measured[-1]),
        )
        for name in unknown
    ]


def _tokens(options: Options) -> list[SettingsError]:
    if options.max_tokens is None:
        needless = SettingsError(
            _("--too-long {rule} does nothing without a limit").format(rule=options.too_long),
            hint=_("say how long a row may be: --max-tokens 2048 --tokenizer MODEL"),
        )
        return [needless] if options.too_long != "reject" else []
    if options.loaded is None:
        return [
            SettingsError(
                _("--max-tokens needs the tokenizer of the model that will be trained"),
                hint=_("name it: --tokenizer MODEL, as sft train --model does; see: sft models list"),
            )
        ]
    if options.too_long == "shorten-context" and "context" not in options.template.variables:
        return [
            SettingsError(
                _("this template has no context to shorten"),
                hint=_("--too-long reject leaves the rows out; questions and answers are never cut"),
            )
        ]
    return []


def _label_words(options: Options) -> list[SettingsError]:
    if not options.label_words:
        return []
    known = options.template.labels
    if options.template.task != "label" and not known:
        return [
            SettingsError(
                _("this template has no labels to spell"), hint=_("leave out --labels: its answers are free")
            )
        ]
    faults = [
        SettingsError(
            _("the template has no label {name!r}; it has {names}").format(name=name, names=", ".join(known)),
            hint=_('e.g. --labels "{name}=…"').format(name=next(iter(known))),
        )
        for name in options.label_words
        if known and name not in known
    ]
    meant: dict[str, str] = {keys.key(word): label for label, word in known.items()}
    meant |= {keys.key(label): label for label in known}
    for label, words in options.label_words.items():
        for word in words:
            other = meant.setdefault(keys.key(word), label)
            if other != label:
                message = _("{word!r} cannot mean both {one} and {two}").format(
                    word=word, one=other, two=label
                )
                faults.append(SettingsError(message, hint=_("give each spelling one label")))
    return faults


def side_of(value: str) -> int | None:
    """Return the side that a cell of a split column names, None when it names none.

    >>> [side_of(value) for value in ("Train", "dev", "TEST", "?")]
    [1, 2, 3, None]
    """
    return _SIDE_OF.get(value.strip().lower())


def pairs(texts: Sequence[str], flag: str, example: str, form: str) -> dict[str, str]:
    """Return ``NAME=VALUE`` arguments as a table. Raises `SettingsError` for another `form`."""
    wrong = [text for text in texts if not text.partition("=")[1] or not text.partition("=")[0].strip()]
    if wrong:
        raise SettingsError(
            _("{flag} takes {form}, not {text!r}").format(flag=flag, form=form, text=wrong[0]),
            hint=_("e.g. {example}").format(example=f"{flag} {example}"),
        )
    return {name.strip(): value for name, _sign, value in (text.partition("=") for text in texts)}


def numbers(texts: Sequence[str], flag: str) -> dict[str, int]:
    """Return ``NAME=N`` arguments as a table of whole numbers."""
    found = pairs(texts, flag, "answer=2", "NAME=N")
    for name, value in found.items():
        if not value.strip().isdecimal():
            raise SettingsError(
                _("{flag} takes whole numbers, not {text!r}").format(flag=flag, text=f"{name}={value}"),
                hint=_("e.g. {example}").format(example=f"{flag} answer=2"),
            )
    return {name: int(value) for name, value in found.items()}


def label_words(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return further spellings of labels, as in ``TRUE=Đúng,Có FALSE=Sai,Không phải``.

    A word that has a ``=`` begins the next label; the words of one label are parted by commas.

    >>> label_words(["TRUE=Đúng rồi,Có FALSE=Sai"])
    {'TRUE': ['Đúng rồi', 'Có'], 'FALSE': ['Sai']}
    """
    pieces: list[str] = []
    for word in " ".join(texts).split():
        if "=" in word or not pieces:
            pieces.append(word)
        else:
            pieces[-1] += f" {word}"
    found = pairs(pieces, "--labels", '"TRUE=Đúng,Có FALSE=Sai"', "LABEL=WORD,WORD")
    return {
        label: [word.strip() for word in words.split(",") if word.strip()] for label, words in found.items()
    }


def weighted(texts: Sequence[str]) -> tuple[list[Path], list[float]]:
    r"""Return source arguments and their weights, as in ``a.csv:0.3 b.jsonl:0.7``; no weights when none has one.

    A number behind the last colon is a weight unless a file has that very name, so ``C:\x.csv`` is a path.
    """
    paths, weights = [], []
    for text in texts:
        head, colon, tail = text.rpartition(":")
        weight = _number(tail) if colon and head and not Path(text).exists() else None
        paths.append(Path(text if weight is None else head))
        weights.append(weight)
    given = [weight for weight in weights if weight is not None]
    if given and len(given) < len(weights):
        bare = texts[weights.index(None)]
        raise SettingsError(
            _("{name} has no weight, other sources have one").format(name=bare),
            hint=_("weigh all or none: {name}:0.5").format(name=bare),
        )
    if any(weight <= 0 for weight in given):
        raise SettingsError(
            _("a weight must be above 0"), hint=_("leave a source out that should have no rows")
        )
    return paths, given


def check_shares(shares: Sequence[Share]) -> None:
    """Raise `SettingsError` when a source belongs to two shares."""
    for name in sorted({name for share in shares for name in share.sources}):
        owners = [share.name for share in shares if name in share.sources]
        if len(owners) > 1:
            raise SettingsError(
                _("{name} belongs to two weights: {owners}").format(name=name, owners=", ".join(owners)),
                hint=_("name each file once"),
            )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None
