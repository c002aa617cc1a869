"""Hold what an operator sees: the window of a chat, why a reply is refused, the templates, and no secret."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from unicom.models import Chat, Job, Message, PlatformTemplate


@pytest.fixture
def number(whatsapp):
    """Return a number with a template."""
    number = whatsapp.add_number()
    whatsapp.add_template(number, "hello_world", "Hello <b>World</b>")
    return number


def page(admin_client: Any, name: str, *args: Any) -> str:
    """Return a page of the admin."""
    answer = admin_client.get(reverse(f"admin:unicom_{name}", args=args))
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_chat_says_until_when_it_may_be_written_to(admin_client, greeted):
    assert "freely until" in page(admin_client, "chat_change", greeted.chat_id)
    Chat.objects.update(open_until=timezone.now() - timedelta(minutes=1))
    assert "only with a template since" in page(admin_client, "chat_change", greeted.chat_id)
    Chat.objects.update(open_until=None)
    assert "they have not written yet" in page(admin_client, "chat_change", greeted.chat_id)


def test_a_reply_outside_the_window_is_refused_with_the_reason(admin_client, greeted):
    Chat.objects.update(open_until=timezone.now() - timedelta(minutes=1))
    address = reverse("admin:unicom_chat_reply", args=[greeted.chat_id])
    answer = admin_client.post(address, {"text": "Too late"}, follow=True)
    content = answer.content.decode()
    assert "people may be written to for 24 hours after they wrote" in content
    assert "hello_world" in content
    assert not Message.objects.filter(is_outgoing=True).exists()


def test_templates_are_listed_with_their_status_and_read_again_on_request(admin_client, channel):
    PlatformTemplate.objects.update(status="paused", reason="LOW_QUALITY")
    content = page(admin_client, "platformtemplate_changelist")
    assert "hello_world" in content
    assert "paused" in content
    assert "<b>World" not in content
    row = PlatformTemplate.objects.get()
    assert "LOW_QUALITY" in page(admin_client, "platformtemplate_change", row.pk)
    address = reverse("admin:unicom_platformtemplate_changelist")
    answer = admin_client.post(address, {"action": "read_again", "_selected_action": [row.pk]}, follow=True)
    assert "They are being read." in answer.content.decode()
    assert Job.objects.filter(kind="templates").exists()


def test_the_channels_page_shows_no_secret(admin_client, channel, whatsapp):
    content = page(admin_client, "channel_change", channel.pk)
    assert "PHONE_NUMBER_ID" in content
    for secret in (whatsapp.token, whatsapp.app_secret, "our-words"):
        assert secret not in content


def test_what_waits_for_a_person_to_write_says_so(greeted, admin_client):
    Chat.objects.update(open_until=None)
    message = greeted.reply_with({"text": "Your tea", "on_closed_window": "template:hello_world"})
    message.refresh_from_db()
    assert message.error == "waits until the person writes"
    assert message.error in page(admin_client, "message_change", message.pk)
