"""The fast path of the scorer's reader takes only what the tolerant reader takes the same way."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.amr.penman import blocks
from sft.amr.penman import read as read_graph
from sft.smatch.__main__ import main
from sft.smatch.items import read_items
from sft.smatch.reader import records, scan
from sft.smatch.triples import flatten

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
    for record in records(GRAPHS):
        assert scan(record.body) is not None
        assert same(record.body)


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
    ours = [(r.line, r.body_line, [row.strip() for row in r.body.split("\n")]) for r in records(text)]
    theirs = [(b.line, b.body_line, [row.strip() for row in b.body.split("\n")]) for b in blocks(text)]
    assert theirs == ours


def test_broken_graphs_are_repaired_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("(a / b :mod (c / d)\n\n# ::id 2\n\n(a / b)\n\n# ::id 3\nno graph here", encoding="utf-8")
    items = read_items(str(path))
    assert [item.repaired for item in items] == [True, False, False]
    assert [item.plain and len(item.plain[0]) for item in items] == [2, 1, None]
    assert [item.id for item in items] == ["", "2", "3"]


def files(folder: Path, pred: str, gold: str) -> list[str]:
    paths = [folder / "pred.txt", folder / "gold.txt"]
    for path, text in zip(paths, (pred, gold), strict=True):
        path.write_text(text, encoding="utf-8", newline="")
    return [str(path) for path in paths]


def test_line_ends_do_not_matter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files(tmp_path, GRAPHS.replace("\n", "\r\n"), GRAPHS), "--mode", "none"]) == 0
    assert "F1 1.0000" in capsys.readouterr().out


def test_unequal_counts_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(files(tmp_path, GRAPHS, "(a / b)\n")) == 2
    assert "has 2 graphs" in capsys.readouterr().err


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


@pytest.mark.parametrize("role", [":7x", ":,x", ":_x", ":-", ":đ", ":x"])
@pytest.mark.parametrize("before", ["b", "b ", "b c", "b :mod 7", 'b :mod "c"'])
def test_a_colon_glued_to_a_word_begins_a_role_before_a_letter_only(before: str, role: str) -> None:
    assert same(f"(a / {before}{role} (d / e))") and same(f"(a / {before}{role} 7)")


def test_a_backslash_goes_to_the_tolerant_reader() -> None:
    assert same("(a / b \\:\\\na)")


def test_the_light_entry_says_what_is_wrong_with_each_file_and_doubts_crossed_ids(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    said = capsys.readouterr().err
    assert f"  - {tmp_path}/a: no such file" in said and f"  - {tmp_path}/b: no such file" in said
    named = "# ::id {}\n(m / mưa)\n\n# ::id {}\n(n / nắng)\n"
    assert main(files(tmp_path, named.format(2, 3), named.format(1, 2))) == 0
    assert "2 pairs have unlike ids" in capsys.readouterr().err
    for flags in (("--time-limit", "-1"), ("--time-limit", "nan"), ("--jobs", "-1")):
        with pytest.raises(SystemExit, match="2"):
            main(["p", "g", *flags])
