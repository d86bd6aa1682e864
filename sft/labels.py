"""Gold spellings to canonical labels, and generated answers back to labels.

A template holds the one word per label that prompt, target and reader share: ``{"TRUE": "Đúng", "FALSE": "Sai"}``.
`canonical` reads what data files write, strictly. `parse` and `parse_label` read what models write: whole words,
longest match first, the first line that decides. What does not decide is None: an unreadable answer is never
counted as a label.
"""

import re
from collections.abc import Collection, Mapping, Sequence

from sft import verdicts
from sft.keys import key
from sft.text import clean

# Spellings of data files, as keys. The letters are those of Vietnamese exam sheets (Đ/S) and of English ones.
_YES = "true|t|đúng|đ|có|yes|y|1|1 0|chính xác|correct|right|phải"
_NO = "false|f|sai|s|không|no|n|0|0 0|không đúng|không chính xác|incorrect|wrong|không phải"
_SIGNS = dict.fromkeys(_YES.split("|"), "yes") | dict.fromkeys(_NO.split("|"), "no")

_THOUGHT = re.compile(r"\A.*</think>|<think>.*", re.DOTALL)
_MARKUP = re.compile(r"<\|[^|<>]*\|>|</?[A-Za-z][^<>\n]*>")


def _visible(answer: str) -> str:
    """Return the answer without thoughts, chat markup and tags, NFC, with Ð as Đ."""
    text = _MARKUP.sub("\n", _THOUGHT.sub("", clean(answer)))
    return text.replace("Ð", "Đ").replace("ð", "đ")


def _polarity(words: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the (affirmative, negative) labels when the label set is such a pair; a label's name goes first."""
    signs = {label: _sign(label) or _sign(word) for label, word in words.items()}
    if len(words) != 2 or set(signs.values()) != {"yes", "no"}:
        return None
    yes, no = sorted(signs, key=lambda label: signs[label] != "yes")
    return yes, no


def _sign(spelling: str) -> str:
    return _SIGNS.get(key(spelling), "")


def canonical(raw: str, words: Mapping[str, str]) -> str | None:
    """Return the label that a gold spelling means, None when it means none of them.

    A label's own name and word always count; a yes/no pair also takes the usual spellings of data files.

    >>> [canonical(raw, {"TRUE": "Đúng", "FALSE": "Sai"}) for raw in ("True", "sai ", "1", "Không", "?")]
    ['TRUE', 'FALSE', 'TRUE', 'FALSE', None]
    """
    wanted = key(raw)
    own = [label for label, word in words.items() if wanted in {key(label), key(word)}]
    if own:
        return own[0] if len(own) == 1 else None
    pair = _polarity(words)
    sign = _sign(raw) if pair else ""
    return pair[sign == "no"] if pair and sign else None


def parse(answer: str, words: Mapping[str, str]) -> str | None:
    """Return the label a generated answer gives, None when it gives none or more than one.

    >>> words = {"TRUE": "Đúng", "FALSE": "Sai"}
    >>> [parse(a, words) for a in ("**Đúng**. Vì …", "Không đúng", "Đúng hoặc Sai", "Không sai.")]
    ['TRUE', 'FALSE', None, 'TRUE']
    """
    pair = _polarity(words)
    if pair is None:
        by_word = {word: label for label, word in words.items()}
        found = parse_label(answer, list(by_word))
        return by_word[found] if found is not None else parse_label(answer, list(words))
    vocabulary = verdicts.pair(key(words[pair[0]]), key(words[pair[1]]))
    verdict = verdicts.read(_visible(answer), vocabulary)
    return None if verdict is None else pair[not verdict]


def parse_label(answer: str, labels: Sequence[str]) -> str | None:
    """Return the one of `labels` that a generated answer names, None when it names none or two.

    The whole answer first, then line by line: whole words, a label inside a longer one does not count, "không
    phải X" is no naming of X. Single letters (A, B, C, D) must stand where an answer stands.

    >>> parse_label("Nhãn: đặt_vé_khứ_hồi", ["đặt_vé", "đặt_vé_khứ_hồi"])
    'đặt_vé_khứ_hồi'
    """
    text = _visible(answer).strip()
    if text in labels:
        return text
    if labels and all(len(label) == 1 for label in labels):
        return _letter(text, labels)
    by_key: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        by_key.setdefault(key(label), []).append(label)
    whole = by_key.get(key(text)) if text else None
    if whole:
        return whole[0] if len(whole) == 1 else None
    for line in text.split("\n"):
        named = _named(f" {key(line)} ", by_key)
        if named:
            return named[0] if len(named) == 1 else None
    return None


def _named(line: str, by_key: Mapping[str, list[str]]) -> list[str]:
    """Return the labels a line of key words names; a longer match hides the shorter ones inside it."""
    out: list[str] = []
    for phrase in sorted(by_key, key=lambda p: (-len(p), p)):
        spelled = f" {phrase} "
        if phrase and spelled in line:
            negated = re.search(rf" (?:không phải|không phải là|not){re.escape(spelled)}", line)
            out += by_key[phrase] if negated is None else []
            line = line.replace(spelled, " \0 ")
    return out


def _letter(text: str, labels: Collection[str]) -> str | None:
    """Read a choice letter: after "đáp án", "chọn", "answer", else at the head of a line before a mark.

    Two letters there, side by side or as a list of the options, are no choice.
    """
    known = {label.upper(): label for label in labels}
    choice = "([" + "".join(map(re.escape, sorted(known))) + "])"
    joint = r"\s*(?:,|/|;|(?:và|hoặc|hay|or|and)\b)\s*"
    lead = re.compile(
        rf"(?i:đáp án|trả lời|chọn|phương án|answer)(?i:\W|là\b|đúng\b|is\b){{1,20}}\b{choice}\b"
    )
    head = re.compile(rf"^[\W_]*{choice}(?=[\W_]*$|\s*[.:)\],;*/]|{joint})", re.MULTILINE)
    lone = re.sub(r"(?m)^\W*\w\W*$", lambda found: found.group(0).upper(), text)
    for place in (lead, head):
        found = list(place.finditer(lone))
        named = {match.group(1) for match in found}
        named.update(
            m.group(1) for match in found if (m := re.match(joint + choice + r"\b", lone[match.end(1) :]))
        )
        if named:
            return known[named.pop()] if len(named) == 1 else None
    return None
