"""Records with the lines they came from."""

import pytest

from sft.amr.sources import decoded, sources
from sft.errors import DataError


def test_each_record_keeps_its_own_comments_and_the_loose_ones_stand_before_it() -> None:
    text = (
        "# release 1\n\n# ::id a\n# chép tay\n(n / ngủ\n# giữa chừng\n    :agent (b / bé))\n# cuối\n\n"
        "# rời\n\n#::snt ơ\n\n(đ / đi)\n\n# hết\n"
    )
    found = sources(text)
    assert [(record.id, record.before, record.header) for record in found.records] == [
        ("a", ("# release 1",), ("# ::id a", "# chép tay", "# giữa chừng", "# cuối")),
        ("", ("# rời",), ("#::snt ơ",)),
    ]
    assert found.after == ("# hết",)
    assert [found.lines[slice(*record.body)] for record in found.records] == [
        ("(n / ngủ", "# giữa chừng", "    :agent (b / bé))"),
        ("(đ / đi)",),
    ]
    assert found.records[0].words == "(n / ngủ\n    :agent (b / bé))"
    assert found.newline.join(found.lines) == text


def test_line_ends_of_every_kind() -> None:
    for end in ("\n", "\r\n", "\r", "\r\r\n"):
        text = f"# ::id 1{end}(n / ngủ){end}{end}# ::id 2{end}(đ / đi){end}"
        found = sources(text)
        assert [record.id for record in found.records] == ["1", "2"]
        assert found.newline.join(found.lines) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("\ufeff\n \t\r\n", "the file is empty"),
        ("STT,Câu hỏi\n1,Mèo (con) ngủ?\n", "no graph in this file"),
        ('{"text": "(n / ngủ)"}\n', "no graph in this file"),
        ("Đây là văn bản.\n\nKhông phải đồ thị.\n", "no graph in this file"),
    ],
)
def test_what_is_no_file_of_graphs(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        sources(text)
    assert caught.value.hint


def test_answers_without_a_graph_are_records_when_they_have_a_header() -> None:
    assert len(sources("#::snt ơ\nxin lỗi\n\n#::snt à\n").records) == 2


def test_nul_characters_are_refused_with_their_line() -> None:
    raw = "# ::id 1\n(n / ba)".encode("utf-16-le")
    with pytest.raises(DataError, match=r"a\.amr:1: holds NUL characters") as caught:
        decoded(raw, "a.amr")
    assert "utf-16-le" in caught.value.hint
    assert decoded(raw, "a.amr", "utf-16-le") == "# ::id 1\n(n / ba)"
    with pytest.raises(DataError, match="not utf-8"):
        decoded("(n / bé)".encode("utf-16-le"), "a.amr")
    assert decoded("\ufeff(n / ngủ)".encode(), "-") == "(n / ngủ)"
