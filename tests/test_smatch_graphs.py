"""Score and align single graphs, as graphs or as text."""

import pytest

from sft.amr.penman import parse
from sft.errors import GraphError
from sft.smatch.graphs import align, score
from sft.smatch.score import score_pair

A, B = "(n / ngủ :agent (m / mèo))", "(x / ngủ :agent (c / chó) :time (đ / đêm))"


@pytest.mark.parametrize("mode", ["smatch", "amr", "none"])
def test_text_and_graphs_score_alike(mode: str) -> None:
    wanted = score_pair(parse(A), parse(B), mode)
    assert score(A, B, mode) == score(parse(A), B, mode) == score(A, parse(B), mode) == wanted


def test_none_is_unparsable_and_broken_text_is_refused() -> None:
    assert score(None, A).stage == "unparsable" and score(None, A).f1 == 0
    assert align(None, A) == {}
    with pytest.raises(GraphError, match="closing bracket"):
        score("(n / ngủ", A)


def test_the_mapping_goes_from_prediction_to_gold() -> None:
    assert align(A, B) == {"n": "x", "m": "c"}
    assert align(B, A) == {"x": "n", "c": "m"}
