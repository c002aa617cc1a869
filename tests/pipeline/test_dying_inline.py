"""Where everything runs in the caller and no worker sweeps: what a killed process left behind silences nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from unicom import jobs, outbox
from unicom.models import Delivery, Job
from unicom.signals import message_received
from unicom.types import DeliveryResult
from unicom.workers import oldest_due

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def inline(settings):
    """Run everything in the caller."""
    settings.UNICOM_EXECUTOR = "inline"


def let_die(rows: Any) -> None:
    """Have the lease of what is under way run out."""
    assert rows.update(lease_until=timezone.now() - timedelta(minutes=10))


def test_the_next_send_settles_what_was_under_way_and_goes(settings, chat, wire):
    """What may have arrived is unknown, and the chat goes on."""
    settings.UNICOM_EXECUTOR = "worker"
    lost = chat.send_message({"text": "lost"})
    outbox.claim(1)
    settings.UNICOM_EXECUTOR = "inline"
    let_die(Delivery.objects.filter(state="sending"))
    following = chat.send_message({"text": "next"})
    lost.refresh_from_db()
    assert (lost.status, following.status) == ("unknown", "sent")
    assert [part.text for part in wire.parts] == ["next"]


def test_a_send_that_goes_at_once_asks_for_no_dead(chat, wire):
    """The look for them costs only where the chat was found busy."""
    chat.send_message({"text": "1"})
    with CaptureQueriesContext(connection) as queries:
        chat.send_message({"text": "2"})
    assert not any("lease_until" in query["sql"].partition("WHERE")[2] for query in queries if "<" in query["sql"])
    assert len(wire.parts) == 2


def test_the_next_message_of_a_chat_is_reacted_to_after_a_receiver_was_killed(channel, post, connect, settings):
    """The killed one is queued again, with the crash counted."""
    settings.UNICOM_EXECUTOR = "worker"
    heard = []
    connect(message_received, lambda message, **_: heard.append(message.text))
    post(channel, {"id": 1, "chat": "room", "sender": "ann", "text": "kills"})
    assert len(jobs.claim(1)) == 1
    settings.UNICOM_EXECUTOR = "inline"
    let_die(Job.objects.filter(state="running"))
    post(channel, {"id": 2, "chat": "room", "sender": "ann", "text": "next"})
    assert heard == ["next"]
    assert list(Job.objects.order_by("id").values_list("state", "crashes")) == [("queued", 1), ("done", 0)]


def test_what_cannot_be_written_is_unknown_here_too(chat, wire, monkeypatch):
    """And not under way for ever."""
    chat.send_message({"text": "1"})
    taken = DeliveryResult(external_id="memory:1")
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "deliver", lambda delivery: outbox.Outcome(result=taken))
        twice = chat.send_message({"text": "2"})
    assert (twice.status, twice.deliveries.get().error_code) == ("unknown", "unwritable")
    assert chat.send_message({"text": "3"}).status == "sent"


@pytest.mark.parametrize("kind", [Delivery, Job])
def test_the_check_counts_what_was_left_under_way(chat, channel, post, settings, kind):
    """Nobody does it, and nobody will."""
    settings.UNICOM_EXECUTOR = "worker"
    if kind is Delivery:
        chat.send_message({"text": "x"})
        outbox.claim(1)
    else:
        post(channel, {"id": 1, "chat": "room", "sender": "ann", "text": "x"})
        jobs.claim(1)
    assert oldest_due() is None
    let_die(kind.objects.filter(state__in=("sending", "running")))
    waiting = oldest_due()
    assert waiting is not None and timedelta(minutes=9) < waiting < timedelta(minutes=11)
