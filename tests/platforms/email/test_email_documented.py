"""Run the documented e-mail examples as written, against Dovecot and Postfix, with people who answer."""

from __future__ import annotations

import base64
import email.policy
import io
import os
import re
import smtplib
import socket
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from tests.platforms.email.conftest import ZONE, content, within
from tests.platforms.email.servers import HOST, PASSWORD, PUBLISHED, Certificates, Dovecot, Postfix
from tests.platforms.email.test_email_parsing import PNG
from tests.platforms.email.test_email_setting_up import answering
from tests.platforms.email.test_email_tracking import ORIGIN, PERSON
from unicom.models import Channel, Chat, DraftMessage, Message, Request
from unicom.platforms.email import config as configs
from unicom.testing import drain

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = {
    title: code
    for title, _, code in (
        section.partition("\n")
        for section in Path(__file__).with_name("documented.txt").read_text(encoding="utf-8").split("\n== ")[1:]
    )
}


class World:
    """Be the site that runs the examples, and the people it writes to."""

    def __init__(self, mail_server: Dovecot, relay: Postfix) -> None:
        self.mail_server, self.relay = mail_server, relay
        self.names: dict[str, Any] = {"os": os, "Message": Message}
        self.run("Creating channels", {
            '"your-app-password"': repr(PASSWORD), '"password"': repr(PASSWORD), "993": str(mail_server.imaps),
            "587,": f'{relay.port}, "starttls": True,',
        })  # fmt: skip
        for name in ("email_channel", "email_channel_custom"):
            channel: Channel = self.names[name]
            assert channel.validate() is True, channel.error
            channel.refresh_from_db()
        self.names["channel"] = self.channel

    @property
    def channel(self) -> Channel:
        """Return the channel that says no more than its address and password."""
        found: Channel = self.names["email_channel"]
        return found

    @property
    def message(self) -> Message:
        """Return what an example called ``message``, as it is by now."""
        return self.fresh("message")

    def fresh(self, name: str) -> Message:
        """Return a message an example has named, as it is by now."""
        drain()
        found: Message = self.names[name]
        found.refresh_from_db()
        return found

    def run(self, title: str, changes: dict[str, str] | None = None) -> None:
        """Run an example as it is written, but for what has to be the reader's own."""
        code = EXAMPLES[title]
        for written, own in (changes or {}).items():
            assert written in code
            code = code.replace(written, own)
        exec(compile(code, title, "exec", dont_inherit=True), self.names)  # noqa: S102  our own page
        drain()

    def inbox(self, address: str, message: Message) -> EmailMessage:
        """Return a mail of ours as somebody finds it in their mailbox, once it has come."""
        client = self.mail_server.client(address)
        try:
            with within(30) as time_left:
                while not (found := client.search(["HEADER", "Message-ID", message.external_id])) and time_left():
                    client.noop()
            raw = client.fetch(found[-1:], ["BODY.PEEK[]"])[found[-1]][b"BODY[]"]
        finally:
            client.logout()
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def answer(self, mail: EmailMessage, words: str, sender: str, html: str = "") -> Message:
        """Have somebody answer a mail with their client, through Postfix, and take the answer in."""
        reply = EmailMessage()
        reply["From"], reply["To"] = sender, mail["Reply-To"] or mail["From"]
        reply["Subject"], reply["Message-ID"] = f"Re: {mail['Subject']}", f"<{os.urandom(8).hex()}@client.example>"
        reply["In-Reply-To"], reply["References"] = mail["Message-ID"], mail["Message-ID"]
        reply.set_content(words)
        if html:
            reply.add_alternative(html, subtype="html")
            shown: Any = reply.get_payload(1)
            shown.add_related(PNG, "image", "png", cid="<logo>")
        with smtplib.SMTP(HOST, self.relay.port, "client.example") as client:
            client.send_message(reply)
        with within(30) as time_left:
            while not (taken := Message.objects.filter(external_id=reply["Message-ID"])) and time_left():
                call_command("start_imap_listeners", "--run-once", stdout=io.StringIO())
        drain()
        return taken.get()


@pytest.fixture
def world(
    mail_server: Dovecot, relay: Postfix, certs: Certificates, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> World:
    """Have example.com be this machine: its names, what its DNS says of its mail servers, and who vouches for them."""
    settings.DJANGO_PUBLIC_ORIGIN = ORIGIN
    ask = socket.getaddrinfo

    def asked(host: Any, *args: Any, **kwargs: Any) -> Any:
        return ask(HOST if str(host).endswith("example.com") else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    monkeypatch.setenv("SSL_CERT_FILE", certs.ca_file)
    configs._context.cache_clear()
    imap, smtp = PUBLISHED
    ZONE["srv:_imaps._tcp.example.com"] = [f"{imap} {mail_server.imaps}".encode()]
    ZONE["srv:_submission._tcp.example.com"] = [f"{smtp} {relay.port}".encode()]
    return World(mail_server, relay)


@pytest.fixture(autouse=True)
def _trusted_no_longer() -> Any:
    yield
    configs._context.cache_clear()


def test_both_channels_are_found_logged_in_to_and_listened_to(world: World) -> None:
    found, named = (world.names[name].config for name in ("email_channel", "email_channel_custom"))
    assert (found["IMAP"]["host"], found["SMTP"]["host"]) == PUBLISHED
    assert (named["IMAP"]["host"], named["MARK_SEEN_WHEN"]) == (PUBLISHED[0], "on_request_completed")


def test_an_answer_comes_back_into_its_chat_and_is_answered_there(world: World, tmp_path: Path) -> None:
    world.run("A new thread")
    welcome = world.message
    assert welcome.status == "sent", welcome.error
    came = world.inbox("recipient@example.com", welcome)
    assert (came["Subject"], came["From"], came["To"]) == ("Welcome!", "support@example.com", "recipient@example.com")
    assert "<h1>Welcome to our service!</h1>" in came.get_body(("html",)).get_content()
    first = world.answer(came, "What do you do?", "Rita <recipient@example.com>")
    assert (first.chat, first.reply_to_message, first.is_outgoing) == (welcome.chat, welcome, False)
    assert (first.text.strip(), first.sender_name, first.imap_uid is not None) == ("What do you do?", "Rita", True)

    world.run("A reply by chat", {"existing_email_thread_id": welcome.chat_id})
    thanks = world.message
    assert (thanks.subject, thanks.to, thanks.chat) == ("Re: Welcome!", ["recipient@example.com"], welcome.chat)
    came = world.inbox("recipient@example.com", thanks)
    assert came["In-Reply-To"] == first.external_id
    assert came["References"].split() == [welcome.external_id, first.external_id]
    second = world.answer(came, "And when?", "Rita <recipient@example.com>")
    assert second.chat == welcome.chat

    report = tmp_path / "file.pdf"
    report.write_bytes(b"%PDF-1.4 of a kind")
    world.names["message"] = second
    world.run("Replying", {"/path/to/file.pdf": str(report)})
    came = world.inbox("recipient@example.com", world.fresh("reply"))
    assert [part.get_payload(decode=True) for part in came.iter_attachments()] == [b"%PDF-1.4 of a kind"]
    assert came["In-Reply-To"] == second.external_id

    world.run("A chat", {"'chat_id'": repr(welcome.chat_id), "specific_message_id": first.pk})
    specific = world.fresh("reply")
    assert (specific.reply_to_message, specific.chat, specific.status) == (first, welcome.chat, "sent")
    assert world.inbox("recipient@example.com", specific)["In-Reply-To"] == first.external_id
    assert Chat.objects.filter(channel=world.channel).count() == 1


def test_copies_reach_everybody_and_nobody_sees_the_blind_one(world: World) -> None:
    world.run("CC and BCC")
    message = world.message
    assert (message.cc, message.bcc, message.status) == (["manager@example.com"], ["archive@example.com"], "sent")
    for name in ("primary", "manager", "archive"):
        came = world.inbox(f"{name}@example.com", message)
        assert (came["To"], came["Cc"], came["Bcc"]) == ("primary@example.com", "manager@example.com", None)
        assert name == "archive" or "archive@" not in came.as_string()
    assert world.answer(came, "Filed.", "archive@example.com").chat == message.chat


def test_the_fields_of_a_mail_are_as_documented(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.run("A new thread")
    sent = world.message
    received = world.answer(world.inbox("recipient@example.com", sent), "Hi", "recipient@example.com", "<b>Hi</b>")
    for message in (sent, received):
        world.names["message"] = message
        world.run("Fields of a message")
        assert (message.platform, message.media_type) == ("Email", "html")
    assert (sent.is_outgoing, received.is_outgoing, sent.imap_uid) == (True, False, None)
    world.run("Looking at messages", {"email_message_id": sent.pk, "'chat_id'": repr(sent.chat_id)})
    # A mail's time has no parts of a second, so which of the two is older is not the point here.
    assert set(world.names["chat_messages"]) == set(world.names["recent_messages"]) == {sent, received}
    assert (capsys.readouterr().out, list(world.names["opened_emails"])) == ("", [])


def test_html_with_images_travels_both_ways(world: World) -> None:
    data = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    html = f'<p>Look: <img src="{data}"></p>'
    sent = world.channel.send_message({"to": ["recipient@example.com"], "subject": "A picture", "html": html})
    drain()
    came = world.inbox("recipient@example.com", sent)
    image = next(part for part in came.walk() if part.get_content_type() == "image/png")
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in came.get_body(("html",)).get_content()
    assert image.get_payload(decode=True) == PNG
    answer = world.answer(came, "See mine", "recipient@example.com", '<p>Mine: <img src="cid:logo"></p>')
    assert answer.chat == sent.chat
    assert data in answer.html_with_base64_images
    (kept,) = answer.inline_images.all()
    assert f"/unicom/i/{kept.pk}/" in answer.html
    assert content(kept) == PNG


def test_links_lead_where_they_led_and_clicks_and_opens_are_told(
    world: World, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    world.run("Links")
    came = world.inbox("user@example.com", world.message)
    found = re.findall(rf'(?:href|src)="{ORIGIN}([^"]*)"', came.get_body(("html",)).get_content())
    features, _, pixel = found
    Message.objects.update(time_sent=timezone.now() - timedelta(minutes=5))
    assert client.get(features, HTTP_USER_AGENT=PERSON)["Location"] == "https://example.com/features"
    assert client.get(pixel, HTTP_USER_AGENT=PERSON).status_code == 200
    message = world.message
    world.run("Clicks and opens")
    assert capsys.readouterr().out.splitlines() == [
        f"First link clicked at: {message.time_link_clicked}",
        "Clicked links: ['https://example.com/features']",
        f"Email opened at: {message.time_opened}",
    ]
    world.run("Looking at messages", {"email_message_id": message.pk, "'chat_id'": repr(message.chat_id)})
    assert f"Email opened at: {message.time_opened}" in capsys.readouterr().out
    assert [row["clicked_links"] for row in world.names["clicked_emails"]] == [["https://example.com/features"]]


def test_the_tracking_parameter_and_the_seen_mark_are_the_channel_s(world: World, client: Any) -> None:
    custom: Channel = world.names["email_channel_custom"]
    message = custom.send_message(
        {"to": ["user@example.com"], "subject": "News", "html": '<a href="https://example.com/news">News</a>'}
    )
    drain()
    came = world.inbox("user@example.com", message)
    link = re.findall(rf'href="{ORIGIN}([^"]*)"', came.get_body(("html",)).get_content())[0]
    assert client.get(link)["Location"] == f"https://example.com/news?utm_source={message.tracking_id}"

    answer = world.answer(came, "Thanks", "user@example.com")
    mailbox = world.mail_server.client("marketing@example.com")
    try:
        assert answer.imap_uid not in mailbox.search(["SEEN"])
        request = Request.objects.get(message=answer)
        request.status = Request.Status.COMPLETED
        request.save()
        drain()
        mailbox.noop()
        assert answer.imap_uid in mailbox.search(["SEEN"])
    finally:
        mailbox.logout()


def test_templates_and_rendering_reach_the_reader(world: World) -> None:
    world.run("Templates")
    came = world.inbox("newuser@example.com", world.message)
    assert "<h1>Welcome John Doe!</h1>" in came.get_body(("html",)).get_content()
    world.run("Rendering")
    message = Message.objects.get(subject="Hello")
    assert "<p>Hello Alice</p>" in world.inbox("a@example.com", message).get_body(("html",)).get_content()


@pytest.mark.parametrize("how", ["Sending a draft", "Scheduled messages"])
def test_a_draft_is_sent_once_its_time_has_come(world: World, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    world.run("A draft")
    draft: DraftMessage = world.names["draft"]
    DraftMessage.objects.update(send_at=timezone.now() - timedelta(minutes=1))
    draft.refresh_from_db()
    world.run(how)
    message = Message.objects.get(subject="Weekly Newsletter")
    assert "This week's updates" in world.inbox("customer@example.com", message).get_body(("html",)).get_content()
    assert DraftMessage.objects.get().status == "sent"
    if how == "Scheduled messages":
        assert capsys.readouterr().out.splitlines() == ["Processed 1 messages", "Sent: 1, Failed: 0"]


def test_reacher_is_set_up_by_the_environment_and_a_denied_address_bounces(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(lambda body: (200, {"input": "x", "is_reachable": "invalid"})) as (url, asked):
        monkeypatch.setenv("REACHER_HOSTNAME", url)
        world.run("Reacher")
        settings.REACHER_BASE_URL = world.names["REACHER_BASE_URL"]
        settings.REACHER_STRICTNESS = world.names["REACHER_STRICTNESS"]
        world.run("A new thread")
    assert len(asked) == 1
    assert world.message.status == "bounced"
    assert world.message.raw["reacher_validation"]["is_reachable"] == "invalid"
