"""Stop a channel that cannot deliver without losing its queue, look after it, and let it go on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from unicom.errors import EncryptionKeyError, UnknownPlatform
from unicom.models import Channel

logger = logging.getLogger("unicom")

SOONEST, LATEST = timedelta(minutes=1), timedelta(minutes=15)
"""How long a channel that is down is left alone before it is tried again: at first, and at most."""


def channel_down(channel_id: int, reason: str) -> None:
    """Stop a channel's queue without losing it, and have it tried again by and by."""
    from unicom import jobs

    since = timezone.now()
    with transaction.atomic():
        if Channel.objects.filter(pk=channel_id, down_since=None).update(down_since=since, error=reason):
            logger.error("Channel %s is down: %s", channel_id, reason)
            # A job for each time it goes down: the last one's may still be under way, or wait much longer.
            args = {"channel": channel_id, "since": since.isoformat()}
            jobs.enqueue("recheck", f"{channel_id}:{since.isoformat()}", args, delay=SOONEST)


def readable(channels: QuerySet[Channel], *, otherwise: Callable[[int, str], object] = channel_down) -> list[Channel]:
    """Return those channels whose secrets a key opens, so that one which none opens does not stop the others.

    Of each other ``otherwise`` is told the id and the reason; left to itself it is down from then on.
    """
    try:
        return list(channels)
    except EncryptionKeyError:
        pass  # whose they are is found out one by one
    field: Any = Channel._meta.get_field("config")
    found: list[Channel] = []
    # As text it stays encrypted.
    for channel in channels.defer("config").annotate(sealed=Cast("config", TextField())):
        try:
            channel.config = field.from_db_value(channel.sealed, None, None)
        except EncryptionKeyError as error:
            otherwise(channel.pk, str(error))
        else:
            found.append(channel)
    return found


def channel_recovered(channel_id: int) -> None:
    """Let a channel's queue go on."""
    from unicom import jobs
    from unicom.models import Delivery

    Channel.objects.filter(pk=channel_id).update(down_since=None)
    waiting = Delivery.objects.filter(channel_id=channel_id, state="queued", at_front=True).order_by("id")
    # The rest is the worker's; inline, the first few show at once that it works again.
    for chat_id in waiting.values_list("chat_id", flat=True)[:10]:
        jobs.wake(chat_id=chat_id)


def look_around() -> None:
    """Have every channel asked how it is, each where its platform can be."""
    from unicom import jobs
    from unicom.platforms import adapter_class
    from unicom.platforms.base import Adapter

    for pk, platform in Channel.objects.filter(active=True, down_since=None).values_list("pk", "platform"):
        try:
            cls = adapter_class(platform)
        except UnknownPlatform:
            continue
        if cls.health is not Adapter.health:
            jobs.enqueue("health", str(pk), {"channel": pk})


def next_try(down_for: timedelta) -> timedelta:
    """Return how long to leave a channel alone that has been down for so long: as long again, within bounds."""
    return min(max(down_for, SOONEST), LATEST)
