"""Keep every test on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from unicom.testing.network import network_guard


@pytest.fixture(scope="session", autouse=True)
def refused_addresses() -> Iterator[list[str]]:
    """Refuse every address that is not on this machine, for the whole session."""
    with network_guard() as refused:
        yield refused


@pytest.fixture(autouse=True)
def _no_swallowed_refusal(refused_addresses: list[str]) -> Iterator[None]:
    """Fail a test that tried to leave the machine, even where the code under test swallowed the error."""
    before = len(refused_addresses)
    yield
    assert refused_addresses[before:] == [], "the test tried to reach other machines"
