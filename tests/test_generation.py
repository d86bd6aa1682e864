"""Generation: nothing of the model's own generation file takes part in it."""

from types import SimpleNamespace
from typing import Any

from sft import generation


class Echo:
    """A model that answers every prompt with the tokens 9 and 1."""

    def __init__(self) -> None:
        from transformers import GenerationConfig

        self.generation_config = GenerationConfig(repetition_penalty=1.1, temperature=0.7, top_k=20)

    def parameters(self) -> Any:
        import torch

        return iter([torch.zeros(1)])

    def generate(self, *, input_ids: Any, attention_mask: Any, generation_config: Any) -> Any:
        import torch

        # What transformers does with entries that the caller left open.
        generation_config.update(**self.generation_config.to_dict(), defaults_only=True)
        assert generation_config.repetition_penalty in (None, 1.0)
        assert (attention_mask.sum(dim=1) > 0).all() and not attention_mask[-1, 0]
        return torch.cat([input_ids, torch.tensor([[9, 1]] * len(input_ids))], dim=1)


def test_no_penalty_of_the_models_own_file_is_used_and_padding_stands_left() -> None:
    loaded: Any = SimpleNamespace(
        pad_id=0,
        turn_end_id=1,
        tokenizer=SimpleNamespace(decode=lambda ids, skip_special_tokens: str(ids)),
    )
    model = Echo()
    found = generation.generate(model, loaded, [[5], [6, 7]], 8, 2, lambda done: None, lambda text: None)
    assert [(item.raw, item.tokens, item.stopped) for item in found] == [("[9]", 2, True)] * 2
