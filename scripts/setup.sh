#!/usr/bin/env bash
# Make .venv hold exactly what uv.lock says, and build the web chat's component; a second where nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

# The one version of uv that reads and writes uv.lock here; it lives in .uv/, apart from the project's packages.
UV_VERSION=0.13.9
export UV_PYTHON_DOWNLOADS=never
unset VIRTUAL_ENV

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
  if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "Python 3.11, 3.12, 3.13 or 3.14 is needed, and none was found. On Debian: apt-get install python3 python3-venv" >&2
  exit 1
fi

if [ "$(.uv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$UV_VERSION" ]; then
  scripts/system_packages.sh python3-venv
  echo "==> Installing uv $UV_VERSION into .uv/"
  "$python" -m venv --clear .uv
  .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
fi

if [ ! -x .venv/bin/python ]; then
  echo "==> Creating .venv with $("$python" --version)"
  .uv/bin/uv venv --quiet --allow-existing --python "$python" .venv
fi
echo "==> Bringing .venv to uv.lock"
.uv/bin/uv sync --quiet --frozen --all-extras
scripts/frontend.sh
