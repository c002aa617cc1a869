"""Give the engine's tests a fresh pacing memory and channels that live in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from unicom import pacing
from unicom.models import Channel
from unicom.testing.memory import MemoryAdapter, Wire


@pytest.fixture(autouse=True)
def _no_hint_of_yesterday() -> Iterator[None]:
    pacing.pause(0)
    yield
    pacing.pause(0)


@pytest.fixture
def shared_channel(transactional_db: Any, settings: Any, unicom_sent: Wire) -> Channel:
    """Return a memory channel that other threads and connections see too."""
    settings.UNICOM_PLATFORMS = {"Memory": f"{MemoryAdapter.__module__}.{MemoryAdapter.__name__}"}
    settings.UNICOM_EXECUTOR = "worker"
    return Channel.objects.create(name="Memory", platform="Memory", active=True)
