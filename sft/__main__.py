"""The command line: ``sft`` and ``python -m sft``."""

import os
import sys


def main() -> None:
    """Run the command line; ``--lang`` counts before the help texts are made."""
    arguments = sys.argv[1:]
    for number, word in enumerate(arguments):
        if word == "--lang" and number + 1 < len(arguments):
            os.environ["SFT_LANG"] = arguments[number + 1]
        elif word.startswith("--lang="):
            os.environ["SFT_LANG"] = word.partition("=")[2]

    from sft.cli import app

    app()


if __name__ == "__main__":
    main()
