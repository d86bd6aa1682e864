"""Start the command line often and at once: a process that has the training packages loaded forks for every start."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tiny_model import environment

_SERVER = """
import json, os, sys
import accelerate, bitsandbytes, datasets, peft, torch, transformers
from trl import SFTConfig, SFTTrainer
from sft.__main__ import main

for line in sys.stdin:
    folder, out, *words = json.loads(line)
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    os.chdir(folder)
    said = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number in (1, 2):
        os.dup2(said, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["sft", *words]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException as error:
        print(repr(error), flush=True)
    finally:
        os._exit(code)
"""


class Starter:
    """Starts one command after another, each in a process of its own."""

    def __init__(self, server: "subprocess.Popen[str]") -> None:
        self._server = server
        self._running = 0

    def start(self, folder: Path, out: Path, *words: str) -> int:
        """Start ``sft WORDS`` in `folder`, what it says is added to `out`; return the process's number."""
        if self._running:  # a test failed before it waited
            with suppress(ProcessLookupError):
                os.kill(self._running, signal.SIGKILL)
            self.wait()
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps([str(folder), str(out), *words]) + "\n")
        self._server.stdin.flush()
        self._running = self._line()
        assert self._running > 1
        return self._running

    def wait(self) -> int:
        """Wait for the end of what was started; return its exit code, minus the signal that ended it."""
        code = self._line()
        self._running = 0
        return code

    def _line(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())


@contextmanager
def preloaded() -> Iterator[Starter]:
    """Load the training packages once, for many starts."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as server:
        try:
            yield Starter(server)
        finally:
            server.kill()
