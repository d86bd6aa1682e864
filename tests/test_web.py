"""What all pages share: a frame whose data cannot get out, and colours that can be read."""

import re
from importlib.resources import files

import pytest
from pages import assert_alone, data_of

from sft import web


def test_data_stays_data_and_can_always_be_written() -> None:
    evil = "</script><script>alert(1)</script><!-- {{data}} \ud800"
    html = web.frame("sft.prep.page", (), evil, evil, {"texts": {}, "said": evil})
    html.encode("utf-8")
    assert data_of(html)["said"] == evil
    assert html.count("</script>") == 2 and "<title>&lt;/script&gt;" in html
    assert_alone(html)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two ``#rrggbb`` or ``#rgb`` colours, as WCAG 2 defines it."""

    def light(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def colours(package: str, name: str, scheme: int) -> dict[str, str]:
    """Return the colours of a style sheet, those of the light or of the dark scheme."""
    style = files(package).joinpath(name).read_text(encoding="utf-8")
    return dict(re.findall(r"--([\w-]+): (#\w+);", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_and_bar_stands_out_from_its_ground(scheme: int) -> None:
    found = colours("sft.web", "base.css", scheme)
    own = found | colours("sft.prep.page", "web/page.css", scheme)
    texts = {
        "ink": "paper card hot accent-soft good-soft",
        "soft": "paper card good-soft",
        "accent": "paper card accent-soft",
        "bad": "bad-soft card",
        "warn": "warn-soft card",
        "good": "good-soft card",
    }
    faint = [
        (a, b) for a, grounds in texts.items() for b in grounds.split() if contrast(own[a], own[b]) < 4.5
    ]
    assert faint == []
    bars = [(a, "card") for a in ("fill", "valid", "test", "gone") if contrast(own[a], own["card"]) < 3]
    assert bars == []
