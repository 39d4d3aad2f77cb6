#!/usr/bin/env bash
# Sets up vLLM's CPU build in .venv-engine: an environment of its own, because vLLM pins other versions than the server.
# Does nothing where it stands already with these pins. torch's CPU build must be on the package index in use; where it
# is not, name one: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
set -euo pipefail
cd "$(dirname "$0")/.."

venv="${ENGINE_VENV:-.venv-engine}"
lock=deploy/engine-cpu.lock
stamp="$venv/.installed"
mend=deploy/vllm_cpu_lora.py
if [ -f "$stamp" ] && cat "$lock" "$mend" | cmp -s "$stamp" -; then exit 0; fi

command -v "${PYTHON:=python3.11}" >/dev/null || { echo "Python 3.11 is needed: set PYTHON=/path/to/python3.11" >&2; exit 1; }
[ -x "$venv/bin/python" ] || "$PYTHON" -m venv "$venv"
echo "Setting up vLLM for CPUs in $venv (2.5 GB, some minutes; once)"
# Without dependencies: the lock names all that the server needs. It leaves out torchvision, torchaudio and torchcodec,
# which cannot be imported beside a torch for CPUs, and triton and OpenCV, which text on CPUs has no use for.
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-compile --no-deps -r "$lock"
"$venv/bin/python" -c "import torch, vllm" || { echo "vLLM cannot be loaded in $venv; delete the folder and try again." >&2; exit 1; }
"$venv/bin/python" "$mend"
cat "$lock" "$mend" > "$stamp"
