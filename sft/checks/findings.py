"""What preparation must say about rows before anyone trains on them: all checks in a row, and the list of what they find.

Content problems are reported as `Finding`, never raised and never mended here. Time grows linearly with the text,
memory by about 150 bytes a row (`sft.checks.survey`).
"""

from sft.checks import giveaways, repeats, spelling, targets
from sft.checks.survey import Survey
from sft.i18n import _
from sft.records import Finding, Severity


def about(seen: Survey, found: repeats.Repeats | None = None) -> list[Finding]:
    """Return every finding about the rows of a survey; `found` is what `repeats.look` found, if it was asked before."""
    again = repeats.look(seen) if found is None else found
    return [
        *repeats.findings(seen, again),
        *targets.findings(seen),
        *spelling.findings(seen),
        *giveaways.findings(seen),
    ]


def known() -> dict[str, str]:
    """Return what each finding means in one line, by id: for ``--allow`` and the documentation."""
    return _of_rows() | _of_labels() | _of_texts() | _of_sources() | _of_graphs()


_ERROR: tuple[Severity, ...] = ("error",)
_WARNING: tuple[Severity, ...] = ("warning",)
_GRADED: tuple[Severity, ...] = ("info", "warning")  # by how many rows or labels it is about
_SEVERITIES: dict[str, tuple[Severity, ...]] = {
    **dict.fromkeys(("leak_question", "leak_context", "leak_group", "leak_heldout", "empty_target"), _ERROR),
    **dict.fromkeys(("label_columns", "offset_mismatch"), (*_WARNING, *_ERROR)),
    **dict.fromkeys(
        (
            "duplicate", "contradiction", "leak_near", "mostly_rejected", "no_validation", "nan_target", "empty_question", "imbalance",
            "unseen_label", "shortcut_words", "empty_variable", "empty_context", "too_long", "same_source", "mojibake",
        ),
        _WARNING,
    ),
    **dict.fromkeys(
        (
            "near_duplicate", "answer_in_prompt", "shortcut_bow", "shortcut_template", "shortcut_length", "language_mix",
            "segmented", "html",
        ),
        _GRADED,
    ),
}  # fmt: skip


def severities(name: str) -> tuple[Severity, ...]:
    """Return the severities that a finding can have; one that can be an error can stop a preparation."""
    return _SEVERITIES.get(name, ("info",))


def _of_rows() -> dict[str, str]:
    return {
        "duplicate": _("rows repeat an earlier input"),
        "near_duplicate": _("rows say almost the same as another one"),
        "contradiction": _("one input, several labels or answers"),
        "near_contradiction": _("almost one input, different labels"),
        "leak_question": _("a held-out input is trained on"),
        "leak_context": _("a held-out context is trained on"),
        "leak_group": _("a held-out row shares its group with a trained one"),
        "leak_heldout": _("a test input is trained on or validated with"),
        "leak_near": _("a held-out row is almost the same as a trained one"),
        "mostly_rejected": _("more rows rejected than kept"),
        "no_validation": _("no row is held out for validation"),
    }


def _of_labels() -> dict[str, str]:
    return {
        "empty_target": _("an answer is empty"),
        "nan_target": _("an answer is a word for a missing value"),
        "answer_in_prompt": _("a question holds its answer"),
        "imbalance": _("one class is far larger than another"),
        "unseen_label": _("a label occurs in held-out rows only"),
        "label_columns": _("a raw column gives the label away"),
        "shortcut_bow": _("a bag of words predicts the label"),
        "shortcut_template": _("a phrase gives the label away"),
        "shortcut_words": _("a few words give the label away"),
        "shortcut_length": _("the length gives the label away"),
        "verbaliser_length": _("label words with different numbers of tokens"),
    }


def _of_texts() -> dict[str, str]:
    return {
        "empty_question": _("a question is empty"),
        "empty_context": _("a context is missing or tells nothing"),
        "constant_variable": _("a template variable never changes"),
        "empty_variable": _("a template variable is mostly empty"),
        "language_mix": _("rows of another language or script"),
        "unaccented": _("Vietnamese without accents"),
        "tone_mixed": _("tones in the old and in the new place"),
        "segmented": _("words joined by “_”"),
        "html": _("HTML tags or entities"),
        "outlier": _("a text many times as long as the others"),
        "too_long": _("rows longer than the limit of tokens"),
    }


def _of_sources() -> dict[str, str]:
    return {
        "same_source": _("sources with the same content"),
        "nfd": _("decomposed letters, composed to NFC"),
        "invisible": _("invisible characters, removed"),
        "control": _("control characters, removed"),
        "nbsp": _("no-break spaces, made plain ones"),
        "carriage_return": _("bare carriage returns, made line ends"),
        "look_alike": _("the letter Ð (U+00D0), which only looks like Đ"),
        "mojibake": _("text read with a wrong code page, refused"),
        "mojibake_repaired": _("text read with a wrong code page, turned back"),
        "unnamed_column": _("text in a column without a name"),
        "offset_mismatch": _("answers that do not stand where their offset says"),
        "label_words": _("labels spelt as --labels says"),
        "options": _("multiple choice, options joined"),
        "further_answers": _("further answers to one question, left out"),
        "each_answer": _("several answers to one question, a row each"),
        "same_answer": _("one answer given twice"),
        "refusal": _("questions without an answer, trained as refusals"),
        "turns_merged": _("assistant turns in a row, merged"),
        "turns_left_out": _("assistant turns in a row, the last kept"),
    }


def _of_graphs() -> dict[str, str]:
    return {
        "number_as_node": _("a number written as a node"),
        "missing_variable": _("a node without a variable"),
        "undefined_reference": _("a reference that no node defines"),
        "space_in_concept": _("blanks inside a concept"),
        "space_in_constant": _("blanks inside a constant"),
        "odd_variable": _("a variable that does not begin with a letter"),
        "odd_role": _("an unusual role"),
        "misspelt_frame": _("a frame that looks misspelt"),
        "wiki_with_children": _("a :wiki node that holds other relations"),
    }
