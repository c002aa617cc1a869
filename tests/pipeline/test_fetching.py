"""Files that wait on the platform are fetched by a job; one that cannot be had says so, and costs no message."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from unicom.errors import DeliveryError
from unicom.inbound import ingest
from unicom.models import Attachment, Chat, Job, Message
from unicom.testing.memory import MemoryAdapter
from unicom.types import Conversation, ConversationMoved, IncomingFile, MessageReceived, Person

pytestmark = pytest.mark.django_db

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + b"\x00" * 5000


@pytest.fixture
def holds(monkeypatch):
    """Return a function that says what the platform gives for a file: chunks, or errors first."""

    def give(*answers):
        waiting = list(answers)

        @contextmanager
        def fetch(self, reference):
            answer = waiting.pop(0)
            if isinstance(answer, Exception):
                raise answer
            yield iter([answer[:10], answer[10:]])

        monkeypatch.setattr(MemoryAdapter, "fetch", fetch)

    return give


@pytest.fixture
def arrive(channel):
    """Return a function that has a message with these files come in."""

    def message(*files: IncomingFile) -> Message:
        event = MessageReceived(
            key="1",
            conversation=Conversation(external_id="room"),
            sender=Person(external_id="ann"),
            text="look",
            media_type=files[0].kind,
            files=files,
        )
        stored = ingest(channel, [event])[0].message
        assert stored is not None
        return stored

    return message


WAITING = IncomingFile(kind="image", name="cat.jpg", reference={"file_id": "F1"})


def test_a_file_that_waits_is_fetched_after_the_commit(arrive, holds, drain):
    """The message is there at once, its file a little later."""
    holds(JPEG)
    message = arrive(WAITING)
    assert Attachment.objects.get().state == "pending" and not message.media
    drain()
    attachment = Attachment.objects.get()
    assert (attachment.state, attachment.size, attachment.content_type) == ("stored", len(JPEG), "image/jpeg")
    message.refresh_from_db()
    assert message.media.name == attachment.file.name
    with message.media.open() as content:
        assert content.read() == JPEG


def test_a_file_at_hand_is_stored_with_the_message(arrive):
    """No job, no waiting."""
    message = arrive(IncomingFile(kind="image", name="cat.jpg", content=io.BytesIO(JPEG)))
    assert message.media and Attachment.objects.get().state == "stored"
    assert not Job.objects.filter(kind="fetch").exists()


@pytest.mark.parametrize("size", [None, 0, 21 * 1024 * 1024])
def test_a_file_of_unknown_or_great_size_does_not_lose_the_message(arrive, holds, drain, monkeypatch, size):
    """Known failure 21: a missing ``file_size``, a 21 MB file do not lose the message."""
    monkeypatch.setattr(MemoryAdapter, "limits", replace(MemoryAdapter.limits, download_bytes=100))
    holds(JPEG)
    message = arrive(replace(WAITING, size=size))
    drain()
    attachment = Attachment.objects.get()
    assert attachment.state == "failed" and "more than 100 bytes" in attachment.error
    message.refresh_from_db()
    assert message.text == "look" and not message.media
    assert message.requests.get().status == "QUEUED"


def test_a_file_that_is_refused_from_the_start_is_never_asked_for(arrive, drain):
    """The reason is on its row."""
    arrive(replace(WAITING, refused="too large for the Bot API"))
    drain()
    attachment = Attachment.objects.get()
    assert (attachment.state, attachment.error) == ("failed", "too large for the Bot API")
    assert not Job.objects.filter(kind="fetch").exists()


def test_a_platform_in_trouble_is_asked_again(arrive, holds, drain, later):
    """Retryable errors count as attempts; ``retry_after`` is honoured and does not."""
    holds(DeliveryError("busy", retryable=True), DeliveryError("slow", retry_after=timedelta(seconds=60)), JPEG)
    arrive(WAITING)
    drain()
    assert Job.objects.get(kind="fetch").attempts == 1
    for _ in range(2):
        later()
        drain()
    assert Attachment.objects.get().state == "stored"


def test_a_file_that_is_gone_for_good_says_so(arrive, holds, drain):
    """One attempt is enough."""
    holds(DeliveryError("file is gone"))
    arrive(WAITING)
    drain()
    attachment = Attachment.objects.get()
    assert (attachment.state, attachment.error) == ("failed", "file is gone")
    assert Job.objects.get(kind="fetch").state == "done"


def test_a_conversation_that_moved_keeps_its_chat(channel, chat):
    """Under its new id; a repeat changes nothing."""
    for _ in range(2):
        ingest(channel, [ConversationMoved(old="room", new="room-2")])
    chat.refresh_from_db()
    assert chat.external_id == "room-2"
    message = channel.receive_message({"id": 1, "chat": "room-2", "sender": "ann", "text": "hello"})
    assert message.chat == chat
    assert Chat.objects.count() == 1


def test_what_came_in_at_the_new_place_before_we_heard_of_it_joins_the_chat_it_was(channel, chat, drain, wire):
    """Both histories are one, in order; a repeat changes nothing."""
    write = [("1", "room", "ann", "before"), ("2", "room-2", "ann", "after"), ("3", "room-2", "bob", "me too")]
    for key, place, sender, text in write:
        channel.receive_message({"id": key, "chat": place, "sender": sender, "text": text})
    drain()
    young = Chat.objects.get(external_id="room-2")
    answer = young.send_message({"text": "welcome"})
    for _ in range(2):
        ingest(channel, [ConversationMoved(old="room", new="room-2")])
    chat.refresh_from_db()
    assert Chat.objects.get() == chat
    assert chat.external_id == "room-2"
    drain()
    answer.refresh_from_db()
    assert (answer.status, answer.chat, wire.parts[-1].chat) == ("sent", chat, "room-2")
    said = chat.messages.order_by("seq").values_list("seq", "text")
    assert list(said) == [(1, "before"), (2, "after"), (3, "me too"), (4, "welcome")]
    chat.refresh_from_db()
    assert (chat.last_seq, chat.last_message) == (4, answer)
    assert chat.accounts.count() == 2
    assert chat.requests.count() == 3
