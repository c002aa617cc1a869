"""Believe what can be proven of who wrote a mail, and nothing that anybody can write into a header."""

from __future__ import annotations

import base64
import smtplib
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.platforms.email.conftest import ZONE, plain_mail, within
from tests.platforms.email.servers import HOST, Postfix
from unicom.models import Account, Channel, Member, Message, Request
from unicom.platforms.email import intake, reading, trust
from unicom.platforms.email.config import EmailConfig
from unicom.platforms.email.cursors import Cursor

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
PUBLIC = base64.b64encode(
    _KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
)
CONFIG = EmailConfig.read({"EMAIL_ADDRESS": "support@example.com"})


def signed(raw: bytes, domain: bytes = b"example.org", **options: Any) -> bytes:
    ZONE[f"s._domainkey.{domain.decode()}"] = [b"v=DKIM1; k=rsa; p=" + PUBLIC]
    return bytes(dkim.sign(raw, b"s", domain, PRIVATE, **options)) + raw


def mail(**headers: str) -> bytes:
    return plain_mail(**headers).replace("\n", "\r\n").encode()


def test_known_failure_8_a_good_signature_of_the_sender_s_domain_verifies() -> None:
    found = trust.verdict(signed(mail()), CONFIG)
    assert (found["verified"], found["dmarc"], found["dkim"]) == (
        True, "pass", [{"domain": "example.org", "result": "pass"}],
    )  # fmt: skip


def test_known_failure_8_a_header_that_says_pass_proves_nothing() -> None:
    results = "mx.example.com; dkim=pass header.d=example.org; spf=pass smtp.mailfrom=example.org"
    found = trust.verdict(mail(Authentication_Results=results, Received_SPF="pass"), CONFIG)
    assert (found["verified"], found["spf"], found["dmarc"]) == (False, "none", "none")


def test_a_changed_mail_does_not_verify() -> None:
    ZONE["_dmarc.example.org"] = [b"v=DMARC1; p=reject"]
    raw = signed(mail()).replace(b"teapots", b"kettles")
    found = trust.verdict(raw, CONFIG)
    assert (found["verified"], found["dmarc"], found["policy"]) == (False, "fail", "reject")


def test_another_domain_s_signature_is_not_the_sender_s() -> None:
    found = trust.verdict(signed(mail(), b"example.net"), CONFIG)
    assert (found["verified"], found["dkim"][0]["result"]) == (False, "pass")


def test_alignment_is_of_the_organisation_unless_the_domain_is_strict() -> None:
    raw = signed(mail(), b"news.example.org")
    assert trust.verdict(raw, CONFIG)["verified"]
    ZONE["_dmarc.example.org"] = [b"v=DMARC1; p=none; adkim=s"]
    assert not trust.verdict(raw, CONFIG)["verified"]


def test_two_froms_are_nobody_s_and_a_partly_signed_body_is_none() -> None:
    assert not trust.verdict(b"From: Eve <eve@example.net>\r\n" + signed(mail()), CONFIG)["verified"]
    part = signed(mail(), length=True) + b"And what somebody added."
    assert trust.verdict(part, CONFIG)["dkim"][0]["result"] == "policy"


def test_where_the_dns_does_not_answer_nothing_is_proven_and_nothing_disproven() -> None:
    raw = signed(mail())
    ZONE["s._domainkey.example.org"] = [b"broken"]
    ZONE["_dmarc.example.org"] = [b"v=DMARC1; p=reject"]
    found = trust.verdict(raw, CONFIG)
    assert (found["verified"], found["dmarc"], found["dkim"][0]["result"]) == (False, "temperror", "temperror")


@pytest.mark.parametrize(
    ("config", "spf", "verified"),
    [({}, "none", False), ({"AUTHSERV_ID": "mx.example.com"}, "pass", True), ({"AUTHSERV_ID": "other"}, "none", False),
     ({"TRUSTED_RELAYS": ["mx.example.com"]}, "pass", True)],
)  # fmt: skip
def test_em19_only_the_topmost_result_of_a_server_of_ours_counts(
    config: dict[str, Any], spf: str, verified: bool
) -> None:
    read = EmailConfig.read({"EMAIL_ADDRESS": "support@example.com", **config})
    ours = b"Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=ann@example.org\r\n"
    theirs = b"Authentication-Results: mx.example.com; spf=fail smtp.mailfrom=ann@example.org\r\n"
    found = trust.verdict(ours + theirs + mail(), read)
    assert (found["spf"], found["verified"]) == (spf, verified)
    assert not trust.verdict(theirs + ours + mail(), read)["verified"]


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"From: x", b"DKIM-Signature: \xff\r\nFrom: a@b\r\n\r\n", b"\x00" * 100])
def test_no_mail_is_too_broken_to_be_judged(raw: bytes) -> None:
    assert trust.verdict(raw, CONFIG)["verified"] is False


def test_a_proven_sender_is_a_member_and_a_disproven_one_joins_no_thread(sending: Any) -> None:
    member = Member.objects.create(name="Ann", email="ann@example.org")
    cursor = Cursor(uidvalidity=1, uid=1, since="2026-01-01T00:00:00+00:00")

    def take(raw: bytes) -> Any:
        found = reading.Found(folder="INBOX", uid=1, trust=trust.verdict(raw, CONFIG))
        return intake.store(sending, CONFIG, raw, found, "INBOX", cursor)[0]

    first = take(signed(mail(message_id="<1@x>")))
    assert Account.objects.get().member == member
    assert Request.objects.get().member == member
    assert first.raw["email"]["trust"]["verified"] is True
    ZONE["_dmarc.example.org"] = [b"v=DMARC1; p=reject"]
    forged = take(mail(message_id="<2@x>", References="<1@x>"))
    assert forged.chat != first.chat
    assert Request.objects.order_by("-pk")[0].member is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("client", "spf", "verified"), [("192.0.2.10", "pass", True), ("198.51.100.66", "fail", False)]
)
def test_em19_spf_is_judged_by_the_lines_that_postfix_and_dovecot_write(
    mailbox: Channel, relay: Postfix, client: str, spf: str, verified: bool
) -> None:
    from unicom.platforms.email.listener import run_once

    ZONE["example.org"] = [b"v=spf1 ip4:192.0.2.0/24 -all"]
    address = mailbox.config["EMAIL_ADDRESS"]
    mailbox.config = {**mailbox.config, "TRUSTED_RELAYS": ["box.example.com", "mail.example.org"]}
    mailbox.save()
    forged = "from good.example.org (good.example.org [192.0.2.10]) by mail.example.org (Postfix) with ESMTP id 1; Fri"
    with smtplib.SMTP(HOST, relay.port, "far.example.org") as server:
        server.ehlo()
        # Postfix shall take us for somebody who comes from there.
        assert server.docmd("XCLIENT", f"ADDR={client} NAME=[UNAVAILABLE] HELO=far.example.org")[0] == 220
        server.sendmail("ann@example.org", [address], plain_mail(to=address, Received=forged))
    with within(60) as time_left:
        while not Message.objects.exists() and time_left():
            run_once()
    found = Message.objects.get().raw["email"]["trust"]
    assert (found["spf"], found["verified"]) == (spf, verified)
