"""Wake workers after a commit: those of this process by an event, those of others by NOTIFY on PostgreSQL."""

from __future__ import annotations

import logging
import threading

from django.db import Error, connection

logger = logging.getLogger("unicom")

CHANNEL = "unicom_work"
event = threading.Event()


def notify() -> None:
    """Say that there is work; only a hint, for whoever misses it polls."""
    event.set()
    if connection.vendor == "postgresql":
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"NOTIFY {CHANNEL}")
        except Error:
            logger.debug("NOTIFY failed; workers find the rows by polling.", exc_info=True)
