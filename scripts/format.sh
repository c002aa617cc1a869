#!/usr/bin/env bash
# Rewrite the sources in the house's style.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

echo "==> Formatting Python, with the fixes that ruff calls safe"
$bin/ruff check --quiet --fix . || true
$bin/ruff format --quiet .
echo "==> Formatting templates"
scripts/tracked.sh '*/templates/*.html' | xargs --no-run-if-empty $bin/djade --target-version 5.2 || true
echo "==> Formatting the web chat's component"
(cd frontend && npm run --silent format) || true
echo "==> Writing the documentation's tables that are made from the code"
$bin/python scripts/context_table.py
echo "==> What ruff could not mend by itself:"
$bin/ruff check .
