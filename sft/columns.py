"""Which raw column fills which template variable. Pure: names in, names out.

A table of known names, English and Vietnamese, is compared without case, accents and what stands in brackets. A
variable gets a column only when exactly one fits best; otherwise the user is asked, with the columns listed. Columns
that no variable claims never reach a prompt: in real data the mere presence of some gives the label away.

Alpaca files have the request in two columns, ``instruction`` and ``input``. `guess` then maps ``question`` to ``input`` and
keeps ``instruction`` beside it; `question_of` is the one place that joins them.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from sft.errors import DataError, SettingsError, SftError, raise_all
from sft.i18n import _
from sft.records import Record

# Folded, without blanks; the order has no meaning: two known names in one file are a question to the user.
_REQUEST = (
    "question cauhoi menhde statement claim query prompt input instruction utterance text sentence vanban cau"
)
_KNOWN: Mapping[str, str] = {
    "question": _REQUEST,
    "text": "text sentence utterance vanban cau noidung cauhoi question menhde statement query prompt input instruction",
    "sentence": "sentence snt cau text vanban utterance",
    "answer": "answer dapan traloi cautraloi output response reply completion target label nhan intent",
    "label": "label nhan intent ydinh class category lop chude answer dapan output target ketqua",
    "context": "context ngucanh passage paragraph doanvan article document",
    "graph": "graph amr dothi penman",
    "options": "options choices luachon phuongan",
}
_INSTRUCTION = "instruction"
_REQUESTS = ("question", "text")  # the variables an alpaca request may fill
# Words that make a longer header something else than the value: "question_type", "answer_start", "sentence_id".
_ABOUT = frozenset({
    "id", "type", "kind", "loai", "start", "end", "offset", "url", "link", "len", "length", "count", "so", "index",
    "source", "nguon", "en", "english", "lang",
})  # fmt: skip
_GOLD = frozenset({"answer", "label", "graph"})
_LABEL_TASKS = frozenset({"true_false", "choice", "label"})


def fold(name: str) -> str:
    """Return a column name as it is compared: words without case, accents and bracketed remarks.

    >>> fold("Mệnh đề Câu hỏi (VIETNAMESE TEXT ONLY)"), fold("Đáp_án (TRUE/FALSE)")
    ('menh de cau hoi', 'dap an')
    """
    bare = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", name) if name.strip()[:1] not in "([" else name
    flat = unicodedata.normalize("NFD", bare.casefold().replace("đ", "d"))
    flat = "".join(char for char in flat if not unicodedata.combining(char))
    split = re.sub(r"(?<=[a-z])(?=\d)", " ", re.sub(r"[\W_]+", " ", flat))
    return " ".join(split.split())


def union(records: Iterable[Record]) -> list[str]:
    """Return the columns of `records` in order of first appearance: rows need not have the same ones.

    >>> union([Record("1", "a:1", {"q": ""}), Record("2", "a:2", {"q": "", "a": ""})])
    ['q', 'a']
    """
    return list(dict.fromkeys(column for record in records for column in record.fields))


def guess(
    columns: Sequence[str], variables: Sequence[str], explicit: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return ``{variable: column}`` for the `variables` a template reads from the data; `explicit` wins.

    In an alpaca file, when `question` or `text` is wanted, the result also has ``instruction``.

    Raises `SettingsError` when `explicit` names an unknown variable or column, `DataError` when a variable has no
    column, or several that fit equally well; all such variables are reported together.

    >>> guess(["STT", "Mệnh đề Câu hỏi (VIETNAMESE TEXT ONLY)", "Đáp án (TRUE/FALSE)"], ["question", "answer"])
    {'question': 'Mệnh đề Câu hỏi (VIETNAMESE TEXT ONLY)', 'answer': 'Đáp án (TRUE/FALSE)'}
    >>> guess(["instruction", "input", "output"], ["question", "answer"])
    {'question': 'input', 'answer': 'output', 'instruction': 'instruction'}
    """
    explicit = explicit or {}
    mapping = _explicit(columns, variables, explicit)
    folded = {column: fold(column) for column in columns}
    alpaca = _alpaca(folded, variables, explicit)
    faults: list[DataError] = []
    free = [column for column in columns if column not in mapping.values() and column not in alpaca.values()]
    # A column with a variable's own name is taken by that variable before any other may ask for it.
    for variable in sorted(variables, key=lambda v: v not in folded.values()):
        if variable in mapping:
            continue
        if variable in alpaca:
            mapping[variable] = alpaca[variable]
            continue
        found = _candidates(variable, free, folded)
        if len(found) == 1:
            mapping[variable] = found[0]
            free.remove(found[0])
        else:
            faults.append(_fault(variable, found, columns))
    _raise_all(faults)
    ordered = {variable: mapping[variable] for variable in variables}
    return ordered | ({_INSTRUCTION: alpaca[_INSTRUCTION]} if alpaca else {})


def source_of(record: Record) -> str:
    """Return the file a record comes from.

    >>> source_of(Record("a:1", "data/raw/a.csv:2"))
    'data/raw/a.csv'
    """
    return record.where.rpartition(":")[0]


def by_source(
    records: Sequence[Record],
    names: Sequence[str],
    explicit: Mapping[str, str],
    said: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, dict[str, str]]:
    """Find the columns of each source by itself: files of one set may have other headers.

    `said` holds what is decided for single sources (a table [[prep.source]] of sft.toml); it wins over `explicit`.
    """
    every = union(records)
    found: dict[str, dict[str, str]] = {}
    faults: list[DataError] = []
    sources: dict[str, list[Record]] = {}
    for record in records:
        sources.setdefault(source_of(record), []).append(record)
    for source, group in sources.items():
        own = union(group)
        chosen = {name: column for name, column in explicit.items() if column in own or column not in every}
        chosen |= {name: column for name, column in (said or {}).get(source, {}).items() if name in names}
        try:
            found[source] = guess(own, names, chosen)
        except SftError as error:
            if isinstance(error, SettingsError) and not (said or {}).get(source):
                raise
            faults += [
                DataError(part.message, where=source, hint=part.hint) for part in error.parts or (error,)
            ]
    _raise_all(faults)
    return found


def _raise_all(faults: Sequence[SftError]) -> None:
    hint = _("name the columns with --map, or choose a template that fits: sft templates list")
    raise_all(_("{n} variables of the template have no column"), *faults, hint=hint)


def question_of(
    fields: Mapping[str, str], mapping: Mapping[str, str], task: str, variable: str = "question"
) -> str:
    r"""Return the text of `variable`, an alpaca instruction joined where it belongs.

    With a fixed label set (``true_false``, ``choice``, ``label``) the template asks, so the question is the input, or the
    instruction when the input is empty. A free answer depends on both: instruction, blank line, input.

    >>> alpaca = {"question": "input", "answer": "output", "instruction": "instruction"}
    >>> row = {"instruction": "Đúng hay Sai?", "input": "Cá biết bơi.", "output": "Đúng"}
    >>> question_of(row, alpaca, "true_false"), question_of(row, alpaca, "answer")
    ('Cá biết bơi.', 'Đúng hay Sai?\n\nCá biết bơi.')
    """
    text = fields.get(mapping[variable], "")
    if _INSTRUCTION not in mapping or variable == _INSTRUCTION:
        return text
    instruction = fields.get(mapping[_INSTRUCTION], "")
    if task in _LABEL_TASKS or not (text and instruction):
        return text or instruction
    return f"{instruction}\n\n{text}"


def values(
    fields: Mapping[str, str], mapping: Mapping[str, str], variables: Sequence[str], task: str
) -> dict[str, str]:
    """Return ``{variable: text}`` for one row: the declared variables and nothing else.

    A column the row lacks is ''.

    >>> values({"q": "Cá sống ở đâu?", "topic": "cá"}, {"question": "q", "answer": "a"}, ["question", "answer"], "answer")
    {'question': 'Cá sống ở đâu?', 'answer': ''}
    """
    joined = {} if _INSTRUCTION in variables else mapping
    return {
        variable: question_of(fields, joined, task, variable)
        if variable in _REQUESTS and joined
        else fields.get(mapping[variable], "")
        for variable in variables
    }


def _alpaca(
    folded: Mapping[str, str], variables: Sequence[str], explicit: Mapping[str, str]
) -> dict[str, str]:
    """Return the two halves of an alpaca request, when the file has both and the user has not chosen otherwise."""
    wanted = next((variable for variable in _REQUESTS if variable in variables), "")
    names = {flat: column for column, flat in folded.items()}
    if not wanted or wanted in explicit or wanted in names or _INSTRUCTION in variables:
        return {}
    if not {_INSTRUCTION, "input"} <= names.keys() or names["input"] in explicit.values():
        return {}
    return {wanted: names["input"], _INSTRUCTION: names[_INSTRUCTION]}


def _explicit(
    columns: Sequence[str], variables: Sequence[str], explicit: Mapping[str, str]
) -> dict[str, str]:
    for variable, column in explicit.items():
        if variable not in variables:
            raise SettingsError(
                _("the template has no variable {name!r}; it has {names}").format(
                    name=variable, names=", ".join(variables)
                ),
                hint=_nearest(variable, variables),
            )
        if column not in columns:
            raise SettingsError(
                _("no column {name!r}; the file has {names}").format(name=column, names=_listed(columns)),
                hint=_nearest(column, columns),
            )
    return dict(explicit)


def _nearest(name: str, known: Sequence[str]) -> str:
    by_fold = {fold(each): each for each in known}
    near = difflib.get_close_matches(fold(name), by_fold, n=1, cutoff=0.5)
    return _("did you mean {name!r}?").format(name=by_fold[near[0]]) if near else _("check the name")


def _candidates(variable: str, columns: Sequence[str], folded: Mapping[str, str]) -> list[str]:
    """Return the columns that fit best: the variable's own name, then a known name, then a header that holds one."""
    known = _KNOWN.get(variable, variable.replace("_", " ")).split()
    own = fold(variable)
    ranks: tuple[list[str], ...] = (
        [column for column in columns if folded[column] == own],
        [
            column
            for column in columns
            if {name := folded[column].replace(" ", ""), name.removesuffix("s")} & set(known)
        ],
        [column for column in columns if _holds(folded[column], known)],
    )
    return next((found for found in ranks if found), [])


def _holds(header: str, known: Sequence[str]) -> bool:
    """Tell a longer header with a known name in it, as whole words, that is not about something else."""
    words = header.split()
    if _ABOUT & set(words):
        return False
    runs = {"".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, min(i + 3, len(words)) + 1)}
    return any(run in known and len(run) > 3 for run in runs)  # "câu" alone also begins "câu trả lời"


def _fault(variable: str, found: Sequence[str], columns: Sequence[str]) -> DataError:
    if found:
        return DataError(
            _("several columns may be {variable}: {names}").format(variable=variable, names=_listed(found)),
            hint=_("say which: --map {variable}={column}").format(
                variable=variable, column=_quoted(found[0])
            ),
        )
    hint = _("name it: --map {variable}=COLUMN, or take another template").format(variable=variable)
    if variable in _GOLD:
        hint += _("; a file without answers is for sft predict")
    return DataError(
        _("no column for {variable}; the file has {names}").format(variable=variable, names=_listed(columns)),
        hint=hint,
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name if len(name) <= 60 else f"{name[:57]}…" for name in names[:20])
    return shown + (f", … ({len(names)})" if len(names) > 20 else "") if names else _("none")


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
