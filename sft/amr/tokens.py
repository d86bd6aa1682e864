r"""The one lexer of graph text: a compiled expression whose matches tile any string.

Each match is one step of a graph, with every part optional: a role, then an opening bracket with its variable,
slash and concept, or an atom (constant, reference, stray words), or a closing bracket. Because all parts are
optional the same expression reads well-formed and damaged text; what is missing in a match is the defect.

Lexical rules (source: VLSP, Little Prince and JAMR/CAMR files): a word is anything without blanks and brackets; a
colon stays inside a word unless a letter follows (``10:32``, ``http://…``, but ``vui:degree(``); a quote opens a
string only at the start of a token, a string ends on its own line and is followed by a blank, a bracket, ``:``,
``~`` or ``#``; everything else that begins with a quote is an unclosed quote.
"""

import re
from functools import lru_cache

_COLON = r":(?![^\W\d_])"
_WORD = rf'(?!~?")[^\s():][^\s():]*+(?:{_COLON}[^\s():]*+)*+'
_STRING = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"(?=[\s():~#]|\Z)'
_NAME = rf'[^\s()/:"][^\s()/:]*+(?:{_COLON}[^\s()/:]*+)*+'  # a word of the variable place: no slash
_PHRASE = rf'(?:~?{_STRING}(?:[~#][^\s():]*+)?+|{_WORD}(?:\s++{_WORD})*+|~?"(?:{_WORD}(?:\s++{_WORD})*+)?+)'


def _step(head: str) -> "re.Pattern[str]":
    return re.compile(
        rf"""\s*+
        (?:(:[^\s():"]*+)\s*+)?+       # 1 role
        (?:(\()\s*+{head}             # 2 bracket  3 variable  4 slash  5 concept
          |({_PHRASE})                 # 6 atom
          |(\)))?+                     # 7 closing bracket
        """,
        re.VERBOSE,
    )


TOKEN = _step(rf"({_NAME}(?:\s++{_NAME})*+)?+\s*+(?:(/)\s*+({_PHRASE})?+)?+")
TASK1_TOKEN = _step(rf"((?!))?+((?!))?+({_PHRASE})?+")  # no variables: all words are the concept
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_ALIGNMENT = re.compile(r"(?:[A-Za-z]\.?)?[0-9]+(?:,[0-9]+)*")
_QUOTED = re.compile(rf"(~?)({_STRING})([~#][^\s():]*+)?\Z")
_PLAIN = re.compile(rf'(?:{_STRING}|(?!/\Z)[^\s():"~][^\s():~]*+(?:{_COLON}[^\s():~]*+)*+)\Z')
_PLAIN_ROLE = re.compile(r":[A-Za-z][A-Za-z0-9_-]*\Z")
# One letter and a number (`c`, `đ2`, `c4x`), or the letters some gold files use (`wz1`, `nx`).
_VARIABLE_LIKE = re.compile(r"(?:[^\W\d_]\d*x?|[a-z]{1,2}\d+x?)\Z")


def blank_comments(text: str) -> str:
    """Return `text` with lines that begin with ``#`` blanked, so that offsets stay."""
    return _COMMENT.sub(lambda m: " " * len(m[0]), text) if "#" in text else text


def strip_alignment(word: str) -> str:
    """Return `word` without the alignment marks at its end; one that begins the word is text.

    >>> strip_alignment("want-01~e.3,4"), strip_alignment("~3"), strip_alignment("a~b")
    ('want-01', '~3', 'a~b')
    """
    end = len(word)
    while (tilde := word.rfind("~", 1, end)) > 0 and _ALIGNMENT.fullmatch(word, tilde + 1, end):
        end = tilde
    return word[:end]


def is_alignment(word: str) -> bool:
    """Tell whether `word` is nothing but an alignment mark, set off by blanks."""
    return word.startswith("~") and strip_alignment(f"x{word}") == "x"


def quoted(text: str) -> tuple[str, str, str] | None:
    r"""Split a token that is one quoted string into what stands before, the string, and what stands behind.

    >>> quoted('"Hà Nội"~e.3'), quoted('~"a"#2'), quoted('"a')
    (('', '"Hà Nội"', '~e.3'), ('~', '"a"', '#2'), None)
    """
    found = _QUOTED.match(text)
    return (found[1], found[2], found[3] or "") if found else None


def is_variable_like(text: str) -> bool:
    """Tell whether a bare word has the shape of a variable rather than of a word.

    >>> [is_variable_like(w) for w in ("b", "đ2", "wz1", "bố", "6h15", "interrogative")]
    [True, True, True, False, False, False]
    """
    return _VARIABLE_LIKE.match(text) is not None


@lru_cache(maxsize=1 << 14)
def is_plain(text: str) -> bool:
    """Tell whether `text` is one clean word or string, without alignment marks."""
    return _PLAIN.match(text) is not None


@lru_cache(maxsize=1 << 12)
def is_plain_role(text: str) -> bool:
    """Tell whether `text` is a role of Latin letters, digits, ``-`` and ``_``."""
    return _PLAIN_ROLE.match(text) is not None
