"""The original tool's count, faults and all, against cases worked out from its documented behaviour."""

import unicodedata

import pytest

from sft.amr.penman import parse
from sft.smatch.compat import MODE, faults, score_corpus_compat
from sft.smatch.score import score_pair
from sft.smatch.triples import flatten


def counts(pred: str, gold: str) -> tuple[int, int, int]:
    score = score_corpus_compat([(flatten(parse(pred)), flatten(parse(gold)))])
    assert score.mode == MODE
    return score.matched, score.pred_triples, score.gold_triples


def test_plain_graphs_count_as_in_smatch_mode() -> None:
    pred, gold = "(m / mở :agent (ô / ông) :mod (x / xanh))", "(m / mở :agent (o / bà) :mod (x / xanh))"
    pair = score_pair(parse(pred), parse(gold))
    assert counts(pred, gold) == (pair.matched, pair.pred, pair.gold) == (5, 6, 6)


def test_constants_under_inverted_roles_vanish() -> None:
    assert counts("(t / tầng :mod 7)", "(t / tầng :mod 9)") == (2, 2, 2)
    assert counts("(t / tầng :li-of 7)", "(t / tầng)") == (2, 2, 2)


@pytest.mark.parametrize("other", ['"Hà Giang"', '"Hà"', "hà"])
def test_only_the_first_word_counts(other: str) -> None:
    assert counts('(n / name :op1 "Hà Nội")', f"(n / name :op1 {other})") == (3, 3, 3)


def test_copies_match_as_a_product() -> None:
    twice = "(a / ăn :quant 1 :quant 1 :agent (c / chó) :agent c)"
    assert counts(twice, twice) == (3 + 4 + 4, 7, 7)  # above one, as the original's
    assert counts(twice, "(a / ăn :quant 1 :agent (c / chó))") == (3 + 2 + 2, 7, 5)
    assert counts("(a / ăn :quant 1 :agent (c / chó))", twice) == (3 + 2 + 2, 5, 7)


def test_unicode_form_counts() -> None:
    assert counts(unicodedata.normalize("NFD", "(m / mở)"), "(m / mở)") == (1, 2, 2)
    assert len(faults()) == 5


def test_unparsable_counts_its_gold() -> None:
    score = score_corpus_compat([(None, flatten(parse("(a / b)")))])
    assert (score.matched, score.gold_triples, score.unparsable) == (0, 2, 1)
