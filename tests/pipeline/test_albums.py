"""The messages of an album become one message with several files, and one turn."""

from __future__ import annotations

import io
from functools import partial

import pytest

from tests.pipeline.simultaneous import at_once, succeeded
from unicom.inbound import ingest
from unicom.models import Attachment, Job, Message, Request
from unicom.signals import message_received
from unicom.types import Conversation, IncomingFile, MessageEdited, MessageReceived, Person

PLACE, ANN = Conversation(external_id="room"), Person(external_id="ann")


def item(number: int, text: str = "", album: str = "A") -> MessageReceived:
    """Return one item of an album."""
    file = IncomingFile(kind="image", name=f"{number}.png", content=io.BytesIO(bytes([number]) * 10))
    return MessageReceived(
        key=f"item:{album}:{number}",
        conversation=PLACE,
        sender=ANN,
        external_id=f"room:{number}",
        text=text,
        media_type="image",
        files=(file,),
        album=album,
        raw={"number": number},
    )


@pytest.fixture
def told(connect):
    """Collect the messages receivers are told of, with the number of their files."""
    heard: list[tuple[str, int]] = []
    connect(message_received, lambda message, **_: heard.append((message.text, message.attachments.count())))
    return heard


@pytest.mark.django_db
def test_an_album_is_one_message_one_request_and_one_turn(channel, drain, later, told):
    """Receivers wait until nothing more has come for a second."""
    for number in (9, 10, 11):
        ingest(channel, [item(number, "Our holiday" if number == 9 else "")])
    drain()
    assert told == []
    later()
    drain()
    assert told == [("Our holiday", 3)]
    message = Message.objects.get()
    assert Request.objects.get().message == message
    assert [row.name for row in message.attachments.all()] == ["9.png", "10.png", "11.png"]
    assert message.raw["number"] == 9
    assert [part["external_id"] for part in message.raw["album"]] == ["room:9", "room:10", "room:11"]
    with message.media.open() as file:
        assert file.read() == bytes([9]) * 10


@pytest.mark.django_db
def test_texts_are_in_the_order_they_were_sent_in(channel):
    """Whatever the order they came in."""
    for number, text in ((11, "third"), (9, "first"), (10, "second")):
        ingest(channel, [item(number, text)])
    assert Message.objects.get().text == "first\nsecond\nthird"


@pytest.mark.django_db
def test_an_item_that_comes_again_is_one_file(channel):
    """A platform repeats what it is not sure of."""
    for number in (1, 2, 2, 1):
        ingest(channel, [item(number)])
    assert Attachment.objects.count() == 2
    assert Message.objects.count() == 1


@pytest.mark.django_db
def test_one_that_comes_when_the_turn_has_begun_is_a_turn_of_its_own(channel, drain, later, told):
    """Nothing is lost, and nobody is told twice of the same file."""
    ingest(channel, [item(1, "first")])
    later()
    drain()
    ingest(channel, [item(2, "late")])
    later()
    drain()
    assert told == [("first", 1), ("late", 1)]


@pytest.mark.django_db
def test_two_albums_and_what_is_between_stay_apart(channel, drain, later, told):
    """In their order."""
    text = MessageReceived(key="t", conversation=PLACE, sender=ANN, external_id="room:3", text="between")
    for event in (item(1, "a", "A"), item(2, "", "A"), text, item(4, "b", "B"), item(5, "", "B")):
        ingest(channel, [event])
    for _ in range(3):
        later()
        drain()
    assert told == [("a", 2), ("between", 0), ("b", 2)]


@pytest.mark.django_db
def test_an_edit_of_an_item_changes_the_album(channel):
    """The others keep their texts, and the former text is kept."""
    ingest(channel, [item(1, "frist"), item(2, "second")])
    ingest(channel, [MessageEdited(conversation=PLACE, sender=ANN, external_id="room:2", text="2nd")])
    ingest(channel, [MessageEdited(conversation=PLACE, sender=ANN, external_id="room:1", text="first")])
    message = Message.objects.get()
    assert message.text == "first\n2nd"
    assert [edit["text"] for edit in message.raw["edits"]] == ["frist\nsecond", "frist\n2nd"]


@pytest.mark.django_db
def test_a_reply_to_an_item_answers_the_album(channel):
    """Whichever of them it names."""
    ingest(channel, [item(1), item(2)])
    reply = MessageReceived(conversation=PLACE, sender=ANN, external_id="room:3", text="nice", reply_to="room:2")
    stored = ingest(channel, [reply])[0].message
    assert stored is not None
    assert stored.reply_to_message == Message.objects.get(album="A")


@pytest.mark.django_db(transaction=True)
def test_items_that_come_at_the_same_moment_find_each_other(channel):
    """Also where the conversation is new."""
    succeeded(at_once([partial(ingest, channel, [item(number)]) for number in range(1, 6)]))
    assert Message.objects.count() == 1
    assert Attachment.objects.count() == 5
    assert Job.objects.filter(kind="message").count() == 1
