"""Give the tests an outside platform that lives in memory, its webhook, and hands to run what is due."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal
from django.test import Client
from django.utils import timezone

from unicom.models import Channel, Chat, Delivery, Job
from unicom.testing import drain as _drain
from unicom.testing import sent
from unicom.testing.memory import Wire

MEMORY = "unicom.testing.memory.MemoryAdapter"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63"
    "382127f71f0004ba02043e571fc70000000049454e44ae426082"
)


@pytest.fixture(autouse=True)
def wire() -> Iterator[Wire]:
    """Be the other side of the platform ``Memory``: what arrived, and what goes wrong next; empty before and after."""
    sent.clear()
    yield sent
    sent.clear()


@pytest.fixture(autouse=True)
def memory_platform(settings: Any) -> None:
    """Have a platform ``Memory`` beside the built-in ones."""
    settings.UNICOM_PLATFORMS = {"Memory": MEMORY}


@pytest.fixture
def channel(db: Any) -> Channel:
    """Return an active channel of an outside platform."""
    return Channel.objects.create(name="Memory", platform="Memory", active=True)


@pytest.fixture
def chat(channel: Channel) -> Chat:
    """Return a conversation on that channel."""
    return Chat.objects.create(id=f"memory_{channel.pk}_room", channel=channel, external_id="room")


@pytest.fixture
def internal(db: Any) -> Channel:
    """Return a channel whose rows are the delivery."""
    return Channel.objects.create(name="Inside", platform="Internal")


@pytest.fixture
def post(client: Client) -> Callable[..., Any]:
    """Return a function that delivers a webhook: JSON of anything, or bytes as they are."""

    def deliver(channel: Channel, payload: Any, *, secret: str = "secret", by: Client | None = None) -> Any:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return (by or client).post(
            f"/unicom/webhook/{channel.platform}/{channel.pk}/",
            data=body,
            content_type="application/json",
            headers={"X-Secret": secret},
        )

    return deliver


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


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Return a function that connects a receiver for the length of the test."""
    connected: list[tuple[Signal, Any]] = []

    def to(signal: Signal, receiver: Any) -> Any:
        signal.connect(receiver, weak=False)
        connected.append((signal, receiver))
        return receiver

    yield to
    for signal, receiver in connected:
        signal.disconnect(receiver)


@pytest.fixture
def stored_files(settings: Any) -> Callable[[], list[str]]:
    """Return a function that lists every file in the storage of chats."""
    from pathlib import Path

    root = Path(settings.MEDIA_ROOT)
    return lambda: sorted(str(path) for path in root.rglob("*") if path.is_file())
