import pytest

from sft.errors import SettingsError
from sft.training.budget import Budget, seconds


@pytest.mark.parametrize("text", ["", "soon", "2x", "h", "2h and a bit", "-5m"])
def test_no_duration(text: str) -> None:
    with pytest.raises(SettingsError, match="is no duration"):
        seconds(text)


@pytest.mark.parametrize("text", ["0", "0s", "0h 0m"])
def test_no_time_is_no_budget(text: str) -> None:
    with pytest.raises(SettingsError, match="leaves no time to train"):
        seconds(text)


def test_a_budget_leaves_time_for_a_step_its_evaluation_and_a_save() -> None:
    budget = Budget(100, began=1000.0, step=8, evaluation=20, save=4)
    assert not budget.spent(1084, evaluates=False)  # 1.25 × 12 s ahead
    assert budget.spent(1086, evaluates=False)
    assert not budget.spent(1059, evaluates=True)  # 1.25 × 32 s ahead
    assert budget.spent(1061, evaluates=True)
