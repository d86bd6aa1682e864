"""Graph scores that can be defended: nothing is dropped, every view is beside the headline."""

from pathlib import Path

import pytest
from workspace import GRAPHS, graph_records, options, prepare

from sft import report, templates
from sft.records import Row
from sft.smatch.items import Item, item

ROOT = Path(__file__).parents[1]
KEYS = {"f1", "precision", "recall", "matched", "pred_triples", "gold_triples", "n", "unparsable", "repaired", "proven", "mode", "signature"}  # fmt: skip


def rows() -> list[Row]:
    return prepare(options("v5_cot"), graph_records()).rows


GOLD = [item("(n / ngủ :agent (b / bé))", "a"), item("(m / mưa)", "b"), item("(ă / ăn :theme (c / cá))", "c")]


# Scoring


def test_gold_against_itself_is_one_and_proven() -> None:
    value = report.score(list(zip(GOLD, GOLD, strict=True)), "smatch").value
    assert value.keys() >= KEYS
    assert (value["f1"], value["precision"], value["recall"], value["macro_f1"]) == (1, 1, 1, 1)
    assert (value["n"], value["proven"], value["unparsable"], value["repaired"]) == (3, 3, 0, 0)
    assert value["interval95"] == [1.0, 1.0] and value["strict"]["f1"] == value["canonical"]["f1"] == 1
    assert value["signature"].startswith("smatch|mode:smatch|n:3|exact:proven|text:as-read|align:order|")


def test_an_unparsable_prediction_matches_nothing_and_its_gold_counts() -> None:
    whole = report.score(list(zip(GOLD, GOLD, strict=True)), "smatch").value
    scored = report.score(
        [(Item("a", None, where="p.txt:1"), GOLD[0]), *zip(GOLD[1:], GOLD[1:], strict=True)], "smatch"
    )
    value = scored.value
    own = report.score([(GOLD[0], GOLD[0])], "smatch").value["gold_triples"]
    assert value["gold_triples"] == whole["gold_triples"]
    assert value["matched"] == value["pred_triples"] == whole["matched"] - own
    assert (value["unparsable"], value["unparsable_at"]) == (1, ["p.txt:1"])
    assert value["precision"] == 1 and value["recall"] == (whole["matched"] - own) / whole["matched"]
    rows = report.table(scored)
    assert [(row["id"], row["f1"], row["parsed"]) for row in rows] == [
        ("a", 0, False),
        ("b", 1, True),
        ("c", 1, True),
    ]


def test_an_unparsable_gold_graph_is_said() -> None:
    value = report.score([(GOLD[0], Item("a", None, where="g.txt:7"))], "smatch").value
    assert (value["gold_unparsable"], value["gold_unparsable_at"], value["f1"]) == (1, ["g.txt:7"], 0)


def test_a_repaired_prediction_counts_as_read_and_as_zero_in_the_strict_view() -> None:
    pairs = [(item("(n / ngủ :agent (b / bé))", "a", repaired=True), GOLD[0]), (GOLD[1], GOLD[1])]
    value = report.score(pairs, "smatch").value
    assert (value["f1"], value["repaired"], value["unparsable"]) == (1, 1, 0)
    assert (value["strict"]["unparsable"], value["strict"]["matched"]) == (1, 2)
    assert value["strict"]["f1"] < 1


def test_the_canonical_view_forgives_separators_and_nothing_else() -> None:
    gold = item("(t / thuận lợi :theme (q / quả xoài))", "a")
    pred = item("(t / thuận_lợi :theme (q / quả_xoài))", "a")
    value = report.score([(pred, gold)], "smatch").value
    assert value["f1"] < 1 and value["canonical"]["f1"] == 1
    other = item("(t / thuận_tiện :theme (q / quả_xoài))", "a")
    assert report.score([(other, gold)], "smatch").value["canonical"]["f1"] < 1


def test_the_signature_says_how_the_score_was_made() -> None:
    value = report.score(
        [(GOLD[0], GOLD[0])], "amr", align="id", template="mtup/v5_cot@12345678", data="abcd"
    ).value
    assert "|mode:amr|" in value["signature"] and "|align:id|" in value["signature"]
    assert "|template:mtup/v5_cot@12345678|data:abcd|" in value["signature"]


def test_progress_is_told_pair_by_pair() -> None:
    told: list[int] = []
    report.score(list(zip(GOLD, GOLD, strict=True)), "smatch", told=told.append)
    assert told == [1, 2, 3]


def test_two_systems_are_compared_pair_by_pair() -> None:
    good = report.score(list(zip(GOLD, GOLD, strict=True)), "smatch")
    bad = report.score(list(zip([GOLD[1]] * 3, GOLD, strict=True)), "smatch")
    found = report.paired(good, bad)
    assert found["f1"] == pytest.approx(1 - bad.value["f1"])
    assert (found["better"], found["worse"], found["equal"]) == (2, 0, 1)
    assert found["interval95"][0] <= found["f1"] <= found["interval95"][1]
    turned = report.paired(bad, good)
    assert turned["f1"] == pytest.approx(-found["f1"]) and turned["worse"] == 2


def test_macro_figures_are_means_of_the_pairs() -> None:
    scored = report.score(list(zip([GOLD[1], *GOLD[1:]], GOLD, strict=True)), "smatch")
    for key in ("precision", "recall", "f1"):
        rows = [row[key] for row in report.table(scored)]
        assert scored.value[f"macro_{key}"] == pytest.approx(sum(rows) / 3)


# A run's rows


def test_gold_is_what_the_annotators_wrote() -> None:
    found = report.gold_items(rows())
    assert [i.id for i in found] == [f"a:{n}" for n in range(1, len(GRAPHS) + 1)]
    assert [i.graph.root.var for i in found if i.graph] == ["n", "n", "m", "ă", "đ", "m", "m", "đ"]


def test_predictions_become_graphs_with_their_repairs() -> None:
    lines = [
        {"id": 1, "graph": "(n / ngủ)", "task1": "(ngủ)"},
        {"id": "2", "graph": "(n / ngủ)", "repairs": ["missing_bracket"]},
        {"id": "3"},
    ]
    found = report.predicted_items(lines)
    assert [(i.id, i.graph is not None, i.repaired) for i in found] == [
        ("1", True, False), ("2", True, True), ("3", False, False),
    ]  # fmt: skip
    assert [i.plain is not None for i in report.task1_items(lines)] == [True, False, False]


def test_a_perfect_first_task_scores_one() -> None:
    template = templates.load("v5_cot", ROOT)
    lines = [
        {"id": row.id, "task1": templates.extract(template, row.messages[-1].content)["task1"]}
        for row in rows()
    ]
    pairs = list(zip(report.task1_items(lines), report.gold_items(rows()), strict=True))
    value = report.brief(pairs, "smatch")
    assert (value["f1"], value["unparsable"], value["n"]) == (1, 0, len(GRAPHS))


def test_the_baseline_is_the_graph_of_the_most_similar_training_sentence() -> None:
    every = rows()
    train, held = (
        every[:4],
        prepare(
            options("v5_cot"), graph_records([("bé muốn ăn .", "(m / muốn :agent (b / bé))")], "b.txt")
        ).rows,
    )
    (found,) = report.nearest_items(train, held)
    assert found.id == "b:1" and found.graph is not None
    assert found.graph.root.concept == "muốn" and len(list(found.graph.nodes())) == 3
    assert report.brief([(found, report.gold_items(held)[0])], "smatch")["f1"] > 0
