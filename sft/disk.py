"""What a disk refuses: no room, no permission. Libraries say it in words of their own; here it is one `OSError`."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)  # not the program's fault
_CANNOT = (
    errno.EINVAL,
    errno.ENOTSUP,
    errno.ENOSYS,
)  # a file system that knows no such thing, as network drives
_TRIED = 1 << 20  # bytes that are written to see whether a disk takes any


def refused(error: BaseException) -> bool:
    """Tell whether the disk is the cause of an error: it is full, or must not be written."""
    return isinstance(error, OSError) and error.errno in REFUSALS


@contextmanager
def plainly(folder: Path) -> Iterator[None]:
    """Write something in `folder`; when the disk is why that fails, raise the `OSError` it is, with a place.

    safetensors keeps the system's words. torch keeps none when a file ends early, so a small file is tried then.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        reason = _reason(error) or _tried(folder)
        if reason is None:
            raise
        raise OSError(reason, os.strerror(reason), str(folder)) from error


def _reason(error: BaseException) -> int | None:
    """Return the refusal that an error, or one before it, tells of in words."""
    chain: BaseException | None = error
    while chain is not None:
        for number in REFUSALS:
            if os.strerror(number) in str(chain):
                return number
        chain = chain.__cause__ or chain.__context__
    return None


def _tried(folder: Path) -> int | None:
    """Return why nothing can be written in a folder, None when it can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(bytes(_TRIED))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        return error.errno if refused(error) else None
    return None


def sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def settle(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk itself before anything relies on it; where that can be asked."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(handle)
