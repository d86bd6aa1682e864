"""Which language a short text is written in, as far as its letters and little words tell. Pure, no model.

Made for one question: which rows of a Vietnamese set are not Vietnamese? Machine-translated sets keep English answers,
crawled ones keep Cyrillic and Chinese letters, chats come without accents. Names, numbers and abbreviations are no
evidence: "Albert Einstein" or "HIV" is written the same everywhere.
"""

import re

VIETNAMESE, UNACCENTED, ENGLISH, SCRIPT = "vi", "vi-ascii", "en", "script"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words that say little: a statement stays the same with or without them. What turns a statement round is not here.
FUNCTION_WORDS = _set(
    "là thì mà và của các những một này kia đó ấy nào gì sao ở tại trong vào ra cho với để do bởi vì nên cần bị được"
    " có thể như theo từ đến về khi đã đang sẽ cũng vẫn lại rất hơi khá thường hay ạ à nhé nhỉ vậy thế hãy xin"
    " the a an of is are was were be to in on at by for with and or that this it"
)
# One of these more or less makes another statement.
DECIDING_WORDS = _set(
    "không chưa chẳng chả đừng chớ phi vô bất ngoại trừ chỉ duy luôn mọi tất cả toàn hoàn mỗi ít nhiều hơn kém tăng giảm"
    " trước sau trên dưới cao thấp mạnh yếu sớm muộn âm dương đúng sai lành ác hai ba bốn năm sáu bảy tám chín mười"
    " not no never only always all none more less before after true false"
)
_WORD = re.compile(r"[^\W\d_]+")
_ACCENTED = re.compile(r"[à-ãè-êìíò-õùúýăđĩũơưạ-ỹ]")
# Letters of scripts that Vietnamese text has no use for; Greek has one in medicine (α, β, µ).
_SCRIPTS = re.compile(
    "[\u0400-\u052f\u0590-\u06ff\u0900-\u0dff\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
# Without what is a Vietnamese syllable too when its accents are lost (an, do, in, me, no, so, to, on, he, be, am).
_ENGLISH = _set(
    "the of and is are was were with for from by at that this these those which what who when where why how it its as or"
    " not can will would should has have had been their they his her you your between about into than because during"
    " most there does did only other some such"
)
_BARE = _set(
    "la va cua co khong duoc nhung mot cac trong cho voi nguoi benh thi nay bi khi tu nhu gi nao chung toi ban de den"
    " ra vao lam phai rat cung sau truoc nguyen nhan trieu"
)


def language(text: str) -> str:
    """Return ``vi``, ``vi-ascii`` (Vietnamese without its accents), ``en``, ``script`` (letters of another one) or "".

    "" says that nothing tells.

    >>> [language(t) for t in ("Sốt cao là gì?", "in the 10th and 11th centuries", "benh nay co lay khong", "HIV, 1983")]
    ['vi', 'en', 'vi-ascii', '']
    """
    found = _WORD.findall(text.lower())
    accented = 0 if text.isascii() else sum(_ACCENTED.search(word) is not None for word in found)
    if 4 * accented >= max(1, len(found)):
        return VIETNAMESE
    if foreign_letters(text):
        return SCRIPT
    english = sum(word in _ENGLISH for word in found)
    bare = sum(word in _BARE for word in found)
    if 8 * accented > len(found) or len(found) < 3:
        return ""
    if english > bare and (english >= 2 or len(found) < 8) and 10 * english >= len(found):
        return ENGLISH
    return UNACCENTED if bare >= 2 and 4 * bare >= len(found) and not english else ""


def foreign_letters(text: str) -> str:
    """Return the first letter of a script that Vietnamese does not use, else "".

    >>> foreign_letters("nước Nga (Россия)"), foreign_letters("tia β, 5 µg")
    ('Р', '')
    """
    found = None if text.isascii() else _SCRIPTS.search(text)
    return found[0] if found else ""
