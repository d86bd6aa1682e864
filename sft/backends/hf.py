"""The plain backend: transformers, bitsandbytes and peft."""

from typing import Any

from sft.backends import TARGETS, Request


def dtype(number: str = "") -> Any:
    """Return torch's name of a kind of number; without one that for generating: bf16, on cards before capability 8.0 fp16.

    CPUs without matrix units train in fp32, which they multiply faster; they generate in bf16, which is less to read.
    """
    import torch

    old = torch.cuda.is_available() and torch.cuda.get_device_capability()[0] < 8
    known = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    return known[number or ("fp16" if old else "bf16")]


def quantization(compute: Any) -> Any:
    """Return the NF4 configuration with double quantisation, the same as Unsloth's."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )


def load_base(folder: str, *, load_in_4bit: bool, on_cpu: bool = False, number: str = "") -> Any:
    """Load the frozen base model on this process's GPU, or on the CPU where there is none, and where that is asked for."""
    import torch
    from transformers import AutoModelForCausalLM

    compute = dtype(number)
    device = torch.cuda.current_device() if torch.cuda.is_available() and not on_cpu else "cpu"
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
    model = load_base(
        str(request.folder), load_in_4bit=request.load_in_4bit, on_cpu=request.split, number=request.number
    )
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
    if request.load_in_4bit:
        _keep_differentiable(model)
    if request.gradient_checkpointing:
        model.enable_input_require_grads()
    return model, AutoTokenizer.from_pretrained(request.folder)


def _keep_differentiable(model: Any) -> None:
    """Keep bitsandbytes from packing 4-bit weights for inference, which it does at the first evaluation on a CPU with AVX-512 BF16.

    What comes after the packed product gives it no gradient: from then on a training would learn from the adapters'
    own paths alone (bitsandbytes 0.50.2, measured; with several processes it ends in an error).
    """
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
