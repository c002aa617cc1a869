"""Translate an update into events, purely: any JSON gives events, nothing, or AnomalousPayload."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from unicom.errors import AnomalousPayload
from unicom.platforms.telegram import contents, service
from unicom.platforms.telegram.places import Place
from unicom.platforms.telegram.reading import Json, an_object, full_name, integer, moment, number, objects, text
from unicom.types import (
    ButtonClicked,
    ContactChanged,
    Conversation,
    ConversationMoved,
    InboundEvent,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    Person,
    ReactionChanged,
    ReactionsCounted,
)

# All that we take. Said in full each time: Telegram keeps the last list where none is given, and an empty one leaves
# out reactions.
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


def parse(update: object) -> list[InboundEvent]:
    """Return what an update tells; ``[]`` for what is known and not used, or newer than this."""
    if not isinstance(update, Mapping):
        raise AnomalousPayload(f"An update is an object, not {type(update).__name__}.")
    key = f"update:{integer(update, 'update_id')}"
    for kind, read in _KINDS.items():
        if kind in update:
            return read(key, update, an_object(update, kind))
    return []


def _message(key: str, update: Json, message: Json) -> list[InboundEvent]:
    where = _place(message)
    chat = an_object(message, "chat")
    if "migrate_to_chat_id" in message:
        new = str(integer(message, "migrate_to_chat_id"))
        return [ConversationMoved(key=key, old=where.chat, new=new, raw=update)]
    if "migrate_from_chat_id" in message:
        old = str(integer(message, "migrate_from_chat_id"))
        return [ConversationMoved(key=key, old=old, new=where.chat, raw=update)]
    message_id = integer(message, "message_id")
    if not message_id or "sender_business_bot" in message:
        return []  # an ephemeral message, which is nobody's but its reader's; or one that a bot of ours has sent
    sender = _author(message, chat)
    content = contents.read(message)
    happened = "" if content else service.sentence(message, sender.name or "Somebody")
    if content is None and not happened:
        return []
    content = content or contents.Content(text=happened)
    return [
        MessageReceived(
            key=key,
            external_id=where.message(message_id),
            conversation=_conversation(where, chat),
            sender=sender,
            text=content.text,
            html=content.html,
            media_type=content.media_type,
            files=content.files,
            reply_to=_reply_to(where, message),
            album=text(message, "media_group_id")[:100],
            is_service=bool(happened),
            is_echo=_is_owners(where, sender),
            timestamp=moment(message, "date"),
            raw=update,
        )
    ]


def _is_owners(where: Place, sender: Person) -> bool:
    """Tell whether the account a bot acts for wrote this itself: such a chat has the customer's id."""
    return bool(where.business) and sender.external_id != where.chat


def _edited(key: str, update: Json, message: Json) -> list[InboundEvent]:
    where = _place(message)
    chat = an_object(message, "chat")
    message_id = integer(message, "message_id")
    content = contents.read(message)
    if content is None or not message_id or "sender_business_bot" in message:
        return []
    return [
        MessageEdited(
            key=key,
            external_id=where.message(message_id),
            conversation=_conversation(where, chat),
            sender=_author(message, chat),
            text=content.text,
            html=content.html,
            timestamp=moment(message, "edit_date") or moment(message, "date"),
            raw=update,
        )
    ]


def _deleted(key: str, update: Json, deleted: Json) -> list[InboundEvent]:
    where = _place(deleted)
    numbers = deleted.get("message_ids")
    if not isinstance(numbers, list):
        raise AnomalousPayload("message_ids: a list is needed.")
    ids = tuple(where.message(integer({"message_ids": item}, "message_ids")) for item in numbers)
    place = _conversation(where, an_object(deleted, "chat"))
    return [MessageDeleted(key=key, conversation=place, external_ids=ids, raw=update)]


def _clicked(key: str, update: Json, query: Json) -> list[InboundEvent]:
    sender = _person(an_object(query, "from"))
    click_id = text(query, "id", required=True)
    place: Conversation | None = None
    message_id = ""
    if query.get("message") is not None:
        # It may be one we cannot see any more: then it has an id and a chat, and nothing else.
        message = an_object(query, "message")
        where, chat = _place(message), an_object(message, "chat")
        message_id = where.message(integer(message, "message_id"))
        # In a forum, such a message does not tell its topic, so neither which of our chats it is in.
        if number(message.get("date")) or not chat.get("is_forum"):
            place = _conversation(where, chat)
    return [
        ButtonClicked(
            key=key,
            sender=sender,
            token=text(query, "data"),
            conversation=place,
            message_external_id=message_id,
            click_id=click_id,
            raw=update,
        )
    ]


def _membership(key: str, update: Json, change: Json) -> list[InboundEvent]:
    chat = an_object(change, "chat")
    sender = _person(an_object(change, "from"))
    status = text(an_object(change, "new_chat_member"), "status")
    if text(chat, "type") == "private":
        if status not in ("kicked", "member"):
            return []
        return [
            ContactChanged(
                key=key,
                sender=sender,
                reachable=status == "member",
                reason="" if status == "member" else "the user blocked the bot",
                timestamp=moment(change, "date"),
                raw=update,
            )
        ]
    words = {
        "administrator": "made the bot an administrator",
        "member": "let the bot in",
        "restricted": "restricted the bot",
        "left": "removed the bot",
        "kicked": "removed the bot",
    }.get(status)
    return [_notice(key, update, change, sender, f"{sender.name or 'Somebody'} {words}.")] if words else []


def _asked_to_join(key: str, update: Json, request: Json) -> list[InboundEvent]:
    sender = _person(an_object(request, "from"))
    return [_notice(key, update, request, sender, f"{sender.name or 'Somebody'} asks to join.")]


def _connected(key: str, update: Json, connection: Json) -> list[InboundEvent]:
    """Tell the account's owner's chat with the bot that it acts for them, or does so no more."""
    sender = _person(an_object(connection, "user"))
    place = Conversation(
        external_id=str(integer(connection, "user_chat_id")), name=sender.name, metadata={"type": "private"}
    )
    said = "now acts for" if connection.get("is_enabled") is True else "does not act any more for"
    return [
        MessageReceived(
            key=key,
            conversation=place,
            sender=sender,
            text=f"The bot {said} the account of {sender.name or 'somebody'}.",
            is_service=True,
            timestamp=moment(connection, "date"),
            raw=update,
        )
    ]


def _notice(key: str, update: Json, happened: Json, sender: Person, words: str) -> MessageReceived:
    where = _place(happened)
    return MessageReceived(
        key=key,
        conversation=_conversation(where, an_object(happened, "chat")),
        sender=sender,
        text=words,
        is_service=True,
        timestamp=moment(happened, "date"),
        raw=update,
    )


def _reacted(key: str, update: Json, reaction: Json) -> list[InboundEvent]:
    where, chat = _place(reaction), an_object(reaction, "chat")
    if reaction.get("user") is not None:
        sender = _person(an_object(reaction, "user"))
    else:
        sender = _chat_as_person(an_object(reaction, "actor_chat"))
    return [
        ReactionChanged(
            key=key,
            conversation=_conversation(where, chat),
            sender=sender,
            message_external_id=where.message(integer(reaction, "message_id")),
            reactions=tuple(_emoji(item) for item in objects(reaction, "new_reaction")),
            timestamp=moment(reaction, "date"),
            raw=update,
        )
    ]


def _reactions_counted(key: str, update: Json, counted: Json) -> list[InboundEvent]:
    where, chat = _place(counted), an_object(counted, "chat")
    counts = {_emoji(an_object(item, "type")): integer(item, "total_count") for item in objects(counted, "reactions")}
    return [
        ReactionsCounted(
            key=key,
            conversation=_conversation(where, chat),
            message_external_id=where.message(integer(counted, "message_id")),
            counts=counts,
            timestamp=moment(counted, "date"),
            raw=update,
        )
    ]


def _emoji(reaction: Json) -> str:
    """Return an emoji as it is, another reaction in Telegram's words."""
    kind = text(reaction, "type")
    return text(reaction, "emoji") if kind == "emoji" else ":".join(filter(None, (kind, text(reaction, kind + "_id"))))


_KINDS: Mapping[str, Callable[[str, Json, Json], list[InboundEvent]]] = {
    "message": _message,
    "channel_post": _message,
    "business_message": _message,
    "edited_message": _edited,
    "edited_channel_post": _edited,
    "edited_business_message": _edited,
    "deleted_business_messages": _deleted,
    "callback_query": _clicked,
    "my_chat_member": _membership,
    "chat_join_request": _asked_to_join,
    "business_connection": _connected,
    "message_reaction": _reacted,
    "message_reaction_count": _reactions_counted,
}


def _place(message: Json) -> Place:
    chat = str(integer(an_object(message, "chat"), "id"))
    business = text(message, "business_connection_id")
    topic = ""
    if message.get("is_topic_message") is True:
        topic = str(integer(message, "message_thread_id"))
    elif message.get("direct_messages_topic") is not None:
        topic = f"d{integer(an_object(message, 'direct_messages_topic'), 'topic_id')}"
    return Place(chat=chat, business=business, topic=topic)


def _conversation(where: Place, chat: Json) -> Conversation:
    kind = text(chat, "type")
    name = text(chat, "title") or full_name(chat)
    return Conversation(external_id=str(where), name=name, is_group=kind != "private", metadata={"type": kind})


def _author(message: Json, chat: Json) -> Person:
    """Return who wrote: a person; a chat where somebody writes in its name, or is not named."""
    if "sender_chat" in message:
        return _chat_as_person(an_object(message, "sender_chat"))
    if "from" in message:
        return _person(an_object(message, "from"))
    return _chat_as_person(chat)


def _person(user: Json) -> Person:
    return Person(
        external_id=str(integer(user, "id")),
        name=full_name(user),
        username=text(user, "username")[:255],
        is_bot=user.get("is_bot") is True,
        raw=user,
    )


def _chat_as_person(chat: Json) -> Person:
    name = text(chat, "title") or full_name(chat)
    return Person(external_id=str(integer(chat, "id")), name=name, username=text(chat, "username")[:255], raw=chat)


def _reply_to(where: Place, message: Json) -> str:
    if message.get("reply_to_message") is None:
        return ""
    answered = an_object(message, "reply_to_message")
    # Every message of a topic "answers" the one that opened it.
    return "" if "forum_topic_created" in answered else where.message(integer(answered, "message_id"))
