"""Show "typing…" for as long as something is being worked out."""

from __future__ import annotations

from unicom.adapters import adapter_for
from unicom.errors import InvalidMessage
from unicom.models import Channel, Chat
from unicom.platforms.telegram import typing_signs
from unicom.platforms.telegram.adapter import TelegramAdapter
from unicom.platforms.telegram.api import BotApi


def start_typing_in_telegram(channel: Channel, chat_id: str | int) -> None:
    """Show "typing…" in a chat (our id or Telegram's) until the answer is sent or it is stopped, at most five minutes.

    Returns at once; starting twice is once. Raises InvalidMessage where the channel is not Telegram's; what Telegram
    refuses is only logged. An answer that another process sends does not end it: stop it then.
    """
    typing_signs.start(*_place(channel, chat_id))


def stop_typing_in_telegram(channel: Channel, chat_id: str | int) -> None:
    """Show it no more; nothing where it was not shown."""
    typing_signs.stop(*_place(channel, chat_id))


def _place(channel: Channel, chat_id: str | int) -> tuple[BotApi, str]:
    adapter = adapter_for(channel)
    if not isinstance(adapter, TelegramAdapter):
        raise InvalidMessage({"channel": f"{channel.name!r} is a {channel.platform} channel, not Telegram"})
    known = Chat.objects.filter(pk=str(chat_id), channel=channel).values_list("external_id", flat=True).first()
    return adapter.api, known or str(chat_id)
