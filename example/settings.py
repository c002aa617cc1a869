"""Configure the example project as the documentation says; nothing here needs an edit to run.

What differs from place to place comes from the environment or from ``db.env`` in the repository's folder:
``POSTGRES_HOST``, ``_PORT``, ``_DB``, ``_USER`` and ``_PASSWORD`` (else SQLite), ``DJANGO_PUBLIC_ORIGIN`` and
``TIME_ZONE``.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from example import environment

BASE_DIR = Path(__file__).resolve().parent
VAR = Path(os.environ.get("DEMO_VAR_DIR") or BASE_DIR / "var")
VAR.mkdir(parents=True, exist_ok=True)
environment.load(Path(os.environ.get("DEMO_ENV_FILE") or BASE_DIR.parent / "db.env"))

# A demonstration on one machine. A site in production sets DEBUG = False and serves its static files.
DEBUG = True
SECRET_KEY = environment.kept_secret(VAR / "secret-key")

DJANGO_PUBLIC_ORIGIN = os.environ.get("DJANGO_PUBLIC_ORIGIN", "")
ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS = environment.hosts(DJANGO_PUBLIC_ORIGIN)

HAS_CHANNELS = find_spec("channels") is not None

INSTALLED_APPS = [
    *(["channels"] if HAS_CHANNELS else []),  # sockets; before Django's own apps
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    *(["django_ace"] if find_spec("django_ace") else []),  # a comfortable editor for the raw JSON of a channel
    "unicom",
    "unibot",
    "example.bot",
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
ROOT_URLCONF = "example.urls"
ASGI_APPLICATION = "example.asgi.application"
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
DATABASES = {"default": environment.database(VAR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if HAS_CHANNELS:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

LANGUAGE_CODE = "en"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_TZ = True
STATIC_URL = "static/"
# Files of chats are private: they are handed out by a view that asks who wants them, never from MEDIA_URL.
MEDIA_URL = "media/"
MEDIA_ROOT = VAR / "media"

# The bot answers before the visitor's own request is answered, so the answer is there at the page's first look. What
# has to wait (a retry, a platform that is down) is the worker's, which asgi.py starts beside the site.
UNICOM_EXECUTOR = "inline"

# With OPENAI_API_KEY (or OPENAI_BASE_URL, for an endpoint of your own) a real model answers everything.
OPENAI_API_KEY = os.environ.get("OPENAI_API_KEY", "")
OPENAI_BASE_URL = os.environ.get("OPENAI_BASE_URL", "")
UNICOM_LLM_MODEL = os.environ.get("UNICOM_LLM_MODEL", "gpt-4o-mini")
UNICOM_LLM_PROVIDERS = {"scripted": "example.bot.llm.ScriptedModel"}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # A missing favicon is no news.
        "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
    },
}
