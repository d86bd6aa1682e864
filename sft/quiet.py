"""Keep the training libraries' own words out of the terminal: stdout is for results, stderr for our lines."""

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


@contextmanager
def library_output(path: Path) -> Iterator[None]:
    """Send what is printed inside to the file `path`, appended; nothing is lost, it just stands elsewhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("a", encoding="utf-8", buffering=1) as stream,
        redirect_stdout(stream),
        redirect_stderr(stream),
    ):
        yield
