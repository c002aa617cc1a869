#!/usr/bin/env bash
# Install the Debian packages whose programs are missing: system_packages.sh PACKAGE...
# Does nothing where all are there; asks nothing; says in one sentence what it could not do.
set -euo pipefail

is_there() {
  case $1 in
    chromium) command -v chromium >/dev/null ;;
    ffmpeg) command -v ffmpeg >/dev/null ;;
    dovecot-imapd) command -v dovecot >/dev/null || [ -x /usr/sbin/dovecot ] ;;
    dovecot-lmtpd) [ -x /usr/lib/dovecot/lmtp ] ;;
    fonts-dejavu-core) [ -n "$(find /usr/share/fonts "$HOME/.fonts" -name '*.[to]tf' -print -quit 2>/dev/null)" ] ;;
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ;;
    postfix) [ -x /usr/sbin/postfix ] ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    redis-server) command -v redis-server >/dev/null ;;
    *) echo "system_packages: I do not know how to look for $1." >&2; exit 2 ;;
  esac
}

missing=()
for package in "$@"; do
  is_there "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "These are missing: ${missing[*]} (Debian's names). This is not Debian: install them, and repeat." >&2
  exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "Debian packages are missing, and this is neither root nor a user with sudo. Run: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo -n)
fi

echo "==> Installing Debian packages: ${missing[*]}"
apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt update && apt install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 15 "$log" >&2
  echo "apt-get could not install: ${missing[*]} (its last words are above)." >&2
  exit 1
fi
