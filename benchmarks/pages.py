"""Count the SQL of the visitor's two lists, with few rows and with many, and compare their times: neither must grow."""

from __future__ import annotations

import os
import time
import uuid
from datetime import timedelta
from statistics import median

from benchmarks.database import fresh_database, refresh_statistics
from benchmarks.results import Result, at_most

FEW, MANY = 10, 10_000
SMALL, LARGE, ROUNDS = 1_000, int(os.environ.get("BENCHMARK_MESSAGES", "1000000")), 41
FLAT = 2.0
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
        return lines + _flatness(name)


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


def _flatness(name: str) -> list[Result]:
    """Compare pages of a visitor with a thousand messages to those of one with a million, in the same database."""
    from django.db import connection
    from django.test import Client

    if connection.vendor != "postgresql":
        return []  # a million rows take SQLite's driver longer to write than they are worth
    visitors = {}
    for size in (SMALL, LARGE):
        client = Client()
        sent = client.post("/unicom/webchat/send/", {"text": "Hello"}, content_type="application/json").json()
        _fill(sent["chat_id"], size)
        visitors[size] = (client, sent["chat_id"])
    refresh_statistics()
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for size, (client, chat_id) in visitors.items():
            for page, path in (
                ("messages", f"/unicom/webchat/messages/?chat_id={chat_id}&limit=50"),
                ("chats", "/unicom/webchat/chats/?limit=50"),
            ):
                began = time.perf_counter()
                assert client.get(path).status_code == 200
                times.setdefault((page, size), []).append(time.perf_counter() - began)
    return [
        at_most(
            f"{page} page at {LARGE:,} messages, of one at {SMALL:,} ({name})",
            round(median(times[page, LARGE]) / median(times[page, SMALL]), 2),
            FLAT,
            "×",
            note=f"{median(times[page, LARGE]) * 1000:.1f} ms to {median(times[page, SMALL]) * 1000:.1f} ms here",
        )
        for page in ("messages", "chats")
    ]


def _fill(chat_id: str, size: int) -> None:
    """Write a chat's messages in the database itself: a million objects would take minutes."""
    from django.db import connection

    from unicom.models import Chat, Message

    first = Message.objects.get(chat_id=chat_id)
    name = connection.ops.quote_name
    fields = list(Message._meta.local_concrete_fields)
    table = name(Message._meta.db_table)
    made = {
        "id": "'m' || %s || '-' || number",
        "seq": "number",
        "tracking_id": "gen_random_uuid()",
        "is_outgoing": "number %% 2 = 0",
        "text": "'Message ' || number",
        "external_id": "NULL",
    }
    columns = ", ".join(name(field.column) for field in fields)
    values = ", ".join(made.get(field.name, name(field.column)) for field in fields)
    with connection.cursor() as cursor:
        cursor.execute(  # names come from the model
            f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table}, generate_series(2, %s) number "  # noqa: S608
            "WHERE id = %s",
            [str(size), size, first.pk],
        )
    Chat.objects.filter(pk=chat_id).update(last_seq=size)
