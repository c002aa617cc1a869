"""Configure a command that runs as a process of its own: the test hands its database and files over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.settings import *  # noqa: F403  everything but what follows
from tests.settings import DATABASES

_DATABASE: dict[str, Any] = DATABASES["default"]
_DATABASE["NAME"] = os.environ["PROCESS_DATABASE"]
MEDIA_ROOT = Path(os.environ["PROCESS_MEDIA"])
UNICOM_EXECUTOR = "worker"
UNICOM_DNS_RESOLVER = "tests.platforms.email.conftest.ZoneResolver"
