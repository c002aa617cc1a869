"""Put a bot's message into a chat: thread, reply, keyboard, flags; shared by every method that sends."""

from __future__ import annotations

from typing import Any

from unicom.testing.telegram.entities import utf16_len
from unicom.testing.telegram.errors import Json, bad_request
from unicom.testing.telegram.methods.context import Context
from unicom.testing.telegram.world import Chat

REPLY_FIELDS = {
    "message_id", "chat_id", "allow_sending_without_reply", "quote", "quote_parse_mode", "quote_entities",
    "quote_position", "checklist_task_id", "poll_option_id", "ephemeral_message_id",
}  # fmt: skip


def prepare(context: Context) -> tuple[Chat, Json, Json | None]:
    """Return the chat, the fields that every message has, and the markup; raises before anything is stored."""
    chat = context.chat()
    params = context.params
    fields: Json = {"from": context.bot.person.json()}
    if chat.type == "channel":
        fields = {"sender_chat": chat.json()}
    fields.update(_thread(context, chat))
    fields.update(_reply(context, chat))
    if chat.business_id:
        link = context.bot.links[chat.business_id]
        fields["business_connection_id"] = chat.business_id
        fields["from"] = link.owner.json()
        fields["sender_business_bot"] = context.bot.person.json()
    if params.boolean("protect_content"):
        fields["has_protected_content"] = True
    if "message_effect_id" in params:
        fields["effect_id"] = params.text("message_effect_id")
    markup = context.markup()
    return chat, fields, markup


def post(context: Context, prepared: tuple[Chat, Json, Json | None], content: Json) -> Json:
    """Store the message and return it."""
    chat, fields, markup = prepared
    shown = {"reply_markup": markup} if markup and "inline_keyboard" in markup else {}
    message = chat.store({**fields, **content, **shown})
    if markup and not shown:
        chat.keyboards[message["message_id"]] = markup
    context.message_ids += (message["message_id"],)
    return message


def _thread(context: Context, chat: Chat) -> Json:
    thread_id = context.params.integer("message_thread_id")
    if not thread_id:
        return {}
    if not chat.is_forum:
        raise bad_request("message thread not found")
    if thread_id == 1:
        return {}
    topic = chat.topics.get(thread_id)
    if topic is None:
        raise bad_request("message thread not found")
    if topic.closed:
        raise bad_request("TOPIC_CLOSED")
    return {"message_thread_id": thread_id, "is_topic_message": True}


def _reply(context: Context, chat: Chat) -> Json:
    params = context.params
    reply = params.object("reply_parameters", what="reply parameters")
    if reply is None:
        message_id = params.integer("reply_to_message_id")
        if not message_id:
            return {}
        reply = {"message_id": message_id, "allow_sending_without_reply": params.boolean("allow_sending_without_reply")}
    for name in sorted(set(reply) - REPLY_FIELDS):
        context.complain(f"reply_parameters.{name}: unknown field")
    source = chat
    if reply.get("chat_id") not in (None, "", chat.id, str(chat.id)):
        source = context.world.find_chat(context.bot, reply["chat_id"])
    target = source.messages.get(_number(reply.get("message_id")))
    if target is None:
        if reply.get("allow_sending_without_reply"):
            return {}
        raise bad_request("message to be replied not found")
    answer = {name: value for name, value in target.items() if name not in ("reply_to_message", "reply_markup")}
    fields: Json = {"reply_to_message": answer}
    quote = reply.get("quote")
    if quote is not None and not isinstance(quote, str):
        raise bad_request('can\'t parse reply parameters: Field "quote" must be of type String')
    if quote:
        text = target.get("text") or target.get("caption") or ""
        position = text.find(quote)
        if position < 0:
            raise bad_request("QUOTE_TEXT_INVALID")
        fields["quote"] = {"text": quote, "position": utf16_len(text[:position]), "is_manual": True}
    return fields


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
