"""Prove that writing outcomes together harms none of them, whatever happens to one."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone

from unicom import crypto, decisions, outbox, pacing
from unicom.models import Channel, Chat, Delivery, Message, Pace
from unicom.signals import message_status_changed
from unicom.testing import drain
from unicom.testing.memory import Wire
from unicom.types import DeliveryResult


def _claimed(channel: Channel, count: int) -> list[Delivery]:
    for number in range(count):
        channel.send_message({"chat_id": f"chat{number}", "text": str(number)})
    return outbox.claim(count)


def test_one_outcome_that_cannot_be_written_leaves_the_others_whole(shared_channel: Channel, unicom_sent: Wire) -> None:
    rows = sorted(_claimed(shared_channel, 3), key=lambda row: row.chat_id)
    outcomes = [(row, outbox.deliver(row)) for row in rows]
    # The platform gives the last one an id that another has: the three cannot be written together.
    outcomes[2] = (rows[2], outbox.Outcome(result=DeliveryResult(external_id="memory:1")))
    outbox.record_many(outcomes)
    found = [Message.objects.get(pk=row.message_id) for row in rows]
    assert [message.status for message in found] == ["sent", "sent", "unknown"]
    assert all(message.seq == 1 for message in found)
    assert [message.external_id for message in found[:2]] == ["memory:1", "memory:2"]


def test_many_are_written_in_as_many_statements_as_a_few(shared_channel: Channel, unicom_sent: Wire) -> None:
    def statements(count: int) -> int:
        outcomes = [(row, outbox.deliver(row)) for row in _claimed(shared_channel, count)]
        with CaptureQueriesContext(connection) as queries:
            outbox.record_many(outcomes)
        return len(queries)

    assert statements(2) == statements(8)
    assert set(Message.objects.values_list("status", "sent", "seq")) == {("sent", True, 1), ("sent", True, 2)}
    assert Message.objects.filter(time_sent=None).count() == 0
    assert Delivery.objects.filter(time_sent=None).count() == Delivery.objects.filter(finished_at=None).count() == 0
    for chat in Chat.objects.all():
        assert chat.last_message == chat.messages.order_by("-seq").first()


def test_written_together_the_next_of_each_chat_comes_to_the_front(shared_channel: Channel, unicom_sent: Wire) -> None:
    first = _claimed(shared_channel, 3)
    for row in first:
        shared_channel.send_message({"chat_id": row.chat_id, "text": "next"})
    assert outbox.claim(10) == []
    outbox.record_many([(row, outbox.deliver(row)) for row in first])
    assert {row.chat_id for row in outbox.claim(10)} == {row.chat_id for row in first}


def test_one_that_lost_its_lease_is_told_apart_from_those_written_with_it(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    rows = _claimed(shared_channel, 4)
    outcomes = [(row, outbox.deliver(row)) for row in rows]
    # Others took over: one they called unknown, one they are sending again.
    Delivery.objects.filter(pk=rows[0].pk).update(fence=F("fence") + 1, state="unknown")
    Delivery.objects.filter(pk=rows[1].pk).update(fence=F("fence") + 1)
    outbox.record_many(outcomes)
    states = [Delivery.objects.get(pk=row.pk).state for row in rows]
    assert states == ["sent", "sending", "sent", "sent"]
    assert Message.objects.get(pk=rows[0].message_id).status == "sent"
    assert Message.objects.get(pk=rows[1].message_id).status != "sent"
    assert Message.objects.get(pk=rows[1].message_id).seq is None


def test_receivers_hear_of_each_that_was_written_together(shared_channel: Channel, unicom_sent: Wire) -> None:
    heard: list[tuple[str, str]] = []

    def hear(message: Message, previous: str, **kwargs: Any) -> None:
        heard.append((message.pk, previous))

    message_status_changed.connect(hear)
    try:
        rows = _claimed(shared_channel, 3)
        outbox.record_many([(row, outbox.deliver(row)) for row in rows])
        drain()
    finally:
        message_status_changed.disconnect(hear)
    assert sorted(heard) == sorted((row.message_id, "queued") for row in rows)


def test_slow_calls_written_together_hold_their_chats_as_if_alone(shared_channel: Channel, unicom_sent: Wire) -> None:
    shared_channel.config = {"PACING": {"chat": [1, 60]}}
    shared_channel.save()
    rows = _claimed(shared_channel, 2)
    outcomes = [(row, outbox.deliver(row)) for row in rows]
    for row in rows:
        row.admitted_at = time.monotonic() - 50  # type: ignore[attr-defined]
        Pace.objects.filter(key=f"chat:{row.chat_id}").update(open_at=F("open_at") - 50, tat=F("tat") - 50)
    outbox.record_many(outcomes)
    for row in rows:
        assert Pace.objects.get(key=f"chat:{row.chat_id}").open_at > pacing.database_time() + 55


def test_a_rollback_does_not_make_the_next_try_forget_the_message(
    shared_channel: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = _claimed(shared_channel, 1)
    outcome = outbox.deliver(row)
    promote = outbox.QUEUE.__class__.promote
    failures = iter([IntegrityError("once")])

    def failing(queue: Any, *lanes: Any) -> None:
        for error in failures:
            raise error
        promote(queue, *lanes)

    monkeypatch.setattr(outbox.QUEUE.__class__, "promote", failing)
    with pytest.raises(IntegrityError):
        outbox.record(row, outcome)
    outbox.record(row, outcome)
    message = Message.objects.get()
    assert (message.status, message.seq, message.external_id, message.sent) == ("sent", 1, "memory:1", True)


def test_a_channel_whose_secrets_cannot_be_read_does_not_stop_the_others(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    other = Channel.objects.create(name="Other", platform="Memory", active=True)
    shared_channel.send_message({"chat_id": "a", "text": "1"})
    other.send_message({"chat_id": "b", "text": "2"})
    foreign = crypto.encrypt("{}").replace(f"{crypto.MARK}:", f"{crypto.MARK}:x", 1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE unicom_channel SET config = %s WHERE id = %s", [foreign, shared_channel.pk])
    assert [row.message.text for row in outbox.claim(10)] == ["2"]
    assert Channel.objects.filter(pk=shared_channel.pk, down_since=None).count() == 0


def test_a_channel_whose_secrets_can_be_read_again_goes_on_by_itself_however_late(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    """A key was taken out and is put back the next day: nobody has to look for channels that stopped."""
    message = shared_channel.send_message({"chat_id": "one", "text": "1"})
    began = timezone.now()
    with time_machine.travel(began, tick=False) as clock:
        with override_settings(UNICOM_ENCRYPTION_KEYS=["other"]):
            assert outbox.claim(10) == []
            for hours in range(1, 25):
                clock.move_to(began + timedelta(hours=hours))
                drain()
        clock.move_to(began + timedelta(hours=26))
        drain()
    assert Message.objects.get(pk=message.pk).status == "sent"


def test_resending_an_edit_leaves_the_message_as_sent(shared_channel: Channel, unicom_sent: Wire) -> None:
    (row,) = _claimed(shared_channel, 1)
    outbox.record(row, outbox.deliver(row))
    message = Message.objects.get()
    message.edit_original_message({"text": "changed"})
    edit = Delivery.objects.get(act="edit")
    Delivery.objects.filter(pk=edit.pk).update(state="failed")
    assert decisions.resend(edit)
    message.refresh_from_db()
    assert message.status == "sent"
