"""Files of graphs at the edge of a command: read what was named, deliver what was made."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from sft.cli import screen
from sft.errors import DataError, SettingsError, SftError, raise_all
from sft.i18n import _

Encoding = Annotated[
    str, typer.Option(help=_("encoding of the file, e.g. cp1258; default: UTF-8, or UTF-16 with its mark"))
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help=_("file for the graphs; default: standard output"))
]
Many = Annotated[list[Path], typer.Argument(help=_("files, folders or patterns; - is standard input"))]
One = Annotated[Path, typer.Argument(help=_("file of graphs; - is standard input"))]
_MARK = b"\xef\xbb\xbf"


@contextmanager
def named(name: str) -> Iterator[None]:
    """Name the file in an error about its text that does not."""
    try:
        yield
    except DataError as error:
        error.where = error.where or name
        raise


def text(path: Path, encoding: str) -> tuple[str, str, str]:
    """Return the name of a file, its text, and the byte order mark it begins with when it is UTF-8, else ''."""
    from sft.amr.sources import decoded
    from sft.text import read_bytes

    raw = sys.stdin.buffer.read() if str(path) == "-" else read_bytes(path)  # once: it may be a pipe
    return str(path), decoded(raw, str(path), encoding), "\ufeff" if raw.startswith(_MARK) else ""


def texts(paths: Sequence[Path], encoding: str, *, folders: bool = True) -> dict[str, str]:
    """Return the text of every file by name, `folders` and patterns opened. Raises `DataError` naming each one that cannot be read or has no graph."""
    from data_prep import expand
    from sft.amr.sources import sources

    found: dict[str, str] = {}
    faults: list[SftError] = []
    for path in paths:
        try:
            given, left = expand([path]) if folders and str(path) != "-" else ([path], [])
            for other in left:
                screen.note(_("left out: {path}").format(path=other))
            for each in given:
                with named(str(each)):
                    name, content, _mark = text(each, encoding)
                    sources(content)
                found[name] = content
        except DataError as error:
            faults += error.parts or [error]
    raise_all(_("{n} sources cannot be read"), *faults, hint=_("check the paths"))
    return found


def require_mode(mode: str) -> None:
    """Refuse an unknown triple convention."""
    from sft.smatch.triples import MODES

    if mode not in MODES:
        raise SettingsError(
            _("unknown mode {name!r}").format(name=mode),
            hint=_("one of: {names}").format(names=", ".join(MODES)),
        )


def refuse_same(files: Sequence[Path], out: Path | None) -> None:
    """Refuse to write over a file that is read."""
    for file in files:
        if out is not None and str(file) != "-" and out.exists() and file.exists() and out.samefile(file):
            raise SettingsError(
                _("{path} is the file that is read").format(path=out), hint=_("name another file to write to")
            )


def refuse_json(as_json: bool, out: Path | None) -> None:
    """Refuse a JSON report that would share standard output with the graphs."""
    if as_json and out is None:
        raise SettingsError(_("--json needs a file for the graphs"), hint=_("name it with -o"))


def deliver(
    content: str, out: Path | None, value: Mapping[str, Any], lines: Sequence[str], *, as_json: bool
) -> None:
    """Write the graphs to `out` and the report to standard output, or the graphs there and the report to stderr."""
    from sft.text import write_text

    if out is None:
        typer.echo(content.encode(), nl=False)  # as they are, whatever the terminal's encoding and line ends
        for line in lines:
            screen.note(line)
    else:
        write_text(out, content)
        report = [*lines, _("written: {out}").format(out=out)]
        screen.result({**value, "out": str(out)}, report, as_json=as_json)
