"""Configure Django for the tests; ``UNICOM_TEST_DATABASE`` (``sqlite`` or ``postgres``) says on which database."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# One directory a process: workers of one run, and two runs in one checkout, never meet.
SCRATCH = Path(tempfile.mkdtemp(prefix="unicom-test-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)


def _sqlite() -> dict[str, Any]:
    """Use a file, not memory: threads must meet in the same database, with the locks a site would have."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": SCRATCH / "site.sqlite3",
        "TEST": {"NAME": str(SCRATCH / "test.sqlite3")},
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _postgres() -> dict[str, Any]:
    """Take the server from UNICOM_TEST_POSTGRES_URL, else from the POSTGRES_* variables of the compose file."""
    url = os.environ.get("UNICOM_TEST_POSTGRES_URL", "")
    if url:
        parts = urlsplit(url)
        name, host, port = parts.path.lstrip("/"), parts.hostname, parts.port
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    elif os.environ.get("POSTGRES_HOST"):
        name, user, password = (os.environ.get(f"POSTGRES_{key}", "") for key in ("DB", "USER", "PASSWORD"))
        host, port = os.environ["POSTGRES_HOST"], int(os.environ.get("POSTGRES_PORT", "5432"))
    else:
        raise ImproperlyConfigured(
            "UNICOM_TEST_DATABASE=postgres needs UNICOM_TEST_POSTGRES_URL; "
            "`scripts/servers.py -- pytest` starts a private server and sets it."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": user,
        "PASSWORD": password,
        "HOST": host,
        "PORT": port or 5432,
        "OPTIONS": {"connect_timeout": 10},
    }


_BACKENDS = {"sqlite": _sqlite, "postgres": _postgres}
_database = os.environ.get("UNICOM_TEST_DATABASE", "sqlite")
if _database not in _BACKENDS:
    raise ImproperlyConfigured(f"UNICOM_TEST_DATABASE: {_database!r} is not one of {', '.join(_BACKENDS)}.")

DATABASES = {"default": _BACKENDS[_database]()}

SECRET_KEY = "only-for-tests-and-long-enough-for-the-check-of-its-length"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
MEDIA_ROOT = SCRATCH / "media"
MEDIA_URL = "media/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "unicom",
    "unibot",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
# Hashing is not under test, and costs a fifth of a second a user.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
