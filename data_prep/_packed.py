"""Files as stored: plain, gzip or zstandard, told by their first bytes; every frame of a .zst file, and none cut short."""

import gzip
import importlib
import io
import zlib
from pathlib import Path
from typing import IO, Any, cast

from sft.errors import DataError, MissingError
from sft.i18n import _

_CHUNK = 1 << 16


def open_bytes(path: Path) -> IO[bytes]:
    """Open `path` for reading, unpacking gzip and zstandard by their first bytes. Raises `DataError`."""
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
        if magic[:2] == b"\x1f\x8b":
            return cast(IO[bytes], gzip.open(path))
        if magic == b"\x28\xb5\x2f\xfd":
            return _open_zstandard(path)
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from None


def _open_zstandard(path: Path) -> IO[bytes]:
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        raise MissingError(
            _("reading a .zst file needs the package zstandard"),
            where=str(path),
            hint=_("pip install zstandard, or unpack the file"),
        ) from None
    return cast(IO[bytes], io.BufferedReader(_Zstandard(path.open("rb"), zstandard)))


class _Zstandard(io.RawIOBase):
    """Unpack all frames one after the other; the package's own stream stops after the first, and at a cut, in silence."""

    def __init__(self, stored: IO[bytes], zstandard: Any) -> None:
        self._stored, self._zstandard = stored, zstandard
        self._frame: Any = None
        self._packed = self._plain = b""

    def readable(self) -> bool:
        """Tell that this is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`. Raises `EOFError` or `zlib.error` for a damaged file, as gzip does."""
        while not self._plain:
            self._packed = self._packed or self._stored.read(_CHUNK)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError(_("it ends in the middle"))
                return 0
            if self._frame is None:
                self._frame = self._zstandard.ZstdDecompressor().decompressobj()
            try:
                self._plain = self._frame.decompress(self._packed)
            except self._zstandard.ZstdError as error:
                raise zlib.error(str(error)) from None
            self._packed = self._frame.unused_data if self._frame.eof else b""
            self._frame = None if self._frame.eof else self._frame
        size = min(len(buffer), len(self._plain))
        buffer[:size], self._plain = self._plain[:size], self._plain[size:]
        return size

    def close(self) -> None:
        """Close the stored file as well."""
        self._stored.close()
        super().close()


def unreadable(path: Path, error: Exception) -> DataError:
    """Return the error for a file that cannot be opened or unpacked."""
    if isinstance(error, FileNotFoundError):
        return DataError(_("no such file"), where=str(path), hint=_("check the path"))
    if isinstance(error, IsADirectoryError):
        return DataError(_("is a folder, not a file"), where=str(path), hint=_("name a file"))
    if isinstance(error, (EOFError, zlib.error, gzip.BadGzipFile)):
        return DataError(
            _("the compressed file is damaged: {reason}").format(reason=error),
            where=str(path),
            hint=_("copy it again"),
        )
    reason = error.strerror if isinstance(error, OSError) else None
    return DataError(reason or str(error), where=str(path), hint=_("check the file and its permissions"))
