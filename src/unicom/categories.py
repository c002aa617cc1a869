"""Sort requests into categories, by each category's own few lines of restricted Python."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

from django.db.models import Q

from unicom import restricted
from unicom.models import Request, RequestCategory

logger = logging.getLogger("unicom")


def sort(request: Request) -> None:
    """Find the request's category, the deepest that fits, and queue it; failing code is passed over and noted."""
    request.status = Request.Status.CATEGORIZING
    notes: list[str] = []
    category: RequestCategory | None = None
    while True:
        child = _first_fit(request, category, notes)
        if child is None:
            break
        category = child
    request.category = category
    request.status = Request.Status.QUEUED
    request.error = "; ".join(notes)
    request.save(update_fields=["category", "status", "error"])


def _first_fit(request: Request, parent: RequestCategory | None, notes: list[str]) -> RequestCategory | None:
    candidates = (
        RequestCategory.objects.filter(parent=parent, is_active=True)
        .filter(Q(channels=None) | Q(channels=request.channel_id))
        .filter(_open_to(request.member_id))
        .distinct()
    )
    for category in candidates:
        if not category.processing_function.strip():
            if parent is not None or category.is_public:
                return category
            continue
        try:
            if restricted.call(category.processing_function, "process", snapshot(request)):
                return category
        except Exception as error:
            # Somebody's code in the database: its mistakes are theirs to see, and cost nobody the message.
            logger.warning("Category %s failed on request %s: %s", category.pk, request.pk, error)
            notes.append(f"category {category.name!r} failed: {type(error).__name__}: {error}")
    return None


def _open_to(member_id: int | None) -> Q:
    # Comparing with None would match the categories that name nobody.
    theirs = Q(members=member_id) | Q(groups__members=member_id) if member_id is not None else Q()
    return Q(is_public=True) | theirs if theirs else Q(is_public=True)


def snapshot(request: Request) -> SimpleNamespace:
    """Return what a category's code may see: plain values, nothing that can be saved or followed."""
    message, account, member = request.message, request.account, request.member

    def of(row: Any, *names: str) -> SimpleNamespace | None:
        return None if row is None else SimpleNamespace(**{name: getattr(row, name) for name in names})

    return SimpleNamespace(
        id=request.pk,
        platform=request.channel.platform,
        channel=of(request.channel, "id", "name", "platform"),
        message=of(message, "id", "text", "html", "subject", "media_type", "sender_name", "timestamp"),
        account=of(account, "id", "name", "username", "platform"),
        member=of(member, "id", "name", "email", "phone"),
        metadata=dict(request.metadata),
    )
