"""Send Django's own mail through a channel: rows like any other, with all a Django mail may hold."""

from __future__ import annotations

from email.mime.image import MIMEImage
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection, mail_admins, send_mass_mail
from django.core.management import call_command
from django.db import transaction

from tests.platforms.email.test_email_parsing import PNG
from unicom.errors import ConfigurationError, IdempotencyConflict, InvalidConfig, InvalidMessage
from unicom.models import Channel, Chat, Delivery, Message
from unicom.platforms.email.config import EmailConfig
from unicom.platforms.email.system_mail import BACKEND, check_system_mail
from unicom.testing import drain
from unicom.testing.smtp import SmtpSink


@pytest.fixture
def system(sending: Channel, settings: Any) -> Channel:
    settings.EMAIL_BACKEND = BACKEND
    return sending


def test_send_mail_goes_out_through_the_channel(system: Channel, sink: SmtpSink) -> None:
    assert (
        mail.send_mail("Hello", "Some words", None, ["bob@example.org"], html_message="<p>Some <b>words</b></p>") == 1
    )
    drain()
    message = Message.objects.get()
    assert (message.channel, message.status, message.user) == (system, "sent", None)
    (taken,) = sink.mails
    assert (taken.sender, taken.message["From"]) == ("support@example.com", "Sup Port <support@example.com>")
    assert (taken.message["Subject"], taken.message["Auto-Submitted"]) == ("Hello", "auto-generated")
    assert taken.message["Reply-To"] is None
    assert taken.message.get_body(("plain",)).get_content().strip() == "Some words"
    assert "<b>words</b>" in taken.message.get_body(("html",)).get_content()


def test_everything_a_django_mail_may_hold_arrives(system: Channel, sink: SmtpSink) -> None:
    message = EmailMultiAlternatives(
        "Everything", "Words", "Shop <orders@shop.example>", ["Bob <bob@example.org>"], bcc=["archive@example.org"],
        cc=["carl@example.org"], headers={"X-Order": "7", "X-Ünï": "no"} | {"X-Word": "Grüße"},
        attachments=[("a.txt", "some text", "text/plain"), ("b.bin", b"\x00\x01", "application/octet-stream")],
    )  # fmt: skip
    del message.extra_headers["X-Ünï"]
    message.attach_alternative('<p>See <img src="cid:logo"></p>', "text/html")
    message.attach_alternative("BEGIN:VCALENDAR", "text/calendar")
    logo = MIMEImage(PNG, "png")
    logo["Content-ID"] = "<logo>"
    message.attach(logo)
    message.attach("inner.eml", EmailMessage("Inner", "Within", "x@example.org", ["y@example.org"]), "message/rfc822")
    assert message.send() == 1
    drain()
    assert [taken.recipients for taken in sink.mails] == [
        ("bob@example.org",), ("carl@example.org",), ("archive@example.org",),
    ]  # fmt: skip
    parsed = sink.mails[0].message
    assert b"archive@" not in sink.mails[0].data
    assert (parsed["From"], parsed["Reply-To"]) == ("Shop <support@example.com>", "Shop <orders@shop.example>")
    assert (parsed["To"], parsed["Cc"]) == ("Bob <bob@example.org>", "carl@example.org")
    assert (parsed["X-Order"], parsed["X-Word"]) == ("7", "Grüße")
    files = {part.get_filename(): part.get_payload(decode=True) for part in parsed.iter_attachments()}
    assert set(files) == {"a.txt", "b.bin", "invite.ics", "inner.eml"}
    assert (files["a.txt"], files["b.bin"], files["invite.ics"]) == (b"some text", b"\x00\x01", b"BEGIN:VCALENDAR")
    assert "cid:" in parsed.get_body(("html",)).get_content()
    assert (
        next(part for part in parsed.walk() if part.get_content_type() == "image/png").get_payload(decode=True) == PNG
    )


def test_a_password_reset_arrives_and_its_link_leads_where_it_says(
    system: Channel, sink: SmtpSink, settings: Any
) -> None:
    from django.contrib.auth.forms import PasswordResetForm

    settings.DJANGO_PUBLIC_ORIGIN = "https://mail.example.com"
    settings.ROOT_URLCONF = "tests.platforms.email.reset_urls"
    get_user_model().objects.create_user("ann", "ann@example.org", "a-password")
    form = PasswordResetForm({"email": "ann@example.org"})
    assert form.is_valid()
    form.save(domain_override="shop.example", use_https=True)
    html = "<p><a href='https://shop.example/reset/1/'>Reset</a></p>"
    mail.send_mail("Reset", "", None, ["ann@example.org"], html_message=html)
    drain()
    first, second = (taken.message for taken in sink.mails)
    assert "https://shop.example/accounts/reset/" in first.get_content()
    assert "https://shop.example/reset/1/" in second.get_body(("html",)).get_content()
    assert b"mail.example.com" not in sink.mails[1].data


def test_a_rollback_sends_nothing(system: Channel, sink: SmtpSink) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        mail.send_mail("Hello", "Words", None, ["bob@example.org"])
        raise ZeroDivisionError
    drain()
    assert (Message.objects.count(), sink.mails) == (0, [])


def test_what_bears_the_same_key_is_sent_once(system: Channel, sink: SmtpSink) -> None:
    def send(subject: str = "Invoice", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return EmailMessage(subject, "Words", None, ["bob@example.org"], headers=named).send()

    for headers in ({"Idempotency_Key": "invoice 7"}, {"Message_ID": "<invoice-8@shop.example>"}):
        assert (send(**headers), send(**headers)) == (1, 1)
    drain()
    assert len(sink.mails) == 2
    assert not any("Idempotency-Key" in taken.message for taken in sink.mails)
    with pytest.raises(IdempotencyConflict):
        send("Another", Idempotency_Key="invoice 7")


def test_many_mails_are_queued_all_or_none(system: Channel, sink: SmtpSink) -> None:
    rows = [("Hi", "Words", None, [f"p{number}@example.org"]) for number in range(3)]
    assert send_mass_mail(rows) == 3
    with pytest.raises(InvalidMessage):
        send_mass_mail([*rows, ("Hi\nBcc: eve@example.org", "Words", None, ["bob@example.org"])])
    drain()
    assert (Message.objects.count(), len(sink.mails)) == (3, 3)


def test_fail_silently_leaves_out_what_cannot_be_sent_and_sends_the_rest(system: Channel, sink: SmtpSink) -> None:
    bad = EmailMessage("Hi", "Words", None, ["not an address"])
    good = EmailMessage("Hi", "Words", None, ["bob@example.org"])
    assert get_connection(fail_silently=True).send_messages([bad, good, EmailMessage("Hi", "Nobody")]) == 1
    with pytest.raises(InvalidMessage) as raised:
        get_connection().send_messages([bad])
    assert set(raised.value.problems) == {"to"}
    drain()
    assert [taken.recipients for taken in sink.mails] == [("bob@example.org",)]
    Channel.objects.update(active=False)
    assert mail.send_mail("Hi", "Words", None, ["bob@example.org"], fail_silently=True) == 0
    with pytest.raises(ConfigurationError):
        mail.send_mail("Hi", "Words", None, ["bob@example.org"])


def test_mail_without_a_body_or_only_in_blind_copy_is_mail(system: Channel, sink: SmtpSink, settings: Any) -> None:
    EmailMessage("Only a subject", "", None, bcc=["bob@example.org"]).send()
    settings.ADMINS = [("Admin", "admin@example.org")]
    mail_admins("Trouble", "It broke")
    drain()
    first, second = (taken.message for taken in sink.mails)
    assert (first["To"], first["Subject"]) == ("undisclosed-recipients:;", "Only a subject")
    assert (second["To"], second["Subject"], second["Reply-To"]) == ("admin@example.org", "[Django] Trouble", None)


def test_a_mail_that_lets_one_unsubscribe_has_the_one_click_headers(system: Channel, sink: SmtpSink) -> None:
    headers = {"List-Unsubscribe": "<mailto:x@example.org>, <https://example.org/u/1>"}
    EmailMessage("News", "Words", None, ["bob@example.org"], headers=headers).send()
    drain()
    parsed = sink.mails[0].message
    assert parsed["List-Unsubscribe"] == "<https://example.org/u/1>"
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize("name", ["Support", "support@example.com", "SUPPORT@example.com", "pk"])
def test_the_channel_is_known_by_its_name_its_address_or_its_id(
    system: Channel, sink: SmtpSink, settings: Any, name: str
) -> None:
    other = Channel.objects.create(
        name="Other", platform="Email", config={**system.config, "EMAIL_ADDRESS": "other@example.com"}, active=True
    )
    with pytest.raises(ConfigurationError, match="several"):
        mail.send_mail("Hi", "Words", None, ["bob@example.org"])
    settings.UNICOM_SYSTEM_EMAIL_CHANNEL = str(system.pk) if name == "pk" else name
    mail.send_mail("Hi", "Words", None, ["bob@example.org"])
    assert Message.objects.get().channel == system
    settings.UNICOM_SYSTEM_EMAIL_CHANNEL = "Nobody"
    with pytest.raises(ConfigurationError, match="no e-mail channel is called 'Nobody'"):
        mail.send_mail("Hi", "Words", None, ["bob@example.org"])
    get_connection(channel="Other").send_messages([EmailMessage("Hi", "Words", None, ["bob@example.org"])])
    assert Message.objects.filter(channel=other).count() == 1


def test_a_check_says_where_the_mail_would_go_nowhere(system: Channel, settings: Any) -> None:
    assert check_system_mail(databases=["default"]) == []
    Channel.objects.update(active=False)
    (warning,) = check_system_mail(databases=["default"])
    assert (warning.id, "no active" in warning.msg) == ("unicom.W011", True)
    settings.UNICOM_SYSTEM_EMAIL_CHANNEL = "Support"
    assert "is not active" in check_system_mail(databases=["default"])[0].msg
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert check_system_mail(databases=["default"]) == []
    call_command("check", databases=["default"])  # it is registered, and none of it is an error


def test_a_channel_cannot_send_through_itself() -> None:
    with pytest.raises(InvalidConfig) as raised:
        EmailConfig.read({"EMAIL_ADDRESS": "a@example.org", "EMAIL_BACKEND": BACKEND})
    assert set(raised.value.problems) == {"EMAIL_BACKEND"}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nBcc: eve@example.org"}, {"X A": "b"}, {"X-A:": "b"}, {"": "b"}, {"Bcc": "eve@example.org"},
        {"Message-ID": "<x@y>"}, {"content-type": "text/html"}, {"X-A": 1}, {"X-A": "b" * 2001}, "X-A: b", ["X-A"],
        {f"X-{number}": "a" for number in range(51)}, {"DKIM-Signature": "v=1"}, {"X-Unicom-Delivery": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_em18_a_header_that_is_not_the_caller_s_is_refused(sending: Channel, headers: Any) -> None:
    with pytest.raises(InvalidMessage) as raised:
        sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello", "headers": headers})
    assert set(raised.value.problems) == {"headers"}
    assert not (Message.objects.exists() or Chat.objects.exists() or Delivery.objects.exists())
