#!/usr/bin/env bash
# Writes the keys and passwords that docker-compose.yml hands out as files, each random; what is there already stays.
# Prints the administrator's key, with which to sign in.
set -euo pipefail
umask 077
folder="$(dirname "$0")/secrets"
mkdir -p "$folder"

random() { head -c 32 /dev/urandom | base64 | tr -d '/+=\n'; }
keep() { [ -s "$folder/$1" ] || printf '%s' "$2" >"$folder/$1"; }

keep postgres_password "$(random)"
keep redis_password "$(random)"
keep grafana_password "$(random)"
keep metrics_key "$(random)"
keep admin_key "$(random)"
keep footnote_retrieval__index__qdrant__api_key "$(random)"
read_() { cat "$folder/$1"; }
keep footnote_database_url "postgresql://footnote:$(read_ postgres_password)@postgres/footnote"
keep footnote_redis_url "redis://:$(read_ redis_password)@redis:6379/0"
keep footnote_auth__keys "[{\"key\": \"$(read_ admin_key)\", \"id\": \"admin\", \"admin\": true}, {\"key\": \"$(read_ metrics_key)\", \"id\": \"prometheus\", \"metrics_only\": true}]"
# The containers' users are not this one. The folder above stays closed to others on this machine.
chmod 0444 "$folder"/*
echo "The administrator's key, with which to sign in: $(read_ admin_key)"
echo "Grafana's password for admin: $(read_ grafana_password)"
