"""Know which messages were changed or deleted since a visitor last looked, so that whoever was away hears of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from unicom.models import Chat, Message

MOST = 1000
"""How many changes one answer tells of; who missed more reads pages again."""
LATE = timedelta(seconds=30)
"""How much earlier a moment is told than it is: a change is made before it is committed; hearing twice is harmless."""
# A change of these alone shows in no message's wire shape.
UNSEEN = frozenset(
    ["status", "error", "external_id", "sent", "delivered", "seen", "time_sent", "time_delivered", "time_seen", "seq"]
)


def shows(fields: frozenset[str]) -> bool:
    """Tell whether a visitor could see the difference; columns that were changed, none where nobody knows which."""
    return not fields or not fields <= UNSEEN


def note(message_id: str, fields: frozenset[str]) -> None:
    """Write down that a message was changed, in the transaction that changes it."""
    if shows(fields):
        Message.objects.filter(pk=message_id).update(changed_at=timezone.now())


def moment() -> datetime:
    """Return from when on to ask next time; to be taken before the rows are read."""
    return timezone.now() - LATE


def since(chat: Chat, when: datetime, *, until: int) -> tuple[list[Message], bool]:
    """Return what of the messages up to a number was changed or deleted, in their order, and whether there is more."""
    changed = Message.objects.filter(chat=chat, changed_at__gte=when, seq__lte=until).order_by("seq")
    found = list(changed[: MOST + 1])
    return found[:MOST], len(found) > MOST
