"""Give the tests a memory channel, a person who writes, and hands to run what is due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from unicom.models import Channel, Delivery, Job, Message
from unicom.testing import drain as _drain


@pytest.fixture
def channel(memory_channel: Channel) -> Channel:
    """Return an active channel of an outside platform."""
    return memory_channel


@pytest.fixture
def wrote(channel: Channel) -> Callable[..., Message]:
    """Return a function that has somebody write."""
    number = iter(range(1, 10_000))

    def write(text: str, *, sender: str = "ann", chat: str = "room", **more: Any) -> Message:
        message = channel.receive_message({"id": next(number), "chat": chat, "sender": sender, "text": text, **more})
        assert message is not None
        return message

    return write


@pytest.fixture
def drain() -> Callable[..., int]:
    """Return the function that runs what is due, as a worker would."""
    return _drain


@pytest.fixture
def later() -> Callable[[], None]:
    """Return a function that lets the waiting time of everything queued pass."""

    def pass_time() -> None:
        now = timezone.now()
        Delivery.objects.filter(state="queued").update(next_attempt_at=now)
        Job.objects.filter(state="queued").update(next_attempt_at=now)

    return pass_time
