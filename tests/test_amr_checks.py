"""Every finding of a file, with its place and a true count."""

import pytest
from test_amr_penman import DEFECTS, QUIRKS

from sft.amr.checks import Found, check
from sft.amr.penman import read


@pytest.mark.parametrize("name", [*QUIRKS, *DEFECTS])
def test_every_case_is_found_as_the_reader_finds_it(name: str) -> None:
    block = {**QUIRKS, **DEFECTS}[name]
    done = check(f"# ::id {name}\n{block.body}\n")
    wanted = [(p.kind, p.severity, p.line + 1, p.column) for p in read(block.body).problems]
    if not block.body:
        wanted = [("header_without_graph", "error", 1, 1)]
    assert [(f.kind, f.severity, f.line, f.column) for f in done.found] == wanted
    assert all(f.id == name and f.graph == 1 for f in done.found)


def test_the_counts_of_a_runaway_output_are_true() -> None:
    done = check("(a / b" + " :x" * 300 + ")")
    assert done.counts() == {"missing_target": 300}
    caret = done.found[200].caret()
    assert len(caret.split("\n")[0]) <= 110 and caret.split("\n")[1].strip() == "^"


def test_what_records_are_to_each_other() -> None:
    done = check(
        "# ::id 1\n# ::snt bé ngủ .\n(n / ngủ :agent (b / bé))\n\n"
        "# ::id 2\n# ::snt bé  ngủ .\n(x / ngủ\n  :agent (x2 / bé))\n\n"
        "# ::id 1\n# ::snt bé ngủ .\n(n / ngủ :theme (b / bé))\n\n# ::id 3\n# ::snt ơ\n"
    )
    assert [(f.line, f.severity, f.kind, f.message) for f in done.found] == [
        (10, "warning", "duplicate_id", "id '1' is that of graph 1 too"),
        (10, "info", "repeated_sentence", "the sentence of graph 1 with another graph"),
        (14, "error", "header_without_graph", "a header without a graph"),
    ]
    assert done.graphs == 4
    assert list(done.counts()) == ["header_without_graph", "duplicate_id", "repeated_sentence"]
    assert list(done.only("error").counts()) == ["header_without_graph"]
    assert list(done.only("warning").counts()) == ["header_without_graph", "duplicate_id"]


def test_garbled_letters_are_named_with_their_place() -> None:
    garbled = "tiếng".encode().decode("cp1252", "ignore")
    done = check(f"#::snt tốt\n(t / tốt)\n\n#::snt x\n(n / nói\n  :topic (t / {garbled}))\n")
    assert [(f.kind, f.line, f.graph) for f in done.found] == [("mojibake", 6, 2)]
    assert done.found[0].source[done.found[0].column - 1 :].startswith("áº¿")


def test_the_caret_of_a_place_behind_the_end() -> None:
    found = Found("missing_bracket", "error", "", 3, 9, 1, source="(c / cá ")
    assert found.caret() == "(c / cá\n        ^"
