"""Configure the processes under proof; the driver hands the addresses over in the environment."""

from __future__ import annotations

import os
import tempfile
from urllib.parse import urlsplit

_database = urlsplit(os.environ["PROOF_DATABASE"])

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.lstrip("/"),
        "USER": _database.username,
        "PASSWORD": _database.password,
        "HOST": _database.hostname,
        "PORT": _database.port,
        "OPTIONS": {"connect_timeout": 5},
    }
}
SECRET_KEY = "only-for-the-proof-and-long-enough-for-the-check-of-its-length"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.proof.urls"
USE_TZ = True
MEDIA_ROOT = tempfile.gettempdir() + "/unicom-proof-media"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "unicom",
    "tests.proof.bot",
]
UNICOM_EXECUTOR = "worker"
UNICOM_TELEGRAM_API_URL = UNICOM_WHATSAPP_API_URL = os.environ["PROOF_PLATFORM"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "ERROR"},
}
