"""Show a person that their message was read, and that an answer is being written."""

from __future__ import annotations

import contextlib
import logging

from unicom.adapters import adapter_for
from unicom.errors import DeliveryError, InvalidMessage
from unicom.models import Channel, Chat, Message

logger = logging.getLogger("unicom")


def mark_as_read(message: Message) -> bool:
    """Mark a message that came in, and all before it, as read; False where WhatsApp did not take it.

    Raises InvalidMessage for a message that did not come in by WhatsApp. Read is what people see as two blue ticks.
    """
    return _show(message, typing=False)


def start_typing_in_whatsapp(channel: Channel, chat_id: str | int) -> bool:
    """Show "typing…" in a chat (our id or WhatsApp's) until the answer comes, at most 25 seconds.

    Marks the last message as read, for the two are one. False where there is nothing to answer, or it was not taken.
    """
    if channel.platform != "WhatsApp":
        raise InvalidMessage({"channel": f"{channel.name!r} is a {channel.platform} channel, not WhatsApp"})
    chats = Chat.objects.filter(channel=channel)
    chat = chats.filter(pk=str(chat_id)).first() or chats.filter(external_id=str(chat_id)).first()
    last = Message.objects.filter(chat=chat, is_outgoing=False).order_by("-seq").first() if chat else None
    return last is not None and _show(last, typing=True)


def _show(message: Message, *, typing: bool) -> bool:
    if message.platform != "WhatsApp" or message.is_outgoing is not False or not message.external_id:
        raise InvalidMessage({"message": f"{message.pk!r} did not come in by WhatsApp"})
    from unicom.platforms.whatsapp.adapter import WhatsAppAdapter

    adapter = adapter_for(message.channel)
    assert isinstance(adapter, WhatsAppAdapter)  # noqa: S101  the platform says so
    with contextlib.closing(adapter):
        try:
            adapter.show(message.external_id, typing=typing)
        except DeliveryError as error:
            # It is a courtesy: whoever answers goes on without it.
            logger.info("Nothing was shown on channel %s: %s", message.channel_id, adapter.redact(error.reason))
            return False
    return True
