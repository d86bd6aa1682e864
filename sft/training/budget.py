"""A time budget: a training that stops early enough to be saved within it, and goes on at the next start. Pure."""

import re
import time
from dataclasses import dataclass, field

from sft.errors import SettingsError
from sft.i18n import _

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_FIRST_SAVE = 10.0  # seconds, before one was measured
_SPARE = 1.25  # steps, evaluations and saves may take a quarter longer than the longest so far


def seconds(text: str) -> float:
    """Return the seconds of a duration; a bare number is minutes.

    >>> seconds("2h50m"), seconds("90"), seconds("1d 30s"), seconds("0.5h")
    (10200.0, 5400.0, 86430.0, 1800.0)
    """
    plain = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", plain):
        plain += "m"
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([dhms])", plain)
    if not parts or re.sub(r"\d+(?:\.\d+)?\s*[dhms]|\s", "", plain):
        raise SettingsError(
            _("{text!r} is no duration").format(text=text),
            where="--time-budget",
            hint=_("write hours and minutes: --time-budget 2h50m"),
        )
    found = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not found:
        raise SettingsError(
            _("{text!r} leaves no time to train").format(text=text),
            where="--time-budget",
            hint=_("leave it out for as long as it takes"),
        )
    return found


@dataclass(slots=True)
class Budget:
    """`seconds` from `began` (monotonic clock); what the longest step, evaluation and save took so far."""

    seconds: float
    began: float = field(default_factory=time.monotonic)
    step: float = 0.0
    evaluation: float = 0.0
    save: float = _FIRST_SAVE

    def spent(self, now: float, *, evaluates: bool) -> bool:
        """Tell whether another step, its evaluation if it has one, and a save would no longer end in time."""
        ahead = self.step + (self.evaluation if evaluates else 0.0) + self.save
        return now + _SPARE * ahead > self.began + self.seconds
