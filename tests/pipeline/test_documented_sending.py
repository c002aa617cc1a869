"""The documented calls for sending do what the documentation says, on the outside platform and on our own."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import PNG
from unicom.errors import InvalidMessage
from unicom.models import Channel, Chat, Message, MessageTemplate

pytestmark = pytest.mark.django_db


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Return a PNG on disk."""
    path = tmp_path / "chart.png"
    path.write_bytes(PNG)
    return path


@pytest.fixture(params=["Memory", "Internal", "WebChat"])
def room(request, db) -> Chat:
    """Return a conversation on each platform, made as documented: without an external id."""
    channel = Channel.objects.create(name="Any", platform=request.param, active=True)
    return Chat.objects.create(id=f"{request.param.lower()}_room", platform=request.param, channel=channel)


def test_channel_send_message_sends_to_a_chat(room, drain):
    """Known failure 1: Internal and WebChat work; ``channel.send_message({'chat_id': …, 'text': …})``."""
    message = room.channel.send_message({"chat_id": room.pk, "text": "Hello from Django Unicom!"})
    drain()
    message.refresh_from_db()
    assert (message.text, message.is_outgoing, message.platform) == ("Hello from Django Unicom!", True, room.platform)
    assert (message.chat, message.channel, message.media_type) == (room, room.channel, "text")
    assert message.status == "sent" and message.seq == 1
    assert message.sent and message.time_sent and not message.delivered and not message.seen
    room.refresh_from_db()
    assert room.last_message == message


def test_validate_returns_true_and_makes_the_channel_active(db):
    """``channel.validate()`` returns True if successful; creating never did."""
    channel = Channel.objects.create(name="Memory", platform="Memory")
    assert channel.active is False
    assert channel.validate() is True
    stored = Channel.objects.get()
    assert stored.active and stored.error == "" and stored.validated_at
    assert channel.validate() is True


def test_validate_returns_false_with_the_reason_on_the_row(db, monkeypatch):
    """A refused token, a config that does not fit, and a crash: all end as a sentence, none as an exception."""
    from unicom.errors import DeliveryError
    from unicom.testing.memory import MemoryAdapter

    def refuse(error: Exception) -> Any:
        def setup(self, url):
            raise error

        return setup

    channel = Channel.objects.create(name="Memory", platform="Memory")
    for error, reason in (
        (DeliveryError("the token is wrong"), "the token is wrong"),
        (ZeroDivisionError("internals"), "failed unexpectedly (ZeroDivisionError)"),
    ):
        monkeypatch.setattr(MemoryAdapter, "setup", refuse(error))
        assert channel.validate() is False
        channel.refresh_from_db()
        assert not channel.active and reason in channel.error and "internals" not in channel.error
    channel.config = {"NOPE": 1}
    assert channel.validate() is False and "NOPE" in channel.error


def test_chat_send_message_sends_to_the_chat(room, drain):
    """``chat.send_message({'text': …})``."""
    message = room.send_message({"text": "Hello everyone!"})
    assert (message.chat, message.text) == (room, "Hello everyone!")


def test_a_chat_is_found_by_the_platform_s_own_id_too(chat, channel):
    """``chat_id`` is our id, then the platform's."""
    assert channel.send_message({"chat_id": "room", "text": "x"}).chat == chat
    assert channel.send_message({"chat_id": chat.pk, "text": "x"}).chat == chat
    Chat.objects.create(id="memory_9", channel=channel, external_id="9")
    assert channel.send_message({"chat_id": 9, "text": "x"}).chat_id == "memory_9"


def test_a_platform_s_id_not_known_yet_opens_the_chat(channel, drain, wire):
    """As the documentation's first Telegram message to a user."""
    message = channel.send_message({"chat_id": 777, "text": "welcome"})
    drain()
    assert message.chat.external_id == "777"
    assert message.chat_id == f"memory_{channel.pk}_777"
    assert wire.parts[0].chat == "777"


def test_reply_with_answers_in_the_chat_of_the_message(channel, drain, wire):
    """``message.reply_with({'text': …})``."""
    message = channel.receive_message({"id": 5, "chat": "room", "sender": "ann", "text": "hello"})
    reply = message.reply_with({"text": "Thanks for your message!"})
    drain()
    assert (reply.reply_to_message, reply.chat) == (message, message.chat)
    assert (wire.parts[0].text, wire.parts[0].reply_to) == ("Thanks for your message!", "5")


def test_reply_to_message_id_answers_a_certain_message(channel, drain, wire):
    """By our id or the platform's."""
    message = channel.receive_message({"id": 5, "chat": "room", "sender": "ann", "text": "hello"})
    channel.receive_message({"id": 6, "chat": "room", "sender": "ann", "text": "and this"})
    for reference in (message.pk, "5"):
        reply = message.chat.send_message({"text": "to you", "reply_to_message_id": reference})
        assert reply.reply_to_message == message
    drain()
    assert [part.reply_to for part in wire.parts] == ["5", "5"]


def test_a_reply_to_a_message_of_ours_names_the_platform_s_id_once_it_is_known(chat, drain, wire):
    """Both may be queued in one transaction."""
    first = chat.send_message({"text": "one"})
    first.reply_with({"text": "two"})
    drain()
    first.refresh_from_db()
    assert first.external_id and wire.parts[1].reply_to == first.external_id


def test_a_reply_with_file_path_sends_the_file_on_every_platform(room, picture, drain, stored_files):
    """Known failure 2: a reply with ``file_path`` sends the file; 15: a WebChat image by ``file_path`` is an image."""
    first = room.send_message({"text": "one"})
    message = first.reply_with({"text": "Here is the file you requested", "file_path": str(picture)})
    drain()
    message.refresh_from_db()
    assert message.media_type == "image"
    with message.media.open() as copy:
        assert copy.read() == picture.read_bytes()
    attachment = message.attachments.get()
    assert (attachment.kind, attachment.name, attachment.content_type) == ("image", "chart.png", "image/png")
    assert attachment.size == picture.stat().st_size
    picture.unlink()
    with message.media.open() as copy:
        assert len(copy.read()) == attachment.size, "files are copied to storage when queued"


def test_the_adapter_gets_the_file_that_was_stored(chat, picture, drain, wire):
    """Known failure 2: outside platforms receive it, under its name."""
    chat.send_message({"text": "x", "file_path": picture})
    content = picture.read_bytes()
    picture.unlink()
    drain()
    file = wire.parts[0].file
    assert (file.name, file.kind, file.content_type) == ("chart.png", "image", "image/png")
    with file.open() as stored:
        assert stored.read() == content


def test_a_pdf_is_a_file_and_several_attachments_are_all_kept(chat, tmp_path, drain):
    """``attachments`` is a list of paths."""
    paths = []
    for number in range(3):
        path = tmp_path / f"report {number}.pdf"
        path.write_bytes(b"%PDF-1.4 ...")
        paths.append(str(path))
    message = chat.send_message({"attachments": paths})
    assert message.media_type == "file"
    assert [item.name for item in message.attachments.all()] == ["report 0.pdf", "report 1.pdf", "report 2.pdf"]


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_base64_image_is_stored_as_an_image(chat, prefix):
    """With and without the data URI's beginning, line breaks allowed."""
    encoded = base64.encodebytes(PNG).decode()
    message = chat.send_message({"base64_image": prefix + encoded})
    assert message.media_type == "image"
    with message.media.open() as copy:
        assert copy.read() == PNG


def test_base64_of_something_else_is_no_image(chat):
    """By its bytes, not by what it says."""
    text = base64.b64encode(b"<script>alert(1)</script>").decode()
    for value in (text, f"data:image/png;base64,{text}", "", "data:image/png;base64"):
        with pytest.raises(InvalidMessage):
            chat.send_message({"base64_image": value})


def test_text_with_braces_is_sent_as_it_is(room, drain):
    """Known failure 27: text quoting a user was rendered as a template; a reply containing ``{{`` could not be sent."""
    for text in ("{{ settings.SECRET_KEY }}", "{{", "{% load x %}", "100 % {# sure #}", "{{ 7 * 7 }}"):
        message = room.send_message({"text": text})
        html = room.send_message({"html": f"<p>{text}</p>"})
        drain()
        message.refresh_from_db()
        assert message.text == text
        assert text in (html.html or html.text)


def test_html_becomes_text_where_the_platform_shows_none(chat, monkeypatch, drain, wire):
    """Nothing is lost but the markup."""
    from unicom.testing.memory import MemoryAdapter

    monkeypatch.setattr(MemoryAdapter, "supports_html", False)
    chat.send_message({"html": "<h1>Hello</h1><p>you &amp; me<br>both</p>"})
    drain()
    assert wire.parts[0].text == "Hello\nyou & me\nboth"
    assert wire.parts[0].html == ""


def test_the_documented_fields_can_be_queried(chat, drain):
    """``Message.objects.filter(...)`` as the documentation's examples do."""
    message = chat.send_message({"text": "x"})
    drain()
    assert list(Message.objects.filter(channel=chat.channel).order_by("-timestamp")[:10]) == [message]
    assert list(Message.objects.filter(chat_id=chat.pk).order_by("timestamp")) == [message]
    assert list(Message.objects.filter(platform="Memory", is_outgoing=True, seen=False)) == [message]
    assert message.opened is False and message.link_clicked is False and message.clicked_links == []
    assert message.to == [] and message.cc == [] and message.bcc == [] and message.tracking_id
    assert message.imap_uid is None and message.time_opened is None and message.time_link_clicked is None


def test_a_template_s_content_can_be_sent(chat, channel):
    """``template.content.replace(...)`` is an ordinary text."""
    template = MessageTemplate.objects.create(title="Welcome", content="<p>Hello {{name}}</p>", category="Onboarding")
    template.channels.add(channel)
    message = chat.send_message({"html": template.content.replace("{{name}}", "John")})
    assert message.html == "<p>Hello John</p>"


def test_who_of_the_staff_wrote_it_is_kept(chat, django_user_model):
    """``user`` is for the admin's own sends."""
    user = django_user_model.objects.create_user("kim", first_name="Kim", last_name="Lee")
    message = chat.send_message({"text": "x"}, user=user)
    assert (message.user, message.sender_name) == (user, "Kim Lee")
    assert chat.send_message({"text": "x"}).sender_name == "Bot"
