"""Put the messages of an album together: one row with several files, one turn of the conversation.

Platforms tell of an album in as many messages, shortly after each other or at the same moment. The first makes the row
and holds its receivers back; each further one joins it, as long as the receivers have not begun.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from unicom import arrivals, live
from unicom.models import Channel, Chat, Job, Message
from unicom.types import Conversation, MessageReceived

DELAY = timedelta(seconds=1)
"""How long nothing more of an album has to come before receivers are told of it."""
_RECENT = 100
"""Among how many of a chat's last messages its album is looked for."""


def join(channel: Channel, event: MessageReceived) -> Message | None:
    """Add an item to the album it belongs to; None where it is the first, or comes when the turn has begun."""
    chat = _locked(channel, event.conversation)
    album = (
        Message.objects.filter(chat=chat, album=event.album, is_outgoing=False, seq__gt=chat.last_seq - _RECENT)
        .order_by("-seq")
        .first()
        if chat
        else None
    )
    if album is None:
        return None
    # Whoever claims the job now waits for our commit, or has been quicker: then this is a turn of its own.
    waiting = Job.objects.filter(kind="message", key=album.pk, state=Job.State.QUEUED)
    if not waiting.update(next_attempt_at=timezone.now() + DELAY):
        return None
    arrivals.write_attachments(channel, album, [arrivals.Arrived.of(item) for item in event.files], event.external_id)
    items = [*album.raw.get("album", []), item_of(event)]
    album.raw = {**album.raw, "album": items}
    album.text = text_of(items)
    album.save(update_fields=["raw", "text"])
    live.message_changed(album, "text")
    return album


def _locked(channel: Channel, place: Conversation) -> Chat | None:
    """Lock the chat, so that items that come at the same moment see each other."""
    where: dict[str, Any] = {"pk": place.chat_id} if place.chat_id else {"external_id": place.external_id}
    if not place.chat_id:
        arrivals.open_chat(channel, place)
    return Chat.objects.select_for_update(of=("self",)).filter(channel=channel, **where).first()


def item_of(event: MessageReceived) -> dict[str, Any]:
    """Return what is kept of an item in ``raw["album"]``."""
    return {"external_id": event.external_id, "text": event.text, "raw": dict(event.raw)}


def text_of(items: Iterable[dict[str, Any]]) -> str:
    """Return an album's text: what its items say, in the order they were sent."""
    ordered = sorted(items, key=lambda item: (len(item["external_id"]), item["external_id"]))
    return "\n".join(item["text"] for item in ordered if item["text"])


def edited(message: Message, external_id: str, text: str) -> str:
    """Note an item's new text in ``message.raw`` and return what the album says then; ``text`` where it is no album."""
    if not message.raw.get("album"):
        return text
    items = [{**item, "text": text} if item["external_id"] == external_id else item for item in message.raw["album"]]
    message.raw = {**message.raw, "album": items}
    return text_of(items)
