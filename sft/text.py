r"""Text at the edge: explicit UTF-8, NFC, mojibake detection, atomic writes, JSON lines.

`'Tiếng Việt'` is 10 code points in NFC and 14 in NFD, hence other tokens and other keys: everything that
enters is brought to NFC once, here, and every file written is UTF-8 with ``\n``.
"""

import functools
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from sft.errors import DataError
from sft.i18n import _

# The code pages that UTF-8 Vietnamese is mostly misread with: Windows (Western, Turkish, Vietnamese) and Excel on a Mac.
_CODE_PAGES = ("cp1252", "cp1254", "cp1258", "latin-1", "mac_roman")
_MARKS = "\u0300\u0301\u0309\u0303\u0323\u0302\u0306\u031b"  # the five tones; circumflex, breve, horn
_CLOSING = {"»": "«", "”": "“", "’": "‘", "›": "‹"}
# Marks that carry no text: zero-width, BOM inside a file, soft hyphen, C0/C1 controls. A joiner between two emoji does.
_EMOJI = "\u2600-\u27bf\ufe0f\U0001f000-\U0001faff"
_INVISIBLE = re.compile(
    "[\u200b\u200c\u200e\u200f\u2060\ufeff\u00ad]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    f"|(?<![{_EMOJI}])\u200d|\u200d(?![{_EMOJI}])"
)


def nfc(text: str) -> str:
    """Return `text` in Unicode NFC.

    >>> len(nfc(unicodedata.normalize("NFD", "Tiếng Việt")))
    10
    """
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def vietnamese_letters() -> tuple[str, ...]:
    """Return the 134 letters of Vietnamese that are not ASCII, in NFC.

    >>> len(vietnamese_letters()), vietnamese_letters()[:6]
    (134, ('à', 'á', 'ả', 'ã', 'ạ', 'ă'))
    """
    tones = ["", *_MARKS[:5]]
    small = [unicodedata.normalize("NFC", vowel + tone) for vowel in "aăâeêioôơuưy" for tone in tones]
    letters = [letter for letter in (*small, "đ") if not letter.isascii()]
    return (*letters, *(letter.upper() for letter in letters))


@functools.cache
def _damage() -> re.Pattern[str]:
    """Return what finds a Vietnamese letter that was written as UTF-8 and read with one of the code pages.

    A byte that the code page lacks is shown as a control character, as U+FFFD or not at all.
    """
    pieces: dict[str, set[str]] = {}
    for page in _CODE_PAGES:
        # A lone mark (NFD) reads as two common letters on a Mac: only the Windows pages are unmistakable.
        for letter in vietnamese_letters() + (tuple(_MARKS) if page != "mac_roman" else ()):
            shown = [bytes([byte]).decode(page, "replace") for byte in letter.encode()]
            for unknown in (None, "\ufffd"):
                made = [
                    unknown or chr(byte) if char == "\ufffd" else char
                    for char, byte in zip(shown, letter.encode(), strict=True)
                ]
                pieces.setdefault("".join(made[:-1]), set()).add(made[-1])
    parts = [f"{re.escape(head)}[{re.escape(''.join(sorted(tails)))}]" for head, tails in pieces.items()]
    # Besides the letters: a dropped third byte, signs such as ° and the no-break space, curly quotes and dashes, emoji.
    return re.compile("|".join([*parts, r"á[º»](?=\w)", "Â[\u0080-\u00bf]", "â€", "ðŸ", "ğŸ"]))


def mojibake(text: str) -> str:
    """Return the first piece of `text` that looks like UTF-8 decoded with a code page of another kind, else ''.

    >>> mojibake("Tiếng Việt".encode().decode("cp1252", "ignore"))
    'áº¿'
    >>> mojibake("Câu này là tiếng Việt: Ăn, ÂU, “XÃ”, «ba má»")
    ''
    """
    if text.isascii():
        return ""
    return next((found[0] for found in _damage().finditer(text) if not _genuine(text, found)), "")


def repaired(text: str) -> str | None:
    """Return the text that `text` was before it was read with a wrong code page, None when that cannot be told for sure.

    Nothing may be lost: every character goes back to the byte it came from (a byte that the code page lacks stands as a
    control character), all bytes together are UTF-8, and every code page by which this works gives the same text.

    >>> repaired("Đường Láng".encode().decode("latin-1")), repaired("Đường".encode().decode("cp1252", "ignore"))
    ('Đường Láng', None)
    """
    found = set()
    for page in _CODE_PAGES:
        raw = bytearray()
        for char in text:
            try:
                raw += char.encode(page)
            except UnicodeEncodeError:
                if ord(char) not in _undefined(page):
                    break
                raw.append(ord(char))
        else:
            try:
                found.add(raw.decode("utf-8"))
            except UnicodeDecodeError:
                continue
    before = found.pop() if len(found) == 1 else ""
    return before if before and not mojibake(before) else None


@functools.cache
def _undefined(page: str) -> frozenset[int]:
    """Return the bytes that have no character in a code page."""
    return frozenset(n for n in range(0x80, 0x100) if bytes([n]).decode(page, "replace") == "\ufffd")


def _genuine(text: str, found: re.Match[str]) -> bool:
    """Tell whether the piece is good text after all: a capital letter, or á, before a closing quote or a no-break space."""
    opening = _CLOSING.get(found[0][1])
    if opening:
        before = text[: found.start()]
        return before.count(opening) > before.count(found[0][1])
    if found[0][1] != "\u00a0":
        return False
    return not (text[: found.start()][-1:].islower() or text[found.end() :][:1].islower())


def invisible(text: str) -> int:
    """Count zero-width, soft-hyphen and control characters (not tab, not line ends) in `text`."""
    return len(_INVISIBLE.findall(text))


def clean(text: str) -> str:
    r"""Return `text` as a cell should enter: NFC, ``\n``, visible characters only, stripped.

    >>> clean("  xe\u200b đạp\u00a0đỏ\r\n")
    'xe đạp đỏ'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    # NFC comes last: a removed mark may have stood between a letter and its tone.
    return nfc(_INVISIBLE.sub("", text)).strip()


def read_text(path: Path, encoding: str = "") -> str:
    """Return the text of `path`: BOM (UTF-8, UTF-16) honoured, else strict UTF-8; line ends kept.

    Raises `DataError` with the line of the first byte that is not UTF-8. Another encoding is never guessed.
    """
    return decode(read_bytes(path), str(path), encoding)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of `path`. Raises `DataError` where there is no file to read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(_("no such file"), where=str(path), hint=_("check the path")) from None
    except IsADirectoryError:
        raise DataError(_("is a folder, not a file"), where=str(path), hint=_("name a file")) from None
    except OSError as error:
        raise DataError(str(error.strerror), where=str(path), hint=_("check the permissions")) from None


def decode(raw: bytes, where: str, encoding: str = "") -> str:
    """Return the bytes of the file `where` as text, as `read_text` does."""
    chosen = encoding or ("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    try:
        return raw.decode(chosen)
    except LookupError:
        raise DataError(
            _("unknown encoding {name!r}").format(name=chosen), hint=_("e.g. --encoding cp1258")
        ) from None
    except UnicodeDecodeError as error:
        # `error.object` may lack the BOM that `raw` has, and in UTF-16 a line end is two bytes.
        line = error.object[: error.start].decode(error.encoding, "ignore").count("\n") + 1
        raise DataError(
            _("not {encoding} text (byte 0x{byte:02x})").format(
                encoding=chosen.removesuffix("-sig"), byte=error.object[error.start]
            ),
            where=f"{where}:{line}",
            hint=_("save the file as UTF-8, or name its encoding: --encoding cp1258"),
        ) from None


def iter_jsonl(path: Path, encoding: str = "") -> Iterator[tuple[int, Any]]:
    """Yield ``(line number, value)`` for each non-blank line of a JSON-lines file.

    Raises `DataError` at the first line that is not JSON.
    """
    yield from json_lines(read_text(path, encoding), str(path))


def json_lines(text: str, where: str) -> Iterator[tuple[int, Any]]:
    """Yield the values of JSON lines that came from `where`, as `iter_jsonl` does."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                _("not JSON: {reason}").format(reason=error.msg),
                where=f"{where}:{number}",
                hint=_("each line must be one JSON object"),
            ) from None


@contextmanager
def _atomic(path: Path) -> Iterator[TextIO]:
    """Open a file beside `path` that takes its place when all went well: a reader never sees a part.

    A device or pipe is written to as it is, never replaced. Raises `DataError` where no file can be.
    """
    if path.is_dir():
        raise DataError(_("is a folder, not a file"), where=str(path), hint=_("name a file"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DataError(
            _("is a file, not a folder"), where=str(path.parent), hint=_("check the path")
        ) from None
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            yield stream
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically: a reader sees the old file or the new one, never a part."""
    with _atomic(path) as stream:
        stream.write(text)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, atomically."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON object a line as the rows come, atomically."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    with _atomic(path) as stream:
        for row in rows:
            stream.write(encode(row) + "\n")
