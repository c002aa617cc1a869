"""Know whom a channel may not write to; the newest news counts, whatever came first."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from unicom import arrivals
from unicom.ids import digest
from unicom.models import Account, Channel, Delivery, InboundReceipt, Suppression
from unicom.rows import insert_if_absent
from unicom.types import BOUNCED, ContactChanged

SOFT_BOUNCES = 5
"""After how many returns an address is given up that may work another time."""
ROUNDING = timedelta(seconds=5)
"""By how much a platform's time of an event may be behind our own: most tell it in whole seconds."""


def contact_changed(channel: Channel, event: ContactChanged) -> None:
    """Note that a person stopped a channel from writing to them, or let it again, unless later news came first.

    When a contact came back is kept beside the receipts: a "left" that happened before may still be on its way.
    """
    account = arrivals.account(channel, event.sender, "")
    # One after the other: two events of one contact that come at once must end as the later of them says.
    Account.objects.select_for_update().get(pk=account.pk)
    happened = event.timestamp or timezone.now()
    key = f"reachable:{event.scope}:{digest(account.pk)}"
    came_back = InboundReceipt.objects.filter(channel=channel, key=key)
    mine = Suppression.objects.filter(channel=channel, account=account, scope=event.scope)
    if event.reachable:
        if insert_if_absent(InboundReceipt(channel=channel, key=key, created_at=happened)) or came_back.filter(
            created_at__lt=happened
        ).update(created_at=happened):
            mine.filter(created_at__lte=happened).delete()
    elif not came_back.filter(created_at__gte=happened).exists():
        reason = event.reason or "the contact left"
        row = Suppression(channel=channel, account=account, reason=reason, scope=event.scope, created_at=happened)
        if not insert_if_absent(row):
            mine.filter(created_at__lt=happened).update(created_at=happened)


def suppress(delivery: Delivery, reason: str, scope: str = "") -> None:
    """Note that whom a delivery is for is not to be written to again, or not with one kind of messages."""
    values = {"reason": reason[:255], "created_at": timezone.now() - ROUNDING}
    if delivery.recipient:
        Suppression.objects.get_or_create(channel_id=delivery.channel_id, address=delivery.recipient, defaults=values)
    elif not delivery.chat.is_group:
        for account in delivery.chat.accounts.all()[:2]:
            Suppression.objects.get_or_create(
                channel_id=delivery.channel_id, account=account, scope=scope, defaults=values
            )


def softly_bounced(delivery: Delivery) -> str:
    """Return why an address is given up whose mail keeps coming back; nothing while there is hope."""
    returned = Delivery.objects.filter(channel=delivery.channel_id, recipient=delivery.recipient, state=BOUNCED).count()
    return f"mail to it came back {returned} times" if returned >= SOFT_BOUNCES else ""
