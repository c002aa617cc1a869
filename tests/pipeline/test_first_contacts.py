"""What happens at the same moment is all kept, each once: threads with connections of their own."""

from __future__ import annotations

from functools import partial

import pytest
from django.test import Client

from tests.pipeline.simultaneous import at_once, succeeded
from unicom.models import Account, AccountChat, Chat, Delivery, Job, Message, Request
from unicom.signals import message_received

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_input_eight_times_at_once_is_one_message(channel, post, connect):
    """Eight deliveries of one update: one message, one request, one reaction, and every answer is 200."""
    told = []
    connect(message_received, lambda message, **_: told.append(message.pk))
    update = {"id": 7, "chat": "room", "sender": "ann", "text": "once"}
    answers = succeeded(at_once([partial(post, channel, update, by=Client()) for _ in range(8)]))
    assert [answer.status_code for answer in answers] == [200] * 8
    message = Message.objects.get()
    assert message.seq == message.chat.last_seq == 1
    assert Request.objects.count() == 1
    assert told == [message.pk]
    assert not channel.updates.exists()


def test_eight_first_messages_of_one_new_person_at_once_are_all_kept(channel, post, connect):
    """One account, one chat, one membership, eight messages, eight reactions."""
    told = []
    connect(message_received, lambda message, **_: told.append(message.text))
    updates = [{"id": n, "chat": "room", "sender": "ann", "name": "Ann", "text": str(n)} for n in range(8)]
    answers = succeeded(at_once([partial(post, channel, update, by=Client()) for update in updates]))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert Account.objects.count() == Chat.objects.count() == AccountChat.objects.count() == 1
    assert sorted(Message.objects.values_list("text", flat=True)) == [str(n) for n in range(8)]
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 9))
    assert sorted(told) == [str(n) for n in range(8)]
    assert not channel.updates.exists()
    assert set(Job.objects.values_list("state", flat=True)) == {"done"}


def test_seq_has_no_gap_and_no_repeat_under_eight_concurrent_writers(channel, chat, post):
    """Four write in and four write out, five times each."""

    def write_in(writer):
        for number in range(5):
            update = {"id": f"{writer}-{number}", "chat": "room", "sender": "ann", "text": "x"}
            assert post(channel, update, by=Client()).status_code == 200

    def write_out(writer):
        mine = Chat.objects.get(pk=chat.pk)
        for number in range(5):
            mine.send_message({"text": f"{writer}-{number}"})

    succeeded(at_once([partial(write_in if writer % 2 else write_out, writer) for writer in range(8)]))
    # A wake-up that found the chat busy is another's to answer: nothing may be left for longer.
    assert not Delivery.objects.exclude(state="sent").exists()
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 41))
    chat.refresh_from_db()
    assert chat.last_seq == 40


def test_one_writer_s_messages_leave_in_the_order_they_were_sent(channel, chat, wire):
    """Eight threads send into one chat at once; each one's own messages keep their order, and none is lost."""

    def write(writer):
        mine = Chat.objects.get(pk=chat.pk)
        for number in range(4):
            mine.send_message({"text": f"{writer}-{number}"})

    succeeded(at_once([partial(write, writer) for writer in range(8)]))
    arrived = [part.text for part in wire.parts]
    assert sorted(arrived) == sorted(f"{writer}-{number}" for writer in range(8) for number in range(4))
    for writer in range(8):
        assert [text for text in arrived if text.startswith(f"{writer}-")] == [f"{writer}-{n}" for n in range(4)]
    # The order on the wire is the order of the rows.
    assert arrived == list(Message.objects.order_by("seq").values_list("text", flat=True))


def test_two_first_sends_to_a_new_conversation_at_once_open_one_chat(channel, wire):
    """An id not yet known opens the chat, once."""
    succeeded(at_once([partial(channel.send_message, {"chat_id": "new", "text": str(n)}) for n in range(8)]))
    assert Chat.objects.filter(external_id="new").count() == 1
    assert sorted(part.text for part in wire.parts) == [str(n) for n in range(8)]
