"""Runs as lines for people: the list, one run in full, several side by side."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sft.cli import audit, dashboard, screen
from sft.i18n import _

if TYPE_CHECKING:
    from sft.runs.diff import Look
    from sft.runs.scores import Score


def listed(looks: "Sequence[Look]") -> list[str]:
    """Return the table of runs."""
    from sft.runs import diff as run_diff

    if not looks:
        return [_("no run yet: sft train")]
    head = [
        _("run"), _("state"), _("model"), _("template"), _("steps"), _("loss"), _("validation"), _("started"), _("scores")
    ]  # fmt: skip
    rows = [
        [
            look.run.name,
            _(look.state),
            run_diff.model_of(look.run) or "–",
            look.run.data.get("template", "–").partition("@")[0],
            f"{look.course.step}/{look.course.total or '?'}",
            _figure(look.course.loss),
            _figure(look.course.evals[-1][1] if look.course.evals else None),
            _when(look.run.data.get("started")),
            ", ".join(_score(score) for score in look.scores) or "–",
        ]
        for look in looks
    ]
    return screen.table(head, rows, indent="")


def shown(look: "Look", counts: Mapping[str, int], checkpoints: Sequence[str]) -> Iterator[str]:
    """Yield everything about a run."""
    data = look.run.data
    yield from dashboard.lines(dashboard.view(look))
    if look.state != "finished":
        yield from dashboard.outcome(look)[1:]
    yield _("  started {start}, ended {end}").format(start=_when(data.get("started")), end=_when(look.ended))
    yield _("  checkpoints: {names}").format(names=", ".join(checkpoints) or "–")
    if look.course.alarms:
        yield _("alarms")
        for alarm, holds in look.course.alarms:
            over = "" if holds else _(" (over)")
            yield _("  step {step}: {text}{over}").format(step=alarm.step, text=alarm.text, over=over)
    yield _("about")
    yield from screen.table(["", ""], list(_about(data, counts)))[1:]
    if data.get("settings"):
        yield _("settings")
        yield from audit.settings(data["settings"], data.get("origins", {}))
    plan = {key: value for key, value in data.get("plan", {}).items() if not isinstance(value, list)}
    if plan:
        yield _("plan")
        yield from screen.table(["", ""], [(key, _value(value)) for key, value in plan.items()])[1:]
    if look.scores:
        yield _("scores")
        for score in look.scores:
            yield f"  {score.name}: {_score(score)}, n {score.n}"
            yield f"    {score.signature}"


def _about(data: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield what a run was made of."""
    model, place, device = data.get("model", {}), data.get("data", {}), data.get("device", {})
    yield (
        _("model"),
        " ".join(dict.fromkeys(str(model[key]) for key in ("name", "id", "revision") if model.get(key))),
    )
    yield _("template"), str(data.get("template", "–"))
    yield _("data"), f"{place.get('folder', '–')} @{str(place.get('sha256', ''))[:8]}"
    yield _("rows"), ", ".join(f"{key.removesuffix('_rows')} {count}" for key, count in counts.items())
    if begun := data.get("warm_start"):
        yield (
            _("begun with"),
            f"{begun.get('from')} @{str(begun.get('sha256'))[:8]} ({begun.get('template')})",
        )
    yield _("backend"), str(data.get("backend", "–"))
    yield _("device"), str(device.get("name", "–"))
    yield _("optimizer"), str(data.get("optimizer", "–"))
    yield _("use case"), str(data.get("use_case") or "–")
    packages = {"sft": data.get("sft", "–"), **data.get("packages", {})}
    yield _("versions"), ", ".join(f"{name} {version}" for name, version in packages.items())


def compared(
    looks: "Sequence[Look]", settings: Mapping[str, Sequence[Any]], tests: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield runs side by side."""
    from sft.runs import diff as run_diff

    names = [look.run.name for look in looks]
    yield _("settings that differ") if settings else _("no setting differs")
    if settings:
        yield from screen.table(
            ["", *names], [[key, *map(_value, values)] for key, values in settings.items()]
        )
    yield _("training")
    yield from screen.table(["", *names], [[title, *row] for title, row in _trained(looks)])
    scores = run_diff.scores(looks)
    if scores:
        yield _("scores")
        yield from screen.table(
            ["", *names], [[name, *("–" if one is None else _score(one) for one in row)] for name, row in scores.items()]
        )  # fmt: skip
    for test in tests:
        yield _test(test)


def _trained(looks: "Sequence[Look]") -> Iterator[tuple[str, list[str]]]:
    courses = [look.course for look in looks]
    yield _("state"), [_(look.state) for look in looks]
    yield _("steps"), [f"{one.step}/{one.total or '?'}" for one in courses]
    yield _("first loss"), [_figure(one.losses[0] if one.losses else None) for one in courses]
    yield _("last loss"), [_figure(one.loss) for one in courses]
    yield _("best validation loss"), [_figure(one.best_eval) for one in courses]
    yield _("tokens/s"), [_value(one.latest.get("tokens_per_s")) for one in courses]
    yield _("time"), [screen.duration(look.run.data.get("seconds")) for look in looks]


def _test(test: Mapping[str, Any]) -> str:
    if "reason" in test:
        return _("  {score}: {a} and {b}: no test, {reason}").format(**test)
    interval = "".join(" [{:+.4f}, {:+.4f}]".format(*test[key]) for key in ("interval95",) if key in test)
    return _(
        "  {score}: {a} − {b} = {gap}, p = {p:.4f} ({test}); better on {better} rows, worse on {worse}, equal on {equal}"
    ).format(**{**test, "gap": f"{test['difference']:+.4f}{interval}"})


def _score(score: "Score") -> str:
    low, high = score.interval
    return f"{score.metric} {score.value:.4f} [{low:.3f}, {high:.3f}]"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _value(value: Any) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _when(stamp: str | None) -> str:
    """Return a stored time as this machine's clock shows it."""
    return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M") if stamp else "–"
