"""What is learnt late counts: a call that succeeded after all is not made again, and nobody waits behind it."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from tests.pipeline.simultaneous import at_once
from unicom import decisions, outbox, statuses
from unicom.inbound import ingest
from unicom.models import Channel, Delivery, Message
from unicom.testing.memory import Wire
from unicom.types import Conversation, MessageReceived, Person


def _lose_the_lease(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert outbox.recover() == 1


@pytest.mark.parametrize("on_unknown", ["ask", "resend"])
def test_a_slow_workers_success_spares_the_message_a_second_sending(
    shared_channel: Channel, unicom_sent: Wire, on_unknown: str
) -> None:
    """Queued again by the sweep or by a person, and not taken yet: it has arrived, so it is not sent again."""
    shared_channel.config = {"ON_UNKNOWN": on_unknown}
    shared_channel.save()
    message = shared_channel.send_message({"chat_id": "one", "text": "1"})
    following = shared_channel.send_message({"chat_id": "one", "text": "2"})
    (slow,) = outbox.claim(1)
    outcome = outbox.deliver(slow)
    _lose_the_lease(slow)
    if on_unknown == "ask":
        assert decisions.resend(Delivery.objects.get(pk=slow.pk))
    assert Delivery.objects.get(pk=slow.pk).state == "queued"
    outbox.record(slow, outcome)
    message.refresh_from_db()
    assert (message.status, message.external_id, message.error) == ("sent", "memory:1", "")
    (second,) = outbox.claim(1)
    outbox.record(second, outbox.deliver(second))
    assert [part.text for part in unicom_sent.parts] == ["1", "2"]
    following.refresh_from_db()
    assert following.status == "sent"


def test_what_was_cancelled_and_had_gone_out_already_counts_as_sent(shared_channel: Channel, unicom_sent: Wire) -> None:
    shared_channel.config = {"ON_UNKNOWN": "resend"}
    shared_channel.save()
    message = shared_channel.send_message({"chat_id": "one", "text": "1"})
    (slow,) = outbox.claim(1)
    outcome = outbox.deliver(slow)
    _lose_the_lease(slow)
    assert decisions.cancel(message)
    outbox.record(slow, outcome)
    message.refresh_from_db()
    assert (message.status, message.sent) == ("sent", True)


def test_a_receipt_for_what_is_queued_again_settles_it_and_lets_the_next_go(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    message = shared_channel.send_message({"chat_id": "one", "text": "1"})
    (delivery,) = outbox.claim(1)
    outbox.record(delivery, outbox.deliver(delivery))
    delivery.refresh_from_db()
    with transaction.atomic():
        assert statuses.receipt(delivery, "failed", at=None, error="no such number")
    assert decisions.resend(delivery)
    shared_channel.send_message({"chat_id": "one", "text": "2"})
    delivery.refresh_from_db()
    with transaction.atomic():
        assert statuses.receipt(delivery, "delivered", at=None)
    message.refresh_from_db()
    assert message.status == "delivered"
    (second,) = outbox.claim(1)
    assert second.payload["text"] == "2"


def test_sending_again_brings_back_what_failed_with_it_and_not_what_a_person_cancelled(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    message = shared_channel.send_message({"chat_id": "one", "text": "x" * 2500})
    (first,) = outbox.claim(1)
    _lose_the_lease(first)
    assert decisions.cancel(message)
    assert decisions.resend(first)
    assert list(message.deliveries.order_by("part").values_list("state", flat=True)) == [
        "queued", "cancelled", "cancelled",
    ]  # fmt: skip


def test_the_first_parts_id_is_the_messages_whichever_is_known_first(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    """An edit of the text is about the first part."""
    message = shared_channel.send_message({"chat_id": "one", "text": "x" * 1500})
    (first,) = outbox.claim(1)
    _lose_the_lease(first)
    (second,) = outbox.claim(1)
    outbox.record(second, outbox.deliver(second))
    assert Message.objects.get(pk=message.pk).external_id is None
    decisions.resend(first)
    (first,) = outbox.claim(1)
    outbox.record(first, outbox.deliver(first))
    message.refresh_from_db()
    assert (message.external_id, message.status) == ("memory:2", "sent")


def test_an_answer_does_not_wait_for_the_receipt_of_what_it_answers(shared_channel: Channel, unicom_sent: Wire) -> None:
    """It holds the chat while it waits, and whoever holds the message may want the chat: they would wait for ever."""
    message = shared_channel.send_message({"chat_id": "one", "text": "1"})
    (delivery,) = outbox.claim(1)
    outbox.record(delivery, outbox.deliver(delivery))
    delivery.refresh_from_db()
    answer = MessageReceived(
        conversation=Conversation(external_id="one"), sender=Person(external_id="ann"), text="!", reply_to="memory:1"
    )

    def receive() -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '3s'")
        ingest(shared_channel, [answer])

    with ExitStack() as held:
        if connection.vendor == "postgresql":  # elsewhere one writes at a time, and nobody waits with half of it done
            held.enter_context(transaction.atomic())
            assert statuses.receipt(delivery, "delivered", at=None)
        assert at_once([receive]) == [None]
    assert message.replies.get().text == "!"


def test_a_machine_whose_clock_is_behind_keeps_its_lease(shared_channel: Channel, unicom_sent: Wire) -> None:
    """Leases run by the database's clock; of SQLite that is the machine's own."""
    minutes = 2 if connection.vendor == "postgresql" else 0
    shared_channel.send_message({"chat_id": "one", "text": "1"})
    with time_machine.travel(timezone.now() - timedelta(minutes=minutes)):
        Delivery.objects.update(next_attempt_at=timezone.now())
        (delivery,) = outbox.claim(1)
        assert outbox.QUEUE.renew(delivery)
    assert outbox.recover() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
        assert outbox.recover() == 0, "nor does another's that is ahead take it away"
    _lose_the_lease(delivery)
