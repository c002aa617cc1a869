"""What comes in another order than it happened: nothing is doubled, nothing is lost, nothing is left aside."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection

from tests.pipeline.simultaneous import at_once, succeeded
from unicom import inbound, outbox
from unicom.errors import DeliveryError
from unicom.models import Chat, Delivery, Message, Request, Update
from unicom.types import Conversation, ConversationMoved, IncomingFile, MessageEdited, MessageReceived, Person

from .conftest import PNG

pytestmark = pytest.mark.django_db

ROOM, ANN = Conversation(external_id="room"), Person(external_id="ann", name="Ann")


def received(**more: Any) -> MessageReceived:
    """Return the first form of a message."""
    return MessageReceived(key="update:1", external_id="1", conversation=ROOM, sender=ANN, text="firts", **more)


def edited(text: str = "first", *, key: str = "update:2", minute: int = 2) -> MessageEdited:
    """Return a later form of it."""
    at = datetime(2024, 1, 1, 0, minute, tzinfo=UTC)
    return MessageEdited(key=key, external_id="1", conversation=ROOM, sender=ANN, text=text, timestamp=at)


def test_an_edit_that_comes_before_its_message_is_the_same_message(channel, drain):
    """One row, saying what was said last; its former words, and a request, as if it had come in order."""
    inbound.ingest(channel, [edited()])
    before = inbound.ingest(channel, [received(timestamp=datetime(2024, 1, 1, tzinfo=UTC))])[0]
    drain()
    message = Message.objects.get()
    assert before.is_duplicate and before.message == message
    assert (message.text, message.timestamp) == ("first", datetime(2024, 1, 1, tzinfo=UTC))
    assert [form["text"] for form in message.raw["edits"]] == ["firts"]
    assert Request.objects.count() == 1
    chat = Chat.objects.get()
    assert (chat.last_seq, chat.last_message, message.seq) == (1, message, 1)


def test_what_the_edit_did_not_bring_comes_with_the_message(channel):
    """A photo's caption was corrected: the photo itself is in the first form alone."""
    inbound.ingest(channel, [received(), edited(), MessageReceived(key="x", conversation=ROOM, sender=ANN, text="y")])
    Message.objects.filter(external_id="1").update(external_id="answered")
    inbound.ingest(channel, [edited(key="update:4")])
    photo = IncomingFile(kind="image", name="a.png", content=io.BytesIO(PNG))
    late = MessageReceived(
        key="update:3", external_id="1", conversation=ROOM, sender=ANN, text="", media_type="image",
        files=(photo,), reply_to="answered",
    )  # fmt: skip
    inbound.ingest(channel, [late])
    message = Message.objects.get(external_id="1")
    assert (message.text, message.media_type) == ("first", "image")
    assert message.reply_to_message == Message.objects.get(external_id="answered")
    attachment = message.attachments.get()
    with attachment.file.open() as stored:
        assert stored.read() == PNG
    assert message.media.name == attachment.file.name
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]
    assert Chat.objects.get().last_message == message


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_a_message_and_two_edits_of_it_end_the_same_in_every_order(channel, order):
    """The last words stand."""
    events = [received(), edited("second", key="update:2", minute=2), edited("third", key="update:3", minute=3)]
    inbound.ingest(channel, [events[number] for number in order])
    message = Message.objects.get()
    assert (message.text, message.seq, Chat.objects.get().last_seq) == ("third", 1, 1)


def test_what_was_written_in_a_group_before_it_moved_and_comes_after_is_stored_in_its_chat(channel):
    """Its old id names no chat any more, and it is no dead letter for that."""
    old = Conversation(external_id="old", is_group=True)
    first = inbound.ingest(channel, [MessageReceived(conversation=old, sender=ANN)])[0]
    inbound.ingest(channel, [ConversationMoved(old="old", new="new")])
    late = inbound.ingest(channel, [MessageReceived(conversation=old, sender=ANN, text="late")])[0]
    assert late.message.chat == first.message.chat
    assert Chat.objects.get().external_id == "new"


def test_a_receipt_that_meets_the_record_of_its_send_is_not_lost(channel, chat, post):
    """Between the look for its delivery and the look for calls under way, the outcome may be written."""
    message = chat.send_message({"text": "x"})
    (delivery,) = outbox.claim(1)
    outcome = outbox.deliver(delivery)
    recorded: list[int] = []

    # What the worker's own transaction writes at that moment.
    def record_after_the_first_look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if not recorded and sql.startswith("SELECT") and outcome.result.external_id in (params or ()):
            recorded.append(Delivery.objects.update(state="sent", external_id=outcome.result.external_id))
        return answer

    with connection.execute_wrapper(record_after_the_first_look):
        assert post(channel, {"status": "seen", "of": outcome.result.external_id}).status_code == 200
    assert recorded == [1]
    message.refresh_from_db()
    assert message.status == "seen"
    assert not Update.objects.exists()
    assert Delivery.objects.get().state == "seen"


def test_an_answer_to_a_later_part_is_an_answer_to_the_message(channel, chat, drain):
    """A long text or two pictures are several messages over there, and one here."""
    message = chat.send_message({"text": "x" * 2500})
    drain()
    for part in message.deliveries.order_by("part"):
        answer = inbound.ingest(
            channel, [MessageReceived(conversation=ROOM, sender=ANN, text="why?", reply_to=part.external_id)]
        )[0].message
        assert answer.reply_to_message == message


@pytest.mark.django_db(transaction=True)
def test_a_conversation_that_moves_while_people_already_write_there_is_told_apart(channel, chat, wire, settings):
    """Who writes in the new place opens its chat, also in the moment between our look and our writing."""
    settings.UNICOM_EXECUTOR = "worker"
    message = chat.send_message({"text": "x"})
    (delivery,) = outbox.claim(1)
    inbound.ingest(channel, [MessageReceived(conversation=Conversation(external_id="new"), sender=ANN, text="here")])
    outbox.record(delivery, outbox.Outcome(error=DeliveryError("upgraded", moved_to="new", code="400")))
    message.refresh_from_db()
    assert (message.status, message.error) == ("failed", "upgraded (the conversation goes on in another chat)")
    assert Chat.objects.count() == 2 and Chat.objects.get(pk=chat.pk).external_id == "room"


@pytest.mark.django_db(transaction=True)
def test_a_message_and_its_edits_that_come_at_the_same_moment_are_one_message(channel, settings):
    """Whichever is first: the others wait for the chat, and then look again."""
    settings.UNICOM_EXECUTOR = "worker"
    inbound.ingest(channel, [MessageReceived(key="0", conversation=ROOM, sender=ANN, text="before")])
    for number in range(6):
        first = replace(received(), key=f"{number}:1", external_id=str(number))
        edits = [
            replace(edited(text, key=f"{number}:{minute}", minute=minute), external_id=str(number))
            for minute, text in ((2, "second"), (3, "third"))
        ]
        succeeded(at_once([partial(inbound.ingest, channel, [event]) for event in (first, *edits)]))
        message = Message.objects.get(external_id=str(number))
        assert message.text == "third"
    seqs = Message.objects.order_by("seq").values_list("seq", flat=True)
    assert list(seqs) == list(range(1, Chat.objects.get().last_seq + 1))
