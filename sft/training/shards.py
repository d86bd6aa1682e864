"""A model that is split over the processes (fsdp): PyTorch's FSDP2 through accelerate, which gathers a block when it is its turn."""

from typing import Any

from sft.training.ranks import Ranks


def arguments(together: Ranks, *, fsdp: bool) -> dict[str, Any]:
    """Return what the trainer's configuration says about it; {} where every process holds the whole model."""
    return {"fsdp": True, "fsdp_config": {"version": 2}} if fsdp and together.count > 1 else {}


def allow_on_cpu() -> None:
    """Let accelerate split a model on a CPU too, between making the configuration and the trainer.

    It offers that for GPUs alone, although gloo does it as well (accelerate 1.15): what is tested here stays the path
    that GPUs take.
    """
    from accelerate.state import DistributedType, PartialState

    state = PartialState()
    if state.distributed_type == DistributedType.MULTI_CPU:
        state.distributed_type = DistributedType.MULTI_GPU


def whole(trainer: Any) -> dict[str, Any] | None:
    """Return the adapter of a split model, put together; all processes must ask. None for a model that is not split."""
    from torch.distributed.fsdp import FSDPModule

    model = trainer.model
    if not isinstance(model, FSDPModule):
        return None
    names = {name for name, value in model.named_parameters() if value.requires_grad}
    state = trainer.accelerator.get_state_dict(model)
    return {name: value for name, value in state.items() if name in names}
