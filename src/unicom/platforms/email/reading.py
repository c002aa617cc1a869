"""Make events of a mail: what somebody wrote, and what a report says of something we sent."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from unicom.cleaning import clean
from unicom.errors import AnomalousPayload
from unicom.ids import MAX_EXTERNAL
from unicom.media import kind_of
from unicom.platforms.email import (
    addresses,
    answers,
    automatic,
    bounces,
    decoding,
    guards,
    markup,
    parsing,
    sanitising,
    tokens,
)
from unicom.platforms.email.config import EmailConfig
from unicom.platforms.email.parsing import Mail, MailFile
from unicom.types import Conversation, Identity, InboundEvent, IncomingFile, MessageReceived, Person

UNKNOWN_SENDER = "unknown@invalid"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Say where a mail was found, and what we think of who wrote it."""

    folder: str = ""
    uid: int | None = None
    uidvalidity: int | None = None
    received: datetime | None = None
    trust: Mapping[str, Any] = field(default_factory=dict)
    is_sent: bool = False
    """The folder is the mailbox's own for what was sent: whoever put it there had our password."""


def events_of(payload: Any, config: EmailConfig) -> list[InboundEvent]:
    """Read a payload; raises AnomalousPayload for one that holds no mail."""
    if not isinstance(payload, Mapping):
        raise AnomalousPayload(f"A mail is an object with raw or raw_base64, not {type(payload).__name__}.")
    text, encoded = payload.get("raw"), payload.get("raw_base64")
    if isinstance(text, str) and text.strip():
        raw = text.encode("utf-8", "replace")
    elif isinstance(encoded, str) and encoded.strip():
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise AnomalousPayload("raw_base64: base64 is needed.") from None
    else:
        raise AnomalousPayload("raw: the text of a mail is required, or raw_base64.")
    return events(raw, config, Found(folder=str(payload.get("folder") or "")[:200]))


def events(raw: bytes, config: EmailConfig, found: Found) -> list[InboundEvent]:
    """Return what a mail says; one that cannot be taken apart is a message too, with itself attached."""
    try:
        mail = parsing.read(raw)
        return _events(mail, config, found)
    except guards.Unreadable as reason:
        return [unreadable(raw, str(reason), found)]


def _events(mail: Mail, config: EmailConfig, found: Found) -> list[InboundEvent]:
    own = config.EMAIL_ADDRESS
    if _is_echo(mail, config):
        return []
    report = bounces.read(mail, config.domain)
    reason = "" if found.is_sent else automatic.reason(mail, own)
    name, address = (mail.people("from") or mail.people("sender") or [("", UNKNOWN_SENDER)])[0]
    verified = bool(found.trust.get("verified"))
    if found.is_sent:
        address = own  # under whatever name of ours it went out
    html, files = _shown(mail)
    if mail.is_damaged:
        files = [*files, MailFile(name="original.eml", content_type="message/rfc822", content=mail.raw)]
    references = [*report.references, *mail.references]
    return [
        *report.statuses,
        MessageReceived(
            key=f"mail:{mail.digest}",
            external_id=_external_id(mail),
            fallback_id=f"sha256:{mail.digest}",
            conversation=Conversation(is_thread=True, name=answers.base_subject(mail.header("subject"))[:200]),
            proven_chat=_proven_chat(mail, own),
            proven_reference=report.references[0] if report.references else "",
            references=tuple(references),
            sender=_person(name, address, verified=verified),
            is_unproven=not verified,
            is_echo=found.is_sent,
            is_suspect=found.trust.get("dmarc") == "fail",
            automatic=reason,
            text=mail.text or markup.to_text(html) or (markup.to_text(mail.html) if mail.html else ""),
            html=html,
            subject=mail.header("subject"),
            to=tuple(address for _, address in mail.people("to")),
            cc=tuple(address for _, address in mail.people("cc")),
            bcc=tuple(address for _, address in mail.people("bcc")) if found.is_sent else (),
            media_type="html" if html else "text",
            files=tuple(_incoming(item) for item in files),
            reply_to=mail.references[0] if mail.references else "",
            timestamp=mail.written_at(found.received),
            number=found.uid,
            raw=clean(_kept(mail, found, reason)),
        ),
    ]


def unreadable(raw: bytes, reason: str, found: Found) -> MessageReceived:
    """Return a mail as a message that says why it could not be read, with its bytes as a file."""
    digest = Mail(raw=raw).digest
    name, address = _glimpsed(raw)
    return MessageReceived(
        key=f"mail:{digest}",
        external_id=f"sha256:{digest}",
        fallback_id=f"sha256:{digest}",
        conversation=Conversation(is_thread=True, name="A message that could not be read"),
        sender=_person(name, address, verified=False),
        is_unproven=True,
        automatic="it could not be read",
        text=f"This message could not be read: {reason}. It is attached as it came.",
        subject="A message that could not be read",
        files=(_incoming(MailFile(name="message.eml", content_type="message/rfc822", content=raw)),),
        timestamp=found.received,
        number=found.uid,
        raw={"automatic": "it could not be read", "email": {"unreadable": reason, **_where(found)}},
    )


def _glimpsed(raw: bytes) -> tuple[str, str]:
    line = re.search(rb"(?im)^from:([^\r\n]{1,500})", raw[:65_536])
    people = addresses.read_list([decoding.header_text(decoding.text_of(line[1]))]) if line else []
    return people[0] if people else ("", UNKNOWN_SENDER)


def _is_echo(mail: Mail, config: EmailConfig) -> bool:
    """Tell whether a mail is a copy of one of ours, which is on record; only we can have signed its token."""
    token = mail.header(tokens.HEADER.lower())
    senders = [addresses.normal(address) for _, address in mail.people("from")]
    return (
        bool(token)
        and senders == [addresses.normal(config.EMAIL_ADDRESS)]
        and bool(tokens.delivery_of(token, config.domain))
    )


def _external_id(mail: Mail) -> str:
    named = mail.message_id
    return named if named and len(named) <= MAX_EXTERNAL else f"sha256:{mail.digest}"


def _person(name: str, address: str, *, verified: bool) -> Person:
    plain = addresses.normal(address)
    proven = (Identity(kind="email", value=plain, verified=True),) if verified else ()
    return Person(external_id=plain, name=name[:1000], username=plain, identities=proven)


def _proven_chat(mail: Mail, own: str) -> str:
    """Return the chat whose signed tag is in one of the addresses it was sent to."""
    for header in ("to", "cc", "delivered-to", "x-original-to"):
        for _, address in mail.people(header):
            tag = addresses.tag_of(address)
            is_ours = tag and addresses.normal(addresses.without_tag(address)) == addresses.normal(own)
            if is_ours and (chat := tokens.chat_of(tag)):
                return chat
    return ""


def _shown(mail: Mail) -> tuple[str, list[MailFile]]:
    """Return the HTML as it may be shown, and the files; HTML that is too much is one of those."""
    if not mail.html.strip():
        return "", mail.files
    html = sanitising.sanitised(mail.html)
    if html is None:
        page = MailFile(name="message.html", content_type="text/html", content=mail.html.encode())
        return "", [*mail.files, page]
    return html, mail.files


def _incoming(item: MailFile) -> IncomingFile:
    return IncomingFile(
        kind=kind_of(item.content_type),
        name=item.name,
        content_type=item.content_type,
        size=len(item.content),
        content=io.BytesIO(item.content),
        content_id=item.content_id,
    )


def _where(found: Found) -> dict[str, Any]:
    where = {"folder": found.folder, "uidvalidity": found.uidvalidity}
    return {key: value for key, value in where.items() if value}


def _kept(mail: Mail, found: Found, reason: str) -> dict[str, Any]:
    reply_to = [address for _, address in mail.people("reply-to")]
    kept: dict[str, Any] = {
        "message_id": mail.message_id[:998],
        "references": [item for item in reversed(mail.references) if answers.is_message_id(item)],
        "reply_to": reply_to[:10],
        "trust": dict(found.trust),
        **_where(found),
    }
    return {
        "email": {key: value for key, value in kept.items() if value},
        "content_digest": mail.digest,
        **({"automatic": reason} if reason else {}),
    }
