"""Promises between packages."""

import pytest

from sft.requirements import Unmet, edges, inside, unmet


@pytest.mark.parametrize(
    ("requirement", "version", "expected"),
    [
        ("torch==2.13.0", "2.13.0+cu130", True),
        ("transformers<=5.17", "5.17.0", True),
        ("transformers<=5.17", "5.17.1", False),
        ("datasets!=4.4.*,<5", "4.4.1", False),
        ("xformers>=0.0.27.post2", "0.0.27", False),
        ("tqdm", "1.0rc1", True),
    ],
)
def test_inside(requirement: str, version: str, expected: bool) -> None:
    assert inside(requirement, version) is expected


def test_markers_hold_for_the_environment_given() -> None:
    requires = {"torch": ["setuptools; python_version >= '3.12'", "triton; sys_platform == 'linux'"]}
    here = {"python_version": "3.11", "sys_platform": "linux"}
    assert unmet({}, requires, here) == [Unmet("torch", "triton", "triton", "")]
    assert len(unmet({}, requires, here | {"python_version": "3.12"})) == 2


def test_extras_count_when_asked_for_even_in_a_chain() -> None:
    requires = {"a": ["b[x]"], "b": ["c[y]>=2; extra == 'x'", "d; extra == 'z'"], "c": ["E_e; extra == 'y'"]}
    assert edges(requires) == [("a", "b", ""), ("b", "c", ">=2"), ("c", "e-e", "")]
