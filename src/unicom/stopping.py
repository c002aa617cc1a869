"""Let whoever waits for an answer call it off while it is being written."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from unicom.models import Chat


def ask_to_stop(chat_id: str) -> datetime:
    """Ask whoever is answering in a chat to stop; returns when that was. Idempotent."""
    now = timezone.now()
    Chat.objects.filter(pk=chat_id).update(stop_requested_at=now)
    return now


def is_stopped(chat_id: str, *, since: datetime) -> bool:
    """Tell whether somebody has asked to stop after ``since``, the moment at which the answer was begun."""
    return Chat.objects.filter(pk=chat_id, stop_requested_at__gte=since).exists()
