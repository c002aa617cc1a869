#!/usr/bin/env bash
# Run the long form of the engine's proof: the tests marked `proof`, on PostgreSQL; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/system_packages.sh postgresql redis-server
echo "==> Proving that nothing is lost, doubled or out of order; this takes its time"
UNICOM_TEST_DATABASE=postgres HYPOTHESIS_PROFILE=thorough exec .venv/bin/python scripts/servers.py -- \
  .venv/bin/python -m pytest -m proof --no-cov --timeout 0 "$@"
