r"""Bytes before anything else: what a file is, its encoding, its lines, with every choice kept for the report.

Order: compressed or not → byte-order mark → strict UTF-8 → any other encoding only when named. Nothing is guessed:
a byte that does not fit is an error with its line, found in one pass before the first row is read.
"""

import codecs
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from data_prep._packed import open_bytes, unreadable
from data_prep._rules import DEFAULT, Rules
from sft.errors import DataError
from sft.i18n import _

HEAD = 1 << 17  # bytes looked at to tell the format; the whole file is still checked for its encoding
_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = {b"PAR1": "parquet", b"PK\x03\x04": "zip", b"\xd0\xcf\x11\xe0": "xls"}


@dataclass(frozen=True, slots=True)
class Source:
    """A raw file and what was found in it; `sha256` is of the file as stored, `part` is where its rows are.

    `part`: a sheet, a split, a path inside a JSON document (``$.data``), or ``lines``; '' where the format has one place.
    `binary` says what holds the rows when it is no text: ``parquet``, ``xlsx`` or ``hf``.
    """

    path: Path
    format: str
    encoding: str = "utf-8"
    delimiter: str = ""
    sha256: str = ""
    detail: str = ""
    part: str = ""
    binary: str = ""
    rules: Rules = DEFAULT

    def __str__(self) -> str:
        r"""Return the one line shown to the user.

        >>> str(Source(Path("qa.csv"), "csv_table", "utf-8-sig", "\t", "", "2 columns: câu hỏi · đáp án"))
        "qa.csv: csv_table, utf-8-sig, delimiter '\\t', 2 columns: câu hỏi · đáp án"
        """
        delimiter = _("delimiter {char!r}").format(char=self.delimiter) if self.delimiter else ""
        said = (self.format, self.encoding, delimiter, self.detail)
        return f"{self.path}: {', '.join(piece for piece in said if piece)}"

    def takes(self, name: str) -> bool:
        """Tell whether ``encoding``, ``delimiter`` or ``part`` says anything about such a file.

        >>> [Source(Path("qa.csv"), "csv_table").takes(name) for name in ("encoding", "delimiter", "part")]
        [True, True, False]
        """
        if name == "part":
            return self.binary in {"xlsx", "hf"} or self.format in {"json_list", "chat", "squad", "passages"}
        return self.format == "csv_table" if name == "delimiter" else not self.binary

    @property
    def chosen(self) -> dict[str, str]:
        """Return what was found besides the usual, as it is said in ``sft.toml``; empty for plain UTF-8 with one place.

        >>> Source(Path("qa.csv"), "csv_table", "utf-8-sig", ";").chosen
        {'format': 'csv_table', 'encoding': 'utf-8-sig', 'delimiter': ';'}
        """
        named = self.binary in {"xlsx", "hf"} or self.part.startswith("$.")
        found = {
            "encoding": self.encoding if self.encoding != "utf-8" else "",
            "delimiter": self.delimiter if self.delimiter != "," else "",
            "part": self.part if named else "",
        }
        found = {key: value for key, value in found.items() if value}
        return {"format": self.format} | found if found else {}


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a file, for readers to say whether it is theirs.

    `text` holds whole lines of the head ('' for a binary file, named by `binary`); `rows` are the first JSON or
    Parquet rows, found at `part`; `delimiter` is set when the text is a table; `problem` says why it is none of
    these.
    """

    path: Path
    text: str = ""
    encoding: str = "utf-8"
    binary: str = ""
    whole: bool = True
    delimiter: str = ""
    rows: tuple[Any, ...] = ()
    part: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """One pass over a file: its hash, encoding, and decoded head."""

    sha256: str
    encoding: str
    text: str
    binary: str
    whole: bool


def scan(path: Path, encoding: str = "") -> Scan:
    """Read `path` once: hash it, settle its encoding, check that every byte fits it, and keep the head.

    Raises `DataError` with the line of the first byte that does not fit.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stored:
            while chunk := stored.read(_CHUNK):
                digest.update(chunk)
        with open_bytes(path) as stream:
            head = stream.read(HEAD)
            whole = len(head) < HEAD
            binary = _BINARY.get(head[:4], "")
            if binary and not (encoding and binary == "parquet"):  # "PAR1" may begin a text as well
                binary = "xlsx" if binary == "zip" and _is_workbook(path) else binary
                return Scan(digest.hexdigest(), "", "", binary, whole)
            chosen = _encoding(path, head, encoding)
            text = _check(path, stream, head, chosen, named=bool(encoding))
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from None
    if not whole and "\n" in text:
        text = text[: text.rfind("\n") + 1]
    return Scan(digest.hexdigest(), chosen, text, "", whole)


def _is_workbook(path: Path) -> bool:
    """Tell an Excel workbook among zip archives; a damaged one says so itself when it is opened."""
    try:
        with open_bytes(path) as stream, zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return path.name.lower().removesuffix(".gz").endswith((".xlsx", ".xlsm"))


def _encoding(path: Path, head: bytes, named: str) -> str:
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if not named:
        if not marked and head.count(0) > len(head) // 10:
            raise DataError(
                _("not a text file, or UTF-16 without a byte-order mark"),
                where=str(path),
                hint=_("expected text or Parquet; for UTF-16 name it: --encoding utf-16-le"),
            )
        return marked or "utf-8"
    try:
        b" ".decode(named, "ignore")  # refuses codecs that are no text encoding, such as base64
        codecs.getincrementaldecoder(named)
        name = codecs.lookup(named).name
    except (LookupError, ValueError):
        raise DataError(
            _("unknown encoding {name!r}").format(name=named), hint=_("e.g. --encoding cp1258")
        ) from None
    return "utf-8-sig" if name == "utf-8" and marked == "utf-8-sig" else name


def _check(path: Path, stream: IO[bytes], head: bytes, encoding: str, *, named: bool) -> str:
    """Decode the whole stream, keeping only the head's text."""
    decoder = codecs.getincrementaldecoder(encoding)()
    chunk, line = head, 1
    text: str | None = None
    while True:
        following = stream.read(_CHUNK)
        try:
            decoded = decoder.decode(chunk, final=not following)
        except UnicodeError as error:
            raise _misfit(path, encoding, error, line, named=named) from None
        text = decoded if text is None else text
        if not following:
            return text
        line += decoded.count("\n")
        chunk = following


def _misfit(path: Path, encoding: str, error: UnicodeError, line: int, *, named: bool) -> DataError:
    """Return the error for bytes that are not text in `encoding`; `line` is where the failing piece starts."""
    data, at = (error.object, error.start) if isinstance(error, UnicodeDecodeError) else (b"", 0)
    if not named and 0 in data[:HEAD]:
        return DataError(
            _("not a text file"),
            where=str(path),
            hint=_("expected text or Parquet: export it as CSV or JSONL"),
        )
    byte = f" (byte 0x{data[at]:02x})" if at < len(data) else ""
    hint = (
        _("name another encoding, or leave --encoding out when the file is UTF-8")
        if named
        else _("save the file as UTF-8, or name its encoding: --encoding cp1258")
    )
    return DataError(
        _("not {encoding} text{byte}").format(encoding=encoding.removesuffix("-sig"), byte=byte),
        where=f"{path}:{line + data[:at].decode(encoding, 'ignore').count(chr(10))}",
        hint=hint,
    )


def read_all(source: Source | Sample) -> str:
    """Return the whole text of a file, line ends kept."""
    with _text_stream(source) as stream:
        try:
            return stream.read()
        except UnicodeError as error:
            raise _changed(source, error) from None


def lines(source: Source | Sample) -> Iterator[tuple[int, str]]:
    r"""Yield ``(line number, line)`` with its end kept; lines end at ``\n``, or at ``\r`` where there is no ``\n``.

    Other characters that `str.splitlines` would break at (U+2028, U+0085, form feed) stay inside their line.
    """
    with _text_stream(source) as stream:
        try:
            yield from enumerate(stream, 1)
        except UnicodeError as error:
            # The whole file was checked, so this is another one by now, or a companion.
            raise _changed(source, error) from None


def _changed(source: Source | Sample, error: UnicodeError) -> DataError:
    return DataError(
        _("not {encoding} text: {reason}").format(encoding=source.encoding, reason=error),
        where=str(source.path),
        hint=_("save the file as UTF-8, or name its encoding: --encoding cp1258"),
    )


def split(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text as `lines` does."""
    yield from enumerate(io.StringIO(text, newline=_line_end(text)), 1)


def _line_end(head: str) -> str:
    return "\r" if "\r" in head and "\n" not in head else "\n"


def require(source: Source, binary: str) -> None:
    """Raise `DataError` when a format of a certain container is asked of another one."""
    if source.binary != binary:
        raise DataError(
            _("not a file of the format {name}").format(name=source.format),
            where=str(source.path),
            hint=_("leave --format out: the file says what it is"),
        )


def _text_stream(source: Source | Sample) -> io.TextIOWrapper:
    if source.binary:
        raise DataError(
            _("no text, but {kind}").format(kind=source.binary),
            where=str(source.path),
            hint=_("leave --format out: the file says what it is"),
        )
    with open_bytes(source.path) as raw:
        head = raw.read(HEAD).decode(source.encoding, "ignore")
    return io.TextIOWrapper(open_bytes(source.path), encoding=source.encoding, newline=_line_end(head))
