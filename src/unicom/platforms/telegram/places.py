"""Write and read our external ids.

Chats are ``[<business>:]<chat>[:<topic>]``, messages ``[<business>:]<chat>:<message>``; a topic of a channel's direct
messages is written ``d<topic>``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_NUMBER = re.compile(r"-?\d+")
_TOPIC = re.compile(r"d?\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Be a conversation as the Bot API addresses it."""

    chat: str
    """A number, or ``@name`` of a public group or channel."""
    business: str = ""
    topic: str = ""
    """A number, or ``d`` and a number for a topic of a channel's direct messages."""

    def __str__(self) -> str:
        return ":".join(part for part in (self.business, self.chat, self.topic) if part)

    def message(self, message_id: int) -> str:
        """Return the external id of a message here."""
        return ":".join(part for part in (self.business, self.chat, str(message_id)) if part)

    def params(self) -> dict[str, Any]:
        """Return the parameters that name it."""
        found: dict[str, Any] = {"chat_id": int(self.chat) if _NUMBER.fullmatch(self.chat) else self.chat}
        if self.business:
            found["business_connection_id"] = self.business
        if self.topic.startswith("d"):
            found["direct_messages_topic_id"] = int(self.topic[1:])
        elif self.topic:
            found["message_thread_id"] = int(self.topic)
        return found


def place(external_id: str) -> Place:
    """Read a chat's external id; what is none is taken for a chat's name, which Telegram will refuse in its words."""
    parts = external_id.split(":")
    if len(parts) == 3 and _NUMBER.fullmatch(parts[1]) and _TOPIC.fullmatch(parts[2]):
        return Place(business=parts[0], chat=parts[1], topic=parts[2])
    if len(parts) == 2 and _NUMBER.fullmatch(parts[0]) and _TOPIC.fullmatch(parts[1]):
        return Place(chat=parts[0], topic=parts[1])
    if len(parts) == 2 and _NUMBER.fullmatch(parts[1]):
        return Place(business=parts[0], chat=parts[1])
    return Place(chat=external_id)


def message(external_id: str) -> tuple[Place, int] | None:
    """Read a message's external id; None for what is none."""
    before, _, number = external_id.rpartition(":")
    if not before or not number.isdecimal():
        return None
    business, _, chat = before.rpartition(":")
    return Place(business=business, chat=chat), int(number)
