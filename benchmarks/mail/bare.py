"""Parse a mail with the standard library and write what it is, with nothing around it."""

from __future__ import annotations

import uuid
from email.message import Message as Parsed
from email.parser import BytesParser
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from unicom.ids import uuid7
from unicom.media import chat_storage, upload_path
from unicom.models import (
    AccountChat,
    Attachment,
    Channel,
    ChannelState,
    Chat,
    InboundReceipt,
    Job,
    Message,
    MessageInlineImage,
    Request,
    ThreadReference,
)


def save(channel: Channel, raw: bytes) -> None:
    """Decode all parts, and write files and rows in one transaction."""
    parsed = BytesParser().parsebytes(raw)
    texts, files = {}, []
    for part in parsed.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_filename():
            files.append((part, content, chat_storage().save(upload_path(None, "file"), ContentFile(content))))
        else:
            texts[part.get_content_subtype()] = content.decode()
    with transaction.atomic():
        _write(channel, parsed, texts, files)


def _write(channel: Channel, parsed: Parsed, texts: dict[str, str], files: list[Any]) -> None:
    name, _, address = str(parsed["From"]).rstrip(">").rpartition(" <")
    account, key, now, chat = f"email_{address}", uuid7(), timezone.now(), f"email_{uuid.uuid4()}"
    InboundReceipt.objects.create(channel=channel, key=f"mail:{key}")
    Chat.objects.create(id=chat, channel=channel, platform="Email", name=str(parsed["Subject"]))
    Chat.objects.filter(pk=chat).update(last_seq=F("last_seq") + 1, last_message_id=key, last_message_at=now)
    AccountChat.objects.create(account_id=account, chat_id=chat)
    message = Message.objects.create(
        id=key,
        external_id=parsed["Message-ID"],
        channel=channel,
        platform="Email",
        chat_id=chat,
        seq=1,
        sender_id=account,
        sender_name=name,
        is_outgoing=False,
        text=texts["plain"],
        html=texts["html"],
        subject=parsed["Subject"],
        to=[parsed["To"]],
        imap_uid=1,
        media_type="html",
        timestamp=now,
        raw={"email": {"message_id": parsed["Message-ID"]}},
    )
    for part, content, path in files:
        if part["Content-ID"]:
            MessageInlineImage.objects.create(
                message=message, file=path, content_type=part.get_content_type(), content_id=part["Content-ID"]
            )
        else:
            Attachment.objects.create(
                message=message, kind="file", name=part.get_filename(), file=path, size=len(content), state="stored"
            )
    ThreadReference.objects.create(channel=channel, value=parsed["Message-ID"], chat_id=chat)
    asked = Request.objects.create(
        message=message, channel=channel, chat_id=chat, account_id=account, status=Request.Status.QUEUED
    )
    args = {"message": message.pk, "request": asked.pk}
    Job.objects.create(kind="bare", key=message.pk, args=args, lane=f"bare:{chat}")
    ChannelState.objects.filter(channel=channel, key="imap:INBOX").update(
        value={"uidvalidity": 1, "uid": 2}, version=F("version") + 1
    )
