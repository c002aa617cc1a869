"""Forget what has done its service: receipts, raw payloads, finished jobs, keys and buttons, by age, in batches."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from unicom.conf import settings
from unicom.models import CallbackExecution, IdempotencyKey, InboundReceipt, Job, Pace, Update, WorkerHeartbeat

BATCH = 1000


def expired() -> list[QuerySet]:  # type: ignore[type-arg]
    """Return what may go, each in an order its index has; dead letters and parked jobs stay until somebody saw them."""
    now = timezone.now()

    def before(days: int) -> object:
        return now - timedelta(days=days)

    a_day_ago = time.time() - 86_400
    handled = (Update.State.KEPT, Update.State.REPLAYED, Update.State.DISCARDED)
    return [
        InboundReceipt.objects.filter(created_at__lt=before(settings.UNICOM_KEEP_RECEIPTS_DAYS)).order_by("created_at"),
        Update.objects.filter(state__in=handled, created_at__lt=before(settings.UNICOM_KEEP_UPDATES_DAYS)).order_by(
            "created_at"
        ),
        Job.objects.filter(state=Job.State.DONE, finished_at__lt=before(settings.UNICOM_KEEP_JOBS_DAYS)).order_by("id"),
        IdempotencyKey.objects.filter(created_at__lt=before(settings.UNICOM_KEEP_KEYS_DAYS)).order_by("created_at"),
        CallbackExecution.objects.filter(
            message__isnull=True, created_at__lt=before(settings.UNICOM_KEEP_KEYS_DAYS)
        ).order_by("created_at"),
        Pace.objects.filter(open_at__lt=a_day_ago, tat__lt=a_day_ago, channel__isnull=True).order_by("open_at"),
        WorkerHeartbeat.objects.filter(seen_at__lt=before(1)).order_by("seen_at"),
    ]


def trim(*, batches: int = 100) -> int:
    """Delete what is too old, at most so many batches of each kind; returns how many rows went. Idempotent."""
    gone = 0
    for rows in expired():
        for _ in range(batches):
            batch = list(rows.values_list("pk", flat=True)[:BATCH])
            if batch:
                gone += rows.model._default_manager.filter(pk__in=batch).delete()[0]
            if len(batch) < BATCH:
                break
    return gone
