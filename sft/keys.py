"""The comparison key: two texts with one key are the same question, whatever their spelling habits.

Duplicates, contradictions, leaks between splits and exact match are all found on keys; training sees the text
itself. Tone placement is brought to the old style (hòa, khỏe, thủy), which dominates in the wild and which
no word segmenter loses information by; see `old_tone`.
"""

import re

from sft.text import clean, nfc

# Signs that change what a sentence says ("HbA1c > 7 %" is not "HbA1c < 7 %") stay, each as a word of its own.
_SIGNS = "<>=≤≥≠±+×÷%‰°$€₫#"
_SIGN = re.compile(rf"[{_SIGNS}]")
# Everything else that is no letter, digit or combining mark separates words; a minus before a number is kept.
_SEPARATOR = re.compile(rf"(?:[^\w{_SIGNS}\u0300-\u036f−-]|_|[−-](?!\d)|(?<=[^\W_])[−-])+")
_PUNCTUATION = re.compile(rf"[^\w {_SIGNS}\u0300-\u036f]+")  # the same where none of `_JOINTS` is in the text
_JOINTS = frozenset("_-−")
_NEW_TONE = re.compile(r"(?:o[àáảãạèéẻẽẹ]|u[ỳýỷỹỵ])(?![\w\u0300-\u036f])")
# The onsets of a Vietnamese syllable; "q" is missing on purpose: in "quý" the u belongs to the onset.
_ONSET = re.compile(
    r"(?:\A|[\W_])(?:b|ch?|d|đ|gh?|h|kh?|l|m|ngh?|nh?|ph?|r|s|th?|tr|v|x)?\Z",
)
_PLAIN = dict(zip("àáảãạèéẻẽẹỳýỷỹỵ", "aaaaaeeeeeyyyyy", strict=True))
_MARKED = {
    "o": dict(zip("àáảãạèéẻẽẹ", "òóỏõọòóỏõọ", strict=True)),
    "u": dict(zip("ỳýỷỹỵ", "ùúủũụ", strict=True)),
}


def _move_tone(found: re.Match[str]) -> str:
    start = found.start()
    glide, vowel = found.group(0)[0], found.group(0)[1]
    if not _ONSET.search(found.string, max(0, start - 4), start):
        return found.group(0)
    return _MARKED[glide][vowel] + _PLAIN[vowel]


def old_tone(text: str) -> str:
    """Return lower-case NFC `text` with the tone of open oa, oe, uy on the first vowel.

    "quý" keeps its tone (its u is part of the onset), closed syllables ("hoàn", "huỳnh") have one style only,
    and words that are no Vietnamese syllables ("chloé") are left alone.

    >>> old_tone("hoà khoẻ thuỷ quý hoàn huỳnh chloé")
    'hòa khỏe thủy quý hoàn huỳnh chloé'
    """
    return _NEW_TONE.sub(_move_tone, text)


_OLD_TONE = re.compile(r"(?:[òóỏõọ][ae]|[ùúủũụ]y)(?![\w\u0300-\u036f])")


def tones(text: str) -> list[str]:
    """Tell which styles of tone placement lower-case NFC `text` has, of ``tone_old`` (hòa) and ``tone_new`` (hoà).

    >>> tones("sức khỏe hoà bình"), tones("quý hoàn của"), tones("thủy")
    (['tone_old', 'tone_new'], [], ['tone_old'])
    """
    found = ["tone_old"] if _OLD_TONE.search(text) else []
    if any(_move_tone(match) != match.group(0) for match in _NEW_TONE.finditer(text)):
        found.append("tone_new")
    return found


def key(text: str) -> str:
    """Return the comparison key of `text`: NFC, lower case, old tone style, words separated by one blank.

    Punctuation, markup, ``_`` of word segmentation and runs of blanks all count as one blank; signs that carry
    meaning (``< > = + %`` and the like, a minus before a number) stay. A text of punctuation alone is its own
    key, so that "?" and "…" do not meet.

    >>> key("Bệnh  tiểu_đường   có lây không ?") == key("bệnh tiểu đường có lây không")
    True
    >>> key("Sức khoẻ: HbA1c>7%"), key("-5 °C"), key("5-10")
    ('sức khỏe hba1c > 7 %', '-5 ° c', '5 10')
    """
    # What can be printed has nothing to be cleaned of; asking first halves the time of a key.
    folded = (nfc(text) if text.isprintable() else clean(text)).strip().lower().replace("ð", "đ")
    present = set(folded)
    spaced = (_PUNCTUATION if present.isdisjoint(_JOINTS) else _SEPARATOR).sub(" ", folded)
    if not present.isdisjoint(_SIGNS):
        spaced = _SIGN.sub(r" \g<0> ", spaced)
    return " ".join(old_tone(spaced).split()) or " ".join(folded.split())


def words(text: str) -> list[str]:
    """Return the words of the key of `text`: Vietnamese syllables, numbers, signs.

    >>> words("Sốt cao, ho khan.")
    ['sốt', 'cao', 'ho', 'khan']
    """
    return key(text).split()
