"""Fine-grained scores on small graphs whose answers can be counted by hand."""

import pytest

from sft.amr.penman import parse
from sft.smatch.aspects import ASPECTS, score_aspects
from sft.smatch.score import CorpusScore
from sft.smatch.triples import MODES, triples

GOLD = """(m / mở-01 :polarity -
    :agent (n / người :name (t / name :op2 (t2 / Lan) :op1 "Nguyễn") :wiki -)
    :patient (c / cửa :poss n :mod (x / xanh)))"""
OTHER = """(m / mở-02
    :theme (n / người :name (t / name :op1 (t1 / Nguyễn) :op2 (t2 / Lan)) :wiki (w / Lan))
    :patient (c / cửa :mod (x / xanh)))"""


def aspects(pred: str | None, gold: str, mode: str = "smatch") -> dict[str, CorpusScore]:
    sides = [None if text is None else triples(parse(text), mode) for text in (pred, gold)]
    return score_aspects([(sides[0], sides[1])], mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_graph_agrees_with_itself_on_every_aspect(mode: str) -> None:
    scores = aspects(GOLD, GOLD, mode)
    assert tuple(scores) == ASPECTS
    for name, score in scores.items():
        assert score.matched == score.pred_triples == score.gold_triples > 0, name


def test_each_aspect_sees_its_own_differences() -> None:
    found = {
        name: (s.matched, s.pred_triples, s.gold_triples) for name, s in aspects(OTHER, GOLD, "none").items()
    }
    # Gold: 6 concepts, root, 3 attributes, 6 relations; the other: 8 concepts, root, 7 relations.
    assert found["concepts"] == (5, 8, 6)  # mở-01 and the names written as nodes differ
    assert found["named_entities"] == (0, 1, 1)  # "Nguyễn" keeps its quotes in this mode
    assert found["negation"] == (0, 0, 1)
    assert found["wiki"] == (0, 1, 1)
    assert found["reentrancies"] == (0, 0, 5)  # two relations into người, three concepts
    assert found["roles"] == (3, 5, 5)  # people and doors agree, :theme is not :agent
    main = aspects(OTHER, GOLD, "smatch")
    assert main["named_entities"].matched == 1
    assert found["unlabelled"][0] == 5 + 1 + 6 - 1
    assert found["no_senses"][0] == 6 + 1 + 5 - 1


def test_unparsable_keeps_the_gold_of_every_aspect() -> None:
    for name, score in aspects(None, GOLD).items():
        assert (score.matched, score.pred_triples, score.unparsable) == (0, 0, 1), name
        assert score.gold_triples > 0
