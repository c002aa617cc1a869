"""Replies go before bulk, between chats and between channels, and so does what they wait for in their own chat."""

from __future__ import annotations

from django.db import transaction

from unicom import outbox
from unicom.models import Channel, Delivery
from unicom.testing.memory import Wire


def _one_by_one(most: int, unicom_sent: Wire, until: str) -> list[str]:
    """Deliver one at a time, as a worker of one thread does, until a text has gone out; returns what went out."""
    for _ in range(most):
        for delivery in outbox.claim(1):
            outbox.record(delivery, outbox.deliver(delivery))
        if unicom_sent.parts and unicom_sent.parts[-1].text == until:
            break
    return [part.text for part in unicom_sent.parts]


def test_a_reply_on_one_channel_goes_before_the_bulk_of_all_others(shared_channel: Channel, unicom_sent: Wire) -> None:
    for number in range(20):
        other = Channel.objects.create(name=f"Bulk {number}", platform="Memory", active=True)
        for count in range(3):
            other.send_message({"chat_id": f"{count}", "text": "bulk", "priority": "bulk"})
    shared_channel.send_message({"chat_id": "ann", "text": "reply", "priority": "reply"})
    assert _one_by_one(3, unicom_sent, "reply") == ["reply"]


def test_a_reply_lends_its_priority_to_what_it_waits_for_in_its_chat(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    """Somebody whom a campaign has not reached yet writes, and must not wait for the whole campaign."""
    with transaction.atomic():
        for number in range(50):
            shared_channel.send_message({"chat_id": f"chat{number}", "text": f"bulk {number}", "priority": "bulk"})
    shared_channel.send_message({"chat_id": "chat49", "text": "reply", "priority": "reply"})
    shared_channel.send_message({"chat_id": "chat49", "text": "later", "priority": "bulk"})
    assert _one_by_one(5, unicom_sent, "reply") == ["bulk 49", "reply"]
    assert Delivery.objects.get(message__text="later").priority == 20


def test_a_rolled_back_reply_lends_nothing(shared_channel: Channel, unicom_sent: Wire) -> None:
    shared_channel.send_message({"chat_id": "chat", "text": "bulk", "priority": "bulk"})
    try:
        with transaction.atomic():
            shared_channel.send_message({"chat_id": "chat", "text": "reply", "priority": "reply"})
            raise LookupError
    except LookupError:
        assert Delivery.objects.get().priority == 20
