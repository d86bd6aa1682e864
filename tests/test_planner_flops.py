import pytest

from sft import models
from sft.planner import flops


@pytest.mark.parametrize(
    ("name", "needed", "done"),
    [
        ("qwen2.5-0.5b", 2.09, 2.85),
        ("qwen2.5-1.5b", 6.42, 9.12),
        ("qwen2.5-3b", 12.75, 18.43),
        ("qwen2.5-7b", 28.83, 42.07),
    ],
)
def test_work_of_known_models(name: str, needed: float, done: float) -> None:
    """GFLOP a token at rank 16 and rows of 512 tokens: 4N and not 6N, checkpointing adds the blocks once more."""
    shape = models.known()[name].shape
    assert shape is not None
    work = flops.per_token(shape, 16, 512, checkpointing=True)
    assert (work.needed / 1e9, work.done / 1e9) == (
        pytest.approx(needed, abs=0.01),
        pytest.approx(done, abs=0.01),
    )
    plain = flops.per_token(shape, 16, 512, checkpointing=False)
    assert plain.needed == plain.done == work.needed
