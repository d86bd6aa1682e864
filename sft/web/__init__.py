"""One HTML file that needs nothing else, opened from anywhere: what every page of results is made of.

A page is a frame, a style sheet and a script with its data as JSON inside. The script builds everything as text nodes,
and the policy in the head allows this script and this style alone, so a sentence that looks like markup stays a
sentence. Nothing is loaded from elsewhere.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from sft.i18n import language

_UNSAFE = re.compile("[<\ud800-\udfff]")  # ends the script element; cannot be written as UTF-8


def frame(package: str, scripts: Sequence[str], title: str, noscript: str, data: Mapping[str, Any]) -> str:
    """Return the page that shows `data`, in the language in force.

    `scripts` and ``page.css`` stand in the folder ``web`` of `package`; what all pages share goes before them. The texts
    of the page are ``data["texts"]``, `noscript` is what is said where scripts are switched off.
    """
    style = _file("sft.web", "base.css") + _file(package, "web/page.css")
    parts = (_file("sft.web", "base.js"), *(_file(package, f"web/{name}") for name in scripts))
    script = "(() => {\n" + "".join(parts) + "})();\n"
    values = {
        "lang": language(),
        "policy": (
            f"default-src 'none'; script-src {_hashed(script)}; style-src {_hashed(style)}; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        ),
        "title": escape(_plain(title)),
        "style": style,
        "script": script,
        "noscript": escape(_plain(noscript)),
        "data": _json(data),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], _file("sft.web", "frame.html"))


def _file(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _hashed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _json(value: object) -> str:
    r"""Return JSON that can stand inside a script element and be written as UTF-8.

    >>> _json(["</script>"])
    '["\\u003c/script>"]'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
