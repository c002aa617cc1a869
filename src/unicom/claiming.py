"""Choose whose turn it is and take it: each chat's first due delivery, replies first, a fair share of each channel."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import router
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from unicom import health, loading, pacing
from unicom.errors import EncryptionKeyError
from unicom.leases import BATCH, Queue
from unicom.models import Channel, Delivery, Pace
from unicom.prepared import MOMENT, NUMBER, Prepared
from unicom.types import QUEUED, SENDING

QUEUE: Queue[Delivery] = Queue(model=Delivery, waiting=QUEUED, running=SENDING, lane="chat_id", holds=Q())


def claim(limit: int = BATCH, *, chat_id: str = "") -> list[Delivery]:
    """Take due deliveries, each the first of its chat, replies first, a fair share of each channel."""
    if chat_id:
        due = QUEUE.due().filter(chat_id=chat_id, channel__active=True, channel__down_since=None)
        return QUEUE.claim(due, limit=limit, loaded=loading.claimed, admit=_admitted)
    # Channel by channel: each is one look into an index, however many messages wait.
    channels = due_channels(limit)
    try:
        return QUEUE.claim(*map(_DueOf, channels), limit=limit, loaded=loading.claimed, admit=_admitted)
    except EncryptionKeyError:
        # One channel whose secrets no key opens must not stop the others.
        return _claim_readable(channels, limit)


def _claim_readable(channels: Sequence[int], limit: int) -> list[Delivery]:
    claimed: list[Delivery] = []
    for pk in channels:
        try:
            claimed += QUEUE.claim(_DueOf(pk), limit=limit - len(claimed), loaded=loading.claimed, admit=_admitted)
        except EncryptionKeyError as error:
            health.channel_down(pk, str(error))
        if len(claimed) >= limit:
            break
    return claimed


def _due_of_a_channel() -> QuerySet[Delivery, Any]:
    waiting = QUEUE.rows().filter(state=QUEUED, at_front=True, next_attempt_at__lte=MOMENT, channel_id=NUMBER)
    ordered = QUEUE.free(waiting).order_by("priority", "next_attempt_at", "id")
    return QUEUE.locked(ordered, router.db_for_write(Delivery))[:BATCH]


@dataclass(frozen=True, slots=True)
class _DueOf:
    """Look for what is due on one channel."""

    channel_id: int

    def primary_keys(self, database: str, limit: int) -> list[int]:
        """Return the keys of the first due deliveries; those past ``limit`` are let go with the transaction."""
        rows = _DUE.rows(database, moment=timezone.now(), number=self.channel_id)
        return [row[0] for row in rows[:limit]]


_DUE = Prepared(_due_of_a_channel)


def _channels_with_work() -> QuerySet[Channel, Any]:
    waiting = QUEUE.rows().filter(state=QUEUED, at_front=True, next_attempt_at__lte=MOMENT, channel_id=OuterRef("pk"))
    closed = Pace.objects.filter(channel=OuterRef("pk"), open_at__gt=float(NUMBER))
    open_ = Channel.objects.filter(Exists(waiting), ~Exists(closed), active=True, down_since=None)
    return open_.order_by().values_list("pk", Subquery(waiting.order_by("priority").values("priority")[:1]))


_CHANNELS = Prepared(_channels_with_work)


def due_channels(limit: int) -> list[int]:
    """Return channels that have something due and may send: those with replies first, else in a random order."""
    found = _CHANNELS.rows(router.db_for_write(Delivery), moment=timezone.now(), number=pacing.database_time())
    random.shuffle(found)
    found.sort(key=lambda row: row[1])
    return [row[0] for row in found[:limit]]


def _admitted(rows: Sequence[Delivery]) -> dict[int, float | None]:
    """Take a slot of the pace for each that may be written to."""
    return pacing.admit([row for row in rows if not row.suppressed])  # type: ignore[attr-defined]


def lend_priority(delivery: Delivery) -> None:
    """Have what a delivery waits for in its chat go out as soon as it would itself: a reply must not wait for bulk."""
    earlier = Delivery.objects.filter(chat=delivery.chat_id, state=QUEUED, pk__lt=delivery.pk)
    earlier.filter(priority__gt=delivery.priority).update(priority=delivery.priority)
