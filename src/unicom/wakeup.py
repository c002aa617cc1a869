"""Wake workers after a commit: those of this process by an event, those of others by NOTIFY on PostgreSQL."""

from __future__ import annotations

import logging
import threading

from django.db import Error, connection

from unicom.conf import settings

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


def listen(stopping: threading.Event) -> None:
    """Set the event at every NOTIFY, until ``stopping``; on another database, or without a connection, do nothing."""
    if connection.vendor != "postgresql" or settings.UNICOM_LISTEN_DSN == "off":
        return
    import psycopg

    params = connection.get_connection_params()
    params = {key: value for key, value in params.items() if key not in ("cursor_factory", "context", "pool")}
    while not stopping.is_set():
        try:
            link = (
                psycopg.connect(settings.UNICOM_LISTEN_DSN, autocommit=True)
                if settings.UNICOM_LISTEN_DSN
                else psycopg.connect(**params, autocommit=True)
            )
            with link:
                link.execute(f"LISTEN {CHANNEL}")
                event.set()  # what was committed while nobody listened
                while not stopping.is_set():
                    for _ in link.notifies(timeout=1.0, stop_after=1):
                        event.set()
        except psycopg.Error:
            logger.debug("Listening failed; polling goes on.", exc_info=True)
            stopping.wait(5.0)
