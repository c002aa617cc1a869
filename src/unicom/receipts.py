"""Take in receipts: how far what we sent has come, also where they come early or clear up a doubt."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from unicom import jobs, statuses
from unicom.errors import AnomalousPayload
from unicom.ids import bounded
from unicom.models import Channel, Delivery, Message
from unicom.types import StatusChanged

EARLY = timedelta(minutes=10)
"""For how long a receipt may wait for the send it is about."""


def take(channel: Channel, event: StatusChanged) -> bool:
    """Apply a receipt, or keep it until what it is about has been written; False where it is about nothing of ours.

    Raises AnomalousPayload for such a one where nobody else writes through the channel.
    """
    mine = Delivery.objects.filter(channel=channel, external_id=event.external_id)
    sent = mine.filter(act="send")
    delivery = sent.first() or _doubtful(channel, event)
    if delivery is None:
        under_way = Delivery.objects.filter(channel=channel, state__in=("sending", "unknown"), act="send").exists()
        # Once more: it may have been written between the two looks.
        delivery = sent.first()
    if delivery is None:
        if under_way:
            # It may be of a call whose outcome we have not written yet.
            jobs.enqueue(
                "receipt",
                bounded(f"{channel.pk}:{event.external_id}:{event.status}"),
                {
                    "channel": channel.pk,
                    "external_id": event.external_id,
                    "status": event.status,
                    "at": event.timestamp.isoformat() if event.timestamp else None,
                    "error": event.error,
                    "code": event.code,
                    "details": dict(event.details),
                    "suppress": [event.suppress, event.suppress_scope],
                    "until": (timezone.now() + EARLY).isoformat(),
                },
                delay=timedelta(seconds=2),
            )
            return True
        if event.is_shared or mine.exists():
            return False
        raise AnomalousPayload(f"A status for {event.external_id!r}, which this channel did not send.")
    statuses.receipt(
        delivery, event.status, at=event.timestamp, error=event.error, code=event.code, details=event.details
    )
    suppress = event.suppress or (statuses.softly_bounced(delivery) if event.is_soft else "")
    if suppress:
        statuses.suppress(delivery, suppress, event.suppress_scope)
    return True


def _doubtful(channel: Channel, event: StatusChanged) -> Delivery | None:
    """Return the delivery a receipt names by our own id, where it was not known whether it had arrived; now it is.

    One that is queued again is not sent again, then.
    """
    if not event.delivery_id.isdigit() or len(event.delivery_id) > 18:
        return None
    mine = Delivery.objects.filter(pk=int(event.delivery_id), channel=channel, act="send", external_id=None)
    delivery = mine.select_for_update(of=("self",)).filter(state__in=("queued", "unknown", "failed")).first()
    if delivery is None:
        return None
    mine.update(external_id=event.external_id)
    delivery.external_id = event.external_id
    if delivery.part == 0:
        Message.objects.filter(pk=delivery.message_id, external_id=None).update(external_id=event.external_id)
    return delivery
