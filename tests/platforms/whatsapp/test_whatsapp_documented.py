"""Hold every documented line about WhatsApp, and what was known to fail, as written."""

from __future__ import annotations

import pytest

from unicom.models import Message
from unicom.testing.draining import drain


def test_known_failure_1_whatsapp_works_at_all(client, whatsapp, number, ann, deliver, channel):
    assert client.get(
        "/unicom/whatsapp", {"hub.mode": "subscribe", "hub.verify_token": "our-words", "hub.challenge": "1"}
    ).content == b"1"  # fmt: skip
    ann.sends(number, "Hello")
    assert deliver() == [200]
    answer = Message.objects.get().reply_with({"text": "Hi"})
    drain()
    deliver()
    answer.refresh_from_db()
    assert (answer.sent, answer.delivered) == (True, True)


def test_the_documented_tracking_fields(greeted, number, ann, deliver):
    message = greeted.reply_with({"text": "Hi"})
    drain()
    deliver()
    ann.reads(ann.last(number))
    deliver()
    whatsapp_msg = Message.objects.get(id=message.pk)
    assert whatsapp_msg.platform == "WhatsApp"
    for name in ("sent", "delivered", "seen"):
        assert getattr(whatsapp_msg, name) is True
        assert getattr(whatsapp_msg, f"time_{name}") is not None


def test_the_documented_queries(greeted, number, ann, deliver):
    greeted.reply_with({"text": "Hi"})
    drain()
    unread_whatsapp = Message.objects.filter(platform="WhatsApp", is_outgoing=True, seen=False)
    assert unread_whatsapp.count() == 1
    ann.reads(ann.last(number))
    deliver()
    assert unread_whatsapp.count() == 0


def test_the_kinds_of_messages_are_told_apart_as_documented(greeted, channel):
    greeted.reply_with({"text": "Hi"})
    greeted.log_tool_interaction(tool_call={"id": "1", "name": "look", "arguments": {}})
    found = {message.is_outgoing for message in Message.objects.filter(channel=channel)}
    assert found == {True, False, None}


def test_message_raw_has_the_platforms_own_data(greeted):
    assert greeted.raw["message"]["text"]["body"] == "Hello"
    assert greeted.media_type == "text"


@pytest.mark.parametrize("way", ["channel", "chat", "reply"])
def test_all_ways_to_send_work(greeted, number, ann, channel, way):
    data = {"text": "Hi"}
    if way == "channel":
        channel.send_message({**data, "chat_id": greeted.chat_id})
    elif way == "chat":
        greeted.chat.send_message(data)
    else:
        greeted.reply_with(data)
    drain()
    assert ann.last(number).text == "Hi"


def test_a_message_cannot_be_edited_and_says_so(greeted):
    from unicom.errors import InvalidMessage

    message = greeted.reply_with({"text": "Hi"})
    drain()
    with pytest.raises(InvalidMessage) as refusal:
        message.edit_original_message({"text": "Ho"})
    assert refusal.value.problems == {"message": "WhatsApp messages cannot be edited"}


def test_the_platform_is_among_those_to_choose_from():
    from unicom.platforms import names

    assert "WhatsApp" in names()
