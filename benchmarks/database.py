"""Give a benchmark a database of its own, on the server the settings name, and take it away afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fresh_database() -> Iterator[str]:
    """Set Django up on an empty database and give its name for people."""
    import django

    django.setup()
    from django.db import connection
    from django.test.runner import DiscoverRunner
    from django.test.utils import setup_test_environment, teardown_test_environment

    runner = DiscoverRunner(verbosity=0, interactive=False)
    setup_test_environment()
    previous = runner.setup_databases()
    try:
        yield {"postgresql": "PostgreSQL", "sqlite": "SQLite"}[connection.vendor]
    finally:
        runner.teardown_databases(previous)
        teardown_test_environment()


def refresh_statistics() -> None:
    """Let the planner know of many rows that have just been written."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
