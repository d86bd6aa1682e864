"""The texts of the page that shows a score, in the language in force."""

from sft.i18n import _


def captions() -> dict[str, str]:
    """Return every text of the page by the name its script uses; ``{…}`` is filled in there."""
    return _overview() | _list() | _pair() | _drawing()


def _overview() -> dict[str, str]:
    return {
        "title": _("Smatch report"),
        "prediction": _("Prediction"),
        "gold": _("Gold"),
        "run": _("run {run}, {split} rows"),
        "mode": _("mode {mode}"),
        "precision": _("Precision"),
        "recall": _("Recall"),
        "macro": _("Macro F1"),
        "interval": _("95 % interval {low} – {high}"),
        "bounds": _("{k} pairs are open: F1 lies in {low} – {high}"),
        "graphs": _("Graphs"),
        "parsable": _("Parsable"),
        "repaired": _("Repaired"),
        "proven": _("Proven"),
        "triples": _("matched / predicted / gold triples"),
        "goldTrouble": _("The gold file itself: {bad} unparsable, {mended} repaired."),
        "views": _("Views of the same answers"),
        "view": _("view"),
        "aspects": _("Fine-grained aspects"),
        "aspect": _("aspect"),
        "faults": _("What the original tool's count does wrong"),
        "signature": _("Signature"),
        "copy": _("Copy"),
        "copied": _("Copied"),
        "spread": _("How the graphs are spread"),
        "spreadHint": _("Number of graphs by F1. Choose a bar to list only these."),
        "bar": _("F1 {range}: {n} graphs"),
        "noscript": _("This page draws itself with JavaScript, which is switched off here. F1 is {f1}."),
    }


def _list() -> dict[str, str]:
    return {
        "pairs": _("Graphs, one by one"),
        "search": _("Search"),
        "searchHint": _("sentence, concept or id; accents are optional"),
        "order": _("Order"),
        "worst": _("worst first"),
        "lost": _("most triples lost first"),
        "best": _("best first"),
        "file": _("as in the file"),
        "size": _("largest first"),
        "only": _("Show only"),
        "unparsable": _("unparsable"),
        "mended": _("repaired"),
        "open": _("not proven"),
        "shown": _("{n} of {all} graphs"),
        "clear": _("Show all"),
        "more": _("Show more"),
        "none": _("No graph fits this search."),
        "noSentence": _("(no sentence)"),
        "keys": _(
            "Keys: / search · j, k next and previous · Esc back to the list · arrows from node to node in a graph"
        ),
    }


def _pair() -> dict[str, str]:
    return {
        "back": _("All graphs"),
        "previous": _("Previous"),
        "next": _("Next"),
        "position": _("{k} of {n}"),
        "unknownPair": _("There is no graph “{id}” in this report."),
        "matched": _("matched triples"),
        "ofPred": _("of {n} predicted"),
        "ofGold": _("of {n} gold"),
        "provenPair": _("proven: no better match exists"),
        "openPair": _("not proven: between {low} and {high} triples match"),
        "legend": _("How to read the marks"),
        "legendPred": _("predicted, but not in gold"),
        "legendGold": _("in gold, but not predicted"),
        "legendSilent": _("counts only through the relation it stands for"),
        "legendHover": _("Point at a node to see its counterpart on the other side."),
        "top": _("top"),
        "counterpart": _("counterpart: {text}"),
        "alone": _("no counterpart on the other side"),
        "unmatched": _("not matched"),
        "unmatchedTriples": _("{n} not matched"),
        "noGraph": _("No graph could be read here: nothing matches, and every gold triple counts as missed."),
        "noGoldGraph": _("The gold graph could not be read."),
        "empty": _("(empty: nothing was delivered)"),
        "asDelivered": _("Text as delivered"),
        "problems": _("What the reader found"),
        "wasRepaired": _("repaired"),
        "notRepaired": _("not repaired"),
        "quirk": _("quirk, accepted"),
        "place": _("line {line}, column {column}"),
        "mendedSomehow": _("The reader had to repair this graph."),
    }


def _drawing() -> dict[str, str]:
    return {
        "drawings": _("As a drawing"),
        "drawingOf": _("Drawing of the graph, the same as the text: {side}"),
        "down": _("top down"),
        "right": _("left to right"),
        "direction": _("Direction"),
        "zoomIn": _("Larger"),
        "zoomOut": _("Smaller"),
        "fit": _("Fit the width"),
        "dashed": _("Dashed curves lead from a repeated variable to its node."),
    }
