"""A small disk of its own for tests of what happens when there is no room, or nothing may be written."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system."""

    path: Path

    def fill(self, spare: int = 0) -> None:
        """Take all its room but `spare` bytes."""
        with (self.path / "ballast").open("wb", buffering=0) as stream:
            try:
                while stream.write(bytes(4096)):
                    pass
            except OSError:
                stream.truncate(max(0, stream.tell() - spare))

    def free(self) -> None:
        """Give the room back."""
        (self.path / "ballast").unlink()

    def read_only(self, on: bool) -> None:
        """Forbid writing, or allow it; nothing may be open for writing there."""
        subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", self.path], check=True)


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[Disk]:
    """Mount a small disk; skip the test where that is not permitted."""
    path.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not permitted here")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
