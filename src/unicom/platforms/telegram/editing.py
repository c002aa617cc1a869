"""Edit a message by the documented function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unicom import outbound
from unicom.errors import InvalidMessage
from unicom.models import Channel, Message


def edit_telegram_message(channel: Channel, message: Message, data: Mapping[str, Any]) -> Message:
    """Change a message this channel sent; as ``message.edit_original_message(data)``."""
    if message.channel_id != channel.pk:
        raise InvalidMessage({"message": f"{message.pk!r} was not sent by channel {channel.name!r}"})
    return outbound.edit(message, data)
