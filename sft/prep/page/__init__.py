"""Build the page of a preparation: the frame of `sft.web` with the report and a few example rows inside."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sft.i18n import _
from sft.prep.page.captions import captions
from sft.prep.page.examples import Examples, gather
from sft.web import frame

__all__ = ["Examples", "gather", "render"]

_SCRIPTS = ("plots.js", "texts.js", "findings.js", "overview.js", "tables.js", "main.js")
_NAMED = 50  # ids of examples that the page lists; report.json has all


def render(report: Mapping[str, Any], examples: Examples) -> str:
    """Return the page for what `sft.prep.account.summary` returns, in the language in force."""
    texts = captions()
    found = [
        finding | {"examples": finding["examples"][:_NAMED], "named": len(finding["examples"])}
        for finding in report["findings"]
    ]
    data = {"texts": texts, "report": {**report, "findings": found}, "examples": asdict(examples)}
    title = f"{_('Prepared set')}: {report['template']}"
    said = texts["noscript"].format(read=report["read"], kept=report["kept"])
    return frame("sft.prep.page", _SCRIPTS, title, said, data)
