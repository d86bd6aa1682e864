"""One gettext function for every string a user reads: ``from sft.i18n import _``.

Language: ``SFT_LANG`` (set by ``--lang``), else the locale. English strings live in the code; catalogues
are ``sft/locale/<lang>/LC_MESSAGES/sft.mo``. Nothing is cached across a change of ``SFT_LANG``.
"""

import functools
import gettext
import os
from pathlib import Path

LANGUAGES = ("en", "vi")


def language() -> str:
    """Return the language in force, ``en`` or ``vi``."""
    wanted = os.environ.get("SFT_LANG") or next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "en"
    )
    code = wanted[:2].lower()
    return code if code in LANGUAGES else "en"


@functools.cache
def _catalogue(code: str) -> gettext.NullTranslations:
    folder = Path(__file__).with_name("locale")
    return gettext.translation("sft", localedir=folder, languages=[code], fallback=True)


def _(message: str) -> str:
    """Translate `message`; without a catalogue entry it comes back as it is."""
    # The empty text is gettext's name for the head of a catalogue.
    return _catalogue(language()).gettext(message) if message else ""
