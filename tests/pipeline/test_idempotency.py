"""The same key and content give the same message; other content is refused, naming what differs."""

from __future__ import annotations

from functools import partial

import pytest

from tests.pipeline.simultaneous import at_once
from unicom.errors import IdempotencyConflict, InvalidMessage
from unicom.models import CallbackExecution, Channel, Chat, Delivery, IdempotencyKey, Message

ORDER = {"text": "Your order has left", "idempotency_key": "order-7"}


@pytest.mark.django_db
def test_the_same_key_and_content_give_the_same_message(chat, drain, wire):
    """However it is repeated: by chat, by channel, with keys of no content."""
    first = chat.send_message(ORDER)
    assert chat.send_message(dict(reversed(ORDER.items()))) == first
    assert chat.channel.send_message({**ORDER, "chat_id": chat.pk}) == first
    assert chat.channel.send_message({**ORDER, "chat_id": "room"}) == first
    assert chat.send_message({**ORDER, "html": None, "attachments": [], "file_path": None}) == first
    drain()
    assert chat.send_message(ORDER) == first, "also once it was delivered"
    drain()
    assert len(wire.parts) == 1 and Message.objects.count() == 1


@pytest.mark.django_db
def test_other_content_under_the_same_key_is_a_conflict_naming_the_keys(chat):
    """And saves nothing."""
    chat.send_message({**ORDER, "silent": True})
    with pytest.raises(IdempotencyConflict) as caught:
        chat.send_message({**ORDER, "text": "other", "html": "<p>x</p>", "silent": True})
    assert isinstance(caught.value, InvalidMessage)
    assert caught.value.problems == {"idempotency_key": "'order-7' was used before with other values of html, text"}
    elsewhere = Chat.objects.create(id="memory_elsewhere", channel=chat.channel, external_id="elsewhere")
    with pytest.raises(IdempotencyConflict, match="chat_id"):
        elsewhere.send_message({**ORDER, "silent": True})
    assert Message.objects.count() == Delivery.objects.count() == IdempotencyKey.objects.count() == 1


@pytest.mark.django_db
def test_buttons_count_by_what_they_say_and_mean(chat):
    """Their tokens differ each time; the same buttons again are the same message, and leave no rows behind."""
    ask = {**ORDER, "buttons": [[{"text": "Yes", "callback_data": {"a": 1}}, {"text": "See", "url": "https://x"}]]}
    first = chat.send_message(ask)
    assert chat.send_message(ask) == first
    assert CallbackExecution.objects.count() == 1
    with pytest.raises(IdempotencyConflict, match="buttons"):
        chat.send_message({**ORDER, "buttons": [[{"text": "Yes", "callback_data": {"a": 2}}]]})


@pytest.mark.django_db
def test_an_answer_is_not_the_same_as_a_plain_message(channel, drain):
    """What it answers is part of the content."""
    message = channel.receive_message({"id": 1, "chat": "room", "sender": "ann", "text": "hello"})
    first = message.reply_with(ORDER)
    assert message.reply_with(ORDER) == first
    with pytest.raises(IdempotencyConflict, match="reply_to_message_id"):
        message.chat.send_message(ORDER)


@pytest.mark.django_db
def test_files_count_by_their_path_and_are_stored_once(chat, stored_files):
    """A repeat leaves no second copy."""
    before = len(stored_files())
    first = chat.send_message({**ORDER, "file_path": __file__})
    assert chat.send_message({**ORDER, "file_path": __file__}) == first
    assert len(stored_files()) == before + 1


@pytest.mark.django_db
def test_a_key_is_free_in_another_channel(chat):
    """Each channel has its own."""
    other = Channel.objects.create(name="Other", platform="Memory", active=True)
    chat.send_message(ORDER)
    other.send_message({**ORDER, "chat_id": "room", "text": "something else"})
    assert Message.objects.count() == 2


@pytest.mark.django_db
def test_a_rollback_frees_the_key(chat):
    """Nothing was sent, so nothing is tied to it."""
    from django.db import transaction

    with pytest.raises(RuntimeError), transaction.atomic():
        chat.send_message(ORDER)
        raise RuntimeError
    assert chat.send_message({**ORDER, "text": "other"}).text == "other"


@pytest.mark.django_db(transaction=True)
def test_eight_threads_with_one_key_send_one_message(chat, wire):
    """All get the same message back."""
    calls = [lambda: Chat.objects.get(pk=chat.pk).send_message(ORDER).pk] * 8
    assert len(set(at_once(calls))) == 1
    assert [part.text for part in wire.parts] == ["Your order has left"]
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_eight_threads_with_one_key_and_different_content_send_one_message(chat, wire):
    """One wins, seven are told of the conflict."""

    def send(number: int) -> Message:
        return Chat.objects.get(pk=chat.pk).send_message({**ORDER, "text": str(number)})

    outcomes = at_once([partial(send, number) for number in range(8)])
    assert sum(isinstance(outcome, Message) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, IdempotencyConflict) for outcome in outcomes) == 7
    assert len(wire.parts) == 1
