"""The `sft.toml` that ``sft init`` writes: every setting commented out, with its default and its meaning.

Imports pydantic (through `sft.presets`), so import this module only inside the commands that need it.
"""

from sft import presets, settings
from sft.i18n import _


def commented() -> str:
    """Return the `sft.toml` that ``sft init`` writes: every setting commented out, with its default and meaning."""
    head = _(
        "Settings of this workspace. Every line is optional: take away the # and change the value.\n"
        "Order: built-in default < preset (--use-case) < this file < flag.\n"
        "What is in force, and from where, is shown before work starts."
    )
    lines = [f"# {line}" for line in head.split("\n")]
    for name, section in settings.SECTIONS.items():
        lines += ["", f"[{name}]"]
        rows = (
            [(settings.USE_CASE, '""', _("preset under these settings; see: sft presets list"))]
            if name == "train"
            else []
        )
        defaults = section().model_dump()
        rows += [
            (key, "{}" if defaults[key] == {} else presets.as_toml(defaults[key]), _(field.description or ""))
            for key, field in section.model_fields.items()
            if key != "source"
        ]
        lines += _rows(rows, "# ")
        if name == "prep":
            lines += ["", *_about_sources()]
    return "\n".join(lines) + "\n"


def _about_sources() -> list[str]:
    """Return the comment that shows a table [[prep.source]]; two #, as it means nothing taken in line by line."""
    shown = {"files": "data/raw/exam*.csv", "format": "csv_table", "encoding": "cp1258", "delimiter": ";"}
    rows = [
        (
            key,
            "{}" if key == "columns" else presets.as_toml(shown.get(key, field.default)),
            _(field.description or ""),
        )
        for key, field in settings.SourceSettings.model_fields.items()
    ]
    head = _("How single raw files are read, where looking at them is not enough; as many tables as needed:")
    return [f"## {head}", "## [[prep.source]]", *_rows(rows, "## ")]


def _rows(rows: list[tuple[str, str, str]], indent: str) -> list[str]:
    """Return settings as aligned lines, each with its explanation."""
    width = max(len(f"{key} = {value}") for key, value, _word in rows)
    return [f"{indent}{f'{key} = {value}':<{width}}  # {word}".rstrip() for key, value, word in rows]
