"""Send: headers, bodies, recipients, and what becomes of each when the server does not do as one would like."""

from __future__ import annotations

import re
import smtplib
import socket
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.platforms.email.conftest import plain_mail
from tests.platforms.email.servers import PASSWORD
from unicom import outbox
from unicom.errors import InvalidMessage
from unicom.models import Channel, Chat, Delivery, Message, Suppression, ThreadReference
from unicom.platforms.email import smtp
from unicom.testing import drain
from unicom.testing.smtp import SmtpSink

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def sent(message: Message) -> Message:
    drain()
    message.refresh_from_db()
    return message


def test_a_new_thread_is_sent_with_text_and_html(sending: Any, sink: SmtpSink) -> None:
    message = sent(
        sending.send_message({"to": ["bob@example.org"], "subject": "Welcome!", "html": "<h1>Welcome to us!</h1>"})
    )
    assert (message.status, message.error) == ("sent", "")
    (mail,) = sink.mails
    assert (mail.sender, mail.recipients, mail.user, mail.encrypted) == (
        "support@example.com", ("bob@example.org",), "support@example.com", True,
    )  # fmt: skip
    parsed = mail.message
    assert parsed["From"] == "Sup Port <support@example.com>"
    assert (parsed["To"], parsed["Subject"], parsed["Message-ID"]) == (
        "bob@example.org", "Welcome!", message.external_id,
    )  # fmt: skip
    assert parsed.get_body(("plain",)).get_content().strip() == "Welcome to us!"
    assert "<h1>Welcome to us!</h1>" in parsed.get_body(("html",)).get_content()
    assert message.chat_id.startswith("email_")
    assert (message.to, message.subject, message.media_type) == (["bob@example.org"], "Welcome!", "html")


def test_em01_an_answer_by_chat_id_has_subject_and_ids_of_its_thread(sending: Any, sink: SmtpSink) -> None:
    first = sending.receive_message({"raw": plain_mail(subject="Teapots", References="<0@example.org>")})
    answer = sent(sending.send_message({"chat_id": first.chat_id, "html": "<p>Thanks for your message!</p>"}))
    parsed = sink.mails[0].message
    assert (parsed["To"], parsed["Subject"]) == ("ann@example.org", "Re: Teapots")
    assert parsed["In-Reply-To"] == "<1@example.org>"
    assert parsed["References"].split() == ["<0@example.org>", "<1@example.org>"]
    assert (answer.chat, answer.reply_to_message, answer.subject) == (first.chat, first, "Re: Teapots")
    assert answer.external_id == parsed["Message-ID"]
    again = sent(sending.send_message({"chat_id": first.chat_id, "text": "And one more thing."}))
    assert again.subject == "Re: Teapots"


def test_known_failure_6_given_cc_bcc_and_subject_are_used_in_an_answer(sending: Any, sink: SmtpSink) -> None:
    first = sending.receive_message({"raw": plain_mail()})
    answer = sent(
        first.reply_with({"text": "Yes.", "to": ["ann@example.org"], "cc": ["carl@example.org"],
                          "bcc": ["archive@example.org"], "subject": "Other words"})
    )  # fmt: skip
    assert [mail.recipients for mail in sink.mails] == [
        ("ann@example.org",), ("carl@example.org",), ("archive@example.org",),
    ]  # fmt: skip
    for mail in sink.mails:
        assert (mail.message["Subject"], mail.message["Cc"], mail.message["Bcc"]) == (
            "Other words", "carl@example.org", None,
        )  # fmt: skip
        assert b"archive@" not in mail.data
        assert mail.message["In-Reply-To"] == "<1@example.org>"
    assert answer.chat == first.chat
    assert (answer.cc, answer.bcc) == (["carl@example.org"], ["archive@example.org"])


def test_each_recipient_has_a_delivery_and_a_fate(sending: Any, sink: SmtpSink) -> None:
    sink.fail("rcpt", "550 5.1.1 No such user", recipient="bob@example.org")
    message = sent(
        sending.send_message({"to": ["ann@example.org", "bob@example.org"], "subject": "Hi", "text": "Hello."})
    )
    rows = {row.recipient: row for row in Delivery.objects.filter(message=message)}
    assert {address: row.state for address, row in rows.items()} == {
        "ann@example.org": "sent", "bob@example.org": "failed",
    }  # fmt: skip
    assert "5.1.1" in rows["bob@example.org"].error
    assert message.status == "sent"
    assert Suppression.objects.get().address == "bob@example.org"
    later = sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Again."}))
    assert later.status == "failed"
    assert "not sent" in later.error


def test_files_and_images_travel(sending: Any, sink: SmtpSink, tmp_path: Path) -> None:
    report, list_ = tmp_path / "Bericht ä.pdf", tmp_path / "list.txt"
    report.write_bytes(b"%PDF-1.4 and so on")
    list_.write_text("a list")
    message = sent(
        sending.send_message(
            {"to": ["bob@example.org"], "subject": "Files", "file_path": str(report), "attachments": [str(list_)],
             "html": f'<p>See <img src="data:image/png;base64,{PNG}"> and <img src="data:image/png;base64,%%%"></p>'}
        )
    )  # fmt: skip
    assert message.status == "sent", message.error
    parsed = sink.mails[0].message
    files = {part.get_filename(): part.get_payload(decode=True) for part in parsed.iter_attachments()}
    assert files == {"Bericht ä.pdf": b"%PDF-1.4 and so on", "list.txt": b"a list"}
    image = next(part for part in parsed.walk() if part.get_content_type() == "image/png")
    html = parsed.get_body(("html",)).get_content()
    assert f"cid:{image['Content-ID'].strip('<>')}" in html
    assert "base64,%%%" in html  # broken, and left as it is
    assert image.get_payload(decode=True).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("wish", "key"),
    [
        ({"subject": "Hi\r\nBcc: eve@example.org"}, "subject"),
        ({"from_name": "Sup\nport"}, "from_name"),
        ({"to": ["bob@example.org\r\nRCPT TO:<eve@example.org>"]}, "to"),
        ({"cc": ["Eve <eve@example.org>\n"]}, "cc"),
        ({"to": ["nobody at all"]}, "to"),
        ({"to": []}, "chat_id"),
        ({"reply_to": ["a b"]}, "reply_to"),
        ({"list_unsubscribe": "javascript:alert(1)"}, "list_unsubscribe"),
        ({"list_unsubscribe": "https://example.org/x>\r\nX: y"}, "list_unsubscribe"),
    ],
)
def test_em18_what_could_break_a_header_is_refused_by_name(sending: Any, wish: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidMessage) as error:
        sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello", **wish})
    assert set(error.value.problems) == {key}
    assert not Message.objects.exists()
    assert not Chat.objects.exists()


def test_em18_letters_beyond_ascii_need_a_server_that_takes_them(sending: Any, sink: SmtpSink) -> None:
    sink.extensions = ("8BITMIME",)
    message = sent(sending.send_message({"to": ["bøb@exämple.org"], "subject": "Ünï", "text": "Hi"}))
    assert (message.status, "beyond ASCII" in message.error) == ("failed", True)
    domain = sent(sending.send_message({"to": ["bob@exämple.org"], "subject": "Ünï", "text": "Hi"}))
    assert domain.status == "sent", domain.error
    assert sink.mails[0].recipients == ("bob@xn--exmple-cua.org",)
    assert sink.mails[0].message["Subject"] == "Ünï"


def test_em08_unsubscribe_headers_are_there_when_asked_for(sending: Any, sink: SmtpSink) -> None:
    link = "https://example.com/u/123"
    sent(sending.send_message({"to": ["bob@example.org"], "subject": "News", "text": "News", "list_unsubscribe": link}))
    sent(sending.send_message({"to": ["bob@example.org"], "subject": "News", "text": "News"}))
    first, second = (mail.message for mail in sink.mails)
    assert first["List-Unsubscribe"] == f"<{link}>"
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert second["List-Unsubscribe"] is None


def test_em08_the_address_to_unsubscribe_at_is_never_led_through_us(
    sending: Any, sink: SmtpSink, settings: Any
) -> None:
    settings.DJANGO_PUBLIC_ORIGIN = "https://mail.example.com"
    link = "https://example.com/u/123"
    html = f'<a href="https://example.com/news">News</a> <a href="{link}">Unsubscribe</a>'
    message = sent(
        sending.send_message({"to": ["bob@example.org"], "subject": "News", "html": html, "list_unsubscribe": link})
    )
    shown = sink.mails[0].message.get_body(("html",)).get_content()
    assert f'href="{link}"' in shown
    assert "example.com/news" not in shown
    assert message.raw["original_urls"] == ["https://example.com/news"]


def test_em05_machine_mail_says_so_and_a_person_s_does_not(sending: Any, sink: SmtpSink, admin_user: Any) -> None:
    first = sending.receive_message({"raw": plain_mail()})
    sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "From a machine"}))
    sent(first.reply_with({"text": "From a bot"}))
    sent(first.reply_with({"text": "From a person"}, user=admin_user))
    assert [mail.message["Auto-Submitted"] for mail in sink.mails] == ["auto-generated", "auto-replied", None]


def test_a_long_thread_s_ids_are_not_folded_into_words(sending: Any, sink: SmtpSink) -> None:
    ids = [f"<{'x' * 150}{number}@mail.example.org>" for number in range(60)]
    first = sending.receive_message({"raw": plain_mail(message_id=ids[-1], References="\n ".join(ids[:-1]))})
    sent(first.reply_with({"text": "Yes"}))
    raw = sink.mails[0].data
    assert b"=?" not in raw
    found = re.search(rb"References: ((?:.*\r\n )*.*)\r\n", raw)
    assert found is not None
    named = found[1].decode().split()
    assert (named[0], named[-1], set(named) <= set(ids)) == (ids[0], ids[-1], True)
    assert max(len(line) for line in raw.split(b"\r\n")) < 998


# What the server says


def attempt(message: Message) -> Delivery:
    return Delivery.objects.get(message=message)


@pytest.mark.parametrize("stage", ["greeting", "mail", "rcpt", "data", "accept"])
def test_em17_for_now_is_tried_again(sending: Any, sink: SmtpSink, stage: Any) -> None:
    sink.fail(stage, "451 4.3.0 Try later")
    message = sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."}))
    assert (message.status, sink.mails) == ("queued", [])
    Delivery.objects.update(next_attempt_at="2020-01-01T00:00:00Z")
    assert sent(message).status == "sent"
    assert len(sink.mails) == 1


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "accept"])
def test_em17_for_good_fails(sending: Any, sink: SmtpSink, stage: Any, extensions: tuple[str, ...]) -> None:
    sink.extensions = extensions
    sink.fail(stage, "554 5.7.1 No, thanks")
    message = sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."}))
    assert (message.status, sink.mails) == ("failed", [])
    assert "554 5.7.1 No, thanks" in message.error
    assert not Suppression.objects.exists()
    assert sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."})).status == "sent"
    assert (sink.connections, len(sink.mails)) == (1, 1)  # the two stayed in step


def test_em17_after_a_silent_end_it_is_repeated_with_the_same_message_id(sending: Any, sink: SmtpSink) -> None:
    sink.fail("accept", "drop after")
    message = sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."}))
    assert (message.status, len(sink.mails)) == ("queued", 1)
    Delivery.objects.update(next_attempt_at="2020-01-01T00:00:00Z")
    assert sent(message).status == "sent"
    assert {mail.message["Message-ID"] for mail in sink.mails} == {message.external_id}
    assert len(sink.mails) == 2


def test_em17_a_server_that_closes_is_left_alone_for_a_while(sending: Any, sink: SmtpSink) -> None:
    sink.fail("mail", "421 4.7.0 Too many")
    message = sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."}))
    row = attempt(message)
    assert (row.state, row.error_code) == ("queued", "421")
    wait = (row.next_attempt_at - row.message.timestamp).total_seconds()
    assert wait > 50


def test_the_end_of_a_mail_is_not_held_back_until_its_beginning_was_acknowledged(sending: Any, sink: SmtpSink) -> None:
    sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello"})
    drain()
    (kept,) = [connection for connections in smtp._idle.values() for connection in connections]
    assert kept.smtp.sock is not None
    assert kept.smtp.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    (other_end,) = sink._open
    assert other_end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(("extensions", "trips"), [(("PIPELINING",), 1), ((), 3)])
def test_sender_recipient_and_data_are_said_in_one_go_where_the_server_takes_that(
    sending: Any, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch, extensions: tuple[str, ...], trips: int
) -> None:
    sink.extensions = extensions
    written: list[bytes] = []
    original = smtplib.SMTP.send

    def send(self: smtplib.SMTP, data: Any) -> None:
        written.append(bytes(data) if not isinstance(data, str) else data.encode())
        original(self, data)

    monkeypatch.setattr(smtplib.SMTP, "send", send)
    message = sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."}))
    assert (message.status, len(sink.mails)) == ("sent", 1)
    assert len([data for data in written if re.search(rb"(?m)^(MAIL FROM|RCPT TO|DATA)", data)]) == trips


def test_em17_a_server_that_would_take_a_mail_for_nobody_gets_none(sending: Any, sink: SmtpSink) -> None:
    sink.fail("rcpt", "550 5.1.1 No such user")
    sink.fail("data", "354 Go ahead")
    message = sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."}))
    assert (message.status, sink.mails) == ("failed", [])
    assert "550 5.1.1" in message.error
    assert sink.commands[-2:] == [".", "rset"]
    assert sent(sending.send_message({"to": ["ann@example.org"], "subject": "Hi", "text": "Hello."})).status == "sent"
    assert (sink.connections, len(sink.mails)) == (1, 1)


def test_em17_one_connection_carries_many_mails_and_a_dead_one_costs_none(sending: Any, sink: SmtpSink) -> None:
    for number in range(5):
        sent(sending.send_message({"to": [f"p{number}@example.org"], "subject": "Hi", "text": "Hello."}))
    assert sink.connections == 1
    sink.hang_up()
    assert sent(sending.send_message({"to": ["x@example.org"], "subject": "Hi", "text": "Hello."})).status == "sent"
    assert (sink.connections, len(sink.mails)) == (2, 6)


@pytest.mark.parametrize(
    "answer", ["535 5.7.8 Authentication failed", "550 5.7.30 Basic authentication is not supported"]
)
def test_em10_a_refused_log_in_stops_the_channel_and_keeps_its_queue(sending: Any, sink: SmtpSink, answer: str) -> None:
    sink.fail("auth", answer, times=None)
    message = sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."}))
    sending.refresh_from_db()
    assert (message.status, sending.down_since is not None) == ("queued", True)
    assert PASSWORD not in sending.error
    assert ("OAUTH2" in sending.error) == ("5.7.30" in answer)


def test_em17_a_connection_carries_so_many_mails_and_no_more(
    sending: Any, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "MAILS_A_CONNECTION", 2)
    for number in range(5):
        sent(sending.send_message({"to": [f"p{number}@example.org"], "subject": "Hi", "text": "Hello."}))
    assert (sink.connections, [mail.connection for mail in sink.mails]) == (3, [1, 1, 2, 2, 3])


@pytest.mark.parametrize("stage", ["greeting", "mail"])
def test_em17_a_server_that_wants_a_pause_gets_it_from_every_channel(
    sending: Any, sink: SmtpSink, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.users["other@example.com"] = PASSWORD
    other = Channel.objects.create(
        name="Other", platform="Email", config={**sending.config, "EMAIL_ADDRESS": "other@example.com"}, active=True
    )
    sink.fail(stage, "421 4.7.0 Too many connections")
    sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."}))
    before = (sink.connections, len(sink.commands))
    waiting = sent(other.send_message({"to": ["ann@example.org"], "subject": "Hi", "text": "Hello."}))
    assert (waiting.status, attempt(waiting).error_code) == ("queued", "421")
    assert (sink.connections, len(sink.commands)) == before  # it was not so much as asked
    for place, until in smtp._paused.items():
        monkeypatch.setitem(smtp._paused, place, until - 61)  # a minute later
    later = sent(other.send_message({"to": ["carl@example.org"], "subject": "Hi", "text": "Hello."}))
    assert later.status == "sent"


def test_em07_dsn_is_asked_for_with_an_envelope_id_of_ours(sending: Any, sink: SmtpSink) -> None:
    sent(sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."}))
    options = dict(item.partition("=")[::2] for item in sink.mails[0].options)
    assert options["RET"] == "HDRS"
    assert len(options["ENVID"]) <= 100
    assert "NOTIFY=FAILURE,DELAY" in sink.mails[0].recipient_options


def test_sending_writes_the_id_under_which_answers_find_the_thread(sending: Any, sink: SmtpSink) -> None:
    message = sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello."})
    assert ThreadReference.objects.get().value == message.external_id


def test_em18_an_address_beyond_ascii_is_sent_as_it_is_where_that_is_offered(sending: Any, sink: SmtpSink) -> None:
    message = sent(sending.send_message({"to": ["Bø <bø@example.org>"], "subject": "Ünï", "text": "Hi"}))
    assert message.status == "sent", message.error
    (mail,) = sink.mails
    assert (mail.recipients, "SMTPUTF8" in mail.options) == (("bø@example.org",), True)
    assert 'To: "Bø" <bø@example.org>'.encode() in mail.data


def test_mails_that_were_handed_over_are_written_together(sending: Any, sink: SmtpSink) -> None:
    """Ten in as many statements as two, though each bears its id before it is sent."""
    counts = []
    for size in (2, 10):
        for number in range(size):
            sending.send_message({"to": [f"person{size}.{number}@example.org"], "subject": "Hi", "text": "Hello"})
        rows = outbox.claim(size)
        outcomes = [(row, outbox.deliver(row)) for row in rows]
        with CaptureQueriesContext(connection) as queries:
            outbox.record_many(outcomes)
        counts.append(len(queries))
        sent = Message.objects.filter(pk__in=[row.message_id for row in rows])
        assert set(sent.values_list("status", "seq")) == {("sent", 1)}
        assert not sent.filter(external_id=None).exists()
    assert counts[0] == counts[1]
