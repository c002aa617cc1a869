"""Take in what a visitor writes: one message, its chat made where there is none yet."""

from __future__ import annotations

import io
import mimetypes
import uuid
from collections.abc import Mapping
from pathlib import PurePath
from typing import IO, Any

from django.db import transaction

from unicom import idempotency, inbound, live, media
from unicom.cleaning import clean
from unicom.errors import InvalidMessage
from unicom.models import Account, AccountChat, Channel, Message
from unicom.platforms.webchat.access import refuse_blocked
from unicom.platforms.webchat.limiting import TooMuch, take
from unicom.platforms.webchat.pictures import can_redraw, redraw
from unicom.platforms.webchat.titles import generate_chat_title
from unicom.platforms.webchat.visitors import account_id
from unicom.types import Conversation, IncomingFile, MediaType, MessageReceived, Person

# By content; what browsers might run (HTML, SVG, scripts) and programs are not among them.
ALLOWED_TYPES = media.INLINE_TYPES | {
    "application/pdf", "application/zip", "application/json", "application/rtf", "text/plain", "text/csv",
    "text/markdown", "text/calendar", "text/vcard", "image/heic", "image/tiff",
    "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.spreadsheet",
}  # fmt: skip


def save_webchat_message(
    channel: Channel,
    person: Person,
    *,
    text: str = "",
    part: AccountChat | None = None,
    upload: Any = None,
    metadata: Mapping[str, Any] | None = None,
    reply_to: str = "",
    client_msg_id: str = "",
) -> Message:
    """Store a visitor's message and queue its request; a repeat of ``client_msg_id`` gives the same message.

    ``part`` is the visitor's part in an existing chat, from ``access_chat``; without it a chat is made, titled after
    the text, with ``metadata``. Raises InvalidMessage, or AccountBlocked.
    """
    files: tuple[IncomingFile, ...] = ()
    media_type: MediaType = "text"
    if upload is not None:
        item = describe(upload, upload.name or "file", upload.size)
        files, media_type = (item,), item.kind
    text = clean(text)
    who = account_id(person.external_id)
    if part is not None:
        refuse_blocked(part.account)
        place = Conversation(chat_id=part.chat_id)
    else:
        refuse_blocked(Account.objects.filter(pk=who, blocked=True).first())
        title = generate_chat_title(text or (files[0].name if files else ""))
        place = Conversation(
            chat_id=f"webchat_{uuid.uuid4()}", is_new=True, name=title, metadata=clean(dict(metadata or {}))
        )
    event = MessageReceived(
        conversation=place,
        sender=person,
        text=text,
        media_type=media_type,
        files=files,
        reply_to=reply_to,
        idempotency_key=client_msg_id,
        raw={"client_msg_id": client_msg_id} if client_msg_id else {},
    )
    try:
        take("messages", who)
        if part is None:
            take("chats", who)
        take("upload_bytes", who, (upload.size or 0) if upload is not None else 0)
    except TooMuch:
        # Who asks again for what was taken gets it, however much they asked for since.
        earlier = idempotency.find(channel, who, client_msg_id)
        if earlier is None:
            raise
        return earlier
    stored = inbound.ingest(channel, [event], known=part)
    message = stored[0].message
    assert message is not None  # noqa: S101  a message event stores a message or raises
    return message


def describe(content: IO[bytes], name: str, size: int) -> IncomingFile:
    """Check an upload by its content; raises InvalidMessage for a kind that is not taken."""
    head = content.read(4096)
    content.seek(0)
    content_type = media.detect(head, name, getattr(content, "content_type", "") or "")
    if content_type not in ALLOWED_TYPES:
        raise InvalidMessage({"media": f"{media.clean_name(name)!r} is of a kind ({content_type}) that is not taken"})
    name = media.clean_name(name)
    if can_redraw(content_type):
        content, content_type = redraw(content, content_type)
        size = content.seek(0, io.SEEK_END)
        content.seek(0)
        # A name that promises something else would mislead whoever opens a saved file.
        name = name if mimetypes.guess_type(name)[0] == content_type else f"{PurePath(name).stem}.{content_type[6:]}"
    return IncomingFile(
        kind=media.kind_of(content_type), name=name, content_type=content_type, size=size, content=content
    )


@transaction.atomic
def delete_chat(part: AccountChat, *, hard: bool) -> None:
    """Take a chat from its visitor's list; ``hard`` also deletes what is stored."""
    from django.utils import timezone

    chat = part.chat
    # Once it is gone nobody could find out whose lists it has to leave.
    live.chat_changed(chat, accounts=[row.account_id for row in chat.account_chats.all()[:50]])
    if hard:
        chat.delete()
        return
    chat.is_archived = True
    chat.deleted_at = timezone.now()
    chat.save(update_fields=["is_archived", "deleted_at"])
