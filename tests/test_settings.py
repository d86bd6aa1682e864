import re
import tomllib

import pytest

from sft import presets, settings, starter
from sft.errors import SettingsError
from sft.presets import TrainSettings


def write(folder, text):
    (folder / "sft.toml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_file_the_defaults_hold_and_nothing_is_written(tmp_path):
    found = settings.resolve_train({}, folder=tmp_path)
    assert found.values == TrainSettings()
    assert set(found.origins.values()) == {"default"}
    assert list(tmp_path.iterdir()) == []


def test_each_layer_beats_the_one_before_and_says_so(tmp_path):
    write(tmp_path, "# chú thích\n[train]\nepochs = 5\nlr = 1e-4\n\n[prep]\nseed = 7\n")
    found = settings.resolve_train({"lr": 5e-5, "warmup": 0.0}, use_case="full_training", folder=tmp_path)
    values, origins = found.values, found.origins
    assert (values.lora_r, origins["lora_r"]) == (64, "preset full_training")
    assert (values.epochs, origins["epochs"]) == (5, "sft.toml:3")
    assert (values.lr, origins["lr"]) == (5e-5, "flag --lr")
    assert (values.warmup, origins["warmup"]) == (0.0, "flag --warmup")  # an explicit 0 counts as given
    assert (values.optim, origins["optim"]) == ("adamw_8bit", "default")
    assert found.preset == "full_training"
    assert found.asked("lr", "epochs") == {"lr": "flag --lr"}  # asked for together, in the highest layer
    assert found.asked("epochs", "lora_r") == {"epochs": "sft.toml:3"}
    assert found.asked("lora_r", "optim") == {"lora_r": "preset full_training"} and found.asked("optim") == {}
    assert found.outright("epochs", "lora_r") and not found.outright("lora_r", "optim")
    assert found.as_dict()["lr"] == {"value": 5e-5, "origin": "flag --lr"}
    assert "optim" not in found.changed() and found.changed()["epochs"] == 5


def test_a_later_layer_can_lift_a_limit(tmp_path):
    assert settings.resolve_train({"limit": 0}, use_case="quick_test", folder=tmp_path).values.limit is None


def test_the_file_may_name_the_preset(tmp_path):
    write(tmp_path, '[train]\nuse_case = "quick_test"\n')
    assert settings.resolve_train({}, folder=tmp_path).values.limit == 100
    assert settings.resolve_train({}, use_case="fast_iteration", folder=tmp_path).values.limit == 500
    write(tmp_path, '[train]\nlr = 1e-4\nuse_case = "quick_tests"\n')
    with pytest.raises(SettingsError) as caught:
        settings.resolve_train({}, folder=tmp_path)
    assert caught.value.where.endswith("sft.toml:3") and "quick_test" in caught.value.hint


def test_other_sections(tmp_path):
    write(
        tmp_path, '[data]\nraw = "tho"\n[prep]\ntemplate = "v5_cot"\n[prep.columns]\nquestion = "câu hỏi"\n'
    )
    data = settings.resolve_section(settings.DataSettings, {}, folder=tmp_path)
    assert (data.values.raw, data.origins["raw"]) == ("tho", "sft.toml:2")
    prep = settings.resolve_section(settings.PrepSettings, {"val_split": 0.0}, folder=tmp_path)
    assert prep.values.columns == {"question": "câu hỏi"} and prep.origins["columns"] == "sft.toml:5"
    assert prep.values.val_split == 0 and prep.values.template == "v5_cot"


def test_all_faults_of_the_file_come_at_once_with_line_and_hint(tmp_path):
    write(
        tmp_path, 'lr = 1\n[train]\nbatchsize = 4\nlr = "fast"\n\n[trian]\nx = 1\n[prep]\nval_split = 1.5\n'
    )
    with pytest.raises(SettingsError) as caught:
        settings.workspace_defaults(tmp_path)
    lines = {re.sub(r".*sft\.toml:", "", error.where): error for error in caught.value.parts}
    assert set(lines) == {"1", "3", "4", "6", "9"}
    assert "[train]" in lines["1"].hint
    assert "batch_size" in lines["3"].hint
    assert lines["4"].message == 'lr = "fast" is not a number, above 0, below 1'
    assert "[train]" in lines["6"].hint
    assert lines["9"].message == "val_split = 1.5 is not a number, at least 0, below 1"


def test_a_bad_file_value_is_reported_even_under_a_flag(tmp_path):
    write(tmp_path, "[train]\nlr = -1\n")
    with pytest.raises(SettingsError, match="lr = -1"):
        settings.resolve_train({"lr": 1e-4}, folder=tmp_path)


def test_a_bad_flag_is_named_as_typed(tmp_path):
    with pytest.raises(SettingsError) as caught:
        settings.resolve_train({"batch_size": 0}, folder=tmp_path)
    assert str(caught.value) == "--batch-size: batch_size = 0 is not a whole number, at least 1"


@pytest.mark.parametrize("text", ["[train\n", "[train]\nlr = 2e-4\nlr = 1e-4\n", "[train]\nmodel = qwen\n"])
def test_a_file_that_is_not_toml_names_the_line(tmp_path, text):
    with pytest.raises(SettingsError) as caught:
        settings.workspace_defaults(write(tmp_path, text))
    assert re.search(r"sft\.toml:\d+$", caught.value.where)


def test_dotted_keys_and_inline_tables_have_lines(tmp_path):
    write(tmp_path, "train.lr = 3\nprep = { val_splt = 0.1 }\n")
    with pytest.raises(SettingsError) as caught:
        settings.workspace_defaults(tmp_path)
    assert [error.where.rpartition(":")[2] for error in caught.value.parts] == ["2", "1"]


def test_the_initial_file_changes_nothing(tmp_path):
    write(tmp_path, starter.commented())
    assert settings.resolve_train({}, folder=tmp_path).values == TrainSettings()
    assert set(settings.resolve_train({}, folder=tmp_path).origins.values()) == {"default"}


def test_the_initial_file_with_every_line_taken_in_gives_the_defaults(tmp_path):
    text = re.sub(r"^# (\w+ = )", r"\1", starter.commented(), flags=re.MULTILINE)
    raw = tomllib.loads(text)
    assert set(raw["train"]) == {*TrainSettings.model_fields, "use_case"}
    write(tmp_path, text)
    assert settings.resolve_train({}, folder=tmp_path).values == TrainSettings()
    for section in (settings.DataSettings, settings.PrepSettings):
        assert settings.resolve_section(section, {}, folder=tmp_path).values == section()


def test_every_line_of_the_initial_file_is_explained():
    rows = [line for line in starter.commented().splitlines() if " = " in line]
    assert all(line.count("#") >= 2 for line in rows)
    assert presets.as_toml(2e-4) in starter.commented()
