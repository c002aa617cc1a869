"""Offer the fixtures; ``pytest_plugins = ["unicom.testing.pytest_plugin"]`` in a conftest takes them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from unicom.testing.memory import Wire
from unicom.testing.memory import sent as _wire


@pytest.fixture(autouse=True)
def _no_real_models() -> Iterator[None]:
    """Refuse calls to models that are not on this machine."""
    from unicom.llm.providers import real_models_forbidden

    with real_models_forbidden():
        yield


@pytest.fixture
def unicom_drain() -> Callable[[], int]:
    """Return :func:`unicom.testing.drain`."""
    from unicom.testing.draining import drain

    return drain


@pytest.fixture
def unicom_sent() -> Iterator[Wire]:
    """Return what memory channels send, empty at the beginning and the end."""
    _wire.clear()
    yield _wire
    _wire.clear()


@pytest.fixture
def memory_channel(db: Any, settings: Any, unicom_sent: Wire) -> Any:
    """Return an active channel of the platform ``Memory``."""
    from unicom.models import Channel

    settings.UNICOM_PLATFORMS = {
        **getattr(settings, "UNICOM_PLATFORMS", {}),
        "Memory": "unicom.testing.memory.MemoryAdapter",
    }
    return Channel.objects.create(name="Memory", platform="Memory", active=True)
