"""Two prepared sets beside each other: every row is counted once, every difference named."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sft import set_diff
from sft.prepared import SPLITS, Prepared
from sft.records import Message, Row

MANIFEST = {
    "template": "qa/x@1", "split": {"seed": 1}, "rows": {"train": 9}, "sha256": "a", "sft": "0.1",
    "sources": [{"path": "a.csv", "sha256": "11111111aa", "rows": 9}],
}  # fmt: skip


def row(name: str, text: str = "Đúng", **meta: str) -> Row:
    return Row(name, (Message("user", "Câu?"), Message("assistant", text)), meta)


def prepared(rows: Mapping[str, list[Row]], **manifest: Any) -> Prepared:
    return Prepared(Path("set"), MANIFEST | manifest, {split: tuple(part) for split, part in rows.items()})


A = prepared({"train": [row("1"), row("2"), row("3"), row("4", label="TRUE")], "valid": [row("5")]})


def test_a_set_is_equal_to_itself() -> None:
    found = set_diff.diff(A, A)
    assert found.equal and found.same == 5
    moved = replace(
        A, manifest=MANIFEST | {"sources": [{"path": "b/a.csv", "sha256": "11111111aa", "rows": 9}]}
    )
    assert set_diff.diff(A, moved).equal  # the same file in another place


def test_each_kind_of_difference_is_counted_and_named() -> None:
    b = prepared(
        {
            "train": [row("1", "Sai"), row("4", label="FALSE"), row("5"), row("6")],
            "valid": [row("2")],
            "test": [row("7")],
        },
        sha256="b",
    )
    found = set_diff.diff(A, b)
    assert {kind: (each.count, each.examples) for kind, each in found.rows.items()} == {
        "only_a": (1, ["3"]),
        "only_b": (2, ["6", "7"]),
        "text": (1, ["1"]),
        "meta": (1, ["4"]),
        "moved": (2, ["5", "2"]),
    }
    assert found.rows["moved"].splits == {"valid → train": 1, "train → valid": 1}
    assert found.rows["only_b"].splits == {"train": 1, "test": 1}
    assert (found.same, found.equal, found.order) == (0, False, False)


def test_settings_and_sources_that_differ_are_named() -> None:
    other = MANIFEST | {
        "template": "qa/x@2",
        "split": {"seed": 2, "share": 0.1},
        "sources": [{"path": "b.csv", "sha256": "22222222bb", "rows": 1}],
        "rows": {"train": 1},
        "lengths": {"rows": 1},
    }
    found = set_diff.diff(A, replace(A, manifest=other))
    assert dict(found.settings) == {
        "template": ("qa/x@1", "qa/x@2"),
        "split.seed": (1, 2),
        "split.share": (None, 0.1),
        "sources.11111111": ("a.csv", None),
        "sources.22222222": (None, "b.csv"),
    }
    assert not found.equal and found.same == 5


def test_one_source_read_in_another_way_is_named() -> None:
    def read(**how: object) -> Prepared:
        source = {"path": "a.csv", "sha256": "11111111aa", "rows": 9, **how}
        return replace(A, manifest=MANIFEST | {"sources": [source]})

    one = read(columns={"question": "câu"}, rules={"answers": "first"})
    other = read(columns={"question": "lời"}, rules={"answers": "each"})
    assert dict(set_diff.diff(one, other).settings) == {
        "sources.11111111.columns": ({"question": "câu"}, {"question": "lời"}),
        "sources.11111111.rules": ({"answers": "first"}, {"answers": "each"}),
    }
    assert set_diff.diff(one, one).equal


def test_another_order_is_a_difference() -> None:
    rows = {split: list(reversed(part)) for split, part in A.rows.items()}
    found = set_diff.diff(A, prepared(rows, sha256="b"))
    assert found.order and not found.equal and found.same == 5


SETS = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.tuples(st.sampled_from(SPLITS), st.sampled_from(["Đúng", "Sai"])),
    max_size=8,
)


@given(SETS, SETS)
def test_every_row_is_counted_once(one: dict[str, tuple[str, str]], two: dict[str, tuple[str, str]]) -> None:
    def of(rows: dict[str, tuple[str, str]], sha: str) -> Prepared:
        parts = {s: [row(name, text) for name, (split, text) in rows.items() if split == s] for s in SPLITS}
        return prepared(parts, sha256=sha)

    found = set_diff.diff(of(one, "a"), of(two, "b"))
    counts = {kind: each.count for kind, each in found.rows.items()}
    assert counts["only_a"] == len(one.keys() - two.keys())
    assert counts["only_b"] == len(two.keys() - one.keys())
    common = one.keys() & two.keys()
    assert counts["moved"] == sum(one[name][0] != two[name][0] for name in common)
    assert counts["text"] == sum(one[name][1] != two[name][1] for name in common)
    assert found.same == sum(one[name] == two[name] for name in common)
