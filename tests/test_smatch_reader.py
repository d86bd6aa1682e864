"""The fast path of the scorer's reader takes only what the tolerant reader takes the same way."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.amr.penman import blocks
from sft.amr.penman import read as read_graph
from sft.errors import DataError
from sft.smatch.__main__ import main
from sft.smatch.reader import read, records, scan, score_files
from sft.smatch.triples import Convention, flatten

GRAPHS = """# ::id 1
# ::snt ông mở cửa
(m / mở
    :agent(ô / ông_lão :wiki(w / Ông :mod 7))
    :patient (c / cửa :mod "xe (lớn) : đỏ" :quant 7)
    :agent-of ô)

#::snt xe đạp đỏ
(x / xe đạp :mod(đ / đỏ) :time tối :polarity -)

"""


def same(body: str) -> bool:
    """Tell whether the fast path refuses `body` or reads it as the tolerant reader does."""
    plain = scan(body)
    if plain is None:
        return True
    graph = read_graph(body).graph
    assert graph is not None
    names, concepts, edges = flatten(graph)
    return plain[:2] == (names, concepts) and Counter(plain[2]) == Counter(edges)


def test_well_formed_text_takes_the_fast_path() -> None:
    for _line, body in records(GRAPHS):
        assert scan(body) is not None
        assert same(body)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["(", ")", "a", "b", "xe đạp", " / ", "(a / b", " (c / d ", ":mod ", " :op1 ", '"', '"x y"', "~e.1", "7", "#",
             "\n", " ", ":", "/", "-", ":wiki(h / H", ")", "))", "\\", "'", ":a-of(b / b)"]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_fast_path_agrees_with_the_tolerant_reader(pieces: list[str]) -> None:
    assert same("(a / b " + "".join(pieces) + ")")
    assert same("".join(pieces))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([
            "# ::snt a",
            "#::id 3",
            "# note",
            "(a / b)",
            "(a / b",
            ":mod 7)",
            "",
            "",
            " \t",
            "x",
            "\r",
        ]),
        max_size=10,
    )
)
def test_records_are_those_of_the_reader(lines: list[str]) -> None:
    text = "\n".join(lines)
    ours = [(line, [row.strip() for row in body.split("\n")]) for line, body in records(text)]
    theirs = [(block.body_line, [row.strip() for row in block.body.split("\n")]) for block in blocks(text)]
    assert theirs == ours


def test_broken_graphs_are_repaired_and_counted() -> None:
    items = read(
        "(a / b :mod (c / d)\n\n# ::id 2\n\n(a / b)\n\n# ::id 3\nno graph here", Convention("smatch")
    )
    assert [item.repaired for item in items] == [True, False, False]
    assert [item.triples and item.triples.size for item in items] == [4, 2, None]


def files(folder: Path, pred: str, gold: str) -> list[str]:
    paths = [folder / "pred.txt", folder / "gold.txt"]
    for path, text in zip(paths, (pred, gold), strict=True):
        path.write_text(text, encoding="utf-8", newline="")
    return [str(path) for path in paths]


def test_line_ends_do_not_matter(tmp_path: Path) -> None:
    score, repaired = score_files(*files(tmp_path, GRAPHS.replace("\n", "\r\n"), GRAPHS), "none")
    assert (score.f1, score.n, repaired) == (1.0, 2, 0)


def test_unequal_counts_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 2 graphs"):
        score_files(*files(tmp_path, GRAPHS, "(a / b)\n"), "smatch")


def test_light_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = files(tmp_path, GRAPHS.replace("ông_lão", "bà"), GRAPHS)
    assert main([*paths, "--mode", "amr", "--pairs"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split("\t") == ["1", "11", "11", "12", "12", out[0].split("\t")[-1]]
    assert out[-2].startswith("P 0.9")
    assert "n 2  unparsable 0  repaired 0  proven 2" in out[-2]
    assert out[-1].startswith("smatch|mode:amr|n:2|exact:proven")
    assert main([str(tmp_path / "none.txt"), paths[1]]) == 2
    assert "hint:" in capsys.readouterr().err


def test_a_backslash_goes_to_the_tolerant_reader() -> None:
    assert same("(a / b \\:\\\na)")
