"""Statuses only move forward, whatever the order and number of receipts; the documented fields follow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from unicom import statuses
from unicom.models import Chat, Delivery, Job, Message
from unicom.signals import message_status_changed
from unicom.types import RANK

pytestmark = pytest.mark.django_db

NAMES = ["sent", "delivered", "seen", "failed", "bounced"]


@pytest.fixture
def message(chat: Chat, drain: Callable[[], int]) -> Message:
    """Return a message that was handed over."""
    message = chat.send_message({"text": "x"})
    drain()
    message.refresh_from_db()
    return message


def booleans(message: Message) -> tuple[bool, bool, bool]:
    """Return the documented three."""
    return message.sent, message.delivered, message.seen


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sent", (True, False, False)), ("delivered", (True, True, False)), ("seen", (True, True, True))],
)
def test_a_receipt_raises_the_status_and_the_documented_fields(message, channel, post, name, expected):
    """Who has seen it has got it, also where the receipt for that never came."""
    assert post(channel, {"status": name, "of": message.external_id}).status_code == 200
    message.refresh_from_db()
    assert message.status == name
    assert booleans(message) == expected
    assert tuple(bool(value) for value in (message.time_sent, message.time_delivered, message.time_seen)) == expected


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(receipts=st.lists(st.sampled_from(NAMES), max_size=6))
@example(receipts=["seen", "delivered", "sent", "failed", "bounced"])
@example(receipts=["failed", "sent", "delivered"])
def test_in_any_order_and_number_statuses_only_move_forward(chat, channel, post, drain, receipts):
    """The end is the furthest that was reported, and nothing on the way steps back."""
    message = chat.send_message({"text": "x"})
    drain()
    message.refresh_from_db()
    furthest = "sent"
    times: dict[str, datetime | None] = {}
    for name in receipts:
        assert post(channel, {"status": name, "of": message.external_id}).status_code == 200
        furthest = max(furthest, name, key=lambda state: RANK[state])
        message.refresh_from_db()
        assert message.status == furthest
        assert message.deliveries.get().state == furthest
        for field in ("time_sent", "time_delivered", "time_seen"):
            value = getattr(message, field)
            assert times.get(field) in (None, value), "a time once known stays"
            times[field] = value
        assert booleans(message) == tuple(sorted(booleans(message), reverse=True))
    assert not channel.updates.exists()
    assert message.sent is True


def test_the_times_are_the_platform_s_own(message):
    """The receipt says when; a repeat or a late one changes nothing."""
    delivery = message.deliveries.get()
    moment = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert statuses.receipt(delivery, "delivered", at=moment) is True
    assert statuses.receipt(delivery, "seen", at=moment + timedelta(minutes=1)) is True
    assert statuses.receipt(delivery, "seen", at=moment + timedelta(days=1)) is False
    assert statuses.receipt(delivery, "delivered", at=moment + timedelta(days=1)) is False
    message.refresh_from_db()
    assert (message.time_delivered, message.time_seen) == (moment, moment + timedelta(minutes=1))


def test_a_platform_may_accept_and_then_fail(message, channel, post):
    """``failed`` after ``sent`` is news, with its reason; ``delivered`` after that too: one device may get it."""
    delivery = message.deliveries.get()
    statuses.receipt(delivery, "failed", at=None, error="number not on the platform", code="131026")
    message.refresh_from_db()
    assert (message.status, message.error) == ("failed", "number not on the platform")
    assert (delivery.error, delivery.error_code) == ("number not on the platform", "131026")
    statuses.receipt(delivery, "delivered", at=None)
    message.refresh_from_db()
    assert (message.status, message.error, message.delivered) == ("delivered", "", True)


def test_a_receipt_that_outruns_its_own_delivery_is_kept(chat, channel, post, wire, drain):
    """The platform may report before we have recorded; recording then does not step back."""
    from unicom import outbox

    message = chat.send_message({"text": "x"})
    (delivery,) = outbox.claim(1)
    outcome = outbox.deliver(delivery)
    assert outcome.result is not None
    response = post(channel, {"status": "seen", "of": outcome.result.external_id})
    assert response.status_code == 200
    outbox.record(delivery, outcome)
    message.refresh_from_db()
    assert message.status in ("sent", "seen")
    if message.status == "sent":
        # It came before its message was known here: a job waits for that, and then applies it.
        Job.objects.filter(kind="receipt").update(next_attempt_at=timezone.now())
        drain()
        message.refresh_from_db()
    assert message.status == "seen"


def test_a_receipt_for_what_this_channel_did_not_send_is_a_dead_letter(channel, post):
    """Kept with the reason, and 200 for the platform."""
    assert post(channel, {"status": "seen", "of": "nobody's"}).status_code == 200
    assert "did not send" in channel.updates.get().error


def test_receipts_of_several_parts_fold_to_the_least(chat, drain, channel, post):
    """A message is seen when all of it was."""
    message = chat.send_message({"text": "x" * 1500})
    drain()
    first, second = message.deliveries.order_by("part")
    post(channel, {"status": "seen", "of": first.external_id})
    message.refresh_from_db()
    assert message.status == "sent" and not message.seen
    post(channel, {"status": "seen", "of": second.external_id})
    message.refresh_from_db()
    assert message.status == "seen" and message.seen


def listen(connect: Callable[..., object]) -> list[tuple[str, str]]:
    """Collect (previous, status) of every change."""
    heard: list[tuple[str, str]] = []

    def receiver(sender, message, delivery, previous, **_):
        assert sender is Message and isinstance(delivery, Delivery)
        heard.append((previous, message.status))

    connect(message_status_changed, receiver)
    return heard


def test_message_status_changed_tells_each_step_once_in_order(chat, channel, post, drain, connect):
    """Sent with ``message``, ``delivery`` and ``previous``."""
    heard = listen(connect)
    message = chat.send_message({"text": "x"})
    drain()
    message.refresh_from_db()
    for name in ("delivered", "delivered", "seen", "delivered"):
        post(channel, {"status": name, "of": message.external_id})
        drain()
    assert heard == [("queued", "sent"), ("sent", "delivered"), ("delivered", "seen")]


def test_message_status_changed_tells_of_failures(chat, drain, connect, wire):
    """A failed delivery does not raise; it is on the row, and on the signal."""
    from unicom.errors import DeliveryError

    heard = listen(connect)
    wire.faults += [DeliveryError("no"), DeliveryError("maybe", ambiguous=True)]
    chat.send_message({"text": "one"})
    chat.send_message({"text": "two"})
    drain()
    assert heard == [("queued", "failed"), ("queued", "unknown")]


def test_a_raising_status_receiver_is_retried_and_costs_the_message_nothing(chat, drain, connect, later):
    """It runs from a job as all receivers do."""
    heard = []

    def receiver(message, **_):
        heard.append(message.status)
        if len(heard) == 1:
            raise ValueError

    connect(message_status_changed, receiver)
    message = chat.send_message({"text": "x"})
    drain()
    message.refresh_from_db()
    assert message.status == "sent"
    later()
    drain()
    assert heard == ["sent", "sent"]


def test_times_are_right_when_the_time_zone_is_not_utc(settings, chat, drain):
    """Known failure 20: times are right when TIME_ZONE is not UTC."""
    from django.utils import timezone

    settings.TIME_ZONE = "Pacific/Auckland"
    before = datetime.now(UTC)
    message = chat.send_message({"text": "x"})
    drain()
    message.refresh_from_db()
    for moment in (message.timestamp, message.time_sent, message.created_at, message.chat.created_at):
        assert timezone.is_aware(moment)
        assert before - timedelta(seconds=1) <= moment <= datetime.now(UTC)


def test_a_platform_s_time_stays_the_moment_it_was(settings, internal):
    """Known failure 20: an offset in the payload, and a server's own zone, change nothing."""
    settings.TIME_ZONE = "America/New_York"
    message = internal.receive_message(
        {"sender": "ann", "chat": "room", "text": "x", "timestamp": "2024-07-01T12:00:00+05:30"}
    )
    message.refresh_from_db()
    assert message.timestamp == datetime(2024, 7, 1, 6, 30, tzinfo=UTC)
