"""Configure the site that the component is tested on; who starts it says where its files are, and what it has."""

from __future__ import annotations

import os
from pathlib import Path

VAR = Path(os.environ["COMPONENT_SITE_VAR"])
HAS_SOCKETS = os.environ.get("COMPONENT_SITE_SOCKETS", "1") == "1"
# Then nobody answers but who is told to.
IS_QUIET = os.environ.get("COMPONENT_SITE_QUIET") == "1"

DEBUG = True
SECRET_KEY = "only-for-tests-of-the-component-0123456789abcdefghij"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    *(["channels"] if HAS_SOCKETS else []),
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "unicom",
    "tests.component.site.apps.SiteConfig",
]
MIDDLEWARE = [
    "tests.component.site.policy.strict_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "tests.component.site.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR / "site.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if HAS_SOCKETS:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
MEDIA_ROOT = VAR / "media"
UNICOM_EXECUTOR = "inline"
UNICOM_VISITOR_LIMITS = {"messages": None, "guests": None, "chats": None, "clicks": None, "searches": None}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django.request": {"level": "ERROR"}},
}
