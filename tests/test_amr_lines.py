"""JSON lines: header values, header lines as written, and what is refused."""

import json
from typing import Any

import pytest

from sft.amr.lines import read_lines, write_line
from sft.errors import DataError, SftError

TRIPLES: list[list[str]] = [["n", ":instance", "ngủ"]]


def line(**fields: Any) -> str:
    return json.dumps({"triples": TRIPLES, **fields}, ensure_ascii=False)


def header(**fields: Any) -> tuple[str, ...]:
    return read_lines(line(**fields))[0].header


def test_the_header_is_made_from_the_values_or_kept_as_it_was() -> None:
    assert header(id="1", snt="bé ngủ .") == ("# ::id 1", "# ::snt bé ngủ .")
    assert header(id=7, snt="") == ("# ::id 7", "# ::snt")
    written = ["#::id 1 ::snt bé ngủ .", "# chép tay"]
    assert header(id="1", snt="bé ngủ .", header=written) == tuple(written)
    assert header(id="2", snt="bé ngủ .", header=written) == ("# ::id 2", "# ::snt bé ngủ .")


def test_a_line_comes_back() -> None:
    for text in (
        line(top="n"),
        line(id="1", snt="a", top="n", before=["# rời"], after=["# hết"]),
        '{"snt": "ơ", "top": null, "triples": [], "header": ["#::snt ơ"], "text": "xin lỗi"}',
        '{"top": "n", "triples": [["n", ":instance", "ngủ"]], "header": ["# ::top x ::triples y"]}',
    ):
        (entry,) = read_lines(text)
        assert json.loads(write_line(entry)) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "f:1: not JSON"),
        ("[]", "f:1: no object with a list of triples"),
        ('{"id": "1"}', "f:1: no object with a list of triples"),
        (line(snt=["a"]), "f:1: the value of 'snt' is no text"),
        (line(ok=True), "f:1: the value of 'ok' is no text"),
        (line(top=1), "f:1: the value of 'top' is no text"),
        (line(text=1), "f:1: the value of 'text' is no text"),
        (line(header="# a"), "f:1: the value of 'header' is no list"),
        (line(before=["a"]), "f:1: the value of 'before' is no list"),
        (line(snt="a\nb"), "f:1: a key or value of this record"),
        (line(snt="a ::id 7"), "f:1: a key or value of this record"),
        (line(top="x"), "f:1: variables without an :instance triple: x"),
        (line(triples=[["a b", ":instance", "c"]]), "f:1: a variable, role or word of this graph cannot be written"),
        (line(triples=[["a", ":instance", "c)"]]), "f:1: a variable, role or word of this graph cannot be written"),
        ("\n", "the file is empty"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(SftError) as caught:
        read_lines(text, "f")
    assert str(caught.value).startswith(said)
    assert caught.value.hint or "top" in said


def test_every_bad_line_is_named() -> None:
    with pytest.raises(DataError, match="2 lines are no graphs") as caught:
        read_lines(f"{{\n{line()}\n{line(top='x')}\n", "f")
    assert [part.where for part in caught.value.parts] == ["f:1", "f:3"]
    with pytest.raises(DataError, match="line 1: not JSON"):
        read_lines("{")
