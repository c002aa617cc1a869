#!/usr/bin/env bash
# Build the web chat's component into src/unicom/static/unicom/webchat/; a moment where nothing changed. "deps" only installs.
set -euo pipefail
cd "$(dirname "$0")/../frontend"
OUT=../src/unicom/static/unicom/webchat

if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || (+a === 20 && +b >= 19) ? 0 : 1)' 2>/dev/null; then
  echo "Node.js 20.19 or newer is needed to build the web chat's component, and there is $(node --version 2>/dev/null || echo none). See https://nodejs.org" >&2
  exit 1
fi

# What was installed and what was built is known by what it was made from.
lock=$(sha256sum package.json package-lock.json | sha256sum)
if [ "$(cat node_modules/.installed-from 2>/dev/null)" != "$lock" ]; then
  echo "==> Installing the component's tools into frontend/node_modules"
  npm ci --no-audit --no-fund --loglevel=error
  echo "$lock" >node_modules/.installed-from
fi
[ "${1:-}" != deps ] || exit 0

sources=$(find src build.mjs package-lock.json tsconfig.json -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
if [ "$(cat node_modules/.built-from 2>/dev/null)" != "$sources" ] || [ ! -f $OUT/webchat-with-sidebar.js ] || [ ! -f $OUT/webchat.js ] || [ ! -f $OUT/client.js ] || [ ! -f $OUT/../vendor/hugerte/hugerte.min.js ]; then
  echo "==> Building the web chat's component"
  node build.mjs
  echo "$sources" >node_modules/.built-from
fi
