"""A message of several parts is delivered whole, each part once, and goes on where it was interrupted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from unicom import decisions, outbox
from unicom.errors import DeliveryError
from unicom.models import Delivery
from unicom.statuses import fold

pytestmark = pytest.mark.django_db

LONG = "".join(str(number) * 1000 for number in range(5))


@pytest.fixture
def message(chat):
    """Return a message of five parts, not delivered yet."""
    return chat.send_message({"text": LONG})


def states(message) -> list[str]:
    """Return the states of its parts, in order."""
    return list(message.deliveries.order_by("part").values_list("state", flat=True))


def test_nothing_is_cropped(message, wire, drain):
    """Five parts, in order, in one piece at the other end."""
    drain()
    assert "".join(part.text for part in wire.parts) == LONG
    message.refresh_from_db()
    assert (message.status, message.text) == ("sent", LONG)
    assert message.external_id == message.deliveries.get(part=0).external_id
    assert message.seq == 1


@pytest.mark.parametrize("done", range(5))
def test_a_crash_after_a_part_resumes_at_the_next(message, wire, drain, later, done):
    """What was recorded as sent is never sent again; the part in flight is unknown where repeats are not noticed."""
    for _ in range(done):
        (delivery,) = outbox.claim(1)
        outbox.record(delivery, outbox.deliver(delivery))
    (lost,) = outbox.claim(1)
    assert lost.part == done
    Delivery.objects.filter(pk=lost.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert outbox.recover() == 1
    assert states(message)[: done + 1] == ["sent"] * done + ["unknown"]
    drain()
    assert [part.text[0] for part in wire.parts] == [str(n) for n in range(5) if n != done]
    message.refresh_from_db()
    assert message.status == "unknown", "as far as its least part"
    assert decisions.resend(message.deliveries.get(part=done))
    drain()
    message.refresh_from_db()
    assert message.status == "sent"


def test_a_worker_that_died_between_two_parts_costs_nothing(message, wire, drain):
    """No lease was held: the next worker goes on."""
    for _ in range(2):
        (delivery,) = outbox.claim(1)
        outbox.record(delivery, outbox.deliver(delivery))
    message.refresh_from_db()
    assert message.status == "sending"
    drain()
    assert "".join(part.text for part in wire.parts) == LONG


def test_parts_after_one_that_failed_are_cancelled_and_the_next_message_goes(message, chat, wire, drain):
    """They would arrive as a torn message."""
    following = chat.send_message({"text": "next"})
    wire.faults += [DeliveryError("x", retryable=True)]
    (first,) = outbox.claim(1)
    wire.faults.clear()
    outbox.record(first, outbox.deliver(first))
    wire.faults.append(DeliveryError("refused"))
    drain()
    message.refresh_from_db()
    following.refresh_from_db()
    assert states(message) == ["sent", "failed", "cancelled", "cancelled", "cancelled"]
    assert (message.status, message.error) == ("failed", "refused")
    assert following.status == "sent"
    assert [part.text[:1] for part in wire.parts] == ["0", "n"]


def test_resending_a_failed_part_takes_the_cancelled_ones_along(message, wire, drain):
    """In their order, and no part that arrived is repeated."""
    (first,) = outbox.claim(1)
    outbox.record(first, outbox.deliver(first))
    wire.faults.append(DeliveryError("refused"))
    drain()
    assert decisions.resend(message.deliveries.get(part=1)) is True
    drain()
    assert "".join(part.text for part in wire.parts) == LONG
    message.refresh_from_db()
    assert (message.status, message.error) == ("sent", "")


def test_buttons_are_on_the_last_part_alone(chat, wire, drain):
    """Where the reader ends."""
    chat.send_message({"text": LONG, "buttons": [[{"text": "Yes", "callback_data": 1}]]})
    drain()
    assert [bool(part.buttons) for part in wire.parts] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([], "cancelled"),
        ([("cancelled", "")], "cancelled"),
        ([("sent", ""), ("queued", "")], "sending"),
        ([("queued", ""), ("queued", "")], "queued"),
        ([("sent", ""), ("seen", ""), ("delivered", "")], "sent"),
        ([("seen", ""), ("seen", "")], "seen"),
        ([("sent", ""), ("failed", ""), ("cancelled", "")], "failed"),
        ([("unknown", ""), ("sent", "")], "unknown"),
        ([("sent", "a@x"), ("failed", "b@x")], "sent"),
        ([("failed", "a@x"), ("bounced", "b@x")], "failed"),
        ([("bounced", "a@x"), ("bounced", "b@x")], "bounced"),
        ([("delivered", "a@x"), ("bounced", "b@x")], "delivered"),
    ],
)
def test_a_message_is_as_far_as_its_least_part(rows, status):
    """And of recipients all must have failed."""
    assert fold(rows) == status
    assert fold(list(reversed(rows))) == status
