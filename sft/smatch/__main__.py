"""The light entry: ``python -m sft.smatch PRED GOLD [--mode smatch|amr|none]``, no command framework.

Prints the score and its signature. Exit code 0: every pair proven; 1: some pairs are intervals; 2: wrong input.
"""

import argparse
import gc
import os
import sys

from sft.errors import SftError
from sft.i18n import _
from sft.smatch.items import doubt, pair_files, sides
from sft.smatch.parallel import match_all
from sft.smatch.score import signature, summarise
from sft.smatch.triples import MODES, Convention


def main(arguments: list[str] | None = None) -> int:
    """Score the two files named in `arguments` and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sft.smatch", description=_("Exact Smatch with a proof."))
    parser.add_argument("pred", help=_("predicted graphs"))
    parser.add_argument("gold", help=_("gold graphs, with the same ids or in the same order"))
    parser.add_argument("--mode", choices=MODES, default="smatch", help=_("triple convention"))
    limit_help = _("seconds per pair; then an interval; 0: no limit")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S", help=limit_help)
    parser.add_argument(
        "--jobs", type=int, default=0, metavar="N", help=_("processes; default: one per core")
    )
    parser.add_argument("--pairs", action="store_true", help=_("print one line per pair first"))
    options = parser.parse_args(arguments)
    if not options.time_limit >= 0 or options.jobs < 0:
        parser.error(_("--time-limit and --jobs cannot be negative"))
    try:
        paired = pair_files(options.pred, options.gold)
    except SftError as error:
        print(_("error: {text}").format(text=error), file=sys.stderr)
        for part in error.parts:
            print(f"  - {part}", file=sys.stderr)
        if error.hint:
            print(_("hint: {text}").format(text=error.hint), file=sys.stderr)
        return error.exit_code
    if paired.crossed:
        print(doubt(paired.crossed), file=sys.stderr)
    score = summarise(
        match_all(
            sides(paired.pairs, Convention(options.mode)), options.time_limit or None, jobs=options.jobs
        ),
        options.mode,
    )
    repaired = sum(pred.repaired for pred, _gold in paired.pairs)
    lines = []
    if options.pairs:
        for number, pair in enumerate(score.pairs, start=1):
            row = (number, pair.lower, pair.upper, pair.pred, pair.gold, pair.stage.replace(" ", "-"))
            lines.append("\t".join(map(str, row)))
    line = f"P {score.precision:.4f}  R {score.recall:.4f}  F1 {score.f1:.4f}"
    proven = score.proven == score.n
    if not proven:
        line += f"  [{score.interval[0]:.4f}, {score.interval[1]:.4f}]"
    line += f"  matched {score.matched}  triples {score.pred_triples} {score.gold_triples}  n {score.n}"
    lines.append(f"{line}  unparsable {score.unparsable}  repaired {repaired}  proven {score.proven}")
    how = {"text": "as-read", "align": paired.by, "gold": paired.gold}
    lines.append(signature(score.mode, score.n, proven=proven, **how))
    print("\n".join(lines))
    return 0 if proven else 1


if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles, and looking for them costs a tenth of the time
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # `… | head`: the reader has gone, that is no failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
