"""Tell whether anybody does what is due, and since when it waits."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Min
from django.utils import timezone

from unicom.models import Delivery, Job, WorkerHeartbeat

SILENT = timedelta(seconds=60)
"""After how long without a heartbeat a worker counts as gone."""


def workers_alive() -> int:
    """Return how many workers have shown a heartbeat of late."""
    return WorkerHeartbeat.objects.filter(seen_at__gt=timezone.now() - SILENT).count()


def oldest_due() -> timedelta | None:
    """Return for how long the oldest due row waits, None where nothing is due; channels that are down do not count.

    What a dead worker left under way is due since its lease ran out: its chat waits for somebody to settle it.
    """
    now = timezone.now()
    times = [
        Delivery.objects.filter(
            state="queued", at_front=True, next_attempt_at__lte=now, channel__active=True, channel__down_since=None
        ).aggregate(first=Min("next_attempt_at"))["first"],
        Job.objects.filter(state="queued", at_front=True, next_attempt_at__lte=now).aggregate(
            first=Min("next_attempt_at")
        )["first"],
        Delivery.objects.filter(state="sending", lease_until__lt=now).aggregate(first=Min("lease_until"))["first"],
        Job.objects.filter(state="running", lease_until__lt=now).aggregate(first=Min("lease_until"))["first"],
    ]
    waiting = [now - moment for moment in times if moment is not None]
    return max(waiting) if waiting else None
