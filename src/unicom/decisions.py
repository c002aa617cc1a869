"""Carry out what a person decides of deliveries: send again, give up, cancel."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from unicom import jobs, statuses
from unicom.models import Delivery, HeldMessage, Message
from unicom.outbox import QUEUE, TORN
from unicom.types import CANCELLED, FAILED, QUEUED, UNKNOWN


def resend(delivery: Delivery) -> bool:
    """Queue a delivery again that failed or may not have arrived; False where it is neither. A person's decision."""
    with transaction.atomic():
        changed = Delivery.objects.filter(pk=delivery.pk, state__in=(UNKNOWN, FAILED)).update(
            state=QUEUED,
            next_attempt_at=timezone.now(),
            first_attempt_at=None,
            attempts=0,
            crashes=0,
            finished_at=None,
            at_front=True,
        )
        if not changed:
            return False
        if delivery.act == "send":
            # Parts cancelled because this one failed go along; those a person cancelled do not.
            delivery.message.deliveries.filter(
                act="send", state=CANCELLED, error=TORN, part__gt=delivery.part, recipient=delivery.recipient
            ).update(state=QUEUED, next_attempt_at=timezone.now(), finished_at=None, error="", at_front=False)
            Message.objects.filter(pk=delivery.message_id).update(status=QUEUED, error="")
        jobs.wake(chat_id=delivery.chat_id)
    return True


def dismiss(delivery: Delivery) -> bool:
    """Close a delivery that may not have arrived, as given up; False where there is nothing to close."""
    with transaction.atomic():
        changed = Delivery.objects.filter(pk=delivery.pk, state=UNKNOWN).update(
            state=FAILED, error="dismissed: nobody knows whether it arrived", finished_at=timezone.now()
        )
        if changed:
            message = Message.objects.get(pk=delivery.message_id)
            statuses.refold(message, delivery, error="dismissed: nobody knows whether it arrived")
    return bool(changed)


def cancel(message: Message) -> bool:
    """Cancel what of a message is not under way yet; False where nothing could be cancelled."""
    with transaction.atomic():
        changed = message.deliveries.filter(state=QUEUED).update(state=CANCELLED, finished_at=timezone.now())
        if changed:
            message.refresh_from_db()
            statuses.refold(message, None)
            QUEUE.promote(message.chat_id)
        elif HeldMessage.objects.filter(message=message).delete()[0]:
            # It waited for the person to write first, and has no deliveries yet.
            changed = Message.objects.filter(pk=message.pk, status=QUEUED).update(status=CANCELLED)
            message.refresh_from_db()
    return bool(changed)
