"""Take in what the owner of a mailbox sends by another client, and believe nobody else who claims to be the owner."""

from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.email.conftest import plain_mail
from tests.platforms.email.servers import Dovecot
from unicom.models import Channel, InboundReceipt, Job, Message, Request
from unicom.platforms.email.listener import run_once
from unicom.testing import drain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def both(mailbox: Channel) -> Channel:
    """Return a mailbox whose folder for sent mail is read too."""
    mailbox.config = {**mailbox.config, "FOLDERS": ["INBOX", "Sent"]}
    mailbox.save()
    assert run_once() == (0, [])
    return mailbox


def own(channel: Channel, **more: Any) -> str:
    address = channel.config["EMAIL_ADDRESS"]
    return plain_mail(**{"sender": f"Otto <{address}>", "to": "ann@example.org", "message_id": "<own@client>", **more})


def test_known_failure_8_what_lies_in_the_folder_for_sent_mail_is_outgoing_and_in_its_thread(
    both: Channel, put: Any
) -> None:
    put(both, plain_mail(message_id="<q@example.org>", to=both.config["EMAIL_ADDRESS"]))
    assert run_once() == (1, [])
    question = Message.objects.get()
    put(both, own(both, In_Reply_To="<q@example.org>", Cc="Bob <bob@example.org>", Bcc="eve@example.org"), "Sent")
    assert run_once() == (1, [])
    drain()
    answer = Message.objects.get(external_id="<own@client>")
    assert (answer.is_outgoing, answer.status, answer.sent, answer.chat) == (True, "sent", True, question.chat)
    assert (answer.to, answer.cc, answer.bcc) == (["ann@example.org"], ["bob@example.org"], ["eve@example.org"])
    assert answer.sender_name == "Otto"
    assert list(Request.objects.values_list("message", flat=True)) == [question.pk]
    # Who was written to takes part.
    put(both, plain_mail(sender="Bob <bob@example.org>", message_id="<b@x>", In_Reply_To="<own@client>"))
    assert run_once() == (1, [])
    assert Message.objects.get(external_id="<b@x>").chat == question.chat


def test_known_failure_8_the_same_mail_in_the_inbox_is_not_outgoing(both: Channel, put: Any) -> None:
    put(both, plain_mail(message_id="<q@example.org>"))
    put(both, own(both, In_Reply_To="<q@example.org>"))
    assert run_once() == (2, [])
    question, forged = Message.objects.order_by("imap_uid")
    assert (forged.is_outgoing, forged.chat == question.chat) == (False, False)
    assert "our own address" in forged.raw["automatic"]


def test_known_failure_8_a_folder_that_is_only_called_so_is_none(both: Channel, put: Any, mail_server: Dovecot) -> None:
    client = mail_server.client(both.config["EMAIL_ADDRESS"])
    client.create_folder("Sent Items")  # the server marks another one
    client.logout()
    both.config = {**both.config, "FOLDERS": ["INBOX", "Sent Items"]}
    both.save()
    assert run_once() == (0, [])
    put(both, own(both), "Sent Items")
    assert run_once() == (1, [])
    assert Message.objects.get().is_outgoing is False


def test_a_mail_of_the_owner_s_own_opens_a_thread_that_answers_come_into(both: Channel, put: Any) -> None:
    put(both, own(both, subject="An offer"), "Sent")
    assert run_once() == (1, [])
    offer = Message.objects.get()
    assert (offer.is_outgoing, offer.subject) == (True, "An offer")
    put(both, plain_mail(message_id="<a@x>", In_Reply_To="<own@client>", subject="Re: An offer"))
    assert run_once() == (1, [])
    assert Message.objects.get(external_id="<a@x>").chat == offer.chat
    reply = offer.chat.send_message({"text": "And another thing."})
    assert (reply.to, reply.subject) == (["ann@example.org"], "Re: An offer")


def test_our_own_copies_there_are_not_taken_in(both: Channel, sink: Any, mail_server: Dovecot) -> None:
    both.send_message({"to": ["bob@example.org", "ann@example.org"], "subject": "Hi", "text": "Hello"})
    drain()
    assert not Job.objects.filter(kind="follow_up").exclude(state="done").exists()
    client = mail_server.client(both.config["EMAIL_ADDRESS"])
    client.select_folder("Sent")
    assert len(client.search()) == 1
    client.logout()
    run_once()
    InboundReceipt.objects.all().delete()
    assert run_once()[1] == []
    assert Message.objects.count() == 1
