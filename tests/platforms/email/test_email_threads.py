"""Keep mail in its thread: by ids, then by a signed token, never by the subject, and never for a stranger."""

from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.email.conftest import plain_mail
from unicom.models import Account, Chat, Member, Message, Request
from unicom.testing import drain
from unicom.testing.smtp import SmtpSink

ANN, BOB, EVE = "Ann <ann@example.org>", "Bob <bob@example.org>", "Eve <eve@example.net>"


def take(channel: Any, **mail: Any) -> Message:
    message = channel.receive_message({"raw": plain_mail(**mail)})
    assert isinstance(message, Message)
    return message


def test_em01_an_answer_to_ours_comes_into_its_chat(sending: Any, sink: SmtpSink) -> None:
    ours = sending.send_message({"to": ["ann@example.org"], "subject": "Hi", "text": "Hello"})
    drain()
    answer = take(sending, sender=ANN, subject="Something else", message_id="<a@x>", In_Reply_To=ours.external_id)
    assert (answer.chat, answer.reply_to_message) == (ours.chat, ours)


def test_em02_mails_that_share_an_ancestor_we_never_saw_are_one_thread(sending: Any) -> None:
    first = take(sending, sender=ANN, message_id="<b@x>", References="<never-seen@x>", Cc=BOB)
    second = take(sending, sender=BOB, message_id="<c@x>", References="<never-seen@x>")
    assert second.chat == first.chat
    ancestor = take(sending, sender=ANN, message_id="<never-seen@x>")
    assert ancestor.chat == first.chat


def test_em03_the_subject_alone_joins_nothing(sending: Any) -> None:
    first = take(sending, sender=ANN, message_id="<a@x>", subject="Order 7")
    second = take(sending, sender=EVE, message_id="<b@x>", subject="Re: Order 7")
    assert second.chat != first.chat


def test_em03_a_stranger_who_knows_an_id_does_not_get_into_the_thread(sending: Any) -> None:
    first = take(sending, sender=ANN, message_id="<a@x>")
    foreign = take(sending, sender=EVE, message_id="<b@x>", In_Reply_To="<a@x>", References="<a@x>")
    assert foreign.chat != first.chat
    # And having been refused does not make a participant.
    again = take(sending, sender=EVE, message_id="<c@x>", References="<a@x> <b@x>")
    assert again.chat == foreign.chat


def test_em03_a_signed_address_lets_in_and_a_forged_one_does_not(sending: Any, sink: SmtpSink) -> None:
    sending.config = {**sending.config, "PLUS_ADDRESSING": True}
    sending.save()
    ours = sending.send_message({"to": ["ann@example.org"], "subject": "Hi", "text": "Hello"})
    drain()
    tagged = str(sink.mails[0].message["Reply-To"])
    assert tagged.startswith("support+")
    colleague = take(sending, sender=BOB, to=tagged, message_id="<a@x>")
    assert colleague.chat == ours.chat
    last = tagged[tagged.index("@") - 1]
    forged = tagged.replace(f"{last}@", f"{'0' if last != '0' else '1'}@")
    assert take(sending, sender=EVE, to=forged, message_id="<b@x>").chat != ours.chat


def test_em15_the_same_id_on_other_bytes_is_another_message(sending: Any) -> None:
    first = take(sending, sender=ANN, message_id="<a@x>", text="One")
    second = take(sending, sender=ANN, message_id="<a@x>", text="Two")
    again = take(sending, sender=ANN, message_id="<a@x>", text="Two")
    assert first.pk != second.pk
    assert again.pk == second.pk
    assert second.external_id.startswith("sha256:")


def test_em15_another_way_here_makes_no_other_message(sending: Any) -> None:
    first = take(sending, message_id="<a@x>", Received="from one by two; Fri, 27 Nov 2026 01:00:00 +0000")
    second = take(sending, message_id="<a@x>", Received="from three by four; Fri, 27 Nov 2026 02:00:00 +0000")
    assert first.pk == second.pk


@pytest.mark.parametrize("message_id", ["", "<>", f"<{'x' * 300}@example.org>", "no brackets"])
def test_em15_without_a_usable_id_the_content_names_it(sending: Any, message_id: str) -> None:
    first = take(sending, message_id=message_id)
    assert first.external_id.startswith("sha256:")
    assert take(sending, message_id=message_id).pk == first.pk


def test_known_failure_8_a_from_of_ours_is_not_outgoing_because_it_says_so(sending: Any) -> None:
    message = take(sending, sender="Support <support@example.com>", message_id="<a@x>")
    assert message.is_outgoing is False
    assert "our own address" in message.raw["automatic"]
    assert not Request.objects.exists()


def test_a_copy_of_our_own_mail_is_no_message_and_its_forgery_is_one(sending: Any, sink: SmtpSink) -> None:
    sending.send_message({"to": ["ann@example.org"], "bcc": ["support@example.com"], "subject": "Hi", "text": "Hello"})
    drain()
    copy = sink.mails[1].data.decode()
    assert sending.receive_message({"raw": copy}) is None
    forged = copy.replace("X-Unicom-Delivery: 0", "X-Unicom-Delivery: 1")
    assert sending.receive_message({"raw": forged}).is_outgoing is False


def test_known_failure_24_an_unproven_sender_is_no_member_also_where_the_account_is(sending: Any) -> None:
    member = Member.objects.create(name="Ann", email="ann@example.org")
    message = take(sending, sender=ANN, message_id="<a@x>")
    assert Account.objects.get().member is None
    Account.objects.update(member=member)  # proven another time
    take(sending, sender=ANN, message_id="<b@x>", text="Again")
    assert {request.member for request in Request.objects.all()} == {None}
    assert message.raw["email"].get("trust", {}).get("verified", False) is False


def test_known_failure_24_a_blank_address_is_nobody(sending: Any) -> None:
    Member.objects.create(name="Nobody", email="")
    for number, sender in enumerate(["", "<>", "undisclosed"]):
        take(sending, sender=sender, message_id=f"<{number}@x>")
    assert {account.member for account in Account.objects.all()} == {None}


# Loops


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"}, {"Auto_Submitted": "auto-generated; owner-email=x"}, {"Return_Path": "<>"},
        {"List_Id": "<list.example.org>"}, {"Precedence": "bulk"}, {"Precedence": "list"}, {"Precedence": "junk"},
    ],
    ids=str,
)  # fmt: skip
def test_em04_machine_mail_is_kept_and_no_machine_answers_it(
    sending: Any, sink: SmtpSink, admin_user: Any, headers: dict[str, str]
) -> None:
    message = take(sending, sender=ANN, message_id="<a@x>", **headers)
    assert not Request.objects.exists()
    silent = message.reply_with({"text": "From a bot"})
    assert (silent.status, "machines do not" in silent.error) == ("failed", True)
    spoken = message.reply_with({"text": "From a person"}, user=admin_user)
    drain()
    spoken.refresh_from_db()
    assert (spoken.status, len(sink.mails)) == ("sent", 1)


@pytest.mark.parametrize("headers", [{"Auto_Submitted": "no"}, {"X_Auto_Response_Suppress": "All"}], ids=str)
def test_em04_a_person_s_mail_is_answered(sending: Any, sink: SmtpSink, headers: dict[str, str]) -> None:
    message = take(sending, sender=ANN, message_id="<a@x>", **headers)
    assert Request.objects.count() == 1
    message.reply_with({"text": "From a bot"})
    drain()
    assert len(sink.mails) == 1


def test_em06_a_conversation_of_machines_stops(sending: Any, sink: SmtpSink) -> None:
    message = take(sending, sender=ANN, message_id="<a@x>")
    for _ in range(25):
        message.reply_with({"text": "Still here?"})
        drain()
    assert len(sink.mails) == 20
    assert Message.objects.filter(status="failed", error__contains="looks like a loop").count() == 5


def test_em06_so_does_one_that_opens_a_new_thread_each_time(sending: Any, sink: SmtpSink) -> None:
    for number in range(45):
        take(sending, sender=ANN, message_id=f"<{number}@x>").reply_with({"text": "Thanks for writing."})
    drain()
    assert len(sink.mails) == 40
    assert Chat.objects.count() == 45


def test_a_later_answer_goes_where_the_sender_wants_answers(sending: Any, sink: SmtpSink) -> None:
    message = take(sending, sender=ANN, message_id="<a@x>", Reply_To="Desk <desk@example.org>")
    message.reply_with({"text": "Yes"})
    drain()
    assert sink.mails[0].recipients == ("desk@example.org",)
