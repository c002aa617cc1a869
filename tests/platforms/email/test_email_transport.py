"""Send through any Django e-mail backend instead of SMTP: the same mail, and what the backend says is heard."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

from tests.platforms.email.test_email_sending import PNG, sent
from unicom.models import Channel, Delivery

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


class Moody(BaseEmailBackend):
    """Be a backend that does what is next in ``moods``: raise it, or say that it has sent so many."""

    moods: list[Exception | int] = []
    taken: list[EmailMessage] = []

    def __init__(self, *, fail_silently: bool = False, key: str = "") -> None:
        super().__init__(fail_silently=fail_silently)
        self.key = key

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Do it."""
        assert (self.key, self.fail_silently) == ("an-api-key", False)
        self.taken += email_messages
        mood = self.moods.pop(0)
        if isinstance(mood, Exception):
            raise mood
        return mood


@pytest.fixture
def through(db: None) -> Any:
    """Return what makes a channel that sends through a backend."""

    def make(backend: str, **options: Any) -> Channel:
        config = {"EMAIL_ADDRESS": "support@example.com", "EMAIL_BACKEND": backend, "EMAIL_BACKEND_OPTIONS": options}
        channel = Channel.objects.create(name="API", platform="Email", config=config)
        assert channel.validate(), channel.error
        return channel

    return make


@pytest.fixture
def moody(through: Any) -> Channel:
    Moody.moods, Moody.taken = [], []
    channel: Channel = through(f"{__name__}.Moody", key="an-api-key")
    return channel


def test_a_backend_gets_the_whole_mail_for_each_recipient(through: Any, tmp_path: Path) -> None:
    report = tmp_path / "Bericht ä.pdf"
    report.write_bytes(b"%PDF-1.4 and so on")
    message = sent(
        through(LOCMEM).send_message(
            {"to": ["Bob <bob@example.org>"], "bcc": ["archive@example.org"], "subject": "Grüße", "from_name": "Shop",
             "html": f'<p>See <img src="data:image/png;base64,{PNG}"></p>', "file_path": str(report),
             "headers": {"X-Order": "7"}}
        )
    )  # fmt: skip
    assert message.status == "sent", message.error
    first, second = mail.outbox
    assert (first.to, second.to, first.bcc) == (["bob@example.org"], ["archive@example.org"], [])
    wire = first.message()
    assert (wire["Message-ID"], wire["X-Order"], first.from_email) == (
        message.external_id, "7", "Shop <support@example.com>",
    )  # fmt: skip
    assert (wire["To"], wire["Auto-Submitted"], first.subject) == ("Bob <bob@example.org>", "auto-generated", "Grüße")
    assert "archive@" not in wire.as_string()
    files = {part.get_filename(): part.get_payload(decode=True) for part in wire.walk() if part.get_filename()}
    assert files["Bericht ä.pdf"] == b"%PDF-1.4 and so on"
    image = next(part for part in wire.walk() if part.get_content_type() == "image/png")
    html = next(part for part in wire.walk() if part.get_content_type() == "text/html").get_payload(decode=True)
    assert f"cid:{str(image['Content-ID']).strip('<>')}".encode() in html


@pytest.mark.parametrize(
    ("mood", "status"),
    [(smtplib.SMTPDataError(451, b"later"), "queued"), (smtplib.SMTPDataError(550, b"no"), "failed"), (0, "queued")],
    ids=str,
)  # fmt: skip
def test_em17_what_a_backend_says_decides(moody: Channel, mood: Exception | int, status: str) -> None:
    Moody.moods = [mood]
    message = sent(moody.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello"}))
    assert message.status == status


def test_em17_what_a_backend_may_have_sent_is_repeated_with_the_same_message_id(moody: Channel) -> None:
    Moody.moods = [RuntimeError("an-api-key timed out"), 1]
    message = sent(moody.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello"}))
    assert message.status == "queued"
    assert "an-api-key" not in Delivery.objects.get().error
    Delivery.objects.update(next_attempt_at="2020-01-01T00:00:00Z")
    assert sent(message).status == "sent"
    assert [taken.message()["Message-ID"] for taken in Moody.taken] == [message.external_id] * 2


def test_a_backend_that_is_none_is_said_when_the_channel_is_validated(db: None) -> None:
    config = {"EMAIL_ADDRESS": "support@example.com", "EMAIL_BACKEND": "nothing.of.the.Kind"}
    channel = Channel.objects.create(name="API", platform="Email", config=config)
    assert channel.validate() is False
    assert "nothing.of.the.Kind" in channel.error
