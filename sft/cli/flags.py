"""The flags that `sft train` and `sft plan` share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from sft.i18n import _

# Flags that are training settings; the others say what to do, not how to train.
SETTINGS = (
    "model", "epochs", "max_steps", "batch_size", "grad_accum", "lr", "max_length", "lora_r", "val_split", "backend",
    "seed", "chat_format", "gpu", "profile", "chunk_size", "curriculum", "warm_start", "best", "patience", "report_to",
    "num_processes", "num_machines", "machine_rank", "main_address", "fsdp",
)  # fmt: skip

Data = Annotated[Path | None, typer.Option(help=_("prepared set; default: the newest"))]
UseCase = Annotated[str, typer.Option(help=_("preset; see: sft presets list"))]
Model = Annotated[str | None, typer.Option(help=_("short name (sft models list), Hugging Face id or folder"))]
Epochs = Annotated[float | None, typer.Option(help=_("passes over the rows"))]
MaxSteps = Annotated[int | None, typer.Option(help=_("stop after so many optimizer steps"))]
BatchSize = Annotated[int | None, typer.Option(help=_("rows per forward pass"))]
GradAccum = Annotated[int | None, typer.Option(help=_("forward passes per optimizer step"))]
Lr = Annotated[float | None, typer.Option(help=_("peak learning rate"))]
MaxLength = Annotated[
    int | None, typer.Option(help=_("longest row in tokens; longer ones are left out and counted"))
]
LoraR = Annotated[int | None, typer.Option(help=_("rank of the adapter"))]
ValSplit = Annotated[float | None, typer.Option(help=_("hold out another share than the prepared set does"))]
Backend = Annotated[
    str | None, typer.Option(metavar="unsloth|hf", help=_("default: unsloth wherever it imports"))
]
Gpu = Annotated[
    str | None,
    typer.Option(
        metavar="N|UUID", help=_("or cpu; default auto: the GPU with most free memory that is not busy")
    ),
]
NumProcesses = Annotated[
    int | None,
    typer.Option(help=_("share each step among so many processes, one per GPU, counted over all machines")),
]
NumMachines = Annotated[
    int | None, typer.Option(help=_("machines that take part; the same command runs on each of them"))
]
MachineRank = Annotated[
    int | None, typer.Option(help=_("number of this machine, from 0; machine 0 has the run folder"))
]
Fsdp = Annotated[
    bool | None,
    typer.Option("--fsdp", help=_("split the 16-bit model over the processes; tried on CPUs alone so far")),
]
MainAddress = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help=_("where machine 0 listens, as the other machines reach it")),
]
Profile = Annotated[
    str | None,
    typer.Option(help=_("how close to the memory limit: safe, balanced (default) or aggressive")),
]
ChunkSize = Annotated[
    int | None,
    typer.Option(help=_("read a pass in chunks of so many rows, with a checkpoint after each"), min=0),
]
Curriculum = Annotated[
    str | None,
    typer.Option(metavar="BY", help=_("from easy to hard: by length, answer, loss or column:NAME")),
]
Best = Annotated[
    str | None,
    typer.Option(
        metavar="last|loss|task",
        help=_("adapter to keep: the last, that of the lowest validation loss, or of the best task metric"),
    ),
]
Patience = Annotated[
    int | None, typer.Option(help=_("stop after so many evaluations without a better one; 0: never"))
]
ReportTo = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[,NAME]",
        help=_("send metrics to tensorboard, wandb, trackio or mlflow as well; default: none"),
    ),
]
Seed = Annotated[int | None, typer.Option(help=_("seed of sampling, shuffling and the adapter"))]
Json = Annotated[bool, typer.Option("--json", help=_("print one JSON object on stdout"))]


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training settings among a command's arguments that were given; an explicit 0 counts."""
    return {name: values[name] for name in SETTINGS if values.get(name) is not None}
