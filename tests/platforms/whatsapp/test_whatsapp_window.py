"""Hold the 24-hour window: known per chat, refused before the call, or a template first."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from unicom.errors import InvalidMessage
from unicom.models import Chat, Delivery, HeldMessage, Message
from unicom.testing.draining import drain


@pytest.fixture
def number(whatsapp):
    """Return a number with templates."""
    number = whatsapp.add_number()
    whatsapp.add_template(number, "hello_world", "Hello World")
    whatsapp.add_template(number, "news", "News for {{1}}", category="MARKETING")
    return number


def close(chat: Chat) -> None:
    """Let the window have closed an hour ago."""
    Chat.objects.filter(pk=chat.pk).update(open_until=timezone.now() - timedelta(hours=1))


def test_wa10_a_message_opens_the_window_for_24_hours_by_its_own_time(channel, number, ann, deliver):
    at = int(time.time()) - 7200
    ann.sends(number, "Hello", at=at)
    deliver()
    left = Chat.objects.get().open_until - timezone.now()
    assert timedelta(hours=21, minutes=59) < left < timedelta(hours=22, minutes=1)


def test_wa10_each_message_opens_it_anew_and_a_late_one_shortens_nothing(channel, number, ann, deliver):
    ann.sends(number, "now")
    deliver()
    until = Chat.objects.get().open_until
    ann.sends(number, "sent long ago", at=time.time() - 40_000)
    deliver()
    assert Chat.objects.get().open_until == until


def test_wa10_a_call_opens_it_too(channel, number, ann, deliver):
    ann.calls(number)
    assert deliver() == [200]
    chat = Chat.objects.get()
    assert chat.open_until > timezone.now() + timedelta(hours=23)
    message = chat.send_message({"text": "You called?"})
    drain()
    message.refresh_from_db()
    assert message.status == "sent"


def test_wa10_a_click_opens_it_too(greeted, number, ann, deliver):
    greeted.reply_with({"text": "Well?", "buttons": [[{"text": "Yes", "callback_data": 1}]]})
    drain()
    close(greeted.chat)
    ann.taps(number, ann.last(number), "Yes")
    deliver()
    assert Chat.objects.get().open_until > timezone.now() + timedelta(hours=23)


def test_wa11_outside_a_send_is_refused_before_the_call_with_the_templates(greeted, whatsapp, channel):
    close(greeted.chat)
    with pytest.raises(InvalidMessage) as refusal:
        greeted.reply_with({"text": "Too late"})
    sentence = refusal.value.problems["template"]
    assert "24 hours" in sentence
    assert "hello_world, news" in sentence
    assert not Delivery.objects.exists()
    assert whatsapp.log.calls("messages") == []


def test_wa11_to_somebody_who_has_never_written_only_a_template_goes(channel, whatsapp, number, ann):
    with pytest.raises(InvalidMessage) as refusal:
        channel.send_message({"chat_id": f"+{ann.phone}", "text": "Hello"})
    assert "not written yet" in refusal.value.problems["template"]
    assert not Chat.objects.exists()
    message = channel.send_message({"chat_id": f"+{ann.phone}", "template": "hello_world"})
    drain()
    message.refresh_from_db()
    assert (message.status, message.text) == ("sent", "Hello World")
    assert ann.last(number).payload["template"]["name"] == "hello_world"


def test_wa11_with_on_closed_window_the_template_goes_first_and_the_message_once_they_write(
    greeted, number, ann, deliver, whatsapp
):
    close(greeted.chat)
    whatsapp.close_window(number, ann)
    message = greeted.reply_with({"text": "Your tea is there", "on_closed_window": "template:hello_world"})
    drain()
    message.refresh_from_db()
    assert [item.text or item.payload["template"]["name"] for item in ann.inbox(number)] == ["hello_world"]
    assert (message.status, HeldMessage.objects.get().message) == ("queued", message)
    template = Message.objects.exclude(pk=message.pk).get(is_outgoing=True)
    assert (template.status, template.text, template.chat) == ("sent", "Hello World", greeted.chat)
    ann.sends(number, "Yes?")
    deliver()
    deliver()
    message.refresh_from_db()
    assert (ann.last(number).text, message.status) == ("Your tea is there", "delivered")
    assert not HeldMessage.objects.exists()


def test_with_on_closed_window_an_open_chat_needs_no_template(greeted, number, ann):
    greeted.reply_with({"text": "Here", "on_closed_window": "template:hello_world"})
    drain()
    assert [item.text for item in ann.inbox(number)] == ["Here"]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("hello_world", "on_closed_window"),
        ("template:nothing", "on_closed_window"),
        (3, "on_closed_window"),
        ("template:news", "on_closed_window.parameters"),
        ({"name": "news", "parameters": ["a", "b"]}, "on_closed_window.parameters"),
    ],
)
def test_a_wrong_on_closed_window_is_named_and_nothing_saved(greeted, value, key):
    close(greeted.chat)
    with pytest.raises(InvalidMessage) as refusal:
        greeted.reply_with({"text": "Hello", "on_closed_window": value})
    assert set(refusal.value.problems) == {key}
    assert Message.objects.count() == 1


def test_on_closed_window_takes_values(greeted, number, ann, whatsapp):
    close(greeted.chat)
    greeted.reply_with({"text": "More", "on_closed_window": {"name": "news", "parameters": ["Ann"]}})
    drain()
    assert whatsapp.log.sent()[-1].text == "News for Ann"


def test_wa11_a_window_that_closed_while_the_message_waited_fails_without_a_call(greeted, whatsapp):
    message = greeted.reply_with({"text": "Slow"})
    close(greeted.chat)
    drain()
    message.refresh_from_db()
    assert (message.status, whatsapp.log.calls("messages")) == ("failed", [])
    assert "24 hours" in message.error


def test_wa11_should_whatsapp_say_so_it_is_not_tried_again(greeted, whatsapp, number, ann, deliver):
    whatsapp.close_window(number, ann)
    message = greeted.reply_with({"text": "We think it is open"})
    drain()
    deliver()
    message.refresh_from_db()
    delivery = message.deliveries.get()
    assert (message.status, delivery.error_code) == ("failed", "131047")
    assert "send an approved template" in message.error
    assert len(whatsapp.log.calls("messages")) == 1


def test_a_message_that_waits_for_the_window_can_be_cancelled(greeted, number, ann, deliver):
    from unicom import decisions

    close(greeted.chat)
    message = greeted.reply_with({"text": "Too late", "on_closed_window": "template:hello_world"})
    drain()
    assert decisions.cancel(message)
    assert message.status == "cancelled"
    ann.sends(number, "Yes?")
    deliver()
    assert "Too late" not in [item.text for item in ann.inbox(number)]
    assert not decisions.cancel(message)
