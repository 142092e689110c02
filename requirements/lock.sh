#!/usr/bin/env bash
# Rewrites every lock in this folder from pyproject.toml. Locks name no registry host.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
for group in sighook webhook recorder report ledger broker migrate emulator exchange sighook-exchange broker-exchange \
  candles sighook-candles broker-candles dev; do
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
    --no-emit-index-url --group "$group" pyproject.toml --output-file "requirements/$group.txt" "$@"
done
printf 'uv==0.13.9\n' | "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-header --no-emit-index-url - --output-file requirements/uv.txt "$@"
