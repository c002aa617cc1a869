"""Find the conversation a message belongs to where only the ids that messages name say so.

Ids first, then a signed token, never the subject. Who names an id joins its conversation only where they take part in
it already: an id is no secret. Ids of messages that never came are kept too, so that those who share one meet.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace

from unicom.answering import takes_part
from unicom.ids import bounded
from unicom.models import Channel, Chat, Delivery, Message, ThreadReference
from unicom.types import Conversation, MessageReceived

MOST_LOOKED_UP = 60
MOST_CHATS = 5


def place(channel: Channel, event: MessageReceived) -> Conversation:
    """Return where a message of a thread belongs: in a chat there is, or in a new one."""
    if chat_id := _found(channel, event):
        return Conversation(chat_id=chat_id)
    key = f"{channel.platform.lower()}_{uuid.uuid4()}"
    Chat.objects.create(id=key, channel=channel, platform=channel.platform, name=event.conversation.name)
    return Conversation(chat_id=key)


def _found(channel: Channel, event: MessageReceived) -> str:
    if event.proven_reference:
        about = Delivery.objects.filter(channel=channel, external_id=event.proven_reference)
        if chat_id := about.values_list("chat_id", flat=True).first():
            return chat_id
    if event.is_suspect:
        return ""
    values = _values(event)
    if values:
        known = dict(ThreadReference.objects.filter(channel=channel, value__in=values).values_list("value", "chat_id"))
        chats = dict.fromkeys(known[value] for value in values if value in known)
        for chat_id in list(chats)[:MOST_CHATS]:
            # Our own side is at home in all of them.
            if event.is_echo or takes_part(chat_id, [event.sender.external_id], channel.external_id):
                return chat_id
    if event.proven_chat and Chat.objects.filter(pk=event.proven_chat, channel=channel).exists():
        return event.proven_chat
    return ""


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


def own_name(channel: Channel, event: MessageReceived) -> tuple[MessageReceived, Message | None]:
    """Return the event under an id no other message bears, or the message it is a repeat of."""
    names = [event.external_id, event.fallback_id]
    for known in Message.objects.filter(channel=channel, external_id__in=names).defer("text", "html"):
        if known.external_id == event.fallback_id or f"sha256:{known.raw.get('content_digest')}" == event.fallback_id:
            return event, known
        event = replace(event, external_id=event.fallback_id)
    return event, None
