"""Count the SQL of the visitor's two lists, with few rows and with many: it must not grow."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from benchmarks.database import fresh_database, refresh_statistics
from benchmarks.results import Result, at_most

FEW, MANY = 10, 10_000
STATEMENTS = 6


def measure() -> list[Result]:
    """Count at both sizes."""
    with fresh_database() as name:
        found = {size: _at(size) for size in (FEW, MANY)}
        lines = []
        for page in ("messages", "chats"):
            for size in (FEW, MANY):
                count, milliseconds = found[size][page]
                line = at_most(
                    f"{page} page, SQL statements at {size:,} rows ({name})",
                    count,
                    STATEMENTS,
                    note=f"{milliseconds:.1f} ms here",
                )
                lines.append(line)
        return lines


def _at(size: int) -> dict[str, tuple[int, float]]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from unicom.models import AccountChat, Channel, Chat, Message

    channel = Channel.objects.create(name=f"Website {size}", platform="WebChat")
    client = Client()
    chat_id = client.post(
        "/unicom/webchat/send/", {"text": "Hello", "channel_id": channel.pk}, content_type="application/json"
    ).json()["chat_id"]
    first = Message.objects.get(chat_id=chat_id, is_outgoing=False)
    now = timezone.now()
    Message.objects.bulk_create(
        [
            Message(
                channel=channel,
                chat_id=chat_id,
                platform="WebChat",
                seq=number,
                is_outgoing=number % 2 == 0,
                sender=first.sender,
                reply_to_message=first,
                text=f"Message {number}",
                timestamp=now + timedelta(seconds=number),
            )
            for number in range(100, 100 + size)
        ],
        batch_size=1000,
    )
    chats = Chat.objects.bulk_create(
        [
            Chat(
                id=f"webchat_{uuid.uuid4()}",
                channel=channel,
                platform="WebChat",
                name=f"Chat {number}",
                last_message=first,
                last_message_at=now + timedelta(seconds=number),
            )
            for number in range(size)
        ],
        batch_size=1000,
    )
    AccountChat.objects.bulk_create([AccountChat(account=first.sender, chat=chat) for chat in chats], batch_size=1000)
    refresh_statistics()
    found = {}
    for page, path in (
        ("messages", f"/unicom/webchat/messages/?chat_id={chat_id}&limit=50"),
        ("chats", "/unicom/webchat/chats/?limit=50"),
    ):
        client.get(path)
        with CaptureQueriesContext(connection) as seen:
            began = time.perf_counter()
            response = client.get(path)
            took = time.perf_counter() - began
        assert response.status_code == 200, response.content
        assert len(response.json()[page]) == min(size + 1, 50)
        found[page] = (len(seen), took * 1000)
    return found
