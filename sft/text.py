r"""Text at the edge: explicit UTF-8, NFC, mojibake detection, atomic writes, JSON lines.

`'Tiếng Việt'` is 10 code points in NFC and 14 in NFD, hence other tokens and other keys: everything that
enters is brought to NFC once, here, and every file written is UTF-8 with ``\n``.
"""

import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sft.errors import DataError
from sft.i18n import _

# UTF-8 Vietnamese read as cp1252/cp1254: lead bytes C3 C4 C6 E1 E2 F0 shown as letters, followed by what a
# continuation byte looks like in those code pages. Real Vietnamese never has these pairs.
_MOJIBAKE = re.compile(r"á[»º¼½]|Ã[\u0080-\u00bf‚-›ˆ˜–-†‡•…‰]|Ä[‘\u0090‚]|Æ[°¡]|â€|ðŸ|ğŸ|Ã´|Ã¢|Ãª")
# Look-alikes and marks that carry no text: zero-width, BOM inside a file, soft hyphen, C0/C1 controls.
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def nfc(text: str) -> str:
    """Return `text` in Unicode NFC.

    >>> len(nfc(unicodedata.normalize("NFD", "Tiếng Việt")))
    10
    """
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def mojibake(text: str) -> str:
    """Return the first piece of `text` that looks like UTF-8 decoded with a Western code page, else ''.

    >>> mojibake("Tiếng Việt".encode().decode("cp1252", "ignore"))
    'áº'
    >>> mojibake("Câu này là tiếng Việt: Ăn, ÂU, Đã, cá")
    ''
    """
    found = _MOJIBAKE.search(text)
    return found.group(0) if found else ""


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
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(_("no such file"), where=str(path), hint=_("check the path")) from None
    except IsADirectoryError:
        raise DataError(_("is a folder, not a file"), where=str(path), hint=_("name a file")) from None
    except OSError as error:
        raise DataError(str(error.strerror), where=str(path), hint=_("check the permissions")) from None
    chosen = encoding or ("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    try:
        return raw.decode(chosen)
    except LookupError:
        raise DataError(
            _("unknown encoding {name!r}").format(name=chosen), hint=_("e.g. --encoding cp1258")
        ) from None
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            _("not {encoding} text (byte 0x{byte:02x})").format(
                encoding=chosen.removesuffix("-sig"), byte=raw[error.start]
            ),
            where=f"{path}:{line}",
            hint=_("save the file as UTF-8, or name its encoding: --encoding cp1258"),
        ) from None


def iter_jsonl(path: Path, encoding: str = "") -> Iterator[tuple[int, Any]]:
    """Yield ``(line number, value)`` for each non-blank line of a JSON-lines file.

    Raises `DataError` at the first line that is not JSON.
    """
    for number, line in enumerate(read_text(path, encoding).split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                _("not JSON: {reason}").format(reason=error.msg),
                where=f"{path}:{number}",
                hint=_("each line must be one JSON object"),
            ) from None


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically: a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, atomically."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON object a line, atomically."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
