"""What a webhook brings is stored whole, once, with its chat, its sender and its request."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from unicom.models import Account, AccountChat, Channel, Chat, InboundReceipt, Job, Message, Request
from unicom.signals import message_edited, message_received, request_queued

pytestmark = pytest.mark.django_db

HELLO = {"id": 1, "chat": "room", "sender": "ann", "name": "Ann", "text": "hello"}


def test_a_message_is_stored_with_its_account_chat_request_and_job(channel, post):
    """One event makes all rows of its arrival."""
    assert post(channel, HELLO).status_code == 200
    message = Message.objects.get()
    assert (message.text, message.seq, message.is_outgoing, message.status) == ("hello", 1, False, "")
    assert (message.platform, message.external_id, message.sender_name) == ("Memory", "1", "Ann")
    assert message.sender_id == "memory_ann"
    assert message.chat_id == f"memory_{channel.pk}_room"
    assert message.raw == HELLO
    assert AccountChat.objects.get().account_id == "memory_ann"
    assert (message.chat.last_message_id, message.chat.last_seq) == (message.pk, 1)
    request = Request.objects.get()
    assert (request.status, request.message_id, request.account_id) == ("QUEUED", message.pk, "memory_ann")
    assert Job.objects.get().kind == "message"


def test_receivers_are_told_of_the_message_and_its_request(channel, post, connect, drain):
    """``message_received(message, request)`` and ``request_queued(request)``, the sender being the model."""
    told = []
    connect(message_received, lambda sender, message, request, **_: told.append((sender, message.text, request.status)))
    connect(request_queued, lambda sender, request, **_: told.append((sender, request.message.text, request.status)))
    post(channel, HELLO)
    assert told == [], "nothing runs before the commit"
    drain()
    assert told == [(Message, "hello", "QUEUED"), (Request, "hello", "QUEUED")]


def test_the_same_update_twice_is_one_message_and_one_reaction(channel, post, connect, drain):
    """A platform that repeats an update finds it taken in."""
    told = []
    connect(message_received, lambda message, **_: told.append(message.pk))
    for _ in range(2):
        assert post(channel, HELLO).status_code == 200
        drain()
    assert post(channel, HELLO).status_code == 200
    drain()
    assert Message.objects.count() == 1
    assert len(told) == 1
    assert Message.objects.get().chat.last_seq == 1


def test_two_channels_with_equal_update_and_message_ids_keep_both_messages(channel, post):
    """Known failure 15: two bots with equal update or message ids dropped each other's."""
    other = Channel.objects.create(name="Other", platform="Memory", active=True)
    post(channel, HELLO)
    post(other, HELLO)
    assert Message.objects.filter(channel=channel).count() == Message.objects.filter(channel=other).count() == 1
    assert Chat.objects.count() == 2
    assert Account.objects.count() == 1, "one person on a platform is one account for all its channels"


def test_a_handler_error_does_not_mark_the_update_as_seen(channel, post, monkeypatch):
    """Known failure 15: a handler error after the update was marked "seen" lost the message for ever."""
    from unicom import inbound

    def broken(*args, **kwargs):
        raise ZeroDivisionError("our own bug")

    with monkeypatch.context() as patched:
        patched.setattr(inbound, "_write_message", broken)
        assert post(channel, HELLO).status_code == 200
    assert not InboundReceipt.objects.exists() and not Message.objects.exists()
    assert not Chat.objects.exists() and not Account.objects.exists(), "the savepoint took everything back"
    assert post(channel, HELLO).status_code == 200
    assert Message.objects.get().text == "hello"


def test_a_bad_item_never_costs_its_good_siblings(channel, post):
    """Before, between and after: each item has a savepoint of its own."""
    items = [17, {**HELLO, "id": 1}, {"chat": None}, {**HELLO, "id": 2}, "text", {**HELLO, "id": 3}, []]
    assert post(channel, items).status_code == 200
    assert list(Message.objects.order_by("seq").values_list("external_id", flat=True)) == ["1", "2", "3"]
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]
    assert channel.updates.filter(state="dead").count() == 4


def test_every_event_runs_in_a_savepoint_of_its_own(channel, post):
    """Three events, three savepoints beside those of the test's own transaction."""
    post(channel, HELLO)
    with CaptureQueriesContext(connection) as queries:
        post(channel, [{**HELLO, "id": number} for number in (2, 3, 4)])
    savepoints = [query["sql"] for query in queries if query["sql"].startswith("SAVEPOINT")]
    assert len(savepoints) == 1 + 3, savepoints


def test_a_message_without_an_id_of_its_own_is_stored_each_time(channel, post):
    """Where the platform does not name its events nothing can be a repeat."""
    for _ in range(2):
        post(channel, {"chat": "room", "sender": "ann", "text": "hello"})
    assert Message.objects.count() == 2


def test_a_person_s_new_name_is_kept(channel, post):
    """The name is the newest the platform told."""
    post(channel, HELLO)
    post(channel, {**HELLO, "id": 2, "name": "Ann Lee"})
    post(channel, {**HELLO, "id": 3, "name": ""})
    assert Account.objects.get().name == "Ann Lee"


def test_a_reply_names_the_message_it_answers(channel, post):
    """By the platform's id; one that is not known is no error."""
    post(channel, HELLO)
    post(channel, {**HELLO, "id": 2, "reply_to": "1"})
    post(channel, {**HELLO, "id": 3, "reply_to": "nobody knows"})
    first, second, third = Message.objects.order_by("seq")
    assert second.reply_to_message == first
    assert third.reply_to_message is None


def test_a_blocked_person_s_message_is_stored_without_request_or_reaction(channel, post, connect, drain):
    """``Account.blocked`` is the operator's switch."""
    told = []
    connect(message_received, lambda message, **_: told.append(message.text))
    post(channel, HELLO)
    drain()
    Account.objects.update(blocked=True)
    post(channel, {**HELLO, "id": 2, "text": "still me"})
    drain()
    assert told == ["hello"]
    assert Message.objects.count() == 2 and Request.objects.count() == 1


def test_an_edit_changes_the_row_keeps_the_former_text_and_tells_receivers(channel, post, connect, drain):
    """``message_edited(message, previous)``, once."""
    told = []
    connect(message_edited, lambda message, previous, **_: told.append((message.text, previous)))
    post(channel, HELLO)
    edit = {"id": 2, "chat": "room", "sender": "ann", "edit": "1", "text": "hello!"}
    post(channel, edit)
    post(channel, edit)
    drain()
    message = Message.objects.get()
    assert message.text == "hello!" and message.edited_at is not None
    assert message.raw["edits"][0]["text"] == "hello"
    assert told == [("hello!", "hello")]


def test_an_edit_of_a_message_that_never_came_is_stored_as_a_message(channel, post):
    """What it says now is what there is to keep."""
    post(channel, {"id": 2, "chat": "room", "sender": "ann", "edit": "1", "text": "hello!"})
    assert Message.objects.get().text == "hello!"


def test_a_group_title_of_any_length_does_not_lose_the_message(channel):
    """Known failure 21: a group title over 100 characters lost the message."""
    from unicom.inbound import ingest
    from unicom.types import Conversation, MessageReceived, Person

    title = "T" * 5000
    event = MessageReceived(
        key="1",
        conversation=Conversation(external_id="g", name=title, is_group=True),
        sender=Person(external_id="ann", name="N" * 300),
        text="hello",
    )
    ingest(channel, [event])
    assert Message.objects.get().chat.name == title
    assert Account.objects.get().name == "N" * 300


def test_a_known_and_unsupported_payload_is_kept_raw(channel, post):
    """Nothing is made of it, and nothing of it is lost."""
    assert post(channel, {"unused": "poll"}).status_code == 200
    update = channel.updates.get()
    assert (update.state, bytes(update.body)) == ("kept", b'{"unused": "poll"}')
    assert not Message.objects.exists()


def test_receive_message_takes_in_what_came_by_another_way(channel):
    """The documented door for what is not a webhook; a repeat gives the same message."""
    message = channel.receive_message(HELLO)
    assert message is not None and message.text == "hello"
    assert channel.receive_message(HELLO) == message
