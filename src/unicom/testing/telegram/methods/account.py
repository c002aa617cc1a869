"""The methods about the bot itself, its chats and its files."""

from __future__ import annotations

from typing import Any

from unicom.testing.telegram.errors import Json, bad_request
from unicom.testing.telegram.media import MAX_DOWNLOAD
from unicom.testing.telegram.members import member_json
from unicom.testing.telegram.methods.context import Context


def get_me(context: Context) -> Json:
    """Return the bot."""
    abilities = {
        "can_join_groups": True, "can_read_all_group_messages": True, "supports_inline_queries": False,
        "can_connect_to_business": True, "has_main_web_app": False,
    }  # fmt: skip
    return {**context.bot.person.json(), **abilities}


def get_file(context: Context) -> Json:
    """Return where a file can be fetched."""
    if "file_id" not in context.params:
        raise bad_request("file_id is not specified")
    stored = context.world.files.find(context.bot.id, context.params.text("file_id"))
    if stored is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    if stored.size > MAX_DOWNLOAD:
        raise bad_request("file is too big")
    return {
        "file_id": stored.file_id, "file_unique_id": stored.file_unique_id, "file_size": stored.size,
        "file_path": stored.path,
    }  # fmt: skip


def get_chat(context: Context) -> Json:
    """Return all that is known about a chat."""
    gifts = (
        "unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels",
    )  # fmt: skip
    return {
        **context.chat().json(), "accent_color_id": 3, "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(gifts, False),
    }  # fmt: skip


def get_chat_member(context: Context) -> Json:
    """Return somebody's place in a chat."""
    chat = context.chat()
    user_id = context.params.integer("user_id")
    person = context.world.people.get(user_id)
    if person is None or user_id not in chat.members:
        raise bad_request("member not found" if person else "PARTICIPANT_ID_INVALID")
    return member_json(person, chat.members[user_id])


def get_chat_member_count(context: Context) -> int:
    """Return how many are in a chat."""
    chat = context.chat()
    return 2 if chat.type == "private" else len(chat.members)


def leave_chat(context: Context) -> bool:
    """Leave a group."""
    chat = context.chat()
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")
    chat.members[context.bot.id] = "left"
    return True


def set_my_commands(context: Context) -> bool:
    """Set the list that people see when they type a slash."""
    commands = context.params.array("commands", what="commands") or []
    for command in commands:
        name, text = (command.get("command"), command.get("description")) if isinstance(command, dict) else ("", "")
        if not isinstance(name, str) or not 1 <= len(name.lstrip("/")) <= 32 or name != name.lower():
            raise bad_request("BOT_COMMAND_INVALID")
        if not isinstance(text, str) or not 1 <= len(text) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    if len(commands) > 100:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    context.bot.commands = list(commands)
    return True


def get_my_commands(context: Context) -> list[Json]:
    """Return that list."""
    return context.bot.commands


def delete_my_commands(context: Context) -> bool:
    """Empty that list."""
    context.bot.commands = []
    return True


def get_business_connection(context: Context) -> Json:
    """Return a person's account that the bot acts for."""
    link = context.bot.links.get(context.params.text("business_connection_id"))
    if link is None:
        raise bad_request("business connection not found")
    return link.json(1_700_000_000)


def read_business_message(context: Context) -> bool:
    """Mark a customer's message as read."""
    chat = context.chat()
    if context.params.integer("message_id") not in chat.messages:
        raise bad_request("MESSAGE_ID_INVALID")
    return True


def pin_chat_message(context: Context) -> Any:
    """Pin a message."""
    if context.params.integer("message_id") not in context.chat().messages:
        raise bad_request("message to pin not found")
    return True
