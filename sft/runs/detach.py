"""Start a command in a named tmux session, where it outlives the terminal; find that session again.

A session knows its run by a tmux option of its own, so that runs of one name in two workspaces are not mixed up.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sft import locks, runs
from sft.errors import MissingError, SettingsError
from sft.i18n import _
from sft.runs.states import CONSOLE

_RUN = "@sft_run"  # the tmux option that holds the run folder
# Whatever the user's own tmux.conf says: the session stays when its last viewer leaves, and ends with its command.
_OWN = (("destroy-unattached", "off"), ("-w", "remain-on-exit", "off"))
_ORDER = ".start.json"
_PATIENCE, _BLINK = 20.0, 0.05  # seconds until a session must have begun, and between two looks
_OTHER = re.compile(r"[^\w-]")  # tmux takes no . and no : in a name


def require() -> None:
    """Raise `MissingError` when tmux is not installed."""
    if shutil.which("tmux") is None:
        raise MissingError(
            _("tmux is not installed"),
            hint=_("install it, e.g.: sudo apt-get install tmux; or leave out --detach"),
        )


def session_of(run_name: str) -> str:
    """Return the name of the tmux session of a run.

    >>> session_of("qwen2.5-3b_v5_cot_demo")
    'qwen2_5-3b_v5_cot_demo'
    """
    return _OTHER.sub("_", run_name)


def sessions() -> dict[str, str]:
    """Return the tmux sessions of this user and the run folder of each, '' for those that are not ours."""
    if shutil.which("tmux") is None:
        return {}
    done = _tmux("list-sessions", "-F", f"#{{session_name}}\t#{{{_RUN}}}")
    pairs = (line.partition("\t") for line in done.stdout.splitlines())
    return {name: folder for name, _tab, folder in pairs} if done.returncode == 0 else {}


def session(folder: Path) -> str:
    """Return the name of the session in which a run goes on, '' when there is none."""
    here = str(folder.resolve())
    return next((name for name, there in sessions().items() if there == here), "")


def require_free(folder: Path) -> None:
    """Raise `SettingsError` when the session of a run is there already, or somebody trains in its folder."""
    name, there = session_of(folder.name), sessions()
    if name in there:
        same = there[name] == str(folder.resolve())
        raise SettingsError(
            _("the tmux session {name} exists already").format(name=name),
            where="" if same else there[name],
            hint=_("look at it: sft runs attach {run}").format(run=folder.name)
            if same
            else _("give this run another --name, or end that session: tmux kill-session -t {name}").format(
                name=name
            ),
        )
    if locks.held(folder / locks.NAME):
        raise runs.taken(folder)


def again(run_name: str, arguments: Sequence[str]) -> list[str]:
    """Return the command this process was started by (`sys.orig_argv`), for the run `run_name` and not detached.

    >>> again("r", ["python", "-m", "sft", "train", "--detach", "--seed", "5"])[1:]
    ['-m', 'sft', 'train', '--seed', '5', '--name', 'r']
    """
    kept = [word for word in arguments[1:] if word != "--detach"]
    return [sys.executable, *kept, "--name", run_name]


def start(folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run `command` in a new tmux session named after the run `folder`; return the name once it has begun.

    Raises `MissingError` with what tmux or the command said when it does not begin.
    """
    name, order = session_of(folder.name), folder / _ORDER
    value = {
        "command": list(command),
        "environment": dict(environment),
        "folder": str(Path.cwd()),
        "console": str((folder / CONSOLE).resolve()),
    }
    order.unlink(missing_ok=True)
    order.touch(0o600, exist_ok=False)
    order.write_text(json.dumps(value), encoding="utf-8")
    try:
        inside = (sys.executable, "-I", str(Path(__file__).with_name("pane.py")), str(order.resolve()))
        options = [(_RUN, str(folder.resolve())), *_OWN]
        settled = [word for option in options for word in (";", "set-option", "-t", f"={name}:", *option)]
        done = _tmux("new-session", "-d", "-s", name, "-x", "200", "-y", "50", *inside, *settled)
        if done.returncode or not _began(name, order):
            raise MissingError(
                _("the tmux session did not start: {reason}").format(reason=done.stderr.strip() or "–"),
                where=str(folder),
                hint=_("try: tmux new-session; or leave out --detach"),
            )
    finally:
        order.unlink(missing_ok=True)
    return name


def _began(name: str, order: Path) -> bool:
    """Wait until the session has taken its order."""
    ends = time.monotonic() + _PATIENCE
    while order.exists() and time.monotonic() < ends:
        if name not in sessions():
            return not order.exists()
        time.sleep(_BLINK)
    return not order.exists()


def end(name: str) -> None:
    """End a session; what runs in it gets SIGHUP."""
    _tmux("kill-session", "-t", f"={name}")


def attaching(name: str) -> list[str]:
    """Return the command that shows a session in this terminal: inside tmux it switches to it."""
    return ["tmux", "switch-client" if os.environ.get("TMUX") else "attach-session", "-t", f"={name}"]


def _tmux(*arguments: str) -> subprocess.CompletedProcess[str]:
    # UTF-8 whatever the locale is: a run may be named in Vietnamese.
    return subprocess.run(
        ["tmux", "-u", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
