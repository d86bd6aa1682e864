"""A training job: everything that is settled before a model is loaded. Needs no torch.

Rows are chosen and encoded, the plan is made, memory is forecast, backend and device are picked; the lock says what
decides the result.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sft import audit, backends, base, devices, models, prepared, splits, templates, tokenizer, tokens
from sft.i18n import _
from sft.planner import fit, memory, plan, team
from sft.training import best, strategy, warm
from sft.training.order import Order

if TYPE_CHECKING:
    from sft.presets import TrainSettings
    from sft.settings import Resolved


# Where and how a run computes: other cards, processes or micro-batches go on with the same run, of the same effective batch.
# How many checkpoints stay: fewer make room. By what name an adapter is found to begin with: its weights are locked.
_NOT_LOCKED = {"gpu", "profile", "batch_size", "grad_accum", "keep_checkpoints", "warm_start", "report_to"} | {
    "num_processes", "num_machines", "machine_rank", "main_address",
}  # fmt: skip
_FEWEST = 8  # validation rows whose loss is watched, at least


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that is settled before a model is loaded.

    `settings` hold the micro-batch and accumulation of one process; `devices` are those of the processes on this
    machine, and the plan fits into `device`, the weakest of them.
    """

    settings: "TrainSettings"
    origins: Mapping[str, str]
    data: prepared.Prepared
    template: templates.Template
    model: models.Model
    base: base.Base
    loaded: tokenizer.Loaded
    trained: audit.Set
    valid: audit.Set
    held_out: tuple[str, ...]
    facts: Mapping[str, Any]
    plan: plan.Plan
    difficulty: Sequence[float] = field(repr=False)
    decision: fit.Decision
    device: devices.Device
    devices: tuple[devices.Device, ...]
    team: team.Team
    backend: str
    backend_reason: str
    start: warm.Start | None = None

    @property
    def lock(self) -> dict[str, Any]:
        """Return what decides the result of the run."""
        return {
            "settings": self.settings.model_dump(mode="json", exclude=_NOT_LOCKED),
            "effective_batch": self.plan.effective_batch,
            "data": self.data.digest,
            "template": self.template.id,
            "model": self.model.name,
            "revision": self.base.revision,
            "chat_format": self.loaded.format.name,
            "backend": self.backend,
            "batch_size": self.settings.batch_size,
            "grad_accum": self.settings.grad_accum,
            "load_in_4bit": self.decision.load_in_4bit,
            "gradient_checkpointing": self.decision.gradient_checkpointing,
            "total_steps": self.plan.total_steps,
            "warm_start": self.start.sha256 if self.start else None,
        }

    @property
    def tokens_at_once(self) -> int:
        """Return how many tokens go through the model at once at most, 0 for as many as a micro-batch has."""
        shards = self.team.processes if self.settings.fsdp else 1
        return memory.at_once("cpu" if self.device.kind == "cpu" else "gpu", shards)

    def order(self, measured: Sequence[float] = ()) -> Order:
        """Return which row is read when; `measured` is the difficulty of the rows where a model had to tell it."""
        settings = self.settings
        return Order(
            strategy.pools(
                self.plan.parts,
                self.trained,
                measured or self.difficulty,
                settings.seed,
                cumulative=settings.cumulative,
            ),
            self.trained.lengths,
            self.plan.effective_batch,
            settings.seed,
            by_length=settings.group_by_length,
        )


def choose_rows(
    names: tokens.Names, settings: "TrainSettings", *, resplit: bool
) -> tuple["array[int]", "array[int]"]:
    """Return the places of the training and validation rows: the set's own split, unless `resplit` asks for another share.

    Splitting again uses the same rule of hashes on the same keys, so no sentence crosses. A limit samples by seed.
    """
    train, valid = array("q", range(names.train)), array("q", range(names.train, len(names.ids)))
    if resplit:
        sides = splits.split(names.groups, settings.val_split, settings.seed)
        train, valid = (
            array("q", (place for place, side in enumerate(sides) if side == wanted))
            for wanted in (splits.TRAIN, splits.VALID)
        )
    if settings.limit is not None and settings.limit < len(train):
        train = _sampled(names, train, settings.limit, settings.seed)
    return train, valid


def _sampled(names: tokens.Names, places: "array[int]", limit: int, seed: int) -> "array[int]":
    chosen = set(splits.sample((names.ids[place] for place in places), limit, seed))
    return array("q", (place for place in places if names.ids[place] in chosen))


def _loss_rows(names: tokens.Names, valid: "array[int]", settings: "TrainSettings") -> "array[int]":
    """Return the validation rows whose loss is watched: as small a part of them as the limit makes of the training rows.

    Else a run on 100 rows would spend most of its time evaluating. Scoring takes all held-out rows all the same.
    """
    if settings.limit is None or settings.limit >= names.train:
        return valid
    few = max(_FEWEST, round(len(valid) * settings.limit / names.train))
    return _sampled(names, valid, few, settings.seed)


def prepare(
    workspace: Path,
    resolved: "Resolved[TrainSettings]",
    data_folder: Path | None,
    watch: tokens.Watch,
    *,
    found: tuple[devices.Device, ...] = (),
    local: bool = False,
    start: warm.Start | None = None,
    asked: templates.Template | None = None,
) -> Job:
    """Settle everything before a model is loaded: rows, ids and labels, memory, plan, backend.

    Plans for the devices `found`, else for those the settings choose. `local` takes the tokenizer from this machine only.
    `start` is the adapter to begin with; one of another template than the data's only when that is `asked` for.
    """
    resolved = team.sharded(resolved)
    data = prepared.load(data_folder or prepared.newest(workspace))
    settings, origins, resplit = held_out_share(resolved, data)
    template = prepared.template_of(data, workspace)
    model = models.resolve(settings.model)
    backend, why = backends.choose(settings.backend)
    together = team.of(settings)
    found = found or devices.several(settings.gpu, together.here)
    device = devices.weakest(found)
    small = base.fetch(model, weights=False, revision=start.revision(model) if start else "", local=local)
    model = models.described(model, small.folder)
    loaded = tokenizer.load(small.folder, model, settings.chat_format)
    if start:
        warm.require(
            start,
            model=model,
            chat_format=loaded.format.name,
            settings=settings,
            template=template,
            asked=asked,
        )
    stored = tokens.find(data, loaded, watch)
    names = stored.names if stored else tokens.names(data)
    rows, held_out = choose_rows(names, settings, resplit=resplit)
    watched = _loss_rows(names, held_out, settings)
    source = stored or tokens.make(data, loaded, names, {*rows, *watched}, watch)
    trained = audit.take(source, rows, settings.max_length)
    valid = audit.take(source, watched, settings.max_length)
    audit.require(trained)
    facts = audit.summary(trained, valid) | {"held_out": len(held_out)}
    if start:
        held = [names.groups[place] for place in held_out] + [*map(tokens.group, data.rows.get("test", ()))]
        facts |= {"known_before": warm.known(start, workspace, held), "to_score": len(held)}
    decision = fitted(
        model,
        resolved,
        device,
        backend=backend,
        length=facts["length"]["max"],
        mean=facts["tokens"] / facts["rows"],
    )
    settings, origins = _with_batch(settings, origins, decision)
    unlimited = settings.model_copy(
        update={"limit": None}
    )  # the limit was applied above, before rows were rejected
    steps = plan.make_plan(
        len(trained),
        unlimited,
        tokens=facts["tokens"],
        supervised=facts["supervised_tokens"],
        devices=together.processes,
        valid_rows=len(valid),
        parameters=model.parameters,
        given=resolved.asked("epochs", "max_steps"),
        proposed=resolved.proposed,
    )
    best.require(settings, origins, steps, len(valid))
    return Job(
        settings=settings,
        origins=origins,
        data=data,
        template=template,
        model=model,
        base=small,
        loaded=loaded,
        trained=trained,
        valid=valid,
        held_out=tuple(names.ids[place] for place in held_out),
        facts=facts,
        plan=steps,
        difficulty=strategy.difficulty(trained, data, settings.curriculum),
        decision=decision,
        device=device,
        devices=found,
        team=together,
        backend=backend,
        backend_reason=why,
        start=start,
    )


def fitted(
    model: models.Model,
    resolved: "Resolved[TrainSettings]",
    device: devices.Device,
    *,
    backend: str = "",
    length: int | None = None,
    mean: float | None = None,
) -> fit.Decision:
    """Fit the settings into a device; a micro-batch that the user set is kept, that of a preset only proposed.

    With several processes it is the share of one that must fit.
    """
    values = resolved.values
    batch_size, grad_accum = team.share(values.batch_size, values.grad_accum, values.num_processes)
    decision = fit.decide(
        model,
        values.model_copy(update={"batch_size": batch_size, "grad_accum": grad_accum}),
        free=device.free,
        length=length,
        per_row=mean,
        device="cpu" if device.kind == "cpu" else "gpu",
        sixteen_bit=device.number,
        backend=backend,
        fixed=resolved.outright("batch_size", "grad_accum"),
    )
    if values.num_processes == 1:
        return decision
    divided = _("{n} processes: of {asked} rows a step each takes {share}").format(
        n=values.num_processes,
        asked=f"{values.batch_size} × {values.grad_accum}",
        share=f"{batch_size} × {grad_accum}",
    )
    split = _("fsdp: the model is split over them, hf in 16 bit; tried on CPUs alone so far")
    return replace(decision, reasons=(divided, *([split] if values.fsdp else []), *decision.reasons))


def _with_batch(
    settings: "TrainSettings", origins: Mapping[str, str], decision: fit.Decision
) -> tuple["TrainSettings", Mapping[str, str]]:
    wanted = {"batch_size": decision.batch_size, "grad_accum": decision.grad_accum}
    chosen = {name: value for name, value in wanted.items() if value != getattr(settings, name)}
    return settings.model_copy(update=chosen), {**origins, **dict.fromkeys(chosen, _("chosen by the plan"))}


def held_out_share(
    resolved: "Resolved[TrainSettings]", data: prepared.Prepared
) -> tuple["TrainSettings", Mapping[str, str], bool]:
    """Say whether to split again: when the flag asks for it or the set has no validation rows, else the set decides."""
    if resolved.origins["val_split"].startswith("flag ") or not data.rows.get("valid"):
        return resolved.values, resolved.origins, True
    share = float(data.manifest["split"]["val_split"])
    origins = {**resolved.origins, "val_split": _("prepared set")}
    return resolved.values.model_copy(update={"val_split": share}), origins, False


def as_begun(job: Job, lock: Mapping[str, Any]) -> Job:
    """Return `job` with what "auto" came to when the run of `lock` began: free memory now may be another.

    The micro-batch is the one it began with, as far as this number of processes can share the steps in it.
    """
    micro, effective = int(lock["batch_size"]), int(lock["effective_batch"])
    batch_size, grad_accum = team.share(micro, effective // micro, job.team.processes)
    decision = replace(
        job.decision,
        load_in_4bit=bool(lock["load_in_4bit"]),
        gradient_checkpointing=bool(lock["gradient_checkpointing"]),
        batch_size=batch_size,
        grad_accum=grad_accum,
    )
    settings, origins = _with_batch(job.settings, job.origins, decision)
    steps = replace(job.plan, batch_size=decision.batch_size, grad_accum=decision.grad_accum)
    return replace(job, decision=decision, settings=settings, origins=origins, plan=steps)


def default_name(job: Job, use_case: str) -> str:
    """Return the name of a run: model, template, use case."""
    model = job.model.name.rstrip("/").rpartition("/")[2]
    return "_".join(part for part in (model, job.template.name, use_case) if part)
