"""Send Django's own mail (``send_mail``, password resets, ``mail_admins``) through a channel.

A Django e-mail backend: what is sent becomes messages of the channel that ``UNICOM_SYSTEM_EMAIL_CHANNEL`` names, with
all that holds for those. They are rows in the caller's transaction: a rollback sends nothing, a crash loses nothing.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Sequence
from email.message import Message as MimePart
from email.utils import formataddr, parseaddr
from typing import Any

from django.core.files.base import ContentFile
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

from unicom import outbound
from unicom.conf import settings
from unicom.errors import InvalidMessage
from unicom.models import Channel
from unicom.platforms.email import addresses, decoding, parsing
from unicom.platforms.email.system_mail import system_channel

logger = logging.getLogger("unicom.email")

# What we write ourselves, and Django or its user may have written too.
_LEFT_OUT = frozenset({"from", "reply-to", "message-id", "date", "mime-version", "auto-submitted", "idempotency-key"})
_LINK = re.compile(r"<(https://[^<>\s]+)>", re.IGNORECASE)


class EmailBackend(BaseEmailBackend):
    """Queue mail as messages of a channel; ``channel`` names another one than the setting does."""

    def __init__(self, *, fail_silently: bool = False, channel: str = "", **kwargs: Any) -> None:
        super().__init__(fail_silently=fail_silently)
        self.channel = channel

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Queue mails, all of them or none; returns how many. Raises InvalidMessage, ConfigurationError.

        With ``fail_silently`` what cannot be sent is left out and logged. One with the header ``Idempotency-Key``, or
        with a Message-ID of the caller's, is sent once however often it is asked for.
        """
        wanted = [message for message in email_messages if message.recipients()]
        if not wanted:
            return 0
        try:
            channel = system_channel(self.channel)
            prepared = []
            for message in wanted:
                try:
                    prepared.append(outbound.prepare(channel, as_send(message, channel)))
                except InvalidMessage:
                    if not self.fail_silently:
                        raise
                    logger.exception("A mail cannot be sent through channel %s.", channel.pk)
            return len(outbound.write(prepared))
        except Exception:
            if not self.fail_silently:
                raise
            # Who asked for silence has more urgent trouble than the mail that tells of it.
            logger.exception("Mail could not be queued.")
            return 0


def as_send(message: EmailMessage, channel: Channel) -> dict[str, Any]:
    """Return what a mail is as a send of a channel."""
    headers = {str(name): str(value) for name, value in message.extra_headers.items()}
    by_name = {name.lower(): value for name, value in headers.items()}
    given: dict[str, Any] = {
        "to": [str(value) for value in message.to],
        "cc": [str(value) for value in message.cc],
        "bcc": [str(value) for value in message.bcc],
        "subject": str(message.subject),
        **_content(message),
        **_sender(message, by_name, channel),
        "idempotency_key": by_name.get("idempotency-key") or by_name.get("message-id") or None,
        # Links of this kind of mail let somebody in: they lead nowhere but where they lead.
        "tracking": False,
    }
    left_out = set(_LEFT_OUT)
    if link := _LINK.search(by_name.get("list-unsubscribe", "")):
        given["list_unsubscribe"] = link[1]
        left_out |= {"list-unsubscribe", "list-unsubscribe-post"}
    given["headers"] = {name: value for name, value in headers.items() if name.lower() not in left_out}
    return given


def _sender(message: EmailMessage, by_name: dict[str, str], channel: Channel) -> dict[str, Any]:
    """Return the name mail is sent under, and where answers go: the address itself is always the channel's."""
    name, address = parseaddr(by_name.get("from") or str(message.from_email))
    reply_to = [str(value) for value in message.reply_to] or list(filter(None, [by_name.get("reply-to")]))
    own = {addresses.normal(parseaddr(known)[1]) for known in (channel.external_id, *settings.system_senders)}
    if not reply_to and address and addresses.normal(address) not in own:
        reply_to = [formataddr((name, address))]
    return {"reply_to": reply_to, "from_name": name or None}


def _content(message: EmailMessage) -> dict[str, Any]:
    """Return the text, the HTML with the images it shows, and the files."""
    body = str(message.body or "")
    is_html = message.content_subtype == "html"
    html, files = (body if is_html else ""), []
    for content, kind in getattr(message, "alternatives", ()):
        if kind == "text/html" and not html:
            html = str(content)
        else:
            files.append(_file("", content, str(kind)))
    for item in message.attachments:
        if isinstance(item, MimePart):
            html, is_shown = _shown(html, item)
            files += [] if is_shown else [_of_part(item)]
        else:
            files.append(_file(*item))
    return {"text": "" if is_html else body, "html": html, "attachments": files}


def _shown(html: str, part: MimePart) -> tuple[str, bool]:
    """Put an image into the HTML where that names it by its content id, and tell whether it does."""
    name = str(part.get("Content-ID", "")).strip("<> ")
    if not name or part.get_content_maintype() != "image" or f"cid:{name}" not in html:
        return html, False
    data = base64.b64encode(parsing.content_of(part)).decode()
    return html.replace(f"cid:{name}", f"data:{part.get_content_type()};base64,{data}"), True


def _of_part(part: MimePart) -> ContentFile[bytes]:
    name = decoding.header_text(part.get_filename() or "")
    return _file(name, parsing.content_of(part), part.get_content_type())


def _file(name: str | None, content: Any, kind: str | None = None) -> ContentFile[bytes]:
    if isinstance(content, EmailMessage):
        content, kind = content.message().as_bytes(), "message/rfc822"
    elif isinstance(content, MimePart):
        content, kind = content.as_bytes(), "message/rfc822"
    data = content.encode() if isinstance(content, str) else bytes(content)
    return ContentFile(data, name=name or parsing.name_for(kind or "application/octet-stream"))
