#!/usr/bin/env bash
# Run the engine's proof: processes and the database are killed while messages pass; its table comes last.
# Arguments go to it, as in: make proof ARGS="--deliveries 5000 --kills 50", or ARGS=--full.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/system_packages.sh postgresql
echo "==> Proving that nothing is lost, doubled or out of order; this takes some minutes"
UNICOM_TEST_DATABASE=postgres .venv/bin/python scripts/servers.py --only postgres -- \
  .venv/bin/python -m pytest -m proof --no-cov --timeout 0 --quiet
exec .venv/bin/python -m tests.proof "$@"
