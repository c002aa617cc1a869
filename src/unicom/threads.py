"""Find the conversation a message belongs to where only the ids that messages name say so.

Ids first, then a signed token, never the subject. Who names an id joins its conversation only where they take part in
it already: an id is no secret. Ids of messages that never came are kept too, so that those who share one meet.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Value
from django.db.models.fields.json import KeyTextTransform

from unicom.answering import takes_part
from unicom.ids import bounded
from unicom.models import Channel, Chat, Delivery, Message, ThreadReference
from unicom.types import MessageReceived

MOST_LOOKED_UP = 60
MOST_CHATS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Be what is known of the ids that a message and those it names bear, read with one query."""

    event: MessageReceived
    """The message under an id no other one bears."""
    earlier: str = ""
    """The key of the message it is a repeat of."""
    chats: Mapping[str, str] = field(default_factory=dict)
    """Of ids that were named before: the chats."""


def look_up(channel: Channel, event: MessageReceived) -> Known:
    """Read what is known of the ids in a message."""
    names = [event.external_id, event.fallback_id] if event.fallback_id else []
    values = list(dict.fromkeys([*_values(event), *([bounded(event.fallback_id)] if event.fallback_id else [])]))
    digest = KeyTextTransform("content_digest", "raw")
    messages = Message.objects.filter(channel=channel, external_id__in=names).order_by()
    references = ThreadReference.objects.filter(channel=channel, value__in=values).order_by()
    rows = messages.values_list("external_id", "pk", digest, Value(1)).union(
        references.values_list("value", "chat_id", Value(""), Value(0)), all=True
    )
    found = list(rows)
    chats = {name: key for name, key, _, is_message in found if not is_message}
    for name, key, content, is_message in found:
        if not is_message:
            continue
        if name == event.fallback_id or f"sha256:{content}" == event.fallback_id:
            return Known(event=event, earlier=key, chats=chats)
        event = replace(event, external_id=event.fallback_id)
    return Known(event=event, chats=chats)


def find(channel: Channel, known: Known) -> str:
    """Return the chat a message of a thread belongs to; nothing where it begins one."""
    event = known.event
    if event.proven_reference:
        about = Delivery.objects.filter(channel=channel, external_id=event.proven_reference)
        if chat_id := about.values_list("chat_id", flat=True).first():
            return chat_id
    if event.is_suspect:
        return ""
    chats = dict.fromkeys(known.chats[value] for value in _values(event) if value in known.chats)
    for chat_id in list(chats)[:MOST_CHATS]:
        # Our own side is at home in all of them.
        if event.is_echo or takes_part(chat_id, [event.sender.external_id], channel.external_id):
            return chat_id
    if event.proven_chat and Chat.objects.filter(pk=event.proven_chat, channel=channel).exists():
        return event.proven_chat
    return ""


def begin(channel: Channel, event: MessageReceived, message_id: str, at: datetime) -> str:
    """Open a chat whose first message is this one; returns its key."""
    key = f"{channel.platform.lower()}_{uuid.uuid4()}"
    Chat.objects.create(
        id=key,
        channel=channel,
        platform=channel.platform,
        name=event.conversation.name,
        last_seq=1,
        last_message_id=message_id,
        last_message_at=at,
    )
    return key


def _values(event: MessageReceived) -> list[str]:
    own = [event.external_id] if event.external_id else []
    return [bounded(value) for value in (*event.references[:MOST_LOOKED_UP], *own)]


def remember(channel: Channel, chat_id: str, event: MessageReceived) -> None:
    """Keep which ids were named in a chat; those of other chats stay where they are."""
    rows = [ThreadReference(channel=channel, value=value, chat_id=chat_id) for value in dict.fromkeys(_values(event))]
    ThreadReference.objects.bulk_create(rows, ignore_conflicts=True)


def keep_sent(messages: Iterable[Message]) -> None:
    """Keep by which ids answers to messages of ours find their chats."""
    rows = [
        ThreadReference(channel_id=message.channel_id, value=bounded(message.external_id), chat_id=message.chat_id)
        for message in messages
        if message.external_id
    ]
    if rows:
        ThreadReference.objects.bulk_create(rows, ignore_conflicts=True)
