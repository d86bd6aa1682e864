"""Parallel files in one folder: ``seq.in`` (a sentence a line), ``label`` (its intent), and where there, ``seq.out`` (slots).

    seq.in:  cho tôi vé đi huế          label:  dat_ve          seq.out:  O O O O B-noi_den

Named by its ``seq.in``. The files must have the same number of lines. Fields: ``text``, ``label``, ``slots``.
"""

from collections.abc import Iterator
from dataclasses import replace

from data_prep._objects import row_id
from data_prep._source import Sample, Source, lines, scan
from sft.errors import DataError
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = False
_COLUMNS = {"text": "seq.in", "label": "label", "slots": "seq.out"}


def looks_like(sample: Sample) -> bool:
    """Tell by the names, which are the format here: ``seq.in`` with ``label`` beside it."""
    return sample.path.name == "seq.in" and sample.path.with_name("label").is_file()


def describe(sample: Sample) -> str:
    """Name the companions."""
    names = [name for name in _COLUMNS.values() if sample.path.with_name(name).is_file()]
    return _("line by line with {names}").format(names=" · ".join(names[1:]))


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a line. Raises `DataError` when the files differ in length."""
    if not looks_like(Sample(source.path)):
        raise DataError(
            _("no parallel files"),
            where=str(source.path),
            hint=_("name the seq.in that has a label file beside it"),
        )
    paths = {column: source.path.with_name(name) for column, name in _COLUMNS.items()}
    named = "" if source.encoding.startswith("utf") else source.encoding
    files = {
        column: replace(source, path=path, encoding=scan(path, named).encoding or source.encoding)
        for column, path in paths.items()
        if path.is_file()
    }
    counts = {each.path.name: sum(1 for _line in lines(each)) for each in files.values()}
    if len(set(counts.values())) > 1:
        raise DataError(
            _("the files differ in length: {counts}").format(
                counts=", ".join(f"{name} {n}" for name, n in counts.items())
            ),
            where=str(source.path),
            hint=_("line n of each must belong together: copy the files again"),
        )
    folder = source.path.parent.name
    for number, row in enumerate(zip(*map(lines, files.values()), strict=True), 1):
        cells = dict(zip(files, (text for _number, text in row), strict=True))
        yield Record(f"{folder}/{row_id(source, number)}", f"{source.path}:{number}", cells)
