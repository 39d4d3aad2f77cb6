#!/usr/bin/env bash
# Makes sure of the Debian packages that scanned pages, run_python and the tests need: installs what is missing where it
# may (root and apt), otherwise names it and fails.
set -euo pipefail

packages=(tesseract-ocr chromium postgresql redis-server bubblewrap)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # Debian's package would make and start a database of its own, which nobody asked for; the tests start theirs.
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    quiet=/etc/postgresql-common/createcluster.d/footnote.conf
    trap 'rm -f "$quiet"' EXIT
    mkdir -p "${quiet%/*}"
    echo "create_main_cluster = false" >"$quiet"
  fi
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "These Debian packages are missing: ${missing[*]}" >&2
  echo "Install them with: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
