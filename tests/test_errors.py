"""Errors: what they say, how they nest, and the exit codes they end in."""

import ast
import inspect

import pytest

from sft import errors
from sft.errors import (
    DataError,
    GraphError,
    MissingError,
    SettingsError,
    SftError,
    TemplateError,
    raise_all,
)


def test_an_error_says_where_and_what() -> None:
    error = DataError("not JSON", where="a.jsonl:3", hint="look at it")
    assert str(error) == "a.jsonl:3: not JSON"
    assert (error.message, error.where, error.hint, error.parts) == (
        "not JSON", "a.jsonl:3", "look at it", (),
    )  # fmt: skip
    assert str(DataError("no rows")) == "no rows"


@pytest.mark.parametrize("kind", [DataError, TemplateError, SettingsError, GraphError, MissingError])
def test_every_kind_is_caught_as_one_and_has_an_exit_code(kind: type[SftError]) -> None:
    with pytest.raises(SftError) as caught:
        raise kind("x")
    assert caught.value.exit_code == (3 if kind is MissingError else 2)


def test_one_error_may_choose_another_exit_code() -> None:
    assert SftError("a check failed", exit_code=1).exit_code == 1
    assert SftError("x", exit_code=0).exit_code == 0
    assert SftError.exit_code == 2


def test_parts_keep_the_single_errors() -> None:
    parts = (DataError("one", where="1"), DataError("two", where="2"))
    assert [str(part) for part in DataError("both", parts=parts).parts] == ["1: one", "2: two"]


def test_there_are_at_most_five_kinds_and_the_module_imports_nothing() -> None:
    assert len(SftError.__subclasses__()) <= 5
    tree = ast.parse(inspect.getsource(errors))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_problems_are_raised_together() -> None:
    raise_all("{n} files")
    one, other = DataError("no roof", where="a:1"), SettingsError("no door")
    with pytest.raises(DataError) as caught:
        raise_all("{n} files", one)
    assert caught.value is one
    with pytest.raises(SettingsError, match="2 files") as both:
        raise_all("{n} files", one, other, hint="mend them", kind=SettingsError)
    assert (both.value.parts, both.value.hint) == ((one, other), "mend them")
