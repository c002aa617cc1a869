"""Compare the scheduler with a loop that writes the same rows: a message, its delivery, and "sent" on the draft.

The loop knows everything beforehand and checks nothing; it commits as often as the scheduler does. Both sides begin
with a thousand drafts that are due, of as many chats, each a template with values of its own.
"""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median
from typing import Any

from benchmarks.database import fresh_database
from benchmarks.results import Result, at_least, at_most

ROUNDS, DRAFTS, LATER = 5, 1000, 200_000
TEXT = "Hello {{ variables.name }}, your order {{ variables.number }} is on its way."


def measure() -> list[Result]:
    """Measure on the database of the settings."""
    from django.test import override_settings

    with (
        fresh_database() as name,
        override_settings(UNICOM_EXECUTOR="worker", UNICOM_PLATFORMS={"Memory": "unicom.testing.memory.MemoryAdapter"}),
    ):
        from unicom.models import Channel, Chat

        channel = Channel.objects.create(name="Memory", platform="Memory", active=True)
        Chat.objects.bulk_create(
            Chat(id=f"memory_{channel.pk}_{n}", channel=channel, platform="Memory", external_id=str(n))
            for n in range(DRAFTS)
        )
        ratios, times = [], []
        for _ in range(ROUNDS):
            ours = _timed(channel, _scheduled)
            loop = _timed(channel, _loop)
            ratios.append(loop / ours)
            times.append(ours)
        _prepare(channel, LATER, days=30)
        crowded = median(_timed(channel, _scheduled) for _ in range(ROUNDS))
        return [
            at_least(
                f"scheduler, of a loop writing the same rows ({name})",
                median(ratios),
                0.6,
                note=f"{DRAFTS / median(times):,.0f} drafts a second",
            ),
            at_most(
                f"scheduler with {LATER:,} drafts for later, of without ({name})",
                round(crowded / median(times), 2),
                1.5,
                unit=" ×",
            ),
        ]


def _prepare(channel: Any, count: int, **later: float) -> list[Any]:
    from django.utils import timezone

    from unicom.models import DraftMessage

    at = timezone.now() + timedelta(**(later or {"minutes": -1}))
    return DraftMessage.objects.bulk_create(
        (
            DraftMessage(
                channel=channel,
                chat_id=f"memory_{channel.pk}_{number % DRAFTS}",
                text=TEXT,
                render_variables={"name": f"Ann {number}", "number": number},
                send_at=at,
                is_approved=True,
                status="scheduled",
            )
            for number in range(count)
        ),
        batch_size=2000,
    )


def _timed(channel: Any, work: Any) -> float:
    from unicom.models import Delivery, DraftMessage, Message

    Delivery.objects.all().delete()
    DraftMessage.objects.exclude(status="scheduled").delete()
    Message.objects.all().delete()
    drafts = _prepare(channel, DRAFTS)
    began = time.perf_counter()
    work(channel, drafts)
    spent = time.perf_counter() - began
    assert Delivery.objects.filter(state="queued", at_front=True).count() == DRAFTS
    assert DraftMessage.objects.filter(status="sent").exclude(message=None).count() == DRAFTS
    return spent


def _scheduled(channel: Any, drafts: list[Any]) -> None:
    from unicom.scheduling import process_scheduled_messages

    assert process_scheduled_messages() == {"total_due": DRAFTS, "sent": DRAFTS, "failed": 0}


def _loop(channel: Any, drafts: list[Any]) -> None:
    from django.db import transaction
    from django.utils import timezone

    from unicom.models import Delivery, DraftMessage, Message
    from unicom.scheduling import BATCH

    for start in range(0, len(drafts), BATCH):
        with transaction.atomic():
            for draft in drafts[start : start + BATCH]:
                values = draft.render_variables
                text = f"Hello {values['name']}, your order {values['number']} is on its way."
                message = Message.objects.create(
                    channel=channel,
                    platform="Memory",
                    chat_id=draft.chat_id,
                    is_outgoing=True,
                    sender_name="Bot",
                    text=text,
                    status="queued",
                )
                Delivery.objects.create(
                    message=message, channel=channel, chat_id=draft.chat_id, payload={"text": text}, at_front=True
                )
                DraftMessage.objects.filter(pk=draft.pk).update(
                    status="sent", message=message, sent_at=timezone.now(), late_by=timedelta(minutes=1)
                )
