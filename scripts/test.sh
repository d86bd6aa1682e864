#!/usr/bin/env bash
# Set up .venv if need be, then run lint, types, the wheel and every test. What CI runs, and what a change must pass.
#
#   ./scripts/test.sh [PYTEST ARGUMENTS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./scripts/setup.sh --dev
export PATH=$PWD/.venv/bin:$PATH PYTHONUTF8=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
unset PYTHONPATH

run() {
  printf '\n$ %s\n' "$*" >&2
  "$@"
}

run ruff check
run ruff format --check
run mypy
# tests/test_packaging.py builds the wheel and starts `sft --help` from it.
# A module stays on one process: what its tests share is made once.
if [ $# = 0 ]; then set -- -n auto --maxprocesses 4 --dist loadscope; fi
run pytest "$@"
