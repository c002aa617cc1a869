"""Configure a server under test: the tests' own database and secrets, and a layer; the test hands them over."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.settings import *  # noqa: F403  everything but what follows
from tests.settings import DATABASES, INSTALLED_APPS

_DATABASE: dict[str, Any] = DATABASES["default"]
_DATABASE["NAME"] = os.environ["SERVED_DATABASE"]
INSTALLED_APPS = ["channels", *INSTALLED_APPS]
MEDIA_ROOT = Path(os.environ["SERVED_MEDIA"])
CHANNEL_LAYERS = json.loads(os.environ["SERVED_LAYER"])
UNICOM_VISITOR_LIMITS = {"messages": None}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "ERROR"},
}
