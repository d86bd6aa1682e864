"""One of several processes of a training: ``python -m sft.training.worker ORDER``, started by `sft.training.launch`.

It takes the job as it was settled by the process that started it, trains, and leaves the outcome, or its error, beside
the order.
"""

import os
import pickle
import re
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from sft.errors import SftError
from sft.i18n import _
from sft.training import follow, launch, ranks, train


def main() -> None:
    """Train as the order says; end with 1 when that did not work."""
    place = Path(sys.argv[1])
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        with follow.signals(follow.Silent()) as stop:
            order: launch.Order = pickle.loads((place / launch.ORDER).read_bytes())
            together = ranks.join()
            watch = order.watch if together.first else follow.Silent()
            outcome = train.train(
                order.job,
                order.folder,
                order.last,
                watch=watch,
                stop=stop,
                budget=order.budget,
                together=together,
            )
            watch.end()
            if os.environ["LOCAL_RANK"] == "0":
                _leave(place / launch.OUTCOME, outcome)
            with suppress(RuntimeError):
                together.meet()  # who ends first must not take from others what it has just sent them
    except BaseException as error:  # noqa: BLE001 — whatever it is, the process that started this one must hear of it
        _leave(place / launch.ERROR.format(rank=os.environ["RANK"]), (time.time(), _carried(error)))
        _exit(1)
    if not together.first:  # the first one has exit hooks: of trackers, which send their last figures
        _exit(0)


def _exit(code: int) -> NoReturn:
    """End without taking anything down: a collective with a process that is gone hangs there, or aborts."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_with(parent: int) -> None:
    """End at once when the process that started this one was killed: it holds the run folder, nobody else may write."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _carried(error: BaseException) -> Exception | str:
    """Return an error as another process can show it."""
    if isinstance(error, SftError | OSError):
        return error
    if _lost(error):
        # "[/path/of/gloo/pair.cc:553] Connection closed by peer [10.0.0.2]:48273. This is typically …"
        text = re.sub(r"^\[\S*\]\s*", "", str(error).strip()).partition(". ")[0].partition("\n")[0]
        return launch.LostError(
            _("the connection to another process broke: {reason}").format(reason=text),
            hint=_("see what that one says; the same command goes on from the last checkpoint"),
        )
    return traceback.format_exc()


def _lost(error: BaseException) -> bool:
    """Tell whether another process was gone: gloo has no exception of its own."""
    import torch

    return isinstance(error, torch.distributed.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error)
    )


def _leave(path: Path, value: Any) -> None:
    aside = path.with_suffix(".writing")
    aside.write_bytes(pickle.dumps(value))
    aside.rename(path)


if __name__ == "__main__":
    main()
