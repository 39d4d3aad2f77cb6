#!/usr/bin/env bash
# Sets up a program in an environment of its own, because it pins other packages than the server or brings many that the
# server has no use for: `beside.sh NAME MODULES` makes .venv-NAME from deploy/NAME.lock. Everything else, torch foremost,
# it takes from the server's own environment, which `make setup` makes. Does nothing where it stands already with these
# pins.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=".venv-$1"
lock="deploy/$1.lock"
modules="$2"
stamp="$venv/.installed"
if [ -f "$stamp" ] && cmp -s "$stamp" "$lock"; then exit 0; fi

server="$PWD/.venv"
[ -x "$server/bin/python" ] || { echo "The server's own environment is missing: run make setup first." >&2; exit 1; }
[ -x "$venv/bin/python" ] || "$server/bin/python" -m venv "$venv"
packages() { "$1" -c "import sysconfig; print(sysconfig.get_path('purelib'))"; }
# What is installed here comes first; what is not is found there.
packages "$server/bin/python" > "$(packages "$venv/bin/python")/server.pth"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-compile --no-deps -r "$lock"
"$venv/bin/python" -I -c "import $modules" > /dev/null ||
  { echo "$1 cannot be loaded in $venv; delete the folder and try again." >&2; exit 1; }
cp "$lock" "$stamp"
