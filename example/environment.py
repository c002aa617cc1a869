"""Read ``db.env``, and keep the secrets this copy of the demo has made up for itself."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def load(path: Path) -> None:
    """Add the lines ``NAME=value`` of a file to the environment, which goes first; a file that is not there is none."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("\"'"))


def kept_secret(path: Path, strength: int = 48) -> str:
    """Return the secret kept in a file only its owner can read, made up the first time."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(strength))
    return path.read_text(encoding="ascii").strip()


def database(var: Path) -> dict[str, Any]:
    """Return PostgreSQL where POSTGRES_HOST names its server, else SQLite, set as `manage.py check` asks."""
    env = os.environ
    if env.get("POSTGRES_HOST"):
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": env.get("POSTGRES_DB", "unicom"),
            "USER": env.get("POSTGRES_USER", "unicom"),
            "PASSWORD": env.get("POSTGRES_PASSWORD", ""),
            "HOST": env["POSTGRES_HOST"],
            "PORT": env.get("POSTGRES_PORT", "5432"),
        }
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": var / "demo.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def hosts(public_origin: str) -> tuple[list[str], list[str]]:
    """Return ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS: this machine, and where it is reached from outside."""
    local = ["localhost", "127.0.0.1", "[::1]"]
    host = unquote(urlsplit(public_origin).hostname or "")
    return ([*local, host], [public_origin]) if host else (local, [])
