"""Files in other forms: one record for each, and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_amr_fixes import cases
from test_amr_penman import DEFECTS, QUIRKS

from sft.amr.forms import FORMS, assemble, convert, detect
from sft.amr.penman import blocks, read_block, rename_variables, to_penman
from sft.errors import DataError, SettingsError

FILE = (
    "# release 1\n\n# ::id a.1 ::date 2012\n#::snt bé muốn ngủ .\n(m / muốn\n  :agent(b / bé)\n  :theme(n / ngủ :agent b))\n\n"
    "# rời\n\n#::snt ơ\n\n# ::id a.3\nxin lỗi\n\n(x / xe đạp :op1 \"x\" :mod đỏ)\n\n# hết\n"
)  # fmt: skip


def test_each_form() -> None:
    assert convert(FILE, "oneline").text == (
        "# release 1\n\n# ::id a.1 ::date 2012\n#::snt bé muốn ngủ .\n"
        "(m / muốn :agent (b / bé) :theme (n / ngủ :agent b))\n\n"
        "# rời\n\n#::snt ơ\n\n# ::id a.3\nxin lỗi\n\n(x / xe_đạp :op1 \"x\" :mod đỏ)\n\n# hết\n"
    )  # fmt: skip
    assert (
        "(m / muốn\n    :agent (b / bé)\n    :theme (n / ngủ\n        :agent b))"
        in convert(FILE, "penman").text
    )
    assert '(xe_đạp :op1 "x" :mod đỏ)' in convert(FILE, "task1").text
    assert "(x / xe_đạp" in convert(FILE, "canonical").text
    rows = [json.loads(line) for line in convert(FILE, "triples").text.splitlines()]
    assert [row["top"] for row in rows] == ["m", None, None, "x"]
    assert rows[0]["id"] == "a.1" and rows[0]["date"] == "2012" and rows[0]["snt"] == "bé muốn ngủ ."
    assert rows[0]["before"] == ["# release 1"] and rows[3]["after"] == ["# hết"]
    assert rows[2]["text"] == "xin lỗi" and "header" not in rows[2]
    assert rows[1]["header"] == ["#::snt ơ"]
    assert rows[3]["triples"][0] == ["x", ":instance", "xe đạp"]


def test_what_was_met_is_counted() -> None:
    done = convert(FILE, "task1")
    assert (done.source, done.graphs) == ("penman", 4)
    assert [(found.graph, found.line, found.kind) for found in done.without] == [
        (2, 11, "no_graph"), (3, 14, "no_graph"),
    ]  # fmt: skip
    assert done.counts("error") == {} and done.counts("warning") == {"space_in_concept": 1}
    broken = convert("(a / b :x)\n\n(a / b :x :x (a / c)\n", "oneline")
    assert broken.counts("error") == {"missing_target": 2, "duplicate_variable": 1, "missing_bracket": 1}
    assert len(convert("(a / b" + " :x" * 99 + ")", "oneline").found) == 99


@pytest.mark.parametrize("source", ["oneline", "penman", "task1", "triples"])
@pytest.mark.parametrize("to", FORMS)
def test_every_pair_of_forms(source: str, to: str) -> None:
    there = convert(FILE, source)
    assert detect(there.text) == {"oneline": "penman"}.get(source, source)
    done = convert(there.text, to)
    assert done.graphs == 4
    if source == "task1":
        assert convert(done.text, "task1").text == there.text
    elif to != "triples":
        assert done.text == convert(FILE, to).text


def test_a_record_in_is_a_record_out_without_any_header() -> None:
    rows = [
        '{"id": "1", "triples": []}', '{"triples": [["n", "instance", "ngủ"]]}', '{"triples": []}',
        '{"triples": [["n", "instance", "ngủ"]]}', '{"text": "xin lỗi", "triples": []}',
    ]  # fmt: skip
    done = convert("\n".join(rows), "oneline")
    assert done.text == (
        "# ::id 1\n\n# ::snt\n(n / ngủ)\n\n# ::snt\n\n# ::snt\n(n / ngủ)\n\n# ::snt\nxin lỗi\n"
    )
    assert [(found.graph, found.line) for found in done.without] == [(1, 1), (3, 3), (5, 5)]
    assert len(list(blocks(done.text))) == 5


def test_comments_that_stand_alone_stay_apart() -> None:
    text = "(n / ngủ)\n\n# ::tok a\n\n# rời\n\n(đ / đi)\n"
    assert convert(text, "oneline").text == text
    assert convert(convert(text, "triples").text, "oneline").text == text


def test_a_constant_like_a_variable_never_becomes_a_reference() -> None:
    row = '{"triples": [["b", "instance", "bố"], ["b", "op1", {"constant": "b"}]]}'
    done = convert(row, "oneline")
    assert done.text == "(b2 / bố :op1 b)\n"
    assert done.counts("warning") == {"variables_renamed": 1}
    assert json.loads(convert(row, "triples").text)["triples"][1] == ["b", ":op1", {"constant": "b"}]
    assert convert(row, "task1").text == "(bố :op1 b)\n"


def test_what_is_refused() -> None:
    for to, source in (("xml", ""), ("task1", "xml")):
        with pytest.raises(SettingsError, match="unknown form 'xml'"):
            convert(FILE, to, source)
    with pytest.raises(DataError, match="begins a record of its own"):
        convert('{"triples": [], "before": ["# ::id 7"]}', "penman")
    with pytest.raises(DataError):
        convert("a,b\n1,2\n", "penman")


def test_the_form_can_be_named() -> None:
    assert convert("(ngủ)", "oneline", "task1").text == "(n / ngủ)\n"
    assert convert("(a / b)", "oneline", "task1").counts("error") == {"variable_in_task1": 1}


def test_an_empty_list_of_records_is_an_empty_text() -> None:
    assert assemble([], lambda entry: entry.text) == ""


@given(cases, st.sampled_from(sorted(FORMS)))
def test_what_converting_promises(text: str, to: str) -> None:
    try:
        done = convert(text, to, "penman")
    except DataError:
        return
    given_graphs = [read_block(block).graph for block in blocks(text)]
    count = len(given_graphs)
    assert done.graphs == count
    assert done.text.count("\n") == count if to == "triples" else len(list(blocks(done.text))) == count
    source = {"oneline": "penman", "canonical": "penman"}.get(to, to)
    assert convert(done.text, to, source).text == done.text
    if to in ("oneline", "penman", "triples"):
        for back in ("oneline", "penman"):
            assert convert(done.text, back, source).text == convert(text, back, "penman").text
    if to == "task1":
        again = [read_block(block).graph for block in blocks(convert(done.text, "oneline", "task1").text)]
        assert [g and to_penman(g) for g in again] == [
            g and to_penman(rename_variables(g)) for g in given_graphs
        ]


def test_the_fixtures_are_penman() -> None:
    text = "\n\n".join(block.body for block in [*QUIRKS.values(), *DEFECTS.values()])
    assert detect(text) == "penman"
