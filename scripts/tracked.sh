#!/usr/bin/env bash
# List the files of the project that match the patterns, new ones included, ignored and deleted ones not.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while read -r file; do
  [ ! -f "$file" ] || echo "$file"
done
