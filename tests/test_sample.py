"""The shipped sample data: counts, balance, uniqueness, and no label shortcut."""

import csv
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from sft.amr.graph import Const, Graph, Node, Ref
from sft.amr.penman import blocks, parse, read_block, rename_variables
from sft.text import invisible, iter_jsonl, mojibake, nfc, read_text

SAMPLE = Path(__file__).parents[1] / "data_prep" / "sample"
AMR_FILES = sorted((SAMPLE / "amr").glob("*.amr.txt"))
ENTITIES = {"person", "city", "name", "temporal-quantity", "amr-unknown", "and", "or"}
FRAMES = {"possible-01", "obligate-01", "contrast-01"}
FUNCTION_WORDS = ("không", "chỉ", "luôn", "mọi", "tất cả", "duy nhất")


def key(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", nfc(text).lower()))


def load_graphs() -> list[tuple[str, Graph]]:
    found = []
    for path in AMR_FILES:
        for block in blocks(read_text(path)):
            assert not read_block(block).problems, f"{path.name}:{block.line}"
            found.append((block.metadata["snt"], parse(block.body, block.body_line, path.name)))
    return found


def load_statements() -> list[dict[str, str]]:
    with (SAMPLE / "qa" / "true_false.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


GRAPHS = load_graphs()
STATEMENTS = load_statements()


def edges(graph: Graph) -> list[tuple[Node, str, Node | Ref | Const]]:
    return [(node, role, child) for node in graph.nodes() for role, child in node.children]


def concepts(graph: Graph) -> set[str]:
    return {node.concept for node in graph.nodes()}


def has_role(role: str) -> Callable[[Graph], bool]:
    return lambda graph: any(r == role for _, r, _ in edges(graph))


def has_concept(concept: str) -> Callable[[Graph], bool]:
    return lambda graph: concept in concepts(graph)


def has_constant(role: str, text: str) -> Callable[[Graph], bool]:
    return lambda graph: any(r == role and child == Const(text) for _, r, child in edges(graph))


def reenters(role: str = "", parent: str = "") -> Callable[[Graph], bool]:
    """Build a test for a reference under `role`, in a node that is itself the `parent` role of another."""

    def found(graph: Graph) -> bool:
        inside = {c.var for _, r, c in edges(graph) if isinstance(c, Node) and parent in {"", r}}
        return any(
            isinstance(child, Ref) and role in {"", r} and (not parent or node.var in inside)
            for node, r, child in edges(graph)
        )

    return found


def counts_with_classifier(graph: Graph) -> bool:
    return any({":quant", ":classifier"} <= {role for role, _ in node.children} for node in graph.nodes())


PHENOMENA: dict[str, Callable[[Graph], bool]] = {
    "re-entrancy": reenters(),
    "control": reenters(parent=":topic"),
    "possessive of a mentioned entity": reenters(role=":poss"),
    "person name": lambda g: "name" in concepts(g) and any(
        n.concept not in {"city", "name"} and any(r == ":name" for r, _ in n.children) for n in g.nodes()
    ),
    "place name": has_concept("city"),
    "negation": has_constant(":polarity", "-"),
    "yes/no question": has_constant(":mode", "interrogative"),
    "question word": has_concept("amr-unknown"),
    "imperative": has_constant(":mode", "imperative"),
    "quantity": has_role(":quant"),
    "quantity with classifier": counts_with_classifier,
    "length of time": has_concept("temporal-quantity"),
    "and": has_concept("and"),
    "or": has_concept("or"),
    "multi-word concept": lambda g: any("_" in concept for concept in concepts(g)),
    "possibility": has_concept("possible-01"),
    "obligation": has_concept("obligate-01"),
    "contrast": has_concept("contrast-01"),
    "cause": has_role(":cause"),
    "time": has_role(":time"),
    "location": has_role(":location"),
    "degree": has_role(":degree"),
}  # fmt: skip


def tally() -> dict[str, int]:
    return {name: sum(test(graph) for _, graph in GRAPHS) for name, test in PHENOMENA.items()}


def test_amr_size_and_uniqueness() -> None:
    assert len(AMR_FILES) >= 2
    assert len(GRAPHS) >= 260
    assert len({key(sentence) for sentence, _ in GRAPHS}) == len(GRAPHS)


@pytest.mark.parametrize("name", PHENOMENA)
def test_every_phenomenon_is_frequent(name: str) -> None:
    assert tally()[name] >= 12


def test_graphs_are_small_and_written_regularly() -> None:
    for sentence, graph in GRAPHS:
        words = key(sentence).split()
        assert 3 <= len(words) <= 12, sentence
        assert 2 <= sum(1 for _ in graph.nodes()) <= 11, sentence
        assert sentence == nfc(sentence).lower(), sentence
        assert re.fullmatch(r"[\w ,]+ [.?]", sentence), sentence
        assert rename_variables(graph).root == graph.root, sentence


def test_questions_end_in_a_question_mark_and_nothing_else_does() -> None:
    asks = PHENOMENA["yes/no question"], PHENOMENA["question word"]
    for sentence, graph in GRAPHS:
        assert sentence.endswith("?") == any(test(graph) for test in asks), sentence


def test_concepts_come_from_the_sentence() -> None:
    for sentence, graph in GRAPHS:
        padded = f" {key(sentence)} "
        for concept in concepts(graph) - ENTITIES - FRAMES:
            assert f" {key(concept)} " in padded, (sentence, concept)


def test_constants_and_names_follow_one_form() -> None:
    for sentence, graph in GRAPHS:
        for node, role, child in edges(graph):
            if isinstance(child, Const):
                allowed = {":quant": r"\d+", ":mode": "interrogative|imperative"}.get(role, "-")
                assert re.fullmatch(allowed, child.text), (sentence, role)
            assert (role == ":name") <= ((":wiki", Const("-")) in node.children), sentence


def test_the_vocabulary_recurs() -> None:
    seen = Counter(concept for _, graph in GRAPHS for concept in concepts(graph))
    once = {concept for concept, n in seen.items() if n == 1}
    share = sum(bool(concepts(graph) & once) for _, graph in GRAPHS) / len(GRAPHS)
    assert share < 0.2


def test_files_are_clean_utf8_with_lf() -> None:
    for path in [*AMR_FILES, *(SAMPLE / "qa").iterdir()]:
        text = read_text(path)
        assert "\r" not in text and text.endswith("\n") and not text.endswith("\n\n"), path
        assert nfc(text) == text and not invisible(text) and not mojibake(text), path


def test_statements_are_many_balanced_and_distinct() -> None:
    assert list(STATEMENTS[0]) == ["STT", "Chủ đề", "Mệnh đề", "Đáp án"]
    assert len(STATEMENTS) >= 240
    assert [row["STT"] for row in STATEMENTS] == [str(n) for n in range(1, len(STATEMENTS) + 1)]
    topics: dict[str, Counter[str]] = defaultdict(Counter)
    for row in STATEMENTS:
        topics[row["Chủ đề"]][row["Đáp án"]] += 1
        assert 6 <= len(row["Mệnh đề"].split()) <= 16, row
    assert len(topics) >= 8
    for topic, labels in topics.items():
        assert set(labels) == {"TRUE", "FALSE"} and abs(labels["TRUE"] - labels["FALSE"]) <= 2, topic


def test_no_statement_is_a_near_copy_of_another() -> None:
    words = [frozenset(key(row["Mệnh đề"]).split()) for row in STATEMENTS]
    for (i, a), (j, b) in combinations(enumerate(words), 2):
        assert len(a & b) / len(a | b) < 0.75, (STATEMENTS[i], STATEMENTS[j])


@pytest.mark.parametrize("word", FUNCTION_WORDS)
def test_function_words_do_not_give_the_label_away(word: str) -> None:
    by_label = Counter(row["Đáp án"] for row in STATEMENTS if f" {word} " in f" {key(row['Mệnh đề'])} ")
    assert by_label["TRUE"] + by_label["FALSE"] >= 6
    assert abs(by_label["TRUE"] - by_label["FALSE"]) <= 1


def test_no_opening_is_pure() -> None:
    openings: dict[str, Counter[str]] = defaultdict(Counter)
    for row in STATEMENTS:
        openings[" ".join(key(row["Mệnh đề"]).split()[:2])][row["Đáp án"]] += 1
    frequent = {opening: labels for opening, labels in openings.items() if labels.total() >= 4}
    assert all(len(labels) == 2 for labels in frequent.values()), frequent


def features(text: str) -> set[str]:
    words = key(text).split()
    return {*words, *(f"{a} {b}" for a, b in pairwise(words))}


def bayes_accuracy(rows: list[tuple[set[str], str]], folds: int = 5) -> float:
    """Cross-validate naive Bayes on the presence of words and word pairs."""
    right = 0
    for fold in range(folds):
        train = [row for i, row in enumerate(rows) if i % folds != fold]
        size = Counter(label for _, label in train)
        having = {label: Counter(f for fs, y in train if y == label for f in fs) for label in size}
        known = set[str]().union(*having.values())
        for fs, truth in rows[fold::folds]:
            score = {
                y: math.log(n) + sum(math.log((having[y][f] + 1) / (n + 2)) for f in fs & known)
                for y, n in size.items()
            }
            right += max(score, key=score.__getitem__) == truth
    return right / len(rows)


def test_words_alone_do_not_predict_the_label() -> None:
    rows = [(features(row["Mệnh đề"]), row["Đáp án"]) for row in STATEMENTS]
    majority = max(Counter(label for _, label in rows).values()) / len(rows)
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        assert bayes_accuracy(rows) < majority + 0.10


def test_answers_are_spans_of_their_context() -> None:
    rows = [row for _, row in iter_jsonl(SAMPLE / "qa" / "answers.jsonl")]
    assert len(rows) == 60
    assert len({key(row["question"]) for row in rows}) == 60
    assert set(Counter(row["context"] for row in rows).values()) == {3}
    for row in rows:
        assert set(row) == {"question", "context", "answer"}
        assert row["answer"] in row["context"] and row["question"].endswith("?"), row


def turns(messages: Iterable[dict[str, str]]) -> list[str]:
    return [m["role"] for m in messages if m["role"] != "system"]


def test_conversations_alternate_and_end_with_the_assistant() -> None:
    rows = [row["messages"] for _, row in iter_jsonl(SAMPLE / "qa" / "chat.jsonl")]
    assert len(rows) == 30
    assert sum(len(turns(row)) > 2 for row in rows) >= 5
    for row in rows:
        assert turns(row) == ["user", "assistant"] * (len(turns(row)) // 2), row
        assert all(m["content"].strip() and set(m) == {"role", "content"} for m in row)
        assert all(m["role"] != "system" for m in row[1:])
    assert len({json.dumps(row, ensure_ascii=False) for row in rows}) == 30


def test_readme_states_the_true_counts() -> None:
    table = dict(re.findall(r"^\| (.+?) \| +(\d+) \|", read_text(SAMPLE / "README.md"), re.MULTILINE))
    assert {name: int(table[name]) for name in PHENOMENA} == tally()
    assert int(table["all graphs"]) == len(GRAPHS)
