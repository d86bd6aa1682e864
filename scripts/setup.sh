#!/usr/bin/env bash
# Set up .venv from nothing but Python 3.11 or newer: the pinned packages, then this project itself.
#
#   ./scripts/setup.sh [--cpu|--gpu] [--dev] [--force] [--venv DIR]
#
#   --cpu, --gpu   which pinned set: scripts/lock-cpu.txt (default) or scripts/lock-gpu.txt; a set chosen once is kept
#   --dev          add the tools of scripts/lock-dev.txt (pytest, ruff, mypy …)
#   --force        do every step again, even those done before
#   --venv DIR     another place than .venv
#
# Run it as often as you like: a step whose inputs did not change is skipped, an interrupted run goes on where it
# stopped. Another Python: PYTHON=/path/to/python3.11 ./scripts/setup.sh. Another index: pip's own settings
# (PIP_INDEX_URL, pip.conf) are followed. Needs no root and installs nothing outside the environment.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv set="" dev="" force=""

say() { printf '%s\n' "$*" >&2; }
fail() { # WHAT HINT
  say "error: $1"
  say "hint: $2"
  exit 3
}

while [ $# -gt 0 ]; do
  case $1 in
    --cpu | --gpu) set=${1#--} ;;
    --dev) dev=yes ;;
    --force) force=yes ;;
    --venv) shift && venv=${1:?--venv needs a folder} ;;
    -h | --help) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" && exit 0 ;;
    *) say "error: unknown option $1" && say "hint: ./scripts/setup.sh --help" && exit 2 ;;
  esac
  shift
done

# Nothing of the user's own Python set-up may leak into the environment.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX
export PIP_USER=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_DEFAULT_TIMEOUT=${PIP_DEFAULT_TIMEOUT:-60} PIP_RETRIES=${PIP_RETRIES:-5}

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' </dev/null 2>/dev/null; }
has() { "$1" -c "import ${2// /, }" </dev/null 2>/dev/null; }

find_python() { # prints the first Python that can make a virtual environment
  local name bare="" seen="" names=(python3.11 python3.12 python3.13 python3.14 python3 python)
  [ -z "${PYTHON:-}" ] || names=("$PYTHON")
  for name in "${names[@]}"; do
    command -v "$name" >/dev/null || continue
    seen=${seen:-"$name is $("$name" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo broken)"}
    suits "$name" || continue
    if has "$name" "venv ensurepip" || has "$name" "venv pip"; then
      command -v "$name" && return
    fi
    bare=${bare:-$name}
  done
  if [ -n "$bare" ]; then
    fail "$bare has neither ensurepip nor pip, so it cannot make a virtual environment" \
      "install them (Debian, Ubuntu: sudo apt install $bare-venv), or name another Python: PYTHON=/path/to/python3.11 $0"
  fi
  fail "no Python 3.11 to 3.14 found${seen:+ ($seen)}" \
    "install one (Debian, Ubuntu: sudo apt install python3.11 python3.11-venv) or name it: PYTHON=/path/to/python3.11 $0"
}

make_venv() {
  local python
  python=$(find_python) || exit 3
  say "==> $venv with $("$python" --version 2>&1) ($python)"
  if has "$python" ensurepip; then
    "$python" -m venv "$venv"
  else
    # A Python with pip but without ensurepip (a Debian without python3-venv) can still fill an empty environment.
    "$python" -m venv --without-pip "$venv"
    "$python" -m pip --python "$venv/bin/python" install --quiet pip
  fi
}

explain() { # LOG: turn what pip wrote into one line and one hint
  local missing
  if grep -q 'No space left on device' "$1"; then
    fail "the disk is full" "free some space (the CUDA build of torch needs about 6 GB), then run this again: it goes on where it stopped"
  elif grep -Eq 'NewConnectionError|NameResolutionError|ConnectTimeout|Network is unreachable|ProxyError|ReadTimeout' "$1"; then
    fail "the package index cannot be reached" "check the network, the proxy or PIP_INDEX_URL, then run this again: it goes on where it stopped"
  fi
  missing=$(sed -n 's/.*No matching distribution found for \([^ ]*\).*/\1/p' "$1" | tail -n 1)
  if [ -n "$missing" ]; then
    fail "the package index has no $missing for this Python and this machine" \
      "use Linux x86_64 with Python 3.11 to 3.14, and an index that is a full mirror of PyPI"
  fi
  fail "pip failed" "its own words stand above and in $1; running this again goes on where it stopped"
}

pip_install() {
  local log=$venv/sft-setup.log quiet=()
  [ -t 2 ] || quiet=(--quiet)
  : >"$log"
  "$venv/bin/python" -m pip install ${quiet[@]+"${quiet[@]}"} --no-warn-conflicts --log "$log" "$@" >&2 || explain "$log"
}

step() { # NAME KEY TEXT COMMAND…: run COMMAND unless it was done before with the same KEY
  local stamp=$venv/.sft/$1 key=$2 text=$3
  shift 3
  [ -z "$force" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && return
  say "==> $text"
  rm -f "$stamp"
  "$@"
  printf '%s\n' "$key" >"$stamp"
}

install_torch() {
  local free
  free=$(df -Pk "$venv" | awk 'NR == 2 { print int($4 / 1048576) }')
  if [ "$free" -lt 3 ] && ! has "$venv/bin/python" torch; then
    fail "only $free GB free at $venv" "free some space: the packages need about 3 GB, 6 GB where the index serves the CUDA build of torch"
  fi
  pip_install --only-binary=:all: "$(grep '^pip==' "$lock")"
  # Normally, with what it needs: the Linux build brings CUDA libraries and does not import without them.
  # A torch that is already there and fits the pin is kept, whatever build it is.
  pip_install --only-binary=:all: --constraint "$lock" "$(grep '^torch==' "$lock")"
  "$venv/bin/python" -W ignore -c 'import torch; print("    torch", torch.__version__)' >&2 ||
    fail "torch is installed but does not import" "its own words stand above; ./scripts/setup.sh --force installs everything again"
}

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  make_venv
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
    fail "$venv is there, but its Python does not run" "rm -rf $venv, then run this again"
fi
suits "$venv/bin/python" || fail "$venv was made with a Python older than 3.11" "rm -rf $venv, then run this again"
mkdir -p "$venv/.sft"

set=${set:-$(cat "$venv/.sft/set" 2>/dev/null || echo cpu)}
lock=$root/scripts/lock-$set.txt
[ "$(uname -sm)" = "Linux x86_64" ] || say "note: the pinned sets are checked for Linux x86_64 only"
if [ "$set" = cpu ] && command -v nvidia-smi >/dev/null; then
  say "note: an NVIDIA driver is here; ./scripts/setup.sh --gpu installs the set made for it"
fi

pins="$set $(cksum <"$lock")"
step torch "$pins" "torch and what it needs ($set set)" install_torch
step lock "$pins" "the rest of scripts/lock-$set.txt" pip_install --no-deps --only-binary=:all: -r "$lock"
if [ -n "$dev" ]; then
  step dev "$(cksum <"$root/scripts/lock-dev.txt")" "the tools of scripts/lock-dev.txt" \
    pip_install --no-deps --only-binary=:all: -r "$root/scripts/lock-dev.txt"
fi
printf '%s\n' "$set" >"$venv/.sft/set"
step package "$root $(cksum <"$root/pyproject.toml")" "sft itself, editable" \
  pip_install --no-deps --no-build-isolation --editable "$root"
say "==> ready: . ${venv#"$PWD"/}/bin/activate, then sft --help"
