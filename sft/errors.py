"""The errors a user can mend, and the exit codes they end in. Imports nothing.

The library raises; only `sft.cli` prints and chooses the exit code.
"""


class SftError(Exception):
    """A problem the user can mend.

    `message` says what is wrong, `where` is ``file:line`` or a row id, `hint` says what to do,
    `parts` holds the single errors when one input has several: they are shown together.
    `exit_code` is 2 (wrong input), 3 (the environment lacks something), 1 (a check failed).
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        where: str = "",
        parts: "tuple[SftError, ...]" = (),
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.parts = parts
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        """Return ``where: message``, the form printed after ``error:``.

        >>> str(SftError("graph does not parse", where="vi.amr:41"))
        'vi.amr:41: graph does not parse'
        """
        return f"{self.where}: {self.message}" if self.where else self.message


class DataError(SftError):
    """A data file cannot be read as what it claims to be."""


class TemplateError(SftError):
    """A template is unknown, malformed, or is not the one the data was made with."""


class SettingsError(SftError):
    """A flag, preset, model name or `sft.toml` value is unknown or contradicts another."""


class GraphError(SftError):
    """A graph is not well-formed PENMAN."""


class MissingError(SftError):
    """The environment lacks something: a package, a GPU, the network, disk space."""

    exit_code = 3


def raise_all(message: str, *problems: SftError, hint: str = "", kind: type[SftError] = DataError) -> None:
    """Raise what was collected: nothing, the one problem, or one error of `kind` that holds them all.

    `message` has a place ``{n}`` for their number.
    """
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise kind(message.format(n=len(problems)), parts=tuple(problems), hint=hint)
