"""A folder that belongs to one living process: the kernel frees the lock on any death."""

import os
from pathlib import Path

NAME = ".lock"


def hold(folder: Path) -> int:
    """Lock a folder and return the handle, whose closing frees it.

    Raises `BlockingIOError` when a living process holds it, `ImportError` on a system without such locks.
    """
    import fcntl

    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def held(path: Path) -> bool:
    """Tell whether a living process holds the lock on a file; False for one that is not there.

    It asks with a shared lock for a blink, so that two who ask at once do not take each other for a holder.
    """
    try:
        import fcntl

        handle = os.open(path, os.O_RDONLY)
    except (OSError, ImportError):
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without such locks
        return False
    else:
        return False
    finally:
        os.close(handle)


def take(folder: Path) -> int | None:
    """Lock a folder; None when that cannot be done, for whatever reason: it is somebody's then."""
    try:
        return hold(folder)
    except (OSError, ImportError):
        return None
