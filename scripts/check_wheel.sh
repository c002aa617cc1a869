#!/usr/bin/env bash
# Build the wheel, install it alone into an empty environment, and see that it imports, has its files and stays small.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
unset VIRTUAL_ENV
LIMIT_MB=90

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
# What the files hold; what a file system rounds each up to, and bytecode, differ from machine to machine.
bytes() { find "$home/venv" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }'; }

.uv/bin/uv build --quiet --wheel --out-dir "$home/dist"
.uv/bin/uv venv --quiet --python .venv/bin/python "$home/venv"
empty=$(bytes)
# The locked versions of the core alone: the same answer every day.
.uv/bin/uv export --quiet --frozen --no-dev --no-emit-project --no-hashes --output-file "$home/core.txt"
.uv/bin/uv pip install --quiet --python "$home/venv" --requirements "$home/core.txt"
.uv/bin/uv pip install --quiet --python "$home/venv" --no-deps "$home"/dist/*.whl
size=$((($(bytes) - empty + 999999) / 1000000))

sources=$(find src/uni* -type f -not -name '*.pyc' -not -path '*/__pycache__/*' | sed 's,^src/,,' | sort)
packed=$(cd "$home"/venv/lib/python*/site-packages && find uni* -type f -not -name '*.pyc' | sort)
if ! diff <(echo "$sources") <(echo "$packed") >"$home/diff"; then
  echo "The wheel and src/ hold different files:" >&2
  cat "$home/diff" >&2
  exit 1
fi
cd "$home"
venv/bin/python -W error - <<'PYTHON'
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x" * 50,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "unicom"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    ROOT_URLCONF="unicom.urls",
)
django.setup()

from django.core.management import call_command
from django.urls import get_resolver

import unicom

call_command("migrate", verbosity=0)
get_resolver().url_patterns
print(f"django-unicom {unicom.__version__} imports and migrates on the core dependencies alone.")
PYTHON
echo "The core install takes $size MB; the limit is $LIMIT_MB MB."
[ "$size" -le "$LIMIT_MB" ]
