"""Records and rows: the JSON form and back, and that values do not change."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft.records import Finding, Message, Record, Reject, Row

ROW = Row("7", (Message("user", "Chào"), Message("assistant", "Xin chào")), {"label": "TRUE", "where": "a:1"})
MESSAGES = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), st.text(max_size=20))
ROWS = st.builds(
    Row,
    st.text(max_size=8),
    st.lists(MESSAGES, max_size=4).map(tuple),
    st.dictionaries(st.text(max_size=4), st.text(max_size=8) | st.integers() | st.none(), max_size=3),
)


def test_a_row_has_exactly_the_keys_of_the_prepared_form() -> None:
    assert ROW.as_dict() == {
        "id": "7",
        "messages": [{"role": "user", "content": "Chào"}, {"role": "assistant", "content": "Xin chào"}],
        "meta": {"label": "TRUE", "where": "a:1"},
    }


@given(ROWS)
def test_a_row_comes_back_from_its_json(row: Row) -> None:
    assert Row.from_dict(json.loads(json.dumps(row.as_dict(), ensure_ascii=False))) == row


def test_numbers_as_ids_become_text_and_meta_may_be_missing() -> None:
    assert Row.from_dict({"id": 3, "messages": []}) == Row("3", ())
    assert Row.from_dict({"id": 3, "messages": [], "meta": None}).meta == {}


@pytest.mark.parametrize(
    "value", [{}, {"id": 1}, {"id": 1, "messages": [{"role": "user"}]}, {"id": 1, "messages": ["x"]}]
)
def test_another_form_is_refused(value: Any) -> None:
    with pytest.raises((KeyError, TypeError)):
        Row.from_dict(value)


@pytest.mark.parametrize(
    "value", [ROW, ROW.messages[0], Record("1", "a:1"), Reject("1", "a:1", "x"), Finding("x", "info", 1, "y")]
)
def test_values_are_frozen(value: Any) -> None:
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, "2")
    assert not hasattr(value, "__dict__")


def test_a_finding_has_the_keys_of_the_report() -> None:
    assert Finding("leak", "error", 2, "x", ("1", "2"), "y").as_dict() == {
        "id": "leak", "severity": "error", "count": 2, "message": "x", "examples": ["1", "2"], "hint": "y",
    }  # fmt: skip
