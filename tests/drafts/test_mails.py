"""Send drafts and templates as mails: addresses, a subject, and images that travel along."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.pipeline.conftest import PNG
from unicom.models import Account, Channel, Chat, DraftMessage, Message, MessageTemplate, TemplateVariant
from unicom.scheduling import process_scheduled_messages

URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
def mailbox(db: Any, settings: Any) -> Channel:
    """Return a mailbox whose mails stay in the outbox."""
    settings.UNICOM_EXECUTOR = "worker"
    server = {"host": "127.0.0.1", "port": 1, "use_ssl": False}
    config = {
        "EMAIL_ADDRESS": "shop@example.org",
        "EMAIL_PASSWORD": "secret",
        "IMAP": {**server, "protocol": "IMAP"},
        "SMTP": {**server, "protocol": "SMTP"},
    }
    return Channel.objects.create(name="Mail", platform="Email", config=config, active=True)


def test_the_documented_draft_of_a_mail_is_sent(mailbox: Channel) -> None:
    draft = DraftMessage.objects.create(
        channel=mailbox,
        to=["customer@example.com"],
        cc=["boss@example.com"],
        subject="Weekly Newsletter {{ now()|datetime('%Y') }}",
        html="<h1>This week's updates…</h1><p>{{ message.to|join }}</p>",
        send_at=timezone.now() + timedelta(hours=24),
        is_approved=True,
        status="scheduled",
    )
    assert process_scheduled_messages()["total_due"] == 0
    draft.send_at = timezone.now()
    draft.save()
    assert process_scheduled_messages() == {"total_due": 1, "sent": 1, "failed": 0}, DraftMessage.objects.get().error
    message = Message.objects.get()
    assert (message.to, message.cc) == (["customer@example.com"], ["boss@example.com"])
    assert message.subject == f"Weekly Newsletter {timezone.localtime().year}"
    assert "<p>customer@example.com</p>" in message.html


def test_the_images_of_a_template_travel_along(mailbox: Channel) -> None:
    template = MessageTemplate.objects.create(title="x", content=f'<p>Hello <img src="{URI}"></p>')
    TemplateVariant.objects.create(template=template, platform="Email", subject="Hello")
    said = template.content_for(mailbox)
    assert said == {"html": f'<p>Hello <img src="{URI}"></p>', "subject": "Hello"}
    draft = DraftMessage.objects.create(
        channel=mailbox, to=["a@example.com"], subject="Hello", html=template.content, is_approved=True
    )
    assert "base64" not in draft.html
    message = draft.send()
    assert message.html == f'<p>Hello <img src="{URI}"></p>'


def test_a_mail_from_its_recipient_cancels_a_draft(mailbox: Channel) -> None:
    draft = DraftMessage.objects.create(
        channel=mailbox, to=["ann@example.com"], subject="Still there?", text="Hi", cancel_on_reply=True,
        is_approved=True, send_at=timezone.now() - timedelta(minutes=1),
    )  # fmt: skip
    ann = Account.objects.create(id="email_ann@example.com", platform="Email", external_id="ann@example.com")
    chat = Chat.objects.create(id="email_1", channel=mailbox)
    Message.objects.create(
        channel=mailbox, platform="Email", chat=chat, sender=ann, is_outgoing=False, text="I have it already"
    )
    assert process_scheduled_messages() == {"total_due": 1, "sent": 0, "failed": 0}
    draft.refresh_from_db()
    assert (draft.status, draft.error) == ("cancelled", "the recipient has written since")
