"""What every HTML page of results must be: alone, inert, and without a complaint in a real browser."""

import base64
import hashlib
import json
import re
from importlib.resources import files
from typing import Any


def data_of(html: str) -> dict[str, Any]:
    """Return the data inside a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    value: dict[str, Any] = json.loads(found[1])
    return value


def assert_alone(html: str) -> None:
    """Check that a page asks for nothing and lets nothing but its own style and script run."""
    assert set(re.findall(r"https?://[^\"'\s<]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert re.findall(r"<(?:link|img|iframe|object)[^>]*>", html) == ['<link rel="icon" href="data:,">']
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy and "default-src 'none'" in policy[1] and "unsafe" not in policy[1]
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]


def scripts_of(package: str) -> str:
    """Return what the pages of a package run: the script that all share, and their own."""
    shared = files("sft.web").joinpath("base.js").read_text(encoding="utf-8")
    own = (each for each in files(package).joinpath("web").iterdir() if each.name.endswith(".js"))
    return shared + "".join(each.read_text(encoding="utf-8") for each in own)


class Page:
    """A page in the browser, with all it asked for and complained of."""

    def __init__(self, tab: Any, address: str, after: str) -> None:
        self.tab, self.address = tab, address
        self.said: list[str] = []
        tab.on("console", lambda message: self.said.append(message.text))
        tab.on("pageerror", lambda error: self.said.append(str(error)))
        tab.on(
            "request",
            lambda request: (
                self.said.append(request.url) if not request.url.startswith((address, "data:")) else None
            ),
        )
        tab.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        tab.goto(address + after)

    def too_wide(self) -> bool:
        """Tell whether the page scrolls sideways."""
        return bool(self.tab.evaluate("document.documentElement.scrollWidth > innerWidth"))
