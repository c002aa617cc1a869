"""Say in a sentence what a service message tells: who joined, what was changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from unicom.platforms.telegram.reading import Json, an_object, full_name, objects, text


def sentence(message: Json, actor: str) -> str:
    """Return what happened, empty for what is no service message or newer than this."""
    for key, say in _SENTENCES.items():
        if key in message:
            return say(message, actor)
    return ""


def _names(people: list[Json]) -> str:
    names = [full_name(person) or text(person, "title") for person in people]
    return ", ".join(filter(None, names)) or "somebody"


def _joined(message: Json, actor: str) -> str:
    people = objects(message, "new_chat_members")
    names = _names(people)
    return f"{names} joined." if names == actor else f"{actor} added {names}."


def _left(message: Json, actor: str) -> str:
    name = _names([an_object(message, "left_chat_member")])
    return f"{name} left." if name == actor else f"{actor} removed {name}."


def _topic(message: Json, actor: str) -> str:
    return f"{actor} opened the topic “{text(an_object(message, 'forum_topic_created'), 'name')}”."


def _renamed_topic(message: Json, actor: str) -> str:
    name = text(an_object(message, "forum_topic_edited"), "name")
    return f"{actor} called the topic “{name}”." if name else f"{actor} changed the topic."


def _pinned(message: Json, actor: str) -> str:
    pinned = an_object(message, "pinned_message")
    words = text(pinned, "text") or text(pinned, "caption")
    return f"{actor} pinned “{words[:100]}”." if words else f"{actor} pinned a message."


def _phrase(words: str) -> Callable[[Json, str], str]:
    return lambda message, actor: f"{actor} {words}."


_SENTENCES: Mapping[str, Callable[[Json, str], str]] = {
    "new_chat_members": _joined,
    "left_chat_member": _left,
    "new_chat_title": lambda message, actor: f"{actor} called the chat “{text(message, 'new_chat_title')}”.",
    "new_chat_photo": _phrase("changed the chat's picture"),
    "delete_chat_photo": _phrase("removed the chat's picture"),
    "group_chat_created": _phrase("created the group"),
    "supergroup_chat_created": _phrase("created the group"),
    "channel_chat_created": _phrase("created the channel"),
    "pinned_message": _pinned,
    "message_auto_delete_timer_changed": _phrase("changed when messages delete themselves"),
    "forum_topic_created": _topic,
    "forum_topic_edited": _renamed_topic,
    "forum_topic_closed": _phrase("closed the topic"),
    "forum_topic_reopened": _phrase("opened the topic again"),
    "general_forum_topic_hidden": _phrase("hid the general topic"),
    "general_forum_topic_unhidden": _phrase("showed the general topic again"),
    "video_chat_scheduled": _phrase("scheduled a video chat"),
    "video_chat_started": _phrase("started a video chat"),
    "video_chat_ended": _phrase("ended the video chat"),
    "video_chat_participants_invited": _phrase("invited people to the video chat"),
    "users_shared": _phrase("shared people"),
    "chat_shared": _phrase("shared a chat"),
    "write_access_allowed": _phrase("lets the bot write"),
    "boost_added": _phrase("boosted the chat"),
    "chat_background_set": _phrase("changed the chat's background"),
    "successful_payment": _phrase("paid"),
    "refunded_payment": _phrase("was paid back"),
    "proximity_alert_triggered": _phrase("came near"),
    "web_app_data": _phrase("sent data from a web app"),
}
