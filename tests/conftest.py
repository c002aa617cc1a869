"""Keep every test on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from unicom.testing.network import network_guard


@pytest.fixture(scope="session", autouse=True)
def refused_addresses() -> Iterator[list[str]]:
    """Refuse every address that is not on this machine, for the whole session."""
    with network_guard() as refused:
        yield refused


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """End what servers that tests have killed left open in the database, which could not be dropped otherwise."""
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


@pytest.fixture(autouse=True)
def _no_swallowed_refusal(refused_addresses: list[str]) -> Iterator[None]:
    """Fail a test that tried to leave the machine, even where the code under test swallowed the error."""
    before = len(refused_addresses)
    yield
    assert refused_addresses[before:] == [], "the test tried to reach other machines"
