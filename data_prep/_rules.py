"""What the user decides about rows that can be read in more than one way; every rule is declared and counted."""

from dataclasses import dataclass

from sft.errors import SettingsError
from sft.i18n import _

ANSWERS = ("first", "each")
TURNS = ("refuse", "merge", "last")
IMPOSSIBLE = ("reject", "refusal")


@dataclass(frozen=True, slots=True)
class Rules:
    """How to read rows that leave a choice.

    `answers`: of several answers to one question take the ``first`` or ``each``. `turns`: two assistant turns in a row
    are refused, merged, or the ``last`` is kept. `impossible`: a question its passage does not answer is rejected or
    trained with a fixed refusal; '' leaves its answer empty. `numbered_from`: whether option 1 or 0 is the first.
    `repair_mojibake`: mend cells whose damage is without loss.
    """

    answers: str = "first"
    turns: str = "refuse"
    impossible: str = ""
    numbered_from: int = 1
    repair_mojibake: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no rule."""
        for name, value, known in (
            ("answers", self.answers, ANSWERS),
            ("turns", self.turns, TURNS),
            ("impossible", self.impossible, ("", *IMPOSSIBLE)),
        ):
            if value not in known:
                raise SettingsError(
                    _("{name} cannot be {value!r}").format(name=name, value=value),
                    hint=_("one of: {names}").format(names=", ".join(filter(None, known))),
                )


DEFAULT = Rules()
