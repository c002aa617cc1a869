#!/usr/bin/env bash
# Run the example project: the chat page with its bot, and the admin; what is typed stays until `make clean`.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "==> Starting the example project"
exec .venv/bin/python example/manage.py demo "$@"
