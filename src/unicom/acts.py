"""Do more with a message than sending it: take back what we sent, react to what came in."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from unicom import decisions, live
from unicom.cleaning import text_problem
from unicom.errors import InvalidMessage
from unicom.models import Delivery, Message
from unicom.outbound import opened, queue_acts
from unicom.types import CANCELLED, FAILED, QUEUED, Part


def delete(message: Message) -> Message:
    """Take back a message we sent, all parts of it; what is not under way yet is never sent.

    The row stays, with ``deleted_at`` once the platform has done it. Raises InvalidMessage where that cannot be.
    """
    adapter, problems = opened(message.channel)
    if adapter is None:
        raise InvalidMessage(problems)
    if not adapter.supports_delete:
        problems["message"] = f"{message.channel.platform} messages cannot be taken back"
    elif message.is_outgoing is not True:
        problems["message"] = f"{message.pk!r} was not sent by us; only our own messages can be taken back"
    if problems:
        raise InvalidMessage(problems)
    with transaction.atomic():
        decisions.cancel(message)
        gone = Delivery.objects.filter(message=message, act="send").exclude(state__in=(CANCELLED, FAILED, QUEUED))
        parts = dict.fromkeys(gone.order_by("part").values_list("part", flat=True), Part(act="delete"))
        if parts:
            queue_acts(message, parts, adapter)
        else:
            Message.objects.filter(pk=message.pk).update(deleted_at=timezone.now())
            live.message_changed(message, "deleted_at")
    if not transaction.get_connection().in_atomic_block:
        message.refresh_from_db()
    return message


def react(message: Message, emoji: str) -> None:
    """Give a message our one reaction, another than before, or with an empty text none; raises InvalidMessage."""
    adapter, problems = opened(message.channel)
    if adapter is None:
        raise InvalidMessage(problems)
    if not adapter.supports_reactions:
        problems["message"] = f"on {message.channel.platform} we cannot react"
    elif not message.external_id:
        problems["message"] = f"{message.pk!r} has not been delivered"
    if text_problem(emoji) or len(emoji) > 100:
        problems["emoji"] = f"an emoji is needed, not {emoji!r}"
    if problems:
        raise InvalidMessage(problems)
    with transaction.atomic():
        queue_acts(message, {0: Part(act="react", text=emoji)}, adapter)
