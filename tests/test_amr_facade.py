"""`from sft.amr import …`: every name is there, none hides behind a module, and the reader alone loads no scorer."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import sft.amr
from sft.smatch import score as scores


def test_every_name_is_there_once_and_listed() -> None:
    assert set(sft.amr.__all__) == set(sft.amr._MODULE)
    assert sorted(sft.amr.__all__) == list(sft.amr.__all__)
    assert set(sft.amr.__all__) <= set(dir(sft.amr))
    for name in sft.amr.__all__:
        assert getattr(sft.amr, name) is getattr(import_module(sft.amr._MODULE[name]), name)
    assert sft.amr.score_corpus is scores.score_corpus
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sft.amr.nothing  # noqa: B018


def test_no_module_has_the_name_of_a_function() -> None:
    modules = {path.stem for path in Path(sft.amr.__file__).parent.glob("*.py")}
    assert modules & set(sft.amr.__all__) == set()


def test_the_reader_alone_loads_no_scorer() -> None:
    code = (
        "import sys, sft.amr.penman; print([m for m in sys.modules if 'smatch' in m or m == 'sft.amr.forms'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
