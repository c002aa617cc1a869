"""Prove that webhooks and receipts lead to the same end, however often and in whatever order they come."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unicom.inbound import ingest
from unicom.models import Channel, Job, Message, Request, Update
from unicom.testing import drain
from unicom.testing.memory import Wire, sent
from unicom.types import ContactChanged, Person

MESSAGES = [{"id": n, "chat": f"chat{n % 2}", "sender": f"person{n % 2}", "text": f"text {n}"} for n in range(1, 5)]
RECEIPTS = [{"status": status, "of": f"memory:{n}"} for n in (1, 2) for status in ("sent", "delivered", "seen")]
EVENTS: list[dict[str, Any]] = [*MESSAGES, *RECEIPTS]


@st.composite
def _courses(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw every event at least once, some several times, in any order, some of them together in one webhook."""
    again = draw(st.lists(st.sampled_from(EVENTS), max_size=8))
    course: list[dict[str, Any]] = draw(st.permutations([*EVENTS, *again]))
    return course


def _end(channel: Channel) -> dict[str, Any]:
    incoming, outgoing = Message.objects.filter(is_outgoing=False), Message.objects.filter(is_outgoing=True)
    return {
        "in": sorted(incoming.values_list("external_id", "text", "chat__external_id", "sender_id")),
        "requests": Request.objects.filter(status="QUEUED").count(),
        "jobs": sorted(Job.objects.values_list("kind", "state")),
        "out": sorted(outgoing.values_list("external_id", "status", "delivered", "seen")),
        "numbers": [
            list(chat.messages.order_by("seq").values_list("seq", flat=True)) == list(range(1, chat.last_seq + 1))
            for chat in channel.chats.all()
        ],
        "dead": Update.objects.filter(state="dead").count(),
    }


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(course=_courses(), together=st.integers(1, 3))
def test_any_number_and_order_of_webhooks_and_receipts_ends_the_same(
    memory_channel: Channel, unicom_sent: Wire, course: list[dict[str, Any]], together: int
) -> None:
    sent.clear()
    for rows in (Job, Update):
        rows._default_manager.all().delete()
    memory_channel.chats.all().delete()
    memory_channel.receipts.all().delete()
    for number in (1, 2):
        memory_channel.send_message({"chat_id": f"chat{number}", "text": "out"})
    drain()
    for start in range(0, len(course), together):
        answer = Client().post(
            f"/unicom/webhook/Memory/{memory_channel.pk}/",
            json.dumps(course[start : start + together]),
            content_type="application/json",
            headers={"X-Secret": "secret"},
        )
        assert answer.status_code == 200
    drain()
    assert _end(memory_channel) == {
        "in": [(str(n), f"text {n}", f"chat{n % 2}", f"memory_person{n % 2}") for n in range(1, 5)],
        "requests": 4,
        "jobs": [("message", "done")] * 4,
        "out": [("memory:1", "seen", True, True), ("memory:2", "seen", True, True)],
        "numbers": [True, True, True],
        "dead": 0,
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(news=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=8).flatmap(st.permutations))
def test_leaving_and_coming_back_end_as_the_newest_news_says(
    memory_channel: Channel, news: list[tuple[int, bool]]
) -> None:
    """Of the same second the coming back counts: a contact that left after all refuses the next message anyway."""
    memory_channel.suppressions.all().delete()
    memory_channel.receipts.all().delete()
    began = datetime(2026, 11, 27, tzinfo=UTC)
    for second, reachable in news:
        event = ContactChanged(
            sender=Person(external_id="ann"), reachable=reachable, timestamp=began + timedelta(seconds=second)
        )
        ingest(memory_channel, [event])
    _, is_reachable = max(news)
    assert memory_channel.suppressions.count() == (0 if is_reachable else 1)
