"""The texts of the page of a preparation, in the language in force."""

from sft.i18n import _


def captions() -> dict[str, str]:
    """Return every text of the page by the name its script uses; ``{…}`` is filled in there."""
    return _overview() | _findings() | _tables() | _samples()


def _overview() -> dict[str, str]:
    return {
        "title": _("Prepared set"),
        "task": _("task {task}"),
        "kept": _("of {read} rows read are in the set"),
        "account": _("Rows read: {parts}"),
        "rejected": _("rejected"),
        "copies": _("{n} copies on top in training, to balance the labels"),
        "errors": _("Errors"),
        "warnings": _("Warnings"),
        "notes": _("Notes"),
        "valSplit": _("Share for validation"),
        "seed": _("Seed"),
        "choices": _("Choices"),
        "noscript": _(
            "This page draws itself with JavaScript, which is switched off here. Read {read} rows, kept {kept};"
            " report.md says the rest."
        ),
    }


def _findings() -> dict[str, str]:
    return {
        "findings": _("Findings"),
        "clean": _("Nothing was found: no check has anything to say about these rows."),
        "error": _("error"),
        "warning": _("warning"),
        "info": _("note"),
        "allowed": _("allowed by --allow"),
        "todo": _("What to do"),
        "examples": _("Examples ({n})"),
        "furtherExamples": _("Further examples ({n})"),
        "named": _("and {n} more in report.json"),
        "question": _("asks"),
        "context": _("reads"),
        "answer": _("answers"),
        "leftOut": _("{n} more characters"),
        "majority": _("always the largest class"),
        "rule": _("this rule of thumb"),
        "scored": _("{part} of {n} rows right"),
        "pure": _("in {rows} rows, {hits} of them {label}"),
        "share": _("The stroke marks the share that the class has of all rows."),
        "differs": _("only here"),
    }


def _tables() -> dict[str, str]:
    return {
        "labels": _("Classes"),
        "label": _("class"),
        "drift": _("validation against training, in points"),
        "fewer": _("{n} classes with fewer rows"),
        "lengths": _("Lengths"),
        "tokens": _("in tokens of {tokenizer}"),
        "characters": _("in characters, without the template's own; --tokenizer counts tokens"),
        "prompt": _("Prompt"),
        "answerSide": _("Answer"),
        "total": _("Both together"),
        "bin": _("{range}: {n} rows"),
        "spread": _("{name}: half of the rows have up to {p50}, 95 % up to {p95}, the longest {max}"),
        "limits": _("Rows longer than a limit: training with it leaves them out, as an answer is never cut"),
        "limit": _("over {limit}"),
        "rejects": _("Rejected"),
        "rejectHint": _("Each one stands in rejected.jsonl with its place and the reason."),
        "first": _("first: {where}"),
        "sources": _("Sources"),
        "source": _("source"),
        "rows": _("rows"),
        "keptRows": _("kept"),
        "heldOut": _("given as {side}"),
    }


def _samples() -> dict[str, str]:
    return {
        "samples": _("Rows as they are trained on"),
        "sampleHint": _(
            "The shortest, one of middle length and the longest. What is marked is learnt; the rest is only read."
        ),
        "learnt": _("learnt"),
        "tokenSize": _("{prompt} + {answer} tokens"),
        "characterSize": _("{prompt} + {answer} characters"),
    }
