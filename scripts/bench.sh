#!/usr/bin/env bash
# Measure, on private servers that write to disk as in production; arguments go to the benchmarks.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -f benchmarks/__main__.py ]; then
  echo "There is nothing to measure with: benchmarks/__main__.py is missing." >&2
  exit 1
fi
scripts/system_packages.sh postgresql redis-server
echo "==> Measuring; only the ratios within one run mean something"
exec .venv/bin/python scripts/servers.py --durable -- .venv/bin/python -m benchmarks "$@"
