"""Chats, users, accounts and channels can be deleted, with all that hangs on them, at any moment."""

from __future__ import annotations

import pytest

from unicom import outbox
from unicom.models import Account, CallbackExecution, Channel, Chat, Delivery, Job, Message, Request

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(channel, django_user_model, drain):
    """Return a message in the thick of it: answered with buttons and a file, logged, edited, clicked, queued."""
    user = django_user_model.objects.create_user("kim")
    message = channel.receive_message({"id": 1, "chat": "room", "sender": "ann", "name": "Ann", "text": "hello"})
    answer = message.reply_with(
        {
            "text": "x",
            "file_path": __file__,
            "buttons": [[{"text": "A", "callback_data": 1, "account": message.sender}]],
            "idempotency_key": "k",
        }
    )
    Message.objects.filter(pk=answer.pk).update(user=user)
    drain()
    message.log_tool_interaction(tool_call={"name": "t", "id": "c"}, tool_response={"result": 1})
    answer.refresh_from_db()
    answer.edit_original_message({"text": "y"})
    message.chat.send_message({"text": "queued"})
    return message


def test_a_chat_can_be_deleted(busy, drain):
    """Known failure 21: chats and users can be deleted."""
    busy.chat.delete()
    assert not any(model.objects.exists() for model in (Message, Delivery, Request, CallbackExecution, Chat))
    assert Account.objects.exists()
    drain()


def test_a_user_can_be_deleted(busy, django_user_model):
    """Known failure 21: what they wrote stays, without their name behind it."""
    django_user_model.objects.all().delete()
    assert Message.objects.filter(is_outgoing=True, user=None).count() == 2


def test_a_channel_can_be_deleted(busy, drain):
    """With all its chats; the accounts belong to the platform and stay."""
    busy.channel.delete()
    assert not any(model.objects.exists() for model in (Message, Delivery, Request, Chat))
    assert Account.objects.exists()
    drain()
    assert not Job.objects.filter(state="parked").exists()


def test_an_account_can_be_deleted_and_may_come_again(busy, drain, channel):
    """Its messages stay, without a sender."""
    Account.objects.all().delete()
    busy.refresh_from_db()
    assert busy.sender is None and busy.sender_name == "Ann"
    again = channel.receive_message({"id": 2, "chat": "room", "sender": "ann", "text": "again"})
    assert again.sender_id == "memory_ann"
    drain()


def test_a_message_can_be_deleted(busy, drain):
    """What answered it stays; the chat's newest is no longer known, which is no error."""
    Message.objects.filter(pk=busy.pk).delete()
    for message in Message.objects.all():
        message.delete()
    drain()
    assert Chat.objects.get().last_message is None


def test_a_chat_deleted_while_its_message_is_under_way_is_no_error(chat, wire):
    """The outcome is nobody's any more."""
    chat.send_message({"text": "x"})
    (delivery,) = outbox.claim(1)
    outcome = outbox.deliver(delivery)
    Chat.objects.all().delete()
    outbox.record(delivery, outcome)
    assert len(wire.parts) == 1


def test_a_channel_taken_out_of_the_settings_keeps_its_rows(busy, settings, drain):
    """And what it brought can still be read and deleted."""
    settings.UNICOM_PLATFORMS = {}
    channel = Channel.objects.get()
    channel.save()
    drain()
    channel.refresh_from_db()
    assert channel.down_since is not None and "'Memory'" in channel.error
    assert Message.objects.filter(status="queued").exists()
    channel.delete()
    assert not Message.objects.exists()
