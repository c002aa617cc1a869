"""Give the tests an outside platform, a web chat, and drafts that are due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.pipeline.conftest import channel, chat, connect, drain, memory_platform, post, stored_files, wire
from unicom.models import Channel, Chat, DraftMessage

__all__ = ["channel", "chat", "connect", "drain", "memory_platform", "post", "stored_files", "wire"]


@pytest.fixture
def website(db: Any) -> Channel:
    """Return a web chat."""
    return Channel.objects.create(name="Website", platform="WebChat")


@pytest.fixture
def draft(channel: Channel, chat: Chat) -> Callable[..., DraftMessage]:
    """Return a function that makes an approved draft whose time came a minute ago."""

    def make(**values: Any) -> DraftMessage:
        return DraftMessage.objects.create(
            **{
                "channel": channel,
                "chat_id": chat.pk,
                "text": "Hello",
                "is_approved": True,
                "send_at": timezone.now() - timedelta(minutes=1),
                **values,
            }
        )

    return make
