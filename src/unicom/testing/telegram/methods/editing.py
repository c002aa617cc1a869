"""The methods that change or remove messages, and answer clicks."""

from __future__ import annotations

import time

from unicom.testing.telegram.errors import NOT_MODIFIED, QUERY_TOO_OLD, Json, bad_request
from unicom.testing.telegram.methods.context import Context
from unicom.testing.telegram.methods.sending import WITH_CAPTION, media_item
from unicom.testing.telegram.world import Chat

HOURS_48 = 48 * 3600
QUERY_SECONDS = 15 * 60
MAX_ANSWER = 200
EMOJI = {
    "❤", "👍", "👎", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱", "🤬", "😢", "🎉", "🤩", "🤮", "💩", "🙏", "👌", "🕊",
    "🤡", "🥱", "🥴", "😍", "🐳", "❤\u200d🔥", "🌚", "🌭", "💯", "🤣", "⚡", "🍌", "🏆", "💔", "🤨", "😐", "🍓", "🍾",
    "💋", "🖕", "😈", "😴", "😭", "🤓", "👻", "👨\u200d💻", "👀", "🎃", "🙈", "😇", "😨", "🤝", "✍", "🤗", "🫡", "🎅",
    "🎄", "☃", "💅", "🤪", "🗿", "🆒", "💘", "🙉", "🦄", "😘", "💊", "🙊", "😎", "👾", "🤷\u200d♂", "🤷",
    "🤷\u200d♀", "😡",
}  # fmt: skip
CONTENT = ("text", "entities", "caption", "caption_entities", "show_caption_above_media", *WITH_CAPTION)


def _target(context: Context) -> tuple[Chat, Json]:
    if "inline_message_id" in context.params:
        raise bad_request("MESSAGE_ID_INVALID")
    chat = context.chat()
    if "message_id" not in context.params:
        raise bad_request("message identifier is not specified")
    message = chat.messages.get(context.params.integer("message_id"))
    if message is None:
        raise bad_request("message to edit not found")
    mine = message.get("from", {}).get("id") == context.bot.id or "sender_business_bot" in message
    if not mine and chat.type != "channel":
        raise bad_request("message can't be edited")
    if message.get("business_connection_id") and time.time() - message["date"] > HOURS_48:
        raise bad_request("message can't be edited")
    return chat, message


def _apply(context: Context, chat: Chat, message: Json, content: Json) -> Json:
    """Replace content and keyboard: an edit without ``reply_markup`` removes the buttons."""
    markup = context.markup(inline_only=True)
    edited = {name: value for name, value in message.items() if name != "reply_markup"}
    for name in CONTENT:
        edited.pop(name, None)
    edited.update(content)
    if markup:
        edited["reply_markup"] = markup
    compared = {*CONTENT, "reply_markup"}
    if {name: message[name] for name in compared & set(message)} == {
        name: edited[name] for name in compared & set(edited)
    }:
        raise bad_request(NOT_MODIFIED)
    edited["edit_date"] = int(time.time())
    chat.messages[message["message_id"]] = edited
    context.message_ids = (message["message_id"],)
    context.text = edited.get("text") or edited.get("caption", "")
    return edited


def edit_message_text(context: Context) -> Json:
    """Replace a message's text."""
    chat, message = _target(context)
    if not context.params.text("text"):
        raise bad_request("message text is empty")
    text, entities = context.formatted("text")
    if not text:
        raise bad_request("text must be non-empty")
    if "text" not in message:
        raise bad_request("there is no text in the message to edit")
    return _apply(context, chat, message, {"text": text, "entities": entities} if entities else {"text": text})


def edit_message_caption(context: Context) -> Json:
    """Replace or remove a file's caption."""
    chat, message = _target(context)
    media = {name: message[name] for name in WITH_CAPTION if name in message}
    if not media:
        raise bad_request("there is no caption in the message to edit")
    return _apply(context, chat, message, {**media, **context.caption()})


def edit_message_media(context: Context) -> Json:
    """Replace a message's file and caption, or add a file to a text."""
    chat, message = _target(context)
    item = context.params.object("media", what="InputMedia")
    if item is None:
        raise bad_request("there is no media in the request")
    if "text" not in message and not any(name in message for name in WITH_CAPTION):
        raise bad_request("message can't be edited")
    return _apply(context, chat, message, media_item(context, item))


def edit_message_reply_markup(context: Context) -> Json:
    """Replace or remove a message's buttons."""
    chat, message = _target(context)
    return _apply(context, chat, message, {name: message[name] for name in CONTENT if name in message})


def delete_message(context: Context) -> bool:
    """Remove a message."""
    chat = context.chat()
    if "message_id" not in context.params:
        raise bad_request("message identifier is not specified")
    return _delete(context, chat, context.params.integer("message_id"), missing_is_error=True)


def delete_messages(context: Context) -> bool:
    """Remove up to 100 messages; those that are not there are skipped."""
    chat = context.chat()
    ids = context.params.array("message_ids", what="message identifiers") or []
    if not 1 <= len(ids) <= 100:
        raise bad_request("too many message identifiers specified" if ids else "message identifiers are not specified")
    if any(not str(message_id).isdigit() for message_id in ids):
        raise bad_request("can't parse message identifiers JSON array: Expected a Number")
    for message_id in ids:
        _delete(context, chat, int(message_id), missing_is_error=False)
    return True


def delete_business_messages(context: Context) -> bool:
    """Remove messages of an account that the bot acts for, all of one chat."""
    link = context.bot.links.get(context.params.text("business_connection_id"))
    if link is None or not link.enabled:
        raise bad_request("BUSINESS_CONNECTION_INVALID")
    ids = context.params.array("message_ids", what="message identifiers") or []
    if not 1 <= len(ids) <= 100:
        raise bad_request("too many message identifiers specified" if ids else "message identifiers are not specified")
    for (business_id, _), chat in context.bot.business.items():
        if business_id == link.id and set(map(int, ids)) <= set(chat.messages):
            for message_id in map(int, ids):
                chat.messages.pop(message_id)
                chat.deleted.add(message_id)
            context.chat_id = chat.id
            context.message_ids += tuple(map(int, ids))
            return True
    raise bad_request("message to delete not found")


def _delete(context: Context, chat: Chat, message_id: int, *, missing_is_error: bool) -> bool:
    message = chat.messages.get(message_id)
    if message is None:
        if missing_is_error:
            raise bad_request("message to delete not found")
        return True
    mine = message.get("from", {}).get("id") == context.bot.id
    allowed = mine or chat.type == "private" or chat.members.get(context.bot.id) in ("administrator", "creator")
    if not allowed or (time.time() - message["date"] > HOURS_48 and chat.type in ("private", "group")):
        raise bad_request("message can't be deleted for everyone" if allowed else "message can't be deleted")
    del chat.messages[message_id]
    chat.deleted.add(message_id)
    context.message_ids += (message_id,)
    return True


def answer_callback_query(context: Context) -> bool:
    """Tell a click's sender that it has been seen."""
    query = context.bot.queries.get(context.params.text("callback_query_id"))
    scale = context.world.time_scale
    if query is None or time.monotonic() - query.created > QUERY_SECONDS * scale:
        raise bad_request(QUERY_TOO_OLD)
    text = context.params.text("text")
    if len(text) > MAX_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    context.chat_id = query.user_id
    query.answers.append({"text": text, "show_alert": context.params.boolean("show_alert")})
    return True


def set_message_reaction(context: Context) -> bool:
    """Set the bot's one reaction to a message, or take it back."""
    chat = context.chat()
    message_id = context.params.integer("message_id")
    if message_id not in chat.messages:
        raise bad_request("message to react not found")
    reactions = context.params.array("reaction", what="reaction") or []
    for reaction in reactions:
        kind = reaction.get("type") if isinstance(reaction, dict) else None
        if kind not in ("emoji", "custom_emoji") or (kind == "emoji" and str(reaction.get("emoji")) not in EMOJI):
            raise bad_request("REACTION_INVALID")
    if len(reactions) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    chat.reactions[message_id, context.bot.id] = reactions
    context.message_ids = (message_id,)
    return True
