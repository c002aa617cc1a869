"""Take one new mail out of a large mailbox for no more than out of a small one."""

from __future__ import annotations

import shutil
import threading
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.platforms.email.conftest import plain_mail
from tests.platforms.email.metering import metered
from tests.platforms.email.servers import PASSWORD, Dovecot
from unicom.adapters import StoredState
from unicom.models import Channel, Chat, Message, Request
from unicom.platforms.email import imap, intake
from unicom.platforms.email.config import EmailConfig

pytestmark = pytest.mark.django_db(transaction=True)


def holding(server: Dovecot, count: int, marks: str) -> Channel:
    """Return a channel whose mailbox holds so many, which have been there before it."""
    address = f"size{count}-{marks}@example.com"
    server.client(address).logout()
    for number in range(count):
        path = server.home / "mail" / address / "cur" / f"{number}.M1P1.example:2,S"
        path.write_bytes(b"From: a@example.org\r\nSubject: %d\r\n\r\nHello\r\n" % number)
        shutil.chown(path, "mail", "mail")
    config = {
        "EMAIL_ADDRESS": address,
        "EMAIL_PASSWORD": PASSWORD,
        "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
        "IMAP": server.config(),
        "MARK_SEEN_WHEN": marks,
    }
    return Channel.objects.create(name=address, platform="Email", active=True, config=config)


def caught_up(channel: Channel, *, bringing: int) -> tuple[list[str], int, int]:
    """Catch up; returns the commands, the bytes that came, and the number of SQL statements."""
    config = EmailConfig.read(channel.config)
    with imap.opened(config, StoredState(channel)) as client:
        meter = metered(client)
        with CaptureQueriesContext(connection) as seen:
            assert intake.catch_up(channel, config, client, "INBOX", threading.Event()) == bringing
    return meter.commands, meter.received, len(seen)


@pytest.mark.parametrize("marks", ["never", "on_request_completed"])
def test_one_new_mail_costs_the_same_in_a_small_mailbox_and_in_a_large_one(
    mail_server: Dovecot, put: Any, marks: str
) -> None:
    costs = []
    for count in (100, 5000):
        channel = holding(mail_server, count, marks)
        caught_up(channel, bringing=0)
        for number in range(2):  # who writes for the first time costs more
            put(channel, plain_mail(message_id=f"<{number}.{count}@example.org>"))
            cost = caught_up(channel, bringing=1)
        costs.append(cost)
    (commands, received, statements), large = costs
    assert large[0] == commands
    assert len(commands) <= 6
    assert large[1] <= received + 100  # some numbers have more digits
    assert large[2] == statements


def test_which_mail_was_answered_is_asked_by_number_however_many_were() -> None:
    channel = Channel.objects.create(name="Large", platform="Email")
    chat = Chat.objects.create(id="email_large", channel=channel, platform="Email")
    raw = {"email": {"folder": "INBOX", "uidvalidity": 1}}
    messages = Message.objects.bulk_create(
        Message(channel=channel, platform="Email", chat=chat, imap_uid=number, raw=raw) for number in range(1, 3001)
    )
    Request.objects.bulk_create(
        Request(message=message, channel=channel, chat=chat, status="COMPLETED") for message in messages
    )
    found = intake.completed_of(channel, [7, 3000, 9999], "INBOX", 1)
    assert sorted(found) == [7, 3000]
    assert not intake.completed_of(channel, [7], "INBOX", 2).exists()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert "unicom_message_uid" in found.explain()
