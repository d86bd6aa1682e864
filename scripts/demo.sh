#!/usr/bin/env bash
# The whole job on this machine, from nothing: set up .venv, then raw AMR files to a trained adapter and its Smatch, on the
# sample data and the embedded model, in the workspace demo/. No GPU, no account, no download of a model.
#
#   ./scripts/demo.sh
#
# Run it again to go through the job again; an interrupted training goes on from its last checkpoint.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/scripts/setup.sh"
export PATH=$root/.venv/bin:$PATH PYTHONUTF8=1 HF_HUB_OFFLINE=1
unset PYTHONPATH
mkdir -p "$root/demo"
cd "$root/demo"

times=()
step() {
  local begin=$SECONDS
  printf '\n$ %s\n' "$*" >&2
  "$@" || {
    local code=$?
    [ "$code" -eq 130 ] || printf 'error: %s ended with exit code %d\nhint: its own words stand above; then run %s again\n' "$*" "$code" "$0" >&2
    exit "$code"
  }
  times+=("$(printf '%5d s  %s' $((SECONDS - begin)) "$*")")
}

step sft init --sample amr
step sft prep --template v4_compact
step sft train --use-case demo --model smollm2-135m
step sft smatch --base

printf '\nWhat it made, in %s:\n' "$PWD"
find . -type f -not -path '*/checkpoints/*' -exec wc -c {} + | sort -k 2
printf '\nHow long it took:\n'
printf '%s\n' "${times[@]}"
