"""Prove that writing outcomes together harms none of them, whatever happens to one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection

from unicom import crypto, outbox
from unicom.models import Channel, Delivery, Message
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


def test_a_rollback_does_not_make_the_next_try_forget_the_message(
    shared_channel: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = _claimed(shared_channel, 1)
    outcome = outbox.deliver(row)
    promote = outbox.QUEUE.__class__.promote
    failures = iter([IntegrityError("once")])

    def failing(queue: Any, lane: Any) -> None:
        for error in failures:
            raise error
        promote(queue, lane)

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


def test_resending_an_edit_leaves_the_message_as_sent(shared_channel: Channel, unicom_sent: Wire) -> None:
    (row,) = _claimed(shared_channel, 1)
    outbox.record(row, outbox.deliver(row))
    message = Message.objects.get()
    message.edit_original_message({"text": "changed"})
    edit = Delivery.objects.get(act="edit")
    Delivery.objects.filter(pk=edit.pk).update(state="failed")
    assert outbox.resend(edit)
    message.refresh_from_db()
    assert message.status == "sent"
