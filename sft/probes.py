"""Use the training packages for real, each in a process of its own: ``python -m sft.probes NAME``.

So a package that crashes or hangs costs one check of `sft doctor --deep` and not the report. A module that imports proves
nothing: bitsandbytes loads on machines where its 4-bit layer does not run.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from sft.i18n import _


def run(name: str, timeout: float = 300) -> tuple[bool, str]:
    """Run one of `PROBES` in a process of its own; return whether it worked and the last line it said."""
    search = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    with tempfile.TemporaryDirectory() as aside:
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, search)),
            "UNSLOTH_COMPILE_LOCATION": aside,
            "UNSLOTH_DISABLE_STATISTICS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        try:
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", "sft.probes", name],
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout,
                cwd=aside,
                env=env,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False, _("no answer in {n:.0f} s").format(n=timeout)
    said = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    return done.returncode == 0, said[-1] if said else _("exit code {code}").format(code=done.returncode)


def torch() -> str:
    """Multiply two matrices on the device that would train."""
    import torch

    where = _device()
    square = torch.ones(64, 64, device=where)
    if float((square @ square).sum()) != 64.0**3:
        raise SystemExit(_("a matrix product on {device} is wrong").format(device=where))
    return f"torch {torch.__version__}, {torch.cuda.get_device_name() if where == 'cuda' else where}"


def bitsandbytes() -> str:
    """Go through a 4-bit layer and back, and compare with the layer it was made from."""
    import bitsandbytes
    import torch

    where = _device()
    plain = torch.nn.Linear(64, 64, bias=False)
    layer = bitsandbytes.nn.Linear4bit(64, 64, bias=False, quant_type="nf4", compute_dtype=torch.float32)
    layer.load_state_dict(plain.state_dict())
    rows = torch.ones(4, 64, device=where, requires_grad=True)
    answer = layer.to(where)(rows)
    answer.sum().backward()
    far = float((answer - plain.to(where)(rows)).detach().abs().max())
    if rows.grad is None or not 0 < far < 1:  # 0: not quantised at all
        raise SystemExit(_("a 4-bit layer on {device} is wrong").format(device=where))
    return f"bitsandbytes {bitsandbytes.__version__}, Linear4bit (nf4) on {where}"


def unsloth() -> str:
    """Import unsloth, which refuses machines it cannot train on."""
    import unsloth

    return f"unsloth {unsloth.__version__}, {unsloth.FastLanguageModel.__module__}"


PROBES: dict[str, Callable[[], str]] = {"torch": torch, "bitsandbytes": bitsandbytes, "unsloth": unsloth}


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    print(PROBES[sys.argv[1]]())
