#!/usr/bin/env bash
# Build a wheel whose Smatch inner loops are compiled from the same Python source; needs a C compiler. Results are identical.
#
#   ./scripts/compiled_wheel.sh [PYTHON] && pip install --force-reinstall --no-deps dist/sft-*-cp*.whl
#
# Built in a copy, because compiled modules left beside the source would hide later changes to it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${1:-python3}
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
cp -r sft templates data_prep pyproject.toml README.md LICENSE "$aside"
HATCH_BUILD_HOOK_ENABLE_MYPYC=1 "$python" -m pip wheel --quiet --no-deps --wheel-dir dist "$aside"
ls dist/sft-*-cp*.whl
