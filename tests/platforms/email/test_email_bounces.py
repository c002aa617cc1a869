"""Believe what comes back only where it brings our own token with it."""

from __future__ import annotations

from typing import Any

import pytest

from unicom.models import Delivery, Message, Suppression
from unicom.platforms.email import tokens
from unicom.testing import drain
from unicom.testing.smtp import SmtpSink


def report(
    mail: bytes, *, action: str = "failed", status: str = "5.1.1", envelope: str = "", token: bool = True
) -> str:
    headers = mail.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
    if not token:
        headers = "\n".join(line for line in headers.split("\n") if not line.startswith(tokens.HEADER))
    return f"""Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.example.org>
To: support@example.com
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Message-ID: <{action}{status}@mx.example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=r

--r
Content-Type: text/plain

It did not work.
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
{f"Original-Envelope-Id: {envelope}" if envelope else "X-Nothing: here"}

Final-Recipient: rfc822; bob@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} said the server

--r
Content-Type: text/rfc822-headers

{headers}
--r--
"""


@pytest.fixture
def ours(sending: Any, sink: SmtpSink) -> Message:
    message = sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello"})
    drain()
    assert isinstance(message, Message)
    return message


def refreshed(message: Message) -> Message:
    drain()
    message.refresh_from_db()
    return message


def test_em07_a_hard_bounce_ends_the_delivery_and_the_address(sending: Any, sink: SmtpSink, ours: Message) -> None:
    taken = sending.receive_message({"raw": report(sink.mails[0].data)})
    assert refreshed(ours).status == "bounced"
    assert "said the server" in ours.error
    row = Suppression.objects.get()
    assert (row.address, "5.1.1" in row.reason) == ("bob@example.org", True)
    assert taken.chat == ours.chat
    later = refreshed(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Again"}))
    assert (later.status, len(sink.mails)) == ("failed", 1)


def test_em07_the_envelope_id_alone_finds_the_delivery(sending: Any, sink: SmtpSink, ours: Message) -> None:
    envelope = next(item for item in sink.mails[0].options if item.startswith("ENVID=")).removeprefix("ENVID=")
    sending.receive_message({"raw": report(sink.mails[0].data, envelope=envelope, token=False)})
    assert refreshed(ours).status == "bounced"


def test_em07_a_soft_bounce_counts_and_the_fifth_is_the_last(sending: Any, sink: SmtpSink) -> None:
    for number in range(5):
        assert not Suppression.objects.exists()
        message = sending.send_message({"to": ["bob@example.org"], "subject": f"Hi {number}", "text": "Hello"})
        drain()
        sending.receive_message({"raw": report(sink.mails[-1].data, status="4.2.2")})
        assert refreshed(message).status == "bounced"
    assert Suppression.objects.get().address == "bob@example.org"


@pytest.mark.parametrize("action", ["delayed", "relayed", "expanded"])
def test_em07_what_is_on_its_way_has_not_bounced(sending: Any, sink: SmtpSink, ours: Message, action: str) -> None:
    sending.receive_message({"raw": report(sink.mails[0].data, action=action, status="4.4.1")})
    assert refreshed(ours).status == "sent"
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("envelope", ["", "0198c0de-0000-7000-8000-000000000000/abcdef0123456789abcd", "made+20up"])
def test_em07_a_forged_bounce_does_nothing(sending: Any, sink: SmtpSink, ours: Message, envelope: str) -> None:
    taken = sending.receive_message({"raw": report(sink.mails[0].data, envelope=envelope, token=False)})
    assert refreshed(ours).status == "sent"
    assert not Suppression.objects.exists()
    assert taken.chat != ours.chat


def test_em07_of_several_recipients_only_the_one_that_bounced_has(sending: Any, sink: SmtpSink) -> None:
    message = sending.send_message({"to": ["ann@example.org", "bob@example.org"], "subject": "Hi", "text": "Hello"})
    drain()
    sending.receive_message({"raw": report(sink.mails[1].data)})
    assert refreshed(message).status == "sent"
    states = dict(Delivery.objects.values_list("recipient", "state"))
    assert states == {"ann@example.org": "sent", "bob@example.org": "bounced"}


def test_em07_a_complaint_silences_the_address(sending: Any, sink: SmtpSink, ours: Message) -> None:
    raw = report(sink.mails[0].data).replace("report-type=delivery-status", "report-type=feedback-report")
    raw = raw.replace("message/delivery-status", "message/feedback-report")
    sending.receive_message({"raw": raw})
    assert "complained" in Suppression.objects.get().reason


@pytest.mark.django_db(transaction=True)
def test_em07_a_real_server_s_bounce_comes_home(mailbox: Any, relay: Any) -> None:
    import time

    from unicom.platforms.email.listener import run_once

    mailbox.config = {**mailbox.config, "SMTP": relay.config(), "SMTP_PASSWORD": "", "EMAIL_PASSWORD": "",
                      "IMAP_PASSWORD": mailbox.config["EMAIL_PASSWORD"]}  # fmt: skip
    mailbox.save()
    message = mailbox.send_message({"to": ["bob@gone.example"], "subject": "Hi", "text": "Hello"})
    drain()
    message.refresh_from_db()
    assert message.status == "sent", message.error
    deadline = time.monotonic() + 30
    while message.status != "bounced":
        assert time.monotonic() < deadline, run_once()
        time.sleep(0.1)
        run_once()
        message.refresh_from_db()
    assert Suppression.objects.get().address == "bob@gone.example"
