#!/usr/bin/env bash
# Run the component's tests, the whole suite on PostgreSQL, then again on SQLite; arguments go to pytest and leave the coverage floor out.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${UNICOM_TEST_SERVERS_UP:-}" ]; then
  scripts/system_packages.sh postgresql redis-server chromium ffmpeg fonts-dejavu-core dovecot-imapd dovecot-lmtpd postfix
  echo "==> Starting a private PostgreSQL and Redis"
  UNICOM_TEST_SERVERS_UP=1 exec .venv/bin/python scripts/servers.py -- "$0" "$@"
fi

# Once is enough, and it takes its time: what the second run adds is next to nothing.
coverage=(--cov --cov-report=term)
if [ $# -gt 0 ]; then
  coverage=(--no-cov)
fi
# The order of sets differs from process to process, and with it the names of tests that show one; the two workers of a run
# must agree. Another seed each run: nothing may come to rely on one order.
export PYTHONHASHSEED=${PYTHONHASHSEED:-$RANDOM}
pytest() { .venv/bin/python -m pytest --numprocesses 2 --quiet "$@"; }

status=0
echo "==> The web chat's component, in Chromium"
(cd frontend && npm run --silent test) || status=$?
echo "==> The suite on PostgreSQL (PYTHONHASHSEED=$PYTHONHASHSEED)"
UNICOM_TEST_DATABASE=postgres pytest -m "not proof" "${coverage[@]}" "$@" || status=$?
echo "==> The suite on SQLite"
UNICOM_TEST_DATABASE=sqlite pytest -m "not proof and not once" --no-cov "$@" || status=$?
exit $status
