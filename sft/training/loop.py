"""TRL's trainer, reading rows in a planned order, going on in smaller pieces where memory runs out.

Nothing here changes what is learnt: the loss of a step is summed over its tokens, so it does not matter in how many
pieces its rows go through the model. The class is made in a function, because its base class lives in TRL.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sft import checkpoints
from sft.errors import MissingError, SftError
from sft.i18n import _
from sft.masks import IGNORE
from sft.training.order import Order, Rows, cuts, named, pieces
from sft.training.ranks import ALONE, Ranks

_OVERFLOWS = 24  # a scale of 65,536 is halved so often before it is nothing
Told = Callable[[int, int, int], None]  # step, pieces of how many rows before, and from now on


@dataclass(slots=True)
class Reading:
    """What the trainer reads, and in how large pieces.

    `micro` rows come at once to each of the processes `together`; of them `piece` go through the model together, fewer
    after memory ran out, and no more than `tokens` have room for (0 = any). `ids` names the rows by place, `watched` those of validation; `told` hears of a smaller piece. `exam` returns
    what else an evaluation measures of the model, by name. Of the checkpoints `keep` stay, and those of the steps
    `pinned`.
    """

    order: Order
    ids: Sequence[str]
    micro: int
    piece: int
    told: Told
    keep: int = 1
    pinned: Collection[int] = ()
    tokens: int = 0
    together: Ranks = ALONE
    probe: bool = False
    watched: Sequence[str] = ()
    exam: Callable[[Any], dict[str, float]] | None = None

    @property
    def devices(self) -> int:
        """Return how many processes share a step."""
        return self.together.count

    @property
    def rank(self) -> int:
        """Return which of them this is."""
        return self.together.rank


def trainer(reading: Reading, rows: Rows, watched: Rows | None, **arguments: Any) -> Any:
    """Return the trainer over `rows` (training) and `watched` (validation; None without); the rest is TRL's."""
    import torch
    from transformers import Trainer, TrainerCallback
    from trl import SFTTrainer

    class Sampler(torch.utils.data.Sampler):  # type: ignore[misc]
        """The planned order of the pass that the training is at, also when it goes on in the middle of one."""

        def __len__(self) -> int:
            return len(reading.order.dealt(0, reading.micro, reading.devices))

        def __iter__(self) -> Iterator[int]:
            epoch = made.state.global_step // reading.order.steps
            return iter(reading.order.dealt(epoch, reading.micro, reading.devices))

    class Planned(SFTTrainer):  # type: ignore[misc]
        """See the module."""

        control: Any
        finite: Any = True
        overflows: int = 0  # steps in a row whose gradient was no number
        step_parts: tuple[int, list[Any]] = (-1, [])

        def _get_train_sampler(self, *_: Any) -> Any:
            return Sampler()

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            # TRL's own also takes entropy and accuracy of every batch, and waits for the device each time.
            inputs = {**inputs, "use_cache": False}
            return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            step = int(self.state.global_step)
            if self.step_parts[0] != step:
                self.step_parts = (step, [])
            parts = self.step_parts[1]
            parts.append(inputs)
            again = False
            while True:
                try:
                    # After memory ran out the gradients of the step so far are gone: all its parts once more, smaller.
                    losses = [
                        self.in_pieces(model, part, num_items_in_batch)
                        for part in (parts if again else parts[-1:])
                    ]
                    break
                except torch.OutOfMemoryError:
                    self.smaller(step)
                    model.zero_grad(set_to_none=True)
                    again = True
            self.finite = self.finite & torch.isfinite(losses[-1])
            return losses[-1]

        def in_pieces(self, model: Any, inputs: Any, items: Any) -> Any:
            parts = list(pieces(inputs, reading.piece, reading.tokens))
            total = 0.0
            for number, piece in enumerate(parts, 1):
                # Devices add up their gradients once a step, so not before the last piece.
                with nullcontext() if number == len(parts) else self.accelerator.no_sync(model):
                    total = total + super().training_step(model, piece, items)
            return total

        def smaller(self, step: int) -> None:
            before = _halve(reading, step)
            reading.told(step, before, reading.piece)
            if reading.devices > 1:
                raise _from_checkpoint(step, before, reading.piece)

        def _clip_grad_norm(self, model: Any) -> Any:
            norm = super()._clip_grad_norm(model)
            finite = math.isfinite(float(norm))
            # A gradient scaler meets infinite gradients on purpose: it leaves such a step out and scales less.
            self.overflows = 0 if finite else self.overflows + 1
            lost = reading.together.any_of(not bool(self.finite))
            if lost or self.overflows > (_OVERFLOWS if self.args.fp16 else 0):
                self.complain(loss=lost)
            return norm

        def complain(self, *, loss: bool) -> None:
            step = int(self.state.global_step)
            places = reading.order.share(step, reading.micro, reading.devices, reading.rank)
            alone = [place for place in places if not math.isfinite(self.loss_of([place], rows)[0])]
            places = [place for place in places if place >= 0]
            every = reading.together.all_of((places, alone))  # all processes come here, and say the same
            ids, bad = (
                [reading.ids[p] for part in parts for p in part] for parts in zip(*every, strict=True)
            )
            raise _not_finite(step + 1, ids, bad, loss=loss, fp16=self.args.fp16)

        def loss_of(self, places: Sequence[int], data: Rows) -> tuple[float, int]:
            """Return the summed loss of rows and over how many tokens; no gradient, no dropout, this device alone."""
            inputs = self._prepare_inputs(self.data_collator([data.look(place) for place in places]))
            items = (inputs["labels"][..., 1:] != IGNORE).sum()
            training = self.model.training
            self.model.eval()
            with torch.no_grad(), self.compute_loss_context_manager():
                loss = self.compute_loss(self.model, inputs, num_items_in_batch=items)
            self.model.train(training)
            if not items:  # blanks alone, which a process reads so that all read as many
                return 0.0, 0
            # Trainer scales a loss for the mean that devices take of their gradients.
            return float(loss) * int(items) / self.accelerator.num_processes, int(items)

        def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
            """Return the mean loss of a validation token; Trainer's is a mean over batches, which depends on their size."""
            assert watched is not None
            mine, size, start = _mine(reading, watched.lengths), reading.piece, 0
            sums = torch.zeros(2, dtype=torch.float64)
            while start < len(mine):
                part = _next(mine[start : start + size], watched.lengths, reading.tokens)
                try:
                    sums += torch.tensor(self.loss_of(part, watched))
                    start += len(part)
                except torch.OutOfMemoryError:
                    if size == 1:
                        raise
                    torch.cuda.empty_cache()
                    size //= 2
            if reading.devices > 1:
                sums = self.accelerator.reduce(sums.to(self.args.device), "sum")
            metrics = {"eval_loss": float(sums[0] / sums[1])}
            if not math.isfinite(metrics["eval_loss"]):
                alone = [place for place in mine if not math.isfinite(self.loss_of([place], watched)[0])]
                every = [reading.watched[p] for part in reading.together.all_of(alone) for p in part]
                raise _not_watched(int(self.state.global_step), every)
            if reading.exam is not None:
                metrics |= reading.exam(self.model)
            self.log(metrics)
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

        def _get_output_dir(self, trial: Any) -> str:
            return str(Path(self.args.output_dir) / checkpoints.ASIDE)

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            folder, step = Path(self.args.output_dir), int(self.state.global_step)
            aside = checkpoints.saving(folder, step, reading.keep, reading.pinned)
            with aside if reading.together.first else nullcontext():
                self.accelerator.wait_for_everyone()  # nothing is written before its place is empty
                super()._save_checkpoint(model, trial)
                self.accelerator.wait_for_everyone()  # nor complete before every device has written

        def difficulty(self) -> list[float]:
            """Return the mean loss of each row's supervised tokens under the model as it is now, by place."""
            order = _mine(reading, reading.order.lengths)
            found: list[tuple[int, float]] = []
            size = reading.piece
            while len(found) < len(order):
                chosen = _next(order[len(found) : len(found) + size], reading.order.lengths, reading.tokens)
                try:
                    found += zip(chosen, self.row_losses(chosen), strict=True)
                except torch.OutOfMemoryError:
                    if size == 1:
                        raise
                    torch.cuda.empty_cache()
                    size //= 2
            every = [pair for part in reading.together.all_of(found) for pair in part]
            return [loss for place, loss in sorted(every) if place >= 0]

        def row_losses(self, places: Sequence[int]) -> list[float]:
            inputs = self._prepare_inputs(self.data_collator([rows.look(place) for place in places]))
            labels = inputs.pop("labels")[:, 1:]
            training = self.model.training
            self.model.eval()
            with torch.no_grad(), self.compute_loss_context_manager():
                logits = self.model(**inputs, use_cache=False).logits
            self.model.train(training)
            kept = labels != IGNORE
            pairs = zip(logits, labels, kept, strict=True)
            return [
                float(torch.nn.functional.cross_entropy(row[:-1][mask].float(), wanted[mask]))
                for row, wanted, mask in pairs
            ]

        def probe(self) -> None:
            """Take the longest rows forward and back, learn nothing, and find out whether they fit."""
            longest = sorted(range(len(reading.order.lengths)), key=lambda p: -reading.order.lengths[p])
            inputs = self.data_collator([rows.look(place) for place in longest[: reading.micro]])
            before, step = reading.piece, int(self.state.global_step)
            with torch.random.fork_rng():
                while True:
                    try:
                        # The bare model: while one process runs out of memory, the others must not wait for it.
                        self.in_pieces(self.model, inputs, None)
                        break
                    except torch.OutOfMemoryError:
                        _halve(reading, step)
                    finally:
                        self.model.zero_grad(set_to_none=True)
            reading.piece = min(reading.together.all_of(reading.piece))
            if reading.piece < before and reading.together.first:
                reading.told(step, before, reading.piece)

    class Check(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            if reading.probe:
                made.probe()

        def on_step_end(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
            step = int(state.global_step) - 1
            if not rows.took(reading.order.share(step, reading.micro, reading.devices, reading.rank)):
                raise RuntimeError(f"step {step + 1} did not read the rows planned for it")

    made = Planned(**arguments, train_dataset=rows.dataset, eval_dataset=watched and watched.dataset)
    made.train_dataset, made.eval_dataset = rows, watched
    made.add_callback(Check)
    return made


def _mine(reading: Reading, lengths: Sequence[int]) -> list[int]:
    """Return the places that this process reads of all, longest first; blanks where others read one more."""
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    blanks = -len(order) % reading.devices
    return [*order, *[-1 - place for place in order[-1:] * blanks]][reading.rank :: reading.devices]


def _next(places: Sequence[int], lengths: Sequence[int], tokens: int) -> Sequence[int]:
    """Return those of the first places that go through the model together."""
    sizes = [lengths[place if place >= 0 else -1 - place] for place in places]
    return places[: next(cuts(sizes, len(places), tokens))[1]]


def _halve(reading: Reading, step: int) -> int:
    """Halve the pieces and return what they were. Raises `MissingError` when one row alone is too much."""
    import torch

    before = reading.piece
    if before == 1:
        raise MissingError(
            _("out of memory with a single row at step {step}").format(step=step + 1),
            hint=_(
                "lower --max-length, set load_in_4bit = true and gradient_checkpointing = true, or take a smaller model"
            ),
        )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    reading.piece = math.ceil(before / 2)
    return before


def _from_checkpoint(step: int, before: int, now: int) -> MissingError:
    """Return the error of memory that ran out in a step that other processes share: they wait for this one's part."""
    return MissingError(
        _("out of memory at step {step} with {n} rows at once").format(step=step + 1, n=before),
        hint=_("run the same command again: it goes on with {n} rows at once, same effective batch").format(
            n=now
        ),
    )


def _not_finite(step: int, rows: Sequence[str], alone: Sequence[str], *, loss: bool, fp16: bool) -> SftError:
    """Return the error of a step that was not taken: its rows, and those whose loss is no number by themselves."""
    text = _("the loss is no number") if loss else _("the gradient is no number")
    text = _("{what} at step {step}, which was not taken; its rows: {ids}").format(
        what=text, step=step, ids=named(rows)
    )
    hint = _("start anew with a lower --lr")
    if alone and len(alone) < len(rows):
        text += _("; alone, these have no loss: {ids}").format(ids=named(alone))
        hint = _("look at those rows; if they are as they should be, start anew with a lower --lr")
    if fp16:
        hint += _(
            "; this card computes in fp16, which overflows with some models (Qwen): one from compute capability 8.0 on takes bf16"
        )
    return SftError(text, hint=hint, exit_code=1)


def _not_watched(step: int, alone: Sequence[str]) -> SftError:
    """Return the error of an evaluation without a result."""
    text = _("the validation loss is no number at step {step}").format(step=step)
    if alone:
        text += _("; alone, these have no loss: {ids}").format(ids=named(alone))
    hint = _(
        "look at those rows, or lower --lr; without evaluation (eval_steps = 0) nobody would have seen it"
    )
    return SftError(text, hint=hint, exit_code=1)
