"""What runs inside a tmux session: a command, whose output is shown there and kept in a file. Standard library only.

Run by its path, ``python -I pane.py ORDER``: a tmux server has the environment of whoever started it first, perhaps
days ago, so the environment of the command comes in the order, as does the command. The order is private to its user
and is removed once read, as an environment may hold keys.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

_PIECE = 1 << 16


def main(order: Path) -> int:
    """Run what `order` says; return its exit code.

    The lock on the file of the output says that the session lives. Signals are the command's to deal with: from the
    keyboard it gets them itself, the others are passed on.
    """
    told = json.loads(order.read_text(encoding="utf-8"))
    kept = os.open(told["console"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    fcntl.flock(kept, fcntl.LOCK_EX)
    order.unlink()
    _keep_flowing()
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: object) -> None:
        for child in children:
            child.send_signal(number)

    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGHUP, pass_on)
    try:
        command = subprocess.Popen(
            told["command"],
            cwd=told["folder"],
            env=told["environment"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        os.write(kept, f"{error}\n".encode())
        return 127  # as a shell says it
    children.append(command)
    assert command.stdout is not None
    while piece := os.read(command.stdout.fileno(), _PIECE):
        for where in (kept, sys.stdout.fileno()):
            with suppress(
                OSError
            ):  # a full disk or a session that is gone: the command must not wait for a reader
                os.write(where, piece)
    return command.wait()


def _keep_flowing() -> None:
    """Take Ctrl-S its power over this terminal: a screen that stands still would stop the command at the next full pipe."""
    with suppress(termios.error):
        mode = termios.tcgetattr(sys.stdout.fileno())
        mode[0] &= ~termios.IXON
        termios.tcsetattr(sys.stdout.fileno(), termios.TCSANOW, mode)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
