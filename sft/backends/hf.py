"""The plain backend: transformers, bitsandbytes and peft."""

from typing import Any

from sft import devices
from sft.backends import TARGETS, Request


def dtype(*, training: bool) -> Any:
    """Return the base weights' dtype: bf16 from compute capability 8.0, else fp16 (T4, V100); on CPUs bf16.

    CPUs without matrix units train in fp32, which they multiply faster; they generate in bf16, which is less to read.
    """
    import torch

    if torch.cuda.is_available():
        return torch.float16 if torch.cuda.get_device_capability()[0] < 8 else torch.bfloat16
    return torch.float32 if training and not devices.has_amx() else torch.bfloat16


def quantization(compute: Any) -> Any:
    """Return the NF4 configuration with double quantisation, the same as Unsloth's."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )


def load_base(folder: str, *, load_in_4bit: bool, training: bool = False) -> Any:
    """Load the frozen base model on the first GPU, or on the CPU where there is none."""
    import torch
    from transformers import AutoModelForCausalLM

    compute = dtype(training=training)
    device = 0 if torch.cuda.is_available() else "cpu"
    return AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=compute,
        device_map={"": device},
        quantization_config=quantization(compute) if load_in_4bit else None,
    )


def load(request: Request) -> tuple[Any, Any]:
    """Load base and tokenizer, then wrap the LoRA; checkpointing goes on after the wrap (before, no gradient flows)."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoTokenizer, set_seed

    set_seed(request.seed)
    model = load_base(str(request.folder), load_in_4bit=request.load_in_4bit, training=True)
    model.config.use_cache = False
    config = LoraConfig(
        r=request.lora_r,
        lora_alpha=request.lora_alpha,
        lora_dropout=request.lora_dropout,
        target_modules=list(TARGETS),
        bias="none",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, config)
    for parameter in model.parameters():
        if (
            parameter.requires_grad
        ):  # fp16 adapters under a gradient scaler raise; fp32 is also what Unsloth trains
            parameter.data = parameter.data.to(torch.float32)
    if request.gradient_checkpointing:
        model.enable_input_require_grads()
    return model, AutoTokenizer.from_pretrained(request.folder)
