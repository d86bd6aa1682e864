"""The PENMAN reader: records, quirks of gold data, strict and tolerant reading, printing."""

import gc
from pathlib import Path

import penman
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penman.models import noop

from sft.amr.graph import Const, Graph, Node, Ref
from sft.amr.penman import blocks, canonical, parse, read, read_block, rename_variables, to_penman
from sft.amr.problems import KINDS
from sft.amr.variables import written
from sft.errors import GraphError

DATA = Path(__file__).parent / "data"
QUIRKS = {b.metadata["id"]: b for b in blocks((DATA / "amr_quirks.txt").read_text(encoding="utf-8"))}
DEFECTS = {b.metadata["id"]: b for b in blocks((DATA / "amr_defects.txt").read_text(encoding="utf-8"))}


def kinds(text: str) -> list[str]:
    return [problem.kind for problem in read(text).problems]


# --- words a graph may hold: whatever the reader can produce ------------------------------------------------------


def _survives(word: str) -> bool:
    reading = read(f"(x1 / {word})")
    return (
        reading.graph is not None and reading.graph.root.concept == word and not reading.graph.root.children
    )


words = st.text("aăđ1_-~#\\/\"':.,ế(", min_size=1, max_size=6).filter(_survives) | st.sampled_from((
    "xe đạp", "ông_lão", "person", '"Hà Nội"', '"a) (b \\" c"', "10:32", "24/7", "a~b", "~3", "người#2", "\\", "7",
))  # fmt: skip
roles = st.sampled_from((":agent", ":mod", ":op1", ":part-of", ":người", ":polite+", ":ARG0-of", ":wiki"))


@st.composite
def graphs(
    draw: st.DrawFn, words: st.SearchStrategy[str] = words, roles: st.SearchStrategy[str] = roles
) -> Graph:
    """Trees of up to nine nodes with constants and references, in any place, to any node."""
    size = draw(st.integers(1, 9))
    variables = [f"{'cđx'[i % 3]}{i or ''}" for i in range(size)]
    concepts = [draw(words) for _ in variables]
    children: list[list[tuple[str, Node | Ref | Const]]] = [[] for _ in variables]
    for i in range(size):
        for _ in range(draw(st.integers(0, 2))):
            text = draw(words)
            leaf = Const(text) if written(text) not in variables else Const("-")
            children[i].append((
                draw(roles),
                draw(st.sampled_from([Ref(v) for v in variables])) if draw(st.booleans()) else leaf,
            ))
    nodes: dict[int, Node] = {}
    for i in reversed(range(size)):
        nodes[i] = Node(variables[i], concepts[i], tuple(children[i]))
        if i:
            parent = children[draw(st.integers(0, i - 1))]
            parent.insert(draw(st.integers(0, len(parent))), (draw(roles), nodes[i]))
    return Graph(nodes[0])


def joined(graph: Graph) -> Graph:
    """Return the graph as it looks after printing: blanks in words are underscores."""
    return parse(to_penman(graph))


# --- records ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["", "\t", "  ", "\u00a0"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_records_are_split_on_lines_that_are_blank_after_strip(blank: str, end: str) -> None:
    lines = ["#::snt nó ngủ .", "(n / ngủ", "    :agent(n1 / nó))", blank, "#::snt trời mưa .", "(m / mưa)"]
    found = list(blocks(end.join(lines) + end))
    assert [(b.line, b.body_line, b.number) for b in found] == [(1, 2, 1), (5, 6, 2)]
    assert [b.metadata for b in found] == [{"snt": "nó ngủ ."}, {"snt": "trời mưa ."}]
    assert [read(b.body).problems for b in found] == [(), ()]


def test_header_forms_and_file_header() -> None:
    text = (
        "# Bộ đồ thị tự đặt, 2 câu\n\n"
        "# ::id a.1 ::date 2020-01-02 ::preferred\n# ::snt Nó ngủ .\n# ::tok Nó ngủ .\n(n / ngủ)\n\n"
        "\ufeff# ::id a.2 ::snt Trời mưa .\n(m / mưa)\n"
    )
    first, second = blocks(text)
    assert first.metadata == {
        "id": "a.1", "date": "2020-01-02", "preferred": "", "snt": "Nó ngủ .", "tok": "Nó ngủ .",
    }  # fmt: skip
    assert (first.line, first.body_line) == (3, 6)
    assert second.metadata == {"id": "a.2", "snt": "Trời mưa ."}


def test_a_header_without_graph_is_a_record() -> None:
    text = "#::snt một\n\n#::snt hai\n(h / hai)\n\n#::snt ba\n#::snt bốn\n(b / bốn)\n"
    assert [(b.metadata["snt"], b.body) for b in blocks(text)] == [
        ("một", ""), ("hai", "(h / hai)"), ("ba", ""), ("bốn", "(b / bốn)"),
    ]  # fmt: skip


def test_a_blank_line_inside_a_record_does_not_make_two() -> None:
    after_header, inside = blocks("#::snt một\n\n(m / một)\n\n#::snt hai\n(h / hai\n\n    :mod (b / ba))\n")
    assert (after_header.body, after_header.body_line) == ("(m / một)", 3)
    assert inside.body == "(h / hai\n\n    :mod (b / ba))"
    assert [len(list(blocks(t))) for t in ("(a / b)\n\nxin lỗi\n\n(c / d)", "(a / b)\n# ::id 2\n(c / d)", "", "\n\n")] == [
        3, 2, 0, 0,
    ]  # fmt: skip


def test_a_record_keeps_its_line_and_header_in_the_graph() -> None:
    (record,) = blocks("# tiêu đề\n\n#::snt nó ngủ .\n(n / ngủ :agent b)\n")
    reading = read_block(record)
    assert reading.graph is not None
    assert (reading.graph.line, dict(reading.graph.metadata)) == (3, {"snt": "nó ngủ ."})
    assert [(p.line, p.column) for p in reading.problems] == [(4, 17)]


# --- quirks and defects -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUIRKS)
def test_quirks_are_read_with_their_declared_meaning(name: str) -> None:
    block = QUIRKS[name]
    graph = parse(block.body)  # strict reading takes every quirk
    assert to_penman(graph) == block.metadata["reads"]
    reading = read(block.body)
    assert reading.graph == graph
    assert {p.kind for p in reading.problems} == set(block.metadata["kinds"].split())
    assert {p.severity for p in reading.problems} <= {"warning"}
    assert not any(p.repaired for p in reading.problems)


@pytest.mark.parametrize("name", DEFECTS)
def test_defects_are_repaired_and_named(name: str) -> None:
    block = DEFECTS[name]
    reading = read(block.body, block.body_line)
    assert (to_penman(reading.graph) if reading.graph else "") == block.metadata.get("reads", "")
    assert {p.kind for p in reading.problems} == set(block.metadata["kinds"].split())
    if name != "number_as_node":  # well-formed: `sft.amr.repair` mends it in model output
        with pytest.raises(GraphError):
            parse(block.body)


def test_every_kind_has_a_wording_and_most_have_a_case() -> None:
    cases = {kind for b in [*QUIRKS.values(), *DEFECTS.values()] for kind in b.metadata["kinds"].split()}
    elsewhere = {"unknown_reference", "ambiguous_reference", "variable_in_task1", "number_as_node"}
    assert set(KINDS) == cases | elsewhere


def test_spaces_stay_in_the_concept_until_it_is_printed() -> None:
    graph = parse("(x / xe  đạp\n   điện)")
    assert graph.root.concept == "xe đạp điện"
    assert to_penman(graph) == "(x / xe_đạp_điện)"


def test_a_quoted_word_is_never_a_reference() -> None:
    assert parse('(p / "p" :mod "p" :poss p)').root.children == ((":mod", Const('"p"')), (":poss", Ref("p")))


def test_fresh_variables_avoid_constants_and_variables() -> None:
    graph = parse("(e / em :accompanier ( / em) :mod e3 :op1 ( / ếch))")
    assert [node.var for node in graph.nodes()] == ["e", "e2", "ế"]
    assert [node.var for node in parse("(x / xe :mod e :op1 ( / em))").nodes()] == ["x", "e2"]


def test_a_record_in_nfd_reads_like_one_in_nfc() -> None:
    import unicodedata

    text = "(ô / ông_lão :mod (ế / ếch) :poss ô)"
    reading = read(unicodedata.normalize("NFD", text))
    assert reading.graph is not None and reading.problems == ()
    assert to_penman(canonical(reading.graph)) == text


# --- strict reading -----------------------------------------------------------------------------------------------


def test_strict_reading_names_file_and_line() -> None:
    with pytest.raises(GraphError) as caught:
        parse("(đ / đi\n    :agent (n / nó", 41, "vi.amr")
    assert str(caught.value) == "vi.amr:42: 2 closing bracket(s) missing at the end"
    assert "column 19" in caught.value.hint


def test_strict_reading_shows_all_defects_together() -> None:
    with pytest.raises(GraphError) as caught:
        parse("(đ / đi :agent :time\n (t tối))")
    assert [str(part) for part in caught.value.parts] == [
        "line 1: nothing follows the role ':agent'",
        "line 2: node without '/': 't tối'",
    ]
    with pytest.raises(GraphError, match="no graph"):
        parse("")


def test_caret_points_at_the_place() -> None:
    text = "(đ / đi\n\t:agent (n / nó) rồi)"
    (problem,) = read(text, 7).problems
    assert (problem.kind, problem.line, problem.column) == ("stray_token", 8, 18)
    assert problem.caret(text, 7) == "\t:agent (n / nó) rồi)\n\t                ^"
    assert problem.caret("", 7).endswith("^")


# --- printing -----------------------------------------------------------------------------------------------------


def test_printing_with_indentation() -> None:
    graph = parse("(m / mang :agent (c / chị :name (n / name :op1 (wz1 / Lan))) :polarity -)")
    assert to_penman(graph, 4) == (
        "(m / mang\n    :agent (c / chị\n        :name (n / name\n            :op1 (wz1 / Lan)))\n    :polarity -)"
    )
    assert parse(to_penman(graph, 0)) == graph


@given(graphs(), st.sampled_from((None, 0, 3)))
def test_print_then_parse_is_the_identity(graph: Graph, indent: int | None) -> None:
    again = read(to_penman(graph, indent))
    assert again.graph is not None
    assert not [p for p in again.problems if p.severity == "error"]
    assert to_penman(again.graph) == to_penman(graph)
    assert joined(again.graph) == again.graph


def triples(graph: Graph) -> list[tuple[str, str, str]]:
    found = []
    for node in graph.nodes():
        found.append((node.var, ":instance", written(node.concept)))
        for role, child in node.children:
            found.append((node.var, role, written(child.text) if isinstance(child, Const) else child.var))
    return sorted(found)


tame_words = st.sampled_from(("xe đạp", "ông_lão", "đi", "person", '"Hà Nội"', "7", "-", "ăn-01"))


@given(graphs(tame_words, st.sampled_from((":agent", ":op1", ":mod", ":người"))))
def test_penman_reads_the_same_triples(graph: Graph) -> None:
    assert sorted(penman.decode(to_penman(graph), model=noop.model).triples) == triples(graph)


@pytest.mark.parametrize("name", sorted(QUIRKS.keys() - {"colon_inside", "slash_inside"}))
def test_penman_reads_the_same_triples_from_quirks(name: str) -> None:
    """Where it can read at all: it takes a colon or a slash inside a word for a role or a concept."""
    ours = parse(QUIRKS[name].body)
    assert sorted(penman.decode(to_penman(ours), model=noop.model).triples) == triples(ours)


# --- names --------------------------------------------------------------------------------------------------------


def test_renaming_follows_the_concepts() -> None:
    graph = parse(
        "(z1 / Chị :mod (z2 / chị) :mod (z3 / đẹp :poss z1) :time (z4 / 7h) :op1 (z5 / 1900) :op2 c3 :op3 (z6 / cá))"
    )
    assert to_penman(rename_variables(graph)) == (
        "(c / Chị :mod (c2 / chị) :mod (đ / đẹp :poss c) :time (h / 7h) :op1 (x / 1900) :op2 c3 :op3 (c4 / cá))"
    )


@given(graphs())
def test_renaming_is_idempotent_and_keeps_the_shape(graph: Graph) -> None:
    renamed = rename_variables(graph)
    assert rename_variables(renamed) == renamed
    assert [n.concept for n in renamed.nodes()] == [n.concept for n in graph.nodes()]
    assert read(to_penman(renamed)).graph == joined(renamed)


def test_canonical_spelling() -> None:
    graph = parse('(x / xe đạp_điện :mod màu_đỏ :name "Hà_Nội" :quant 1_000 :op1 (k / _))')
    assert (
        to_penman(canonical(graph))
        == '(x / xe_đạp_điện :mod màu_đỏ :name "Hà_Nội" :quant 1_000 :op1 (k / _))'
    )
    assert canonical(graph, "").root.concept == "xeđạpđiện"
    assert canonical(graph, " ") == canonical(canonical(graph), " ")


def test_canonical_keeps_variables_apart_that_differ_in_normal_form_only() -> None:
    graph = Graph(Node("ô", "ông", ((":mod", Node("o\u0302", "ổi")), (":poss", Ref("o\u0302")))))
    assert to_penman(canonical(graph)) == "(ô / ông :mod (ổ / ổi) :poss ổ)"


# --- any text at all ----------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.text('()/:~#"\\ab1 -_\n\táđ', max_size=60) | st.text(max_size=40))
def test_reading_never_raises_and_its_result_prints_and_reads(text: str) -> None:
    reading = read(text)
    list(blocks(text))
    for problem in reading.problems:
        assert problem.line >= 1 and problem.column >= 1 and problem.message
        problem.caret(text)
    if reading.graph is None:
        assert "no_graph" in kinds(text)
        return
    again = read(to_penman(reading.graph))
    assert again.graph is not None and to_penman(again.graph) == to_penman(reading.graph)
    assert not [p for p in again.problems if p.severity == "error"]


def test_depth_is_not_limited_by_the_stack() -> None:
    depth = 100_000
    text = "".join(f"(a{i} / b :x " for i in range(depth)) + "1" + ")" * depth
    graph = parse(text)
    assert to_penman(graph) == text
    assert sum(1 for _ in canonical(rename_variables(graph)).nodes()) == depth
    del graph
    gc.collect()


@pytest.mark.parametrize(
    "unit",
    ["(", ")", "()", '"', '"a ', '\\" ', "~1", "(a / b :x ", " :x (a / b)", ":", "a:", "/ ", "#\n", " "],
)
@pytest.mark.parametrize("head", ["", "(a / b ", '(a / b :op1 "'])
def test_time_is_linear_in_the_text(head: str, unit: str) -> None:
    """100 kB of each: a quadratic step would take minutes here."""
    text = head + unit * (100_000 // len(unit))
    reading = read(text)
    assert reading.graph is None or to_penman(reading.graph)


def test_huge_numbers_are_no_numbers() -> None:
    reading = read(f"(a / and :op{'1' * 5000} (b / c) (d / e))")
    assert reading.graph is not None and reading.graph.root.children[1][0] == ":mod"


def test_a_runaway_output_reports_a_bounded_number_of_problems() -> None:
    problems = read("(a / b" + " :x" * 1000 + ")").problems
    assert len(problems) == 50
