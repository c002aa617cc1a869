"""Take in receipts: how far what we sent has come, also where they come early or clear up a doubt."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from unicom import jobs, statuses, suppressions
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
    delivery = find(channel.pk, event.external_id, event.delivery_id)
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
                    "delivery_id": event.delivery_id,
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
    suppress = event.suppress or (suppressions.softly_bounced(delivery) if event.is_soft else "")
    if suppress:
        suppressions.suppress(delivery, suppress, event.suppress_scope)
    return True


def find(channel_id: int, external_id: str, delivery_id: str) -> Delivery | None:
    """Return the delivery a receipt is about, by the platform's id of it or by ours."""
    sent = Delivery.objects.filter(channel=channel_id, external_id=external_id, act="send")
    return sent.first() or _doubtful(channel_id, external_id, delivery_id)


def _doubtful(channel_id: int, external_id: str, delivery_id: str) -> Delivery | None:
    """Return the delivery a receipt names by our own id, where it was not known whether it had arrived; now it is.

    One that is queued again is not sent again, then.
    """
    if not delivery_id.isdigit() or len(delivery_id) > 18:
        return None
    mine = Delivery.objects.filter(pk=int(delivery_id), channel=channel_id, act="send", external_id=None)
    delivery = mine.select_for_update(of=("self",)).filter(state__in=("queued", "unknown", "failed")).first()
    if delivery is None:
        return None
    mine.update(external_id=external_id)
    delivery.external_id = external_id
    if delivery.part == 0:
        Message.objects.filter(pk=delivery.message_id, external_id=None).update(external_id=external_id)
    return delivery
