"""Know until when a person may be written to freely, hold what comes too late, and let it go once they write."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format

from unicom.models import Chat, HeldMessage, Message
from unicom.platforms.base import Adapter
from unicom.types import CANCELLED, Part

WAITS = "waits until the person writes"


def is_open(chat: Chat | None) -> bool:
    """Tell whether a chat may be written to freely now, by what has been read of it."""
    return chat is not None and (chat.is_group or (chat.open_until is not None and timezone.now() < chat.open_until))


def fresh(chat: Chat) -> Chat:
    """Return a chat as it is now: whoever sends may hold one that was read before the person wrote."""
    return Chat.objects.only("is_group", "open_until").get(pk=chat.pk)


def opened(adapter: type[Adapter], chat_id: str, at: datetime | None) -> None:
    """Note that a person did something at a time that opens their chat for a while; a late note shortens nothing."""
    if adapter.window is None:
        return
    until = (min(at, timezone.now()) if at else timezone.now()) + adapter.window
    Chat.objects.filter(Q(open_until=None) | Q(open_until__lt=until), pk=chat_id).update(open_until=until)
    if until > timezone.now():
        _release(chat_id)


def closed_sentence(adapter: type[Adapter], chat: Chat | None, fitting: list[str]) -> str:
    """Say why a chat cannot be written to freely, and what can be sent instead."""
    assert adapter.window is not None  # noqa: S101  only where there is one
    hours = int(adapter.window.total_seconds() // 3600)
    since = chat.open_until if chat is not None else None
    when = f"it closed {date_format(timezone.localtime(since), 'Y-m-d H:i')}" if since else "they have not written yet"
    known = f": {', '.join(fitting[:10])}" if fitting else "; none is known, so validate the channel to read them"
    return f"people may be written to for {hours} hours after they wrote, and {when}; send an approved template{known}"


def hold(message: Message, parts: list[Part]) -> None:
    """Keep a queued message's calls until the chat opens; its row says what it waits for."""
    Message.objects.filter(pk=message.pk).update(error=WAITS)
    HeldMessage.objects.create(message=message, chat_id=message.chat_id, parts=[part.to_json() for part in parts])


def _release(chat_id: str) -> None:
    from unicom.outbound import queue_parts

    for held in (
        HeldMessage.objects.select_for_update(of=("self",))
        .filter(chat=chat_id)
        .select_related("message__chat", "message__channel")
    ):
        parts: list[Any] = [Part.from_json(part) for part in held.parts]
        message = held.message
        held.delete()
        if message.status != CANCELLED:
            Message.objects.filter(pk=message.pk).update(error="")
            queue_parts(message, parts)
