"""How busy the GPU is while a training goes on: nvidia-smi looks every second, a thread listens."""

import shutil
import subprocess
import threading
from typing import TextIO

_COMMAND = ("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop=1")


class Gauge:
    """The load of one GPU in percent, as a mean over what was measured since it was asked last.

    It is silent (None) without nvidia-smi, and where the driver does not tell, as for a slice of a GPU.
    """

    def __init__(self, uuid: str) -> None:
        """Begin to listen; '' is no GPU."""
        self._looks: list[int] = []
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        if not uuid or shutil.which(_COMMAND[0]) is None:
            return
        self._process = subprocess.Popen(
            [*_COMMAND, f"--id={uuid}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdout is not None
        self._thread = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._thread.start()

    def _listen(self, stream: TextIO) -> None:
        with stream:
            for line in stream:
                if line.strip().isdigit():
                    self._looks.append(int(line))

    def mean(self) -> float | None:
        """Return the mean load since the last call, None when nothing was measured."""
        looks, self._looks = self._looks, []
        return round(sum(looks) / len(looks), 1) if looks else None

    def forget(self) -> None:
        """Leave out what was measured so far: it was not of training."""
        self._looks = []

    def close(self) -> None:
        """Stop listening."""
        if self._process is not None and self._thread is not None:
            self._process.kill()
            self._process.wait()
            self._thread.join()
            self._process = None
