"""Damage graphs at random and check that the AMR core stands: no crash, no hang, and its promises hold.

    python scripts/bench/fuzz_amr.py [N] [FILE …] [--seed S]

makes N damaged texts (default 20000) out of built-in graphs and those of the files, and reports the rate, how many
still gave a graph, how often each defect was seen, and the slowest text. Stops at the first broken promise.
"""

import argparse
import random
import time
from collections import Counter
from pathlib import Path

from sft.amr.graph import Graph, Ref
from sft.amr.penman import blocks, canonical, parse, read, rename_variables, to_penman
from sft.amr.problems import Log
from sft.amr.repair import extract_graph
from sft.amr.settle import settle
from sft.amr.task1 import from_task1, to_task1
from sft.amr.tokens import blank_comments
from sft.amr.tree import plant
from sft.errors import GraphError
from sft.text import read_text

SEEDS = (
    "(m / mang :condition (m1 / mưa :theme (t / trời)) :agent (c / chị :name (n / name :op1 (wz1 / Lan))) :polarity -)",
    "(a / and\n    :op1(h / hỏi\n        :agent(ô / ông lão))\n    :op2(đ / đáp\n        :agent ô :time 6h15))",
    '(c / cười~e.3 :ARG0~e.1 (n / "Hà Nội"~e.2 :op1 "a \\"b\\" (c)") :value mai@example.com :quant 3 :mod (3 / 7h))',
    "(x / xe_đạp :mod (đ / đỏ) :part-of (n / nhà :poss x) :polite+(wz1 / thưa) :domain-of (x2 / xe đạp :mod x2))",
    "(and :op1 (hỏi :agent (người#1)) :op2 (đáp :agent (người#2)) :op3 (cười :agent ~người#1 :time tối))",
    "Task 1: (đi :agent (nó))\nTask 2: (đ / đi :agent (n / nó) :time (t / tối)) hết.",
)
PIECES = (
    "(", ")", "((", "))", "/", " / ", ":", ":mod", ":op1 ", '"', '\\"', "\\", "~", "~e.1", "#1", "#", "\n", "\r\n",
    "\t", " ", "_", "-", "-of", " c", " (c)", "(c / chị)", "~chị", "::snt ", "\n# ", "ế", "e\u0302\u0301", "\u00a0",
    "\u2028", "\x00", "\ud800", "1/2", "10:32", "http://a.b/c:d", "6:15", ":người(", "wz1", "(/ em)", "( / 19)", "()",
)  # fmt: skip


def damage(text: str, rng: random.Random) -> str:
    """Return `text` after one to six random edits."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        i = rng.randrange(len(text) + 1)
        j = min(len(text), i + rng.choice((1, 1, 2, 5, 20)))
        match rng.randrange(6):
            case 0:
                text = text[:i] + text[j:]
            case 1:
                text = text[:i] + rng.choice(PIECES) + text[i:]
            case 2:
                text = text[:i] + rng.choice(PIECES) + text[j:]
            case 3:
                text = text[:i] + text[i:j] * rng.choice((2, 3)) + text[j:]
            case 4:
                k = rng.randrange(len(text) + 1)
                text = text[:i] + text[k : k + rng.randrange(30)] + text[i:]
            case 5:
                text = text[:i]
    return text


def check(text: str) -> tuple[bool, list[str]]:
    """Hold every promise against one text; return whether it gave a graph, and the kinds of problems."""
    reading = read(text)
    kinds = [problem.kind for problem in reading.problems]
    for problem in reading.problems:
        problem.caret(text)
    list(blocks(text))
    extracted = extract_graph(text, {"task2": text[len(text) // 2 :]})
    for graph in (reading.graph, extracted.graph, from_task1(text).graph):
        if graph is not None:
            check_graph(graph)
    broken = any(problem.severity == "error" for problem in reading.problems)
    try:
        strict = parse(text)
    except GraphError:
        assert broken, "strict refuses what has no error"
    else:
        assert not broken and strict == reading.graph, "strict and tolerant differ"
    if reading.graph and not reading.problems:
        log = Log()
        draft = plant(blank_comments(text), log)
        assert draft and settle(draft, log) == reading.graph.root and not log.found, "the short cut differs"
    return reading.graph is not None, kinds


def check_graph(graph: Graph) -> None:
    """Check one graph: names are sound, and both written forms bring it back."""
    variables = [node.var for node in graph.nodes()]
    assert len(variables) == len(set(variables)), "a variable is defined twice"
    references = {child.var for node in graph.nodes() for _, child in node.children if isinstance(child, Ref)}
    assert references <= set(variables), "a reference is not defined"
    text = to_penman(graph)
    assert text == to_penman(parse(text)) == to_penman(parse(to_penman(graph, indent=2))), (
        "PENMAN does not return"
    )
    renamed = to_penman(rename_variables(graph))
    back = from_task1(to_task1(graph))
    assert back.graph is not None and to_penman(back.graph) == renamed, "Task 1 does not return"
    assert not any(problem.severity == "error" for problem in back.problems), "Task 1 has errors"
    canonical(graph)


def main() -> None:
    """Run the fuzzer; print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", nargs="?", type=int, default=20_000)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    count = options.count
    seeds = [*SEEDS, *(block.body for path in options.files for block in blocks(read_text(path)))]
    rng = random.Random(options.seed)
    seen: Counter[str] = Counter()
    graphs = 0
    slowest = (0.0, "")
    began = time.perf_counter()
    for number in range(count):
        text = damage(rng.choice(seeds), rng)
        start = time.perf_counter()
        stands = False
        try:
            graph, kinds = check(text)
            stands = True
        finally:
            if not stands:
                print(f"text {number}: {text!r}")
        slowest = max(slowest, (time.perf_counter() - start, text))
        graphs += graph
        seen.update(set(kinds))
    seconds = time.perf_counter() - began
    print(
        f"{count} texts, {count / seconds:.0f}/s, {graphs} gave a graph, slowest {slowest[0] * 1000:.1f} ms"
    )
    print("  ".join(f"{kind} {n}" for kind, n in seen.most_common()))


if __name__ == "__main__":
    main()
