#!/usr/bin/env bash
# Sets up llm-compressor in .venv-quantizer, which pins another transformers than the server. Everything else, torch
# foremost, it takes from the server's own environment, which `make setup` makes. Does nothing where it stands already
# with these pins.
set -euo pipefail
cd "$(dirname "$0")/.."

venv="${QUANTIZER_VENV:-.venv-quantizer}"
lock=deploy/quantizer.lock
stamp="$venv/.installed"
if [ -f "$stamp" ] && cmp -s "$stamp" "$lock"; then exit 0; fi

server="$PWD/.venv"
[ -x "$server/bin/python" ] || { echo "The server's own environment is missing: run make setup first." >&2; exit 1; }
[ -x "$venv/bin/python" ] || "$server/bin/python" -m venv "$venv"
packages() { "$1" -c "import sysconfig; print(sysconfig.get_path('purelib'))"; }
# What is installed here comes first; what is not is found there.
packages "$server/bin/python" > "$(packages "$venv/bin/python")/server.pth"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-compile --no-deps -r "$lock"
"$venv/bin/python" -I -c "import torch, llmcompressor" > /dev/null ||
  { echo "llm-compressor cannot be loaded in $venv; delete the folder and try again." >&2; exit 1; }
cp "$lock" "$stamp"
