"""Graph scores that can be defended: nothing is dropped, every view is beside the headline."""

from pathlib import Path

import pytest
from workspace import GRAPHS, amr, graph_records, options, prepare, put

from sft import report, templates
from sft.amr import penman
from sft.amr.graph import Graph
from sft.errors import DataError
from sft.records import Row
from sft.report import Item

ROOT = Path(__file__).parents[1]
KEYS = {"f1", "precision", "recall", "matched", "pred_triples", "gold_triples", "n", "unparsable", "repaired", "proven", "mode", "signature"}  # fmt: skip


def graph(text: str) -> Graph:
    return penman.parse(text)


def item(name: str, text: str | None, *, repaired: bool = False) -> Item:
    return Item(name, graph(text) if text else None, repaired)


def rows() -> list[Row]:
    return prepare(options("v5_cot"), graph_records()).rows


GOLD = [item("a", "(n / ngủ :agent (b / bé))"), item("b", "(m / mưa)"), item("c", "(ă / ăn :theme (c / cá))")]


# Reading


def test_every_record_counts_also_one_without_a_graph(tmp_path: Path) -> None:
    text = "# ::id a\n(n / ngủ)\n\n# ::id b ::snt trời mưa .\n\n# ::id c\n(ă / ăn\n   :theme (c / cá)\n"
    items = report.read_graphs(put(tmp_path / "x.txt", text))
    assert [(i.id, i.graph is None, i.repaired) for i in items] == [
        ("a", False, False), ("b", True, False), ("c", False, True),
    ]  # fmt: skip
    assert [i.where for i in items] == [f"{tmp_path}/x.txt:{n}" for n in (1, 4, 6)]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_a_file_without_a_record_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="no graph in this file"):
        report.read_graphs(put(tmp_path / "x.txt", text))


# Pairing


def test_ids_pair_whatever_the_order() -> None:
    turned = list(reversed(GOLD))
    assert report.same_ids(turned, GOLD)
    assert [(p.id, g.id) for p, g in report.align(turned, GOLD, "p", "g")] == [
        ("a", "a"),
        ("b", "b"),
        ("c", "c"),
    ]


def test_other_or_no_ids_pair_by_order() -> None:
    for names in ("", "x"):
        pred = [Item(f"{names}{n}" if names else "", i.graph) for n, i in enumerate(GOLD)]
        assert not report.same_ids(pred, GOLD)
        assert [g.id for _p, g in report.align(pred, GOLD, "p", "g")] == ["a", "b", "c"]
    twice = [GOLD[0], GOLD[0], GOLD[1]]
    assert not report.same_ids(twice, GOLD) and not report.same_ids(GOLD, twice)


def test_unequal_numbers_name_what_is_missing_by_id() -> None:
    with pytest.raises(DataError) as caught:
        report.align([GOLD[2], item("z", "(m / mưa)")], GOLD, "p.txt", "g.txt")
    assert caught.value.message == "p.txt has 2 graphs, g.txt has 3; missing: a, b; not in gold: z"
    many = [item(f"n{n}", "(m / mưa)") for n in range(9)]
    with pytest.raises(DataError, match=r"missing: n1, n2, n3, n4, n5…$"):
        report.align(many[:1], many, "p", "g")


def test_unequal_numbers_name_what_is_missing_by_sentence(tmp_path: Path) -> None:
    gold = report.read_graphs(put(tmp_path / "g.txt", amr()))
    pred = report.read_graphs(put(tmp_path / "p.txt", amr([GRAPHS[0], *GRAPHS[2:]])))
    with pytest.raises(DataError) as caught:
        report.align(pred, gold, "p.txt", "g.txt")
    assert caught.value.message == f"p.txt has 7 graphs, g.txt has 8; missing: {tmp_path}/g.txt:6 “bé ngủ .”"


def test_unequal_numbers_without_names_are_still_an_error() -> None:
    nameless = [Item("", i.graph) for i in GOLD]
    with pytest.raises(DataError, match=r"^p has 2 graphs, g has 3$"):
        report.align(nameless[:2], nameless, "p", "g")


# Scoring


def test_gold_against_itself_is_one_and_proven() -> None:
    value = report.score(list(zip(GOLD, GOLD, strict=True)), "smatch")
    assert value.keys() >= KEYS
    assert (value["f1"], value["precision"], value["recall"], value["macro_f1"]) == (1, 1, 1, 1)
    assert (value["n"], value["proven"], value["unparsable"], value["repaired"]) == (3, 3, 0, 0)
    assert value["interval95"] == [1.0, 1.0] and value["strict"]["f1"] == value["canonical"]["f1"] == 1
    assert value["signature"].startswith("smatch|mode:smatch|n:3|exact:proven|text:as-read|align:order|")


def test_an_unparsable_prediction_matches_nothing_and_its_gold_counts() -> None:
    whole = report.score(list(zip(GOLD, GOLD, strict=True)), "smatch")
    value = report.score(
        [(Item("a", None, where="p.txt:1"), GOLD[0]), *zip(GOLD[1:], GOLD[1:], strict=True)], "smatch"
    )
    own = report.score([(GOLD[0], GOLD[0])], "smatch")["gold_triples"]
    assert value["gold_triples"] == whole["gold_triples"]
    assert value["matched"] == value["pred_triples"] == whole["matched"] - own
    assert (value["unparsable"], value["unparsable_at"]) == (1, ["p.txt:1"])
    assert value["precision"] == 1 and value["recall"] == (whole["matched"] - own) / whole["matched"]
    assert [pair["f1"] for pair in value["pairs"]] == [0, 1, 1]


def test_an_unparsable_gold_graph_is_said() -> None:
    value = report.score([(GOLD[0], Item("a", None, where="g.txt:7"))], "smatch")
    assert (value["gold_unparsable"], value["gold_unparsable_at"], value["f1"]) == (1, ["g.txt:7"], 0)


def test_a_repaired_prediction_counts_as_read_and_as_zero_in_the_strict_view() -> None:
    pairs = [(item("a", "(n / ngủ :agent (b / bé))", repaired=True), GOLD[0]), (GOLD[1], GOLD[1])]
    value = report.score(pairs, "smatch")
    assert (value["f1"], value["repaired"], value["unparsable"]) == (1, 1, 0)
    assert (value["strict"]["unparsable"], value["strict"]["matched"]) == (1, 2)
    assert value["strict"]["f1"] < 1


def test_the_canonical_view_forgives_separators_and_nothing_else() -> None:
    gold = Item("a", penman.read("(t / thuận lợi :theme (q / quả xoài))").graph)
    pred = Item("a", penman.read("(t / thuận_lợi :theme (q / quả_xoài))").graph)
    value = report.score([(pred, gold)], "smatch")
    assert value["f1"] < 1 and value["canonical"]["f1"] == 1
    other = Item("a", penman.read("(t / thuận_tiện :theme (q / quả_xoài))").graph)
    assert report.score([(other, gold)], "smatch")["canonical"]["f1"] < 1


def test_the_signature_says_how_the_score_was_made() -> None:
    value = report.score(
        [(GOLD[0], GOLD[0])], "amr", align="id", template="mtup/v5_cot@12345678", data="abcd"
    )
    assert "|mode:amr|" in value["signature"] and "|align:id|" in value["signature"]
    assert "|template:mtup/v5_cot@12345678|data:abcd|" in value["signature"]


def test_progress_is_told_pair_by_pair() -> None:
    told: list[int] = []
    report.score(list(zip(GOLD, GOLD, strict=True)), "smatch", told=told.append)
    assert told == [1, 2, 3]


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
    assert [i.graph is not None for i in report.task1_items(lines)] == [True, False, False]


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
