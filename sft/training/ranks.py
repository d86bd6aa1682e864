"""What the processes of one training agree on. One that trains alone agrees with itself and asks nobody."""

import os
import random
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

_PATIENCE = timedelta(minutes=30)  # one process may load, save or evaluate so much longer than the others


@dataclass(frozen=True, slots=True)
class Ranks:
    """Process `rank` of `count`; `group` joins them on the CPU, also where gradients travel between GPUs."""

    rank: int = 0
    count: int = 1
    group: Any = None

    @property
    def first(self) -> bool:
        """Tell whether this process writes the run folder and draws."""
        return self.rank == 0

    def any_of(self, flag: bool) -> bool:
        """Tell whether any process says yes; all of them must ask."""
        if self.count == 1:
            return flag
        import torch

        said = torch.tensor([int(flag)])
        torch.distributed.all_reduce(said, torch.distributed.ReduceOp.MAX, self.group)
        return bool(said)

    def of_first(self, value: Any) -> Any:
        """Return what process 0 has; the value of the others does not count."""
        if self.count == 1:
            return value
        import torch

        held = [value]
        torch.distributed.broadcast_object_list(held, 0, self.group)
        return held[0]

    def all_of(self, value: Any) -> list[Any]:
        """Return what each process has, by rank; all of them must ask."""
        if self.count == 1:
            return [value]
        import torch

        held: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(held, value, self.group)
        return held

    def folder_of_first(self, folder: Path | None, home: Path) -> Path | None:
        """Return the folder that process 0 has, None when it has none; other machines get a copy of it in `home`."""
        name = self.of_first(folder and folder.name)
        if name is None:
            return None
        here = home / str(name)
        if self.any_of(not here.is_dir()):
            files = self.of_first(
                {path.name: path.read_bytes() for path in folder.iterdir()} if folder else {}
            )
            if not here.is_dir() and os.environ["LOCAL_RANK"] == "0":
                here.mkdir(parents=True)
                for file, content in files.items():
                    (here / file).write_bytes(content)
            self.meet()
        return here

    def seed(self, seed: int, step: int) -> None:
        """Draw the dropout of a step from its number, so that it needs no state of the generators to go on from."""
        if self.count > 1:
            import torch

            torch.manual_seed(random.Random(f"{seed}:{step}:{self.rank}").getrandbits(63))

    def meet(self) -> None:
        """Wait for the others."""
        self.any_of(False)


ALONE = Ranks()


def join() -> Ranks:
    """Join the processes that the launcher started with this one, by the environment it gave them."""
    import torch

    if torch.cuda.is_available():
        from accelerate.utils import check_cuda_p2p_ib_support

        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # As accelerate launch does; without it accelerate refuses such cards.
        if not check_cuda_p2p_ib_support():
            os.environ.setdefault("NCCL_P2P_DISABLE", "1")
            os.environ.setdefault("NCCL_IB_DISABLE", "1")
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl", timeout=_PATIENCE)
    else:
        # accelerate would call it cpu:0, which torch.load of a checkpoint does not know.
        os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
        torch.distributed.init_process_group("gloo", timeout=_PATIENCE)
    group = torch.distributed.new_group(backend="gloo", timeout=_PATIENCE)
    return Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size(), group)
