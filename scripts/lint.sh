#!/usr/bin/env bash
# Check style, imports, templates and migrations; changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

echo "==> ruff: rules"
$bin/ruff check --quiet .
echo "==> ruff: format"
$bin/ruff format --quiet --diff .
echo "==> import-linter: imports point down only"
PYTHONPATH=. $bin/lint-imports --no-logo
mapfile -t templates < <(scripts/tracked.sh '*/templates/*.html')
if [ ${#templates[@]} -gt 0 ]; then
  echo "==> djade: ${#templates[@]} templates"
  $bin/djade --target-version 5.2 --check "${templates[@]}"
fi
echo "==> TypeScript and Biome: the web chat's component"
(cd frontend && npm run --silent check)
echo "==> django-upgrade: nothing older than Django 5.2"
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# It can only rewrite, so it is given a copy; any file that it would change fails.
scripts/tracked.sh '*.py' | tar --create --files-from=- | tar --extract --directory="$copy"
find "$copy" -name '*.py' -print0 | xargs -0 $bin/django-upgrade --target-version 5.2
echo "==> Django: every model change has its migration"
$bin/python -W error -m django makemigrations --check --dry-run --settings tests.settings --pythonpath .
