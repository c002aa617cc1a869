"""Somebody's place in a chat, and the updates about its change."""

from __future__ import annotations

import time

from unicom.testing.telegram.errors import Json
from unicom.testing.telegram.world import BotState, Chat, Person, World

_ADMIN = (
    "can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats",
    "can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories",
    "can_edit_stories", "can_delete_stories", "can_send_welcome_messages",
)  # fmt: skip
_RESTRICTED = (
    "is_member", "can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos",
    "can_send_video_notes", "can_send_voice_notes", "can_send_polls", "can_send_other_messages",
    "can_add_web_page_previews", "can_react_to_messages", "can_edit_tag", "can_change_info", "can_invite_users",
    "can_pin_messages", "can_manage_topics",
)  # fmt: skip


def member_json(person: Person, status: str) -> Json:
    """Return the Bot API's ChatMember."""
    member: Json = {"status": status, "user": person.json()}
    if status == "administrator":
        member.update(dict.fromkeys(_ADMIN, False), can_manage_chat=True)
    elif status == "creator":
        member["is_anonymous"] = False
    elif status == "restricted":
        member.update(dict.fromkeys(_RESTRICTED, True), until_date=0)
    elif status == "kicked":
        member["until_date"] = 0
    return member


def member_changed(chat: Chat, by: Person, who: Person, old: str, new: str) -> Json:
    """Return the Bot API's ChatMemberUpdated."""
    return {
        "chat": chat.json(), "from": by.json(), "date": int(time.time()),
        "old_chat_member": member_json(who, old), "new_chat_member": member_json(who, new),
    }  # fmt: skip


def announce(world: World, chat: Chat, by: Person, who: Person, old: str, new: str) -> None:
    """Tell the bots of a group that somebody's status has changed: itself first, then those who look after it."""
    payload = member_changed(chat, by, who, old, new)
    if who.id in world.bots:
        world.push(world.bots[who.id], "my_chat_member", payload, key=chat.id)
    for bot in world.bots_in(chat):
        if bot.id != who.id and chat.members.get(bot.id) == "administrator":
            world.push(bot, "chat_member", payload, key=chat.id)


def notice(world: World, chat: Chat, message: Json) -> Json:
    """Put a service message into a group and tell its bots."""
    stored = chat.store(message)
    for bot in world.bots_in(chat):
        world.push(bot, "message", stored, key=chat.id)
    return stored


def set_blocked(world: World, bot: BotState, chat: Chat, *, blocked: bool) -> None:
    """Block or unblock a bot in its private chat with a person."""
    if chat.person is None or chat.blocked == blocked:
        return
    chat.blocked = blocked
    old, new = ("member", "kicked") if blocked else ("kicked", "member")
    world.push(bot, "my_chat_member", member_changed(chat, chat.person, bot.person, old, new), key=chat.id)
