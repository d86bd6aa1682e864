"""Data sets of the `datasets` library: saved folders, folders with a card, names of a hub; never the network."""

import sys
from pathlib import Path

import pytest

import data_prep
from data_prep import detect, read
from data_prep._hub import is_folder, is_name
from sft.errors import DataError, MissingError

datasets = pytest.importorskip("datasets")

ROWS = {
    "question": ["Tim ở đâu?", "Da để làm gì?"],
    "topic": [1, 0],
    "tags": [[0], [1, 0]],
    "ok": [True, False],
}
CARD = "---\ndataset_info:\n  features:\n  - name: question\n    dtype: string\n---\nBộ câu hỏi.\n"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Return a small data set with class numbers; the library's cache and the network are out of reach."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    topic = datasets.ClassLabel(names=["da liễu", "tim mạch"])
    features = {
        "question": datasets.Value("string"), "topic": topic, "tags": datasets.List(topic), "ok": datasets.Value("bool"),
    }  # fmt: skip
    return datasets.Dataset.from_dict(ROWS, features=datasets.Features(features))


def test_a_saved_data_set_is_one_source_with_classes_by_name(data, tmp_path):
    data.save_to_disk(str(tmp_path / "raw" / "saved"))
    assert data_prep.expand([tmp_path / "raw"]) == ([tmp_path / "raw" / "saved"], [])
    source = detect(tmp_path / "raw" / "saved")
    assert (source.format, source.part, len(source.sha256)) == ("hf", "", 64)
    assert [dict(item.fields) for item in read(source)] == [
        {"question": "Tim ở đâu?", "topic": "tim mạch", "tags": '["da liễu"]', "ok": "true"},
        {"question": "Da để làm gì?", "topic": "da liễu", "tags": '["tim mạch", "da liễu"]', "ok": "false"},
    ]
    data.save_to_disk(str(tmp_path / "again"))
    assert detect(tmp_path / "again").sha256 == source.sha256


def test_of_several_splits_one_must_be_named(data, tmp_path):
    datasets.DatasetDict(train=data, test=data.select([0])).save_to_disk(str(tmp_path / "both"))
    with pytest.raises(DataError, match=r"several splits in one data set: train \(2\), test \(1\)") as caught:
        detect(tmp_path / "both")
    assert "--part train" in caught.value.hint
    source = detect(tmp_path / "both", part="test")
    assert "split test" in str(source) and source.chosen == {"format": "hf", "part": "test"}
    assert [item.fields["topic"] for item in read(source)] == ["tim mạch"]
    with pytest.raises(DataError, match="no split 'dev'"):
        detect(tmp_path / "both", part="dev")


def test_parquet_with_a_card_is_a_data_set_whose_splits_are_kept_apart(data, tmp_path):
    folder = tmp_path / "card"
    (folder / "data").mkdir(parents=True)
    for split in ("train", "test"):
        data.to_parquet(str(folder / "data" / f"{split}-00000-of-00001.parquet"))
    assert not is_folder(folder)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    assert is_folder(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Bộ câu hỏi\n", encoding="utf-8")
    assert not is_folder(folder)
    (folder / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n"
                                      "    path: data/train-*\n  - split: test\n    path: data/test-*\n---\n",
                                      encoding="utf-8")  # fmt: skip
    with pytest.raises(DataError, match="several splits"):
        detect(folder)
    assert [item.fields["topic"] for item in read(detect(folder, part="train"))] == ["tim mạch", "da liễu"]


def test_a_name_needs_the_network_and_says_so(data):
    name = Path("hf:ai-do/bo-cau-hoi:mini@train")
    assert is_name(name) and data_prep.expand([name]) == ([name], [])
    with pytest.raises(MissingError, match="cannot be fetched") as caught:
        detect(name)
    assert caught.value.exit_code == 3 and "network" in caught.value.hint
    with pytest.raises(DataError, match="not a name of a data set"):
        detect(Path("hf:a b"))


def test_without_the_library_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingError, match="needs the package datasets") as caught:
        detect(Path("hf:ai-do/bo-cau-hoi"))
    assert "pip install datasets" in caught.value.hint


def test_a_damaged_folder_is_one_error(data, tmp_path):
    data.save_to_disk(str(tmp_path / "saved"))
    next((tmp_path / "saved").glob("*.arrow")).write_bytes(b"no arrow")
    with pytest.raises(DataError, match="cannot be read") as caught:
        detect(tmp_path / "saved")
    assert caught.value.hint
