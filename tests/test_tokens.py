"""The cache of ids and labels: the same rows from it as without it, and a training never fails by it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sft import audit, chat, token_file, tokens
from sft.errors import DataError, SettingsError
from sft.prepared import Prepared
from sft.records import Message, Row
from sft.tokenizer import Loaded

pytest.importorskip("pyarrow")


class Said:
    """Collects what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[int] = []

    def note(self, text: str) -> None:
        self.lines.append(text)

    def begin(self, done: int, total: int) -> None:
        self.steps.append(done)

    def step(self, done: int, metrics: Mapping[str, Any]) -> None:
        self.steps.append(done)

    def end(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(tokens.LIMIT, raising=False)


@pytest.fixture
def loaded(qwen: Any) -> Loaded:
    fmt = chat.chat_format("chatml")
    return Loaded(qwen, fmt, "", "<|im_end|>", qwen.token_to_id("<|im_end|>"), "<|endoftext|>", 0, "hash")


def row(name: str, answer: str = "Đúng") -> Row:
    return Row(name, (Message("user", f"Câu {name}?"), Message("assistant", answer)), {"key": f"k{name}"})


def prepared(train: int = 5, valid: int = 2) -> Prepared:
    rows = {
        "train": tuple(row(f"t{n}", "Đúng " * n + "!") for n in range(train)),
        "valid": tuple(row(f"v{n}") for n in range(valid)),
        "test": (row("x", "a<|im_end|>b"),),  # never encoded
    }
    return Prepared(Path("set"), {"template": "qa/x@1", "sha256": "d1"}, rows)


def made(data: Prepared, loaded: Loaded, wanted: set[int] | None = None) -> tuple[tokens.Tokens, list[str]]:
    said = Said()
    names = tokens.names(data)
    got = tokens.make(data, loaded, names, wanted or set(range(len(names.ids))), said)
    return got, said.lines


def test_warm_is_cold_is_plain(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    data, said = prepared(), Said()
    assert tokens.find(data, loaded, said) is None
    cold, lines = made(data, loaded)
    assert "7 rows encoded" in lines[0] and "kept" in lines[0]
    warm = tokens.find(data, loaded, said)
    assert warm is not None and said.lines[-1].startswith("token cache: 7 rows, read in ")
    monkeypatch.setenv(tokens.LIMIT, "0")
    assert tokens.find(data, loaded, said) is None
    plain, lines = made(data, loaded)
    assert lines[0].startswith("token cache: not used (SFT_TOKEN_CACHE is 0): 7 rows encoded")
    every = [*data.rows["train"], *data.rows["valid"]]
    for each in (cold, warm, plain):
        assert list(each.ids) == [one.id for one in every]
        assert [each[n] for n in range(7)] == [
            chat.encode(one.messages, loaded.tokenizer, loaded.format) for one in every
        ]
        assert list(each.lengths) == [len(each[n].ids) for n in range(7)]
        assert list(each.supervised) == [each[n].supervised for n in range(7)]
    names, known = warm.names, tokens.names(data)
    assert (list(names.ids), list(names.groups), names.train) == (known.ids, known.groups, 5)
    assert (names.ids[1], names.ids[1:3]) == ("t1", ["t1", "t2"])
    longest = max(warm.lengths)
    sets = [audit.take(each, range(7), longest - 1) for each in (cold, warm, plain)]
    assert len({str(audit.summary(each, each)) for each in sets}) == 1
    assert [(r.id, r.reason) for r in sets[0].rejected] == [("t4", "too_long")]


def test_the_trainer_gets_the_same_rows_from_the_file_as_from_memory(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets")
    stored, _lines = made(prepared(), loaded)
    monkeypatch.setenv(tokens.LIMIT, "0")
    plain, _lines = made(prepared(), loaded)
    for places in ([0, 1, 2], [6, 2, 4], [3]):
        assert list(stored.dataset(places)) == list(plain.dataset(places))
    # What `datasets` takes for the same may come from its cache.
    assert stored.dataset([0, 1])._fingerprint != stored.dataset([1, 2])._fingerprint


@pytest.mark.parametrize(
    "other",
    [
        lambda data, loaded: (Prepared(data.folder, {**data.manifest, "sha256": "d2"}, data.rows), loaded),
        lambda data, loaded: (Prepared(data.folder, {**data.manifest, "template": "y@2"}, data.rows), loaded),
        lambda data, loaded: (data, replace(loaded, sha256="other")),
        lambda data, loaded: (data, replace(loaded, format=chat.chat_format("chatml_nothink"))),
    ],
    ids=["rows", "template", "tokenizer", "chat format"],
)
def test_another_set_template_tokenizer_or_format_has_another_file(loaded: Loaded, other: Any) -> None:
    data = prepared()
    made(data, loaded)
    assert tokens.find(data, loaded, Said()) is not None
    assert tokens.find(*other(data, loaded), Said()) is None


def test_a_damaged_file_is_said_and_made_again(loaded: Loaded) -> None:
    data, said = prepared(), Said()
    made(data, loaded)
    (path,) = tokens.folder().iterdir()
    path.write_bytes(path.read_bytes()[:-50])
    assert tokens.find(data, loaded, said) is None
    assert said.lines == [f"token cache: {path} is damaged (its hash is another): made again"]
    made(data, loaded)
    assert tokens.find(data, loaded, said) is not None


def test_a_full_disk_is_one_line_and_the_rows_are_there(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(token_file, "write", full)
    got, lines = made(prepared(), loaded, {1, 6})
    assert len(lines) == 1 and "No space left on device): 2 rows encoded" in lines[0]
    assert got[6].supervised > 1 and got.lengths[1] == len(got[1].ids)


def test_few_of_many_rows_are_encoded_alone(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_SPARE", 3)
    _got, lines = made(prepared(), loaded, {1, 6})
    assert "only 2 of 7 rows are wanted" in lines[0]
    assert not tokens.folder().exists()


def test_a_row_that_cannot_be_encoded_is_named_and_nothing_is_kept(loaded: Loaded) -> None:
    data = prepared()
    rows = {**data.rows, "valid": (row("v", "a<|im_end|>b"),)}
    with pytest.raises(DataError) as caught:
        made(Prepared(data.folder, data.manifest, rows), loaded)
    assert caught.value.where == "v"
    assert list(tokens.folder().iterdir()) == []


def test_long_work_is_shown(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_SHOWN", 3)
    said = Said()
    data = prepared()
    tokens.make(data, loaded, tokens.names(data), set(range(7)), said)
    assert said.steps == [0, 7]


@pytest.mark.parametrize("value", ["viel", "-1", "nan"])
def test_a_limit_that_is_no_number_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tokens.LIMIT, value)
    with pytest.raises(SettingsError, match="not a number of gigabytes"):
        tokens.limit()
    monkeypatch.setenv(tokens.LIMIT, "0.5")
    assert tokens.limit() == 5e8
