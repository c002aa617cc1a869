"""Translate an update into events, purely: any JSON gives events, nothing, or AnomalousPayload."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from unicom.errors import AnomalousPayload
from unicom.platforms.telegram.places import Place
from unicom.types import (
    ButtonClicked,
    ContactChanged,
    Conversation,
    ConversationMoved,
    InboundEvent,
    IncomingFile,
    MediaType,
    MessageEdited,
    MessageReceived,
    Person,
)

# All that we take, now or soon. Said in full each time: Telegram keeps the last list where none is given, and an empty
# one leaves out reactions.
ALLOWED_UPDATES = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "my_chat_member",
    "chat_join_request",
    "message_reaction",
    "message_reaction_count",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
)
DOWNLOAD_BYTES = 20 * 1024 * 1024

Json = Mapping[str, Any]
Kind = Literal["image", "audio", "video", "file"]

_FILES: Mapping[str, Kind] = {
    # An animation comes with a document of the same file, so it is looked for first.
    "animation": "video",
    "document": "file",
    "audio": "audio",
    "voice": "audio",
    "video": "video",
    "video_note": "video",
    "sticker": "image",
}
_LARGEST = 2**63 - 1


def parse(update: Any) -> list[InboundEvent]:
    """Return what an update tells; ``[]`` for what is known and not used yet."""
    if not isinstance(update, Mapping):
        raise AnomalousPayload(f"An update is an object, not {type(update).__name__}.")
    key = f"update:{_integer(update, 'update_id')}"
    for kind, read in _KINDS.items():
        if kind in update:
            return read(key, update, _object(update, kind))
    return []


def _message(key: str, update: Json, message: Json) -> list[InboundEvent]:
    where = _place(message)
    chat = _object(message, "chat")
    if "migrate_to_chat_id" in message:
        new = str(_integer(message, "migrate_to_chat_id"))
        return [ConversationMoved(key=key, old=where.chat, new=new, raw=update)]
    if "migrate_from_chat_id" in message:
        old = str(_integer(message, "migrate_from_chat_id"))
        return [ConversationMoved(key=key, old=old, new=where.chat, raw=update)]
    content = _content(message)
    if content is None:
        return []
    media_type, text, files = content
    return [
        MessageReceived(
            key=key,
            external_id=where.message(_integer(message, "message_id")),
            conversation=_conversation(where, chat),
            sender=_author(message, chat),
            text=text,
            media_type=media_type,
            files=files,
            reply_to=_reply_to(where, message),
            timestamp=_time(message, "date"),
            raw=update,
        )
    ]


def _edited(key: str, update: Json, message: Json) -> list[InboundEvent]:
    where = _place(message)
    chat = _object(message, "chat")
    content = _content(message)
    if content is None:
        return []
    return [
        MessageEdited(
            key=key,
            external_id=where.message(_integer(message, "message_id")),
            conversation=_conversation(where, chat),
            sender=_author(message, chat),
            text=content[1],
            timestamp=_time(message, "edit_date") or _time(message, "date"),
            raw=update,
        )
    ]


def _clicked(key: str, update: Json, query: Json) -> list[InboundEvent]:
    sender = _person(_object(query, "from"))
    click_id = _text(query, "id", required=True)
    place: Conversation | None = None
    message_id = ""
    if query.get("message") is not None:
        # It may be one we cannot see any more: then it has an id and a chat, and nothing else.
        message = _object(query, "message")
        where, chat = _place(message), _object(message, "chat")
        message_id = where.message(_integer(message, "message_id"))
        # In a forum, such a message does not tell its topic, so neither which of our chats it is in.
        if _number(message.get("date")) or not chat.get("is_forum"):
            place = _conversation(where, chat)
    return [
        ButtonClicked(
            key=key,
            sender=sender,
            token=_text(query, "data"),
            conversation=place,
            message_external_id=message_id,
            click_id=click_id,
            raw=update,
        )
    ]


def _membership(key: str, update: Json, change: Json) -> list[InboundEvent]:
    if _text(_object(change, "chat"), "type") != "private":
        return []
    status = _text(_object(change, "new_chat_member"), "status")
    if status not in ("kicked", "member"):
        return []
    return [
        ContactChanged(
            key=key,
            sender=_person(_object(change, "from")),
            reachable=status == "member",
            reason="" if status == "member" else "the user blocked the bot",
            timestamp=_time(change, "date"),
            raw=update,
        )
    ]


_KINDS: Mapping[str, Callable[[str, Json, Json], list[InboundEvent]]] = {
    "message": _message,
    "channel_post": _message,
    "edited_message": _edited,
    "edited_channel_post": _edited,
    "callback_query": _clicked,
    "my_chat_member": _membership,
}


def _content(message: Json) -> tuple[MediaType, str, tuple[IncomingFile, ...]] | None:
    """Return what a message carries; None for what is no writing of a person's, such as a service message."""
    if "text" in message:
        return "text", _text(message, "text"), ()
    caption = _text(message, "caption")
    if "photo" in message:
        sizes = message["photo"]
        if not isinstance(sizes, list) or not all(isinstance(size, Mapping) for size in sizes) or not sizes:
            raise AnomalousPayload("photo: a list of sizes is needed.")
        largest = max(sizes, key=lambda size: _number(size.get("width")) * _number(size.get("height")))
        return "image", caption, (_file(largest, "image", "photo.jpg", "image/jpeg"),)
    for name, kind in _FILES.items():
        if name in message:
            described = _object(message, name)
            if name == "sticker" and (described.get("is_animated") or described.get("is_video")):
                kind = "video" if described.get("is_video") else "file"
            return kind, caption, (_file(described, kind),)
    if "location" in message:
        _object(message, "location")
        return "location", "", ()
    if "contact" in message:
        _object(message, "contact")
        return "contact", "", ()
    return None


def _file(described: Json, kind: Kind, name: str = "", content_type: str = "") -> IncomingFile:
    size = described.get("file_size")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _LARGEST:
        size = None
    refused = ""
    if size is not None and size > DOWNLOAD_BYTES:
        refused = f"the file has {size:,} bytes; a bot can fetch at most 20 MB from Telegram"
    return IncomingFile(
        kind=kind,
        name=_text(described, "file_name")[:255] or name,
        content_type=_text(described, "mime_type")[:255] or content_type,
        size=size,
        reference={"file_id": _text(described, "file_id", required=True)},
        refused=refused,
    )


def _place(message: Json) -> Place:
    chat = str(_integer(_object(message, "chat"), "id"))
    business = _text(message, "business_connection_id")
    topic = str(_integer(message, "message_thread_id")) if message.get("is_topic_message") is True else ""
    return Place(chat=chat, business=business, topic=topic)


def _conversation(where: Place, chat: Json) -> Conversation:
    kind = _text(chat, "type")
    name = _text(chat, "title") or _full_name(chat)
    return Conversation(external_id=str(where), name=name, is_group=kind != "private", metadata={"type": kind})


def _author(message: Json, chat: Json) -> Person:
    """Return who wrote: a person; a chat where somebody writes in its name, or is not named."""
    if "sender_chat" in message:
        return _chat_as_person(_object(message, "sender_chat"))
    if "from" in message:
        return _person(_object(message, "from"))
    return _chat_as_person(chat)


def _person(user: Json) -> Person:
    return Person(
        external_id=str(_integer(user, "id")),
        name=_full_name(user),
        username=_text(user, "username")[:255],
        is_bot=user.get("is_bot") is True,
        raw=user,
    )


def _chat_as_person(chat: Json) -> Person:
    name = _text(chat, "title") or _full_name(chat)
    return Person(external_id=str(_integer(chat, "id")), name=name, username=_text(chat, "username")[:255], raw=chat)


def _full_name(user: Json) -> str:
    return f"{_text(user, 'first_name')} {_text(user, 'last_name')}".strip()[:255]


def _reply_to(where: Place, message: Json) -> str:
    if message.get("reply_to_message") is None:
        return ""
    answered = _object(message, "reply_to_message")
    # Every message of a topic "answers" the one that opened it.
    return "" if "forum_topic_created" in answered else where.message(_integer(answered, "message_id"))


# Reading with care: each raises AnomalousPayload that names the key


def _object(parent: Json, key: str) -> Json:
    value = parent.get(key)
    if not isinstance(value, Mapping):
        raise AnomalousPayload(f"{key}: an object is needed, not {type(value).__name__}.")
    return value


def _integer(parent: Json, key: str) -> int:
    value = parent.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise AnomalousPayload(f"{key}: a 64-bit number is needed.")
    return value


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _text(parent: Json, key: str, *, required: bool = False) -> str:
    value = parent.get(key, "")
    if not isinstance(value, str) or (required and not value):
        raise AnomalousPayload(f"{key}: text is needed.")
    return value


def _time(parent: Json, key: str) -> datetime | None:
    if key not in parent:
        return None
    seconds = _integer(parent, key)
    if not 0 < seconds < 253_402_300_800 - 86_400:
        raise AnomalousPayload(f"{key}: {seconds} is no time.")
    return datetime.fromtimestamp(seconds, tz=UTC)
